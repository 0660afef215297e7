//! `multipart/related` (RFC 2387, with the syntax of RFC 2046, section 5.1): a part of JSON, then a part
//! of media. The media is streamed: only as much is held back as could be the start of a delimiter.

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use memchr::memmem::Finder;

use super::Media;
use super::metadata::{Insert, content_type};
use crate::body::RequestBody;
use crate::error::ApiError;
use crate::manage::{MAX_JSON, parse};

/// The most bytes of headers in a part.
const MAX_HEADERS: usize = 16 * 1024;

/// The longest boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY: usize = 70;

/// A reader of the two parts, in their order.
pub(super) struct Multipart<'a> {
    body: &'a mut RequestBody,
    /// What is received and not yet given.
    buffer: BytesMut,
    /// CRLF, two hyphens, and the boundary.
    delimiter: Finder<'static>,
    ended: bool,
}

impl<'a> Multipart<'a> {
    /// # Errors
    /// 400, if the headers do not announce such a body.
    pub(super) fn new(
        body: &'a mut RequestBody,
        headers: &HeaderMap,
    ) -> Result<Multipart<'a>, ApiError> {
        let kind = content_type(headers).unwrap_or_default();
        let boundary = boundary(&kind).ok_or_else(|| {
            ApiError::invalid(
                "A multipart upload has a Content-Type of multipart/related with a boundary.",
            )
        })?;
        let delimiter = Finder::new(&format!("\r\n--{boundary}")).into_owned();
        // The first delimiter may lack the line break that is part of all others.
        let buffer = BytesMut::from("\r\n");
        Ok(Multipart {
            body,
            buffer,
            delimiter,
            ended: false,
        })
    }

    /// The JSON part.
    pub(super) async fn metadata(&mut self) -> Result<Insert, ApiError> {
        // What is before the first delimiter means nothing.
        self.until_delimiter(MAX_HEADERS).await?;
        self.headers().await?;
        let json = self.until_delimiter(MAX_JSON).await?;
        parse(&json)
    }

    /// The content type of the media part. After it, [`Media::next`] gives the media.
    pub(super) async fn media_type(&mut self) -> Result<Option<String>, ApiError> {
        let headers = self.headers().await?;
        let headers = std::str::from_utf8(&headers).map_err(|_| malformed())?;
        Ok(headers
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-type"))
            .map(|(_, value)| value.trim().to_owned()))
    }

    /// What is before the next delimiter; the delimiter is taken, too.
    async fn until_delimiter(&mut self, limit: usize) -> Result<Bytes, ApiError> {
        loop {
            if let Some(end) = self.delimiter.find(&self.buffer) {
                return Ok(self.take_part(end));
            }
            self.receive(limit).await?;
        }
    }

    /// The rest of a delimiter's line and the headers, without the empty line that ends them.
    async fn headers(&mut self) -> Result<Bytes, ApiError> {
        let end = Finder::new("\r\n\r\n");
        loop {
            if let Some(at) = end.find(&self.buffer) {
                let headers = self.buffer.split_to(at).freeze();
                // A delimiter's line holds nothing more, but perhaps some white space (RFC 2046).
                let line = headers
                    .split(|&byte| byte == b'\r')
                    .next()
                    .unwrap_or_default();
                if !line.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
                    return Err(malformed());
                }
                self.buffer.advance(end.needle().len());
                return Ok(headers);
            }
            self.receive(MAX_HEADERS).await?;
        }
    }

    fn take_part(&mut self, end: usize) -> Bytes {
        let part = self.buffer.split_to(end).freeze();
        self.buffer.advance(self.delimiter.needle().len());
        part
    }

    /// Adds what comes next to the buffer, which may then have `limit` bytes before it must be used.
    async fn receive(&mut self, limit: usize) -> Result<(), ApiError> {
        if self.buffer.len() > limit {
            return Err(ApiError::too_large(limit));
        }
        let chunk = self.body.chunk().await?.ok_or_else(malformed)?;
        self.buffer.extend_from_slice(&chunk);
        Ok(())
    }

    /// Checks that the body ends behind the delimiter of the media part.
    async fn end(&mut self) -> Result<(), ApiError> {
        while self.buffer.len() < 2 {
            self.receive(MAX_HEADERS).await?;
        }
        if !self.buffer.starts_with(b"--") {
            return Err(malformed());
        }
        self.ended = true;
        self.buffer.clear();
        // What is behind the last delimiter means nothing.
        self.body.drain().await;
        Ok(())
    }
}

