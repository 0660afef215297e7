//! What is sent: bytes that nothing can guess, as those of videos are.

use bytes::Bytes;

use crate::client::Body;

/// Big files repeat a block of so many bytes, which is as much as one write to a connection takes at most.
const BLOCK: usize = 256 * 1024;

/// The boundary of forms.
const BOUNDARY: &str = "----spinreel-bench-boundary";

/// The bytes of a file.
pub(crate) struct Content {
    blocks: Vec<Bytes>,
}

impl Content {
    /// A file of so many bytes; always the same ones.
    pub(crate) fn new(size: u64) -> Self {
        let block = Bytes::from(noise(BLOCK));
        let mut blocks = Vec::new();
        let mut left = size;
        while left > 0 {
            let length = left.min(BLOCK as u64);
            blocks.push(block.slice(..length as usize));
            left -= length;
        }
        Self { blocks }
    }

    /// The bytes alone.
    pub(crate) fn plain(&self) -> Body {
        self.blocks.iter().cloned().collect()
    }

    /// The bytes as a browser sends a file of this name, which needs no escaping, with the content type of that.
    pub(crate) fn form(&self, filename: &str) -> (String, Body) {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\
             Content-Type: video/mp4\r\n\r\n"
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let body = std::iter::once(Bytes::from(head))
            .chain(self.blocks.iter().cloned())
            .chain(std::iter::once(Bytes::from(tail)))
            .collect();
        (format!("multipart/form-data; boundary={BOUNDARY}"), body)
    }

    /// The CRC-32C of the bytes.
    pub(crate) fn crc32c(&self) -> u32 {
        self.blocks
            .iter()
            .fold(0, |crc32c, block| crc32c::crc32c_append(crc32c, block))
    }
}

/// Bytes without a pattern: Marsaglia's xorshift with the shifts 13, 7 and 17.
fn noise(length: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(length)
    .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::*;

    async fn bytes(body: Body) -> Bytes {
        body.collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_file_has_the_bytes_that_were_asked_for_and_their_checksum() {
        for size in [0, 100, BLOCK as u64, 2 * BLOCK as u64 + 1] {
            let content = Content::new(size);
            assert_eq!(content.plain().size_hint().exact(), Some(size));
            let bytes = bytes(content.plain()).await;
            assert_eq!(bytes.len() as u64, size);
            assert_eq!(content.crc32c(), crc32c::crc32c(&bytes));
        }
    }

    #[tokio::test]
    async fn a_form_has_the_bytes_between_its_head_and_its_end() {
        let content = Content::new(100);
        let (content_type, form) = content.form("a.mp4");
        assert!(content_type.ends_with(BOUNDARY));
        let (form, plain) = (bytes(form).await, bytes(content.plain()).await);
        let begin = form
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .unwrap()
            + 4;
        assert_eq!(form[begin..begin + 100], plain[..]);
        assert_eq!(
            form[begin + 100..],
            *format!("\r\n--{BOUNDARY}--\r\n").as_bytes()
        );
    }
}
