//! The bytes of a file, for other services.

use spinreel_gcs::{ByteRange, Download, Error as BucketError, SignedUrl, TokenCache, UrlToSign};
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, HttpClient, Random, Store};
use thiserror::Error;

use super::peers::Peers;
use super::record::{FileRecord, UserFiles, is_user_id};
use super::storage::Storage;

/// Why a file's bytes cannot be had.
#[derive(Debug, Error)]
pub enum ContentError {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// The bucket did not give them.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The state could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What the bucket is to say of bytes that it sends itself
/// (<https://cloud.google.com/storage/docs/xml-api/reference-headers>).
#[derive(Debug, Clone, Copy)]
pub struct ShownAs<'a> {
    /// Its `Content-Type`.
    pub content_type: &'a str,
    /// Its `Content-Disposition`, where it is to have one.
    pub disposition: Option<&'a str>,
}

/// What other services call a file: opaque to them.
pub fn location(user_id: &str, number: u64) -> String {
    format!("{user_id}.{number}")
}

/// Whose file a location names; `None` where it is no location.
pub fn owner_of(location: &str) -> Option<&str> {
    parse(location).map(|(user_id, _)| user_id)
}

/// Whose file a location names, and its number; `None` where it is no location.
pub(super) fn parse(location: &str) -> Option<(&str, u64)> {
    let (user_id, number) = location.rsplit_once('.')?;
    is_user_id(user_id).then_some(())?;
    Some((user_id, number.parse().ok()?))
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// A URL that gives the bytes of a file to whoever has it, for `expires_s` seconds.
    ///
    /// It names the object's generation: what has its name later is not opened. What the bytes are shown as is signed, too:
    /// what the uploader declared is not told.
    pub async fn link(
        &self,
        location: &str,
        shown_as: ShownAs<'_>,
        expires_s: u32,
    ) -> Result<SignedUrl, ContentError> {
        let file = self.located(location).await?;
        let generation = file.object.generation.to_string();
        let mut url = UrlToSign::read(file.head.object, expires_s);
        url.query.push(("generation".to_owned(), generation));
        let told = [
            ("response-content-type", Some(shown_as.content_type)),
            ("response-content-disposition", shown_as.disposition),
        ];
        for (name, value) in told {
            let value = value.map(|value| (name.to_owned(), value.to_owned()));
            url.query.extend(value);
        }
        Ok(self.bucket.signed_url(&url)?)
    }

    async fn located(&self, location: &str) -> Result<FileRecord, ContentError> {
        let (user_id, number) = parse(location).ok_or(ContentError::NotFound)?;
        let file = UserFiles::new(user_id).file(&self.store, number).await?;
        file.ok_or(ContentError::NotFound)
    }

    /// Opens a file, or a range of it, for reading.
    pub async fn open(
        &self,
        location: &str,
        range: Option<ByteRange>,
    ) -> Result<Download<H::Body>, ContentError> {
        let file = self.located(location).await?;
        match self
            .bucket
            .read(&file.head.object, Some(file.object.generation), range)
            .await
        {
            Err(BucketError::NotFound) => Err(ContentError::NotFound),
            other => Ok(other?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_comes_back_and_nothing_else_is_one() {
        assert_eq!(parse(&location("0190-ab", 7)), Some(("0190-ab", 7)));
        assert_eq!(owner_of("0190-ab.7"), Some("0190-ab"));
        for wrong in ["", "7", ".", ".7", "a/b.7", "a.b.7", "a.x", "a.-1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
