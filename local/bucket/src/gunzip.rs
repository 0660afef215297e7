//! Decompressive transcoding: an object that is stored as gzip, for a client that does not take gzip
//! (<https://cloud.google.com/storage/docs/transcoding>).

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header};
use http_body::Frame;
use tokio::task::JoinHandle;

use crate::body::BLOCK;
use crate::object::Record;

/// What the answer says of it (RFC 7234, section 5.5.6).
pub(crate) const WARNING: &str = "214 UploadServer gunzipped";
/// What gzip begins with (RFC 1952, section 2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Whether the object says that it is gzip.
pub(crate) fn is_encoded(record: &Record) -> bool {
    let encoding = record.attributes.content_encoding.as_deref();
    encoding.is_some_and(|encoding| encoding.trim().eq_ignore_ascii_case("gzip"))
}

/// Whether the bytes of an object are to be decompressed for a client: where the object says that they are gzip and may be
/// transformed, and the client does not say that it takes gzip.
pub(crate) fn is_wanted(record: &Record, headers: &HeaderMap) -> bool {
    let cache = record.attributes.cache_control.as_deref();
    let is_fixed = cache.is_some_and(|cache| {
        let mut directives = cache.split(',').map(str::trim);
        directives.any(|directive| directive.eq_ignore_ascii_case("no-transform"))
    });
    is_encoded(record) && !is_fixed && !takes_gzip(headers)
}

/// What `Accept-Encoding` says of gzip (RFC 9110, section 12.5.3); without it the answer is no, as Google's is.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let codings = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    let (mut named, mut any) = (None, false);
    for coding in codings {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let takes = weight
            .trim()
            .strip_prefix(['q', 'Q'])
            .and_then(|weight| weight.trim().strip_prefix('=')?.trim().parse::<f32>().ok())
            .is_some_and(|weight| weight > 0.0);
        match name.trim() {
            "*" => any = takes,
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                named = Some(named.unwrap_or(false) || takes);
            }
            _ => {}
        }
    }
    named.unwrap_or(any)
}

/// The decompressed bytes of a file, as far as they are read.
#[derive(Debug)]
pub(crate) struct Gunzip(MultiGzDecoder<BufReader<Take<File>>>);

impl Gunzip {
    /// The first `size` bytes of a file, decompressed, and the first block of that; `None` where they are no gzip.
    ///
    /// # Errors
    /// Those of the file; `InvalidInput` and its like where what begins like gzip is none.
    pub(crate) fn open(mut file: File, size: u64) -> io::Result<Option<(Gunzip, Bytes)>> {
        let mut beginning = Vec::new();
        (&file)
            .take(MAGIC.len() as u64)
            .read_to_end(&mut beginning)?;
        if beginning != MAGIC || size < MAGIC.len() as u64 {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(0))?;
        let mut gunzip = Gunzip(MultiGzDecoder::new(BufReader::new(file.take(size))));
        let block = gunzip.block()?;
        Ok(Some((gunzip, block)))
    }

    /// The next bytes; none at the end.
    fn block(&mut self) -> io::Result<Bytes> {
        let mut block = Vec::new();
        (&mut self.0).take(BLOCK as u64).read_to_end(&mut block)?;
        Ok(block.into())
    }
}

/// A body of decompressed bytes. While one block is sent, the next is made.
pub(crate) struct GunzipBody(State);

enum State {
    Ready(Box<Gunzip>, Bytes),
    Pending(JoinHandle<io::Result<(Box<Gunzip>, Bytes)>>),
    Done,
}

impl GunzipBody {
    /// What follows, and `block` before it.
    pub(crate) fn new(gunzip: Gunzip, block: Bytes) -> GunzipBody {
        GunzipBody(State::Ready(Box::new(gunzip), block))
    }

    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let State::Pending(making) = &mut self.0 {
            let result = ready!(Pin::new(making).poll(context));
            self.0 = match result.map_err(io::Error::other).flatten() {
                Ok((gunzip, block)) => State::Ready(gunzip, block),
                Err(error) => {
                    tracing::error!(%error, "cannot decompress an object's data");
                    self.0 = State::Done;
                    return Poll::Ready(Some(Err(error)));
                }
            };
        }
        match std::mem::replace(&mut self.0, State::Done) {
            State::Ready(mut gunzip, block) if !block.is_empty() => {
                self.0 = State::Pending(tokio::task::spawn_blocking(move || {
                    let block = gunzip.block()?;
                    Ok((gunzip, block))
                }));
                Poll::Ready(Some(Ok(Frame::data(block))))
            }
            State::Ready(..) | State::Pending(_) | State::Done => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::HeaderValue;

    use super::*;
    use crate::object::Attributes;

    #[test]
    fn gzip_is_taken_by_name_or_with_everything_unless_its_weight_is_nothing() {
        for (lines, expected) in [
            (&[][..], false),
            (&[""], false),
            (&["gzip"], true),
            (&["deflate, GZIP;q=0.5"], true),
            (&["deflate", "x-gzip ; q=1.0"], true),
            (&["identity"], false),
            (&["gzip;q=0"], false),
            (&["gzip;q=0.000, *"], false),
            (&["*"], true),
            (&["*;q=0"], false),
            (&["br;q=1, *;q=0.1"], true),
            (&["gzipped"], false),
            (&["gzip;q=much"], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(line));
            }
            assert_eq!(takes_gzip(&headers), expected, "{lines:?}");
        }
    }

    #[test]
    fn only_what_says_that_it_is_gzip_and_may_be_changed_is_decompressed() {
        for (encoding, cache, expected) in [
            (Some("gzip"), None, true),
            (Some("GZIP"), Some("public, max-age=60"), true),
            (Some("gzip"), Some("no-transform"), false),
            (Some("gzip"), Some("public, No-Transform"), false),
            (Some("gzip"), Some("no-transformation"), true),
            (Some("br"), None, false),
            (None, None, false),
        ] {
            let record = Record {
                attributes: Attributes {
                    content_encoding: encoding.map(str::to_owned),
                    cache_control: cache.map(str::to_owned),
                    ..Attributes::default()
                },
                ..Record::default()
            };
            let found = is_wanted(&record, &HeaderMap::new());
            assert_eq!(found, expected, "{encoding:?} {cache:?}");
        }
    }
}