impl Media for Multipart<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        while !self.ended {
            if let Some(end) = self.delimiter.find(&self.buffer) {
                let media = self.take_part(end);
                self.end().await?;
                return Ok(Some(media));
            }
            let possible_delimiter = self.delimiter.needle().len() - 1;
            let certain = self.buffer.len().saturating_sub(possible_delimiter);
            if certain > 0 {
                return Ok(Some(self.buffer.split_to(certain).freeze()));
            }
            self.receive(usize::MAX).await?;
        }
        Ok(None)
    }
}

/// The boundary parameter of a `multipart/related` type.
fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/related") {
        return None;
    }
    let boundary = parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))
        .map(|(_, value)| value.trim())?;
    let unquoted = |text: &'_ str| text.len() >= 2 && text.starts_with('"') && text.ends_with('"');
    let boundary = if unquoted(boundary) {
        &boundary[1..boundary.len() - 1]
    } else {
        boundary
    };
    (1..=MAX_BOUNDARY)
        .contains(&boundary.len())
        .then_some(boundary)
}

fn malformed() -> ApiError {
    ApiError::invalid(
        "The multipart body is malformed: it has a part of JSON, then a part of media.",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::{Body, Frame};

    use super::*;

    /// A body that comes in these pieces.
    struct Pieces(VecDeque<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    /// Sends `content` in pieces of `size` bytes; gives the content type and the bytes of the media.
    async fn read(content: &[u8], size: usize) -> Result<(Option<String>, Vec<u8>), ApiError> {
        let pieces = content.chunks(size).map(Bytes::copy_from_slice).collect();
        let mut body = RequestBody::new(Pieces(pieces), false);
        let mut headers = HeaderMap::new();
        let kind = "multipart/related; boundary=\"==b==\"".parse().unwrap();
        headers.insert("content-type", kind);
        let mut parts = Multipart::new(&mut body, &headers)?;
        parts.metadata().await?;
        let kind = parts.media_type().await?;
        let mut media = Vec::new();
        while let Some(bytes) = parts.next().await? {
            media.extend_from_slice(&bytes);
        }
        Ok((kind, media))
    }

    fn body(media: &[u8]) -> Vec<u8> {
        let mut body = b"--==b==\r\nContent-Type: application/json\r\n\r\n{\"name\": \"a\"}\r\n\
            --==b== \r\nX: y\r\ncontent-type:  video/mp4\r\n\r\n"
            .to_vec();
        body.extend_from_slice(media);
        body.extend_from_slice(b"\r\n--==b==--\r\n");
        body
    }

    #[tokio::test]
    async fn media_is_found_however_the_body_is_cut() {
        for media in [
            &b"hello"[..],
            b"",
            b"\r\n",
            b"\r\n--==b=",
            b"\r\n--==b=\r\n--==b",
            b"--==b==--",
            b"\r\r\n\r\n--",
        ] {
            let body = body(media);
            for size in 1..=body.len() {
                let (kind, found) = read(&body, size).await.unwrap();
                assert_eq!(found, media, "in pieces of {size}");
                assert_eq!(kind.as_deref(), Some("video/mp4"));
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_ends_early_or_has_other_parts_is_refused() {
        let whole = body(b"hello");
        for end in 0..whole.len() - 4 {
            assert!(read(&whole[..end], 7).await.is_err(), "cut at {end}");
        }
        let three = b"--==b==\r\n\r\n{}\r\n--==b==\r\n\r\nx\r\n--==b==\r\n\r\ny\r\n--==b==--";
        assert!(read(three, 9).await.is_err());
        let no_json = b"--==b==\r\n\r\nnot json\r\n--==b==\r\n\r\nx\r\n--==b==--";
        assert!(read(no_json, 9).await.is_err());
        let endless = vec![b'x'; MAX_HEADERS + MAX_JSON];
        assert!(read(&endless, 1000).await.is_err());
    }

    #[test]
    fn the_boundary_may_be_quoted_and_must_be_there() {
        assert_eq!(boundary("multipart/related; boundary=abc"), Some("abc"));
        assert_eq!(
            boundary("Multipart/Related; type=x; Boundary=\"a=c\""),
            Some("a=c")
        );
        for bad in [
            "multipart/form-data; boundary=a",
            "multipart/related",
            "multipart/related; boundary=",
        ] {
            assert_eq!(boundary(bad), None, "{bad}");
        }
    }
}
