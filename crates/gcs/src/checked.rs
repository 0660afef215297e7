use bytes::Bytes;
use spinreel_platform::{ReadBody, TransportError};

use crate::checksum::{self, Crc32c};
use crate::error::Error;
use crate::read::Download;

/// The body of a [`Download`] for somebody who reads it here: at its end it has been compared with what the bucket
/// said of it. What is moved on unread takes [`Download::hash`] along instead.
#[derive(Debug)]
pub struct CheckedBody<B> {
    body: B,
    length: u64,
    /// The right checksum; `None` where the bucket said none, or one of more than these bytes.
    right: Option<u32>,
    found: Crc32c,
}

impl<B> Download<B> {
    /// The body, to be checked while it is read: its length always, its checksum if it is the whole object.
    pub fn checked(self) -> CheckedBody<B> {
        let whole = self.length == self.size;
        CheckedBody {
            right: self.crc32c.filter(|_| whole),
            length: self.length,
            body: self.body,
            found: Crc32c::new(),
        }
    }

    /// The whole object's checksum as the value of `Repr-Digest` (RFC 9530, section 3), for whoever receives the bytes.
    pub fn repr_digest(&self) -> Option<String> {
        let crc32c = checksum::to_base64(self.crc32c?);
        Some(format!("crc32c=:{crc32c}:"))
    }
}

impl<B: ReadBody> CheckedBody<B> {
    /// The next bytes; `None` at the end, and only if all bytes were right. What came before an error must not be
    /// used as if it were the object.
    ///
    /// # Errors
    /// Those of the transport: it is a broken connection, too, if the body ends early. [`Error::Corrupt`] if the
    /// checksum is wrong; [`Error::Malformed`] if there are more bytes than announced.
    pub async fn read(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(piece) = self.body.read().await? else {
            return self.end().map(|()| None);
        };
        self.found.update(&piece);
        if self.found.length() > self.length {
            return Err(Error::Malformed("the body is longer than announced"));
        }
        Ok(Some(piece))
    }

    fn end(&self) -> Result<(), Error> {
        let found = self.found;
        if found.length() != self.length {
            let broken = format!(
                "the body ended after {} of {} bytes",
                found.length(),
                self.length
            );
            return Err(TransportError::Connection(broken).into());
        }
        match self.right {
            Some(right) if right != found.value() => Err(Error::Corrupt {
                expected_size: self.length,
                expected_crc32c: right,
                size: found.length(),
                crc32c: found.value(),
            }),
            _ => Ok(()),
        }
    }

    /// Reads the body to its end into memory.
    ///
    /// # Errors
    /// Those of [`read`](Self::read); [`TransportError::TooLong`] if there are more than `limit` bytes.
    pub async fn collect(mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let Some(length) = usize::try_from(self.length).ok().filter(|&n| n <= limit) else {
            return Err(TransportError::TooLong { limit }.into());
        };
        let mut collected = Vec::with_capacity(length);
        while let Some(piece) = self.read().await? {
            collected.extend_from_slice(&piece);
        }
        Ok(collected)
    }
}

#[cfg(test)]
mod tests;
