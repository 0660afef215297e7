use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, Method, StatusCode};
use spinreel_platform::{Clock, HttpClient, Random};

use crate::checksum;
use crate::client::Client;
use crate::encode::Query;
use crate::error::Error;
use crate::request::{self, text};
use crate::token::TokenCache;

/// A range of an object's bytes (RFC 9110 section 14.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte, from 0.
    pub start: u64,
    /// The last byte, itself included; `None`: to the end. It may lie behind the object's end.
    pub end_inclusive: Option<u64>,
}

impl ByteRange {
    fn header(self) -> Result<String, Error> {
        match self.end_inclusive {
            Some(end) if end < self.start => Err(Error::InvalidArgument(
                "a range cannot end before it begins",
            )),
            Some(end) => Ok(format!("bytes={}-{end}", self.start)),
            None => Ok(format!("bytes={}-", self.start)),
        }
    }

    /// The last byte of this range in an object of `size` bytes.
    fn last_of(self, size: u64) -> u64 {
        let last = size.saturating_sub(1);
        self.end_inclusive.map_or(last, |end| end.min(last))
    }
}

/// An object's bytes, or a range of them, about to arrive.
#[derive(Debug)]
pub struct Download<B> {
    /// The whole object's size, in bytes.
    pub size: u64,
    /// The generation that is read.
    pub generation: i64,
    /// The whole object's checksum, if the bucket says it.
    pub crc32c: Option<u32>,
    /// The media type.
    pub content_type: String,
    /// The first byte of the body within the object.
    pub start: u64,
    /// How many bytes the body has. One that ends before is broken off.
    pub length: u64,
    /// The bytes, as they arrive and unchecked: see [`Download::checked`] and [`Download::hash`].
    pub body: B,
}

impl<H: HttpClient, C: Clock, R: Random, T: TokenCache> Client<H, C, R, T> {
    /// Opens an object for reading: all of it, or a range; the live generation, or a certain one.
    ///
    /// Retries end with the response's head. Whoever reads on after a broken body asks for the rest, with the
    /// [`Download::generation`] of the first part.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::RangeNotSatisfiable`] if the range begins behind the object's end (any range
    /// of an empty object does); [`Error::InvalidArgument`] if it ends before it begins.
    pub async fn read(
        &self,
        name: &str,
        generation: Option<i64>,
        range: Option<ByteRange>,
    ) -> Result<Download<H::Body>, Error> {
        self.with_retries(async || self.open(name, generation, range).await)
            .await
    }

    /// Reads an object, or a range, of at most `limit` bytes into memory, and checks it: its length always, its
    /// checksum if it is the whole object. A body that breaks off is read again.
    ///
    /// # Errors
    /// Those of [`read`](Client::read); [`TransportError::TooLong`](spinreel_platform::TransportError) if there are more bytes;
    /// [`Error::Corrupt`] if the checksum is wrong.
    pub async fn fetch(
        &self,
        name: &str,
        generation: Option<i64>,
        range: Option<ByteRange>,
        limit: usize,
    ) -> Result<Vec<u8>, Error> {
        self.with_retries(async || {
            self.open(name, generation, range)
                .await?
                .checked()
                .collect(limit)
                .await
        })
        .await
    }

    /// One request, once.
    async fn open(
        &self,
        name: &str,
        generation: Option<i64>,
        range: Option<ByteRange>,
    ) -> Result<Download<H::Body>, Error> {
        let query = Query::default()
            .with("alt", "media")
            .with_some("generation", generation);
        let uri = self.endpoint.object(name, &query)?;
        let wanted = range.map(ByteRange::header).transpose()?;
        // What is stored as gzip comes as it is stored: else it would have neither this length nor this checksum
        // (<https://cloud.google.com/storage/docs/transcoding>).
        let mut headers = vec![(ACCEPT_ENCODING, "gzip")];
        headers.extend(wanted.iter().map(|wanted| (RANGE, wanted.as_str())));
        let response = self
            .send(request::build(Method::GET, &uri, &headers, vec![])?)
            .await?;
        let (start, length, size) = match response.status() {
            StatusCode::OK => whole(response.headers(), range)?,
            StatusCode::PARTIAL_CONTENT => part(response.headers(), range)?,
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let size = text(response.headers(), CONTENT_RANGE)
                    .and_then(|range| range.strip_prefix("bytes */")?.parse().ok());
                return Err(Error::RangeNotSatisfiable { size });
            }
            _ => return Err(request::refusal(response).await),
        };
        let (head, body) = response.into_parts();
        let read: i64 = text(&head.headers, "x-goog-generation")
            .and_then(|generation| generation.parse().ok())
            .ok_or(Error::Malformed("the bytes have no generation"))?;
        if generation.is_some_and(|generation| generation != read) {
            return Err(Error::Malformed("the bytes are of another generation"));
        }
        Ok(Download {
            size,
            generation: read,
            crc32c: hash(&head.headers)?,
            content_type: text(&head.headers, CONTENT_TYPE)
                .unwrap_or("application/octet-stream")
                .to_owned(),
            start,
            length,
            body,
        })
    }
}

/// Start, length and the object's size, of a 200.
fn whole(headers: &HeaderMap, range: Option<ByteRange>) -> Result<(u64, u64, u64), Error> {
    let size: u64 = text(headers, "x-goog-stored-content-length")
        .or_else(|| text(headers, CONTENT_LENGTH))
        .and_then(|size| size.parse().ok())
        .ok_or(Error::Malformed("the bytes have no length"))?;
    // A server may ignore a range (RFC 9110 section 14.2), but then its answer is another one than was asked for.
    let asked_for_all =
        range.is_none_or(|range| range.start == 0 && range.last_of(size) + 1 >= size);
    if !asked_for_all {
        return Err(Error::Malformed("it ignores the range"));
    }
    Ok((0, size, size))
}

/// Start, length and the object's size, of a 206: `Content-Range: bytes START-END/SIZE`.
fn part(headers: &HeaderMap, range: Option<ByteRange>) -> Result<(u64, u64, u64), Error> {
    let numbers = text(headers, CONTENT_RANGE).and_then(|text| {
        let (bounds, size) = text.strip_prefix("bytes ")?.split_once('/')?;
        let (start, end) = bounds.split_once('-')?;
        Some((
            start.parse::<u64>().ok()?,
            end.parse::<u64>().ok()?,
            size.parse::<u64>().ok()?,
        ))
    });
    let (start, end, size) =
        numbers.ok_or(Error::Malformed("the Content-Range of bytes is none"))?;
    let right = range.is_some_and(|range| range.start == start && range.last_of(size) == end);
    if !right || start > end || end >= size {
        return Err(Error::Malformed("the bytes are of another range"));
    }
    Ok((start, end - start + 1, size))
}

/// The checksum in `x-goog-hash`: several headers, or one with commas, in any order.
fn hash(headers: &HeaderMap) -> Result<Option<u32>, Error> {
    headers
        .get_all("x-goog-hash")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|part| part.trim().strip_prefix("crc32c="))
        .map(|text| {
            checksum::from_base64(text).ok_or(Error::Malformed("the checksum of bytes is none"))
        })
        .transpose()
}

#[cfg(test)]
mod tests;
