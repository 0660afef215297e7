use spinreel_gcs::Error as BucketError;
use spinreel_ledger::LedgerError;
use thiserror::Error;

use crate::domain::peers::PeerFailure;
use crate::domain::storage::SettleError;
use crate::domain::upload::{SourceError, UploadError};

/// Why a request to a resumable upload was not done.
#[derive(Debug, Error)]
pub enum ResumableError {
    /// The user has no such upload.
    #[error("there is no such upload")]
    NotFound,
    /// It has expired, was ended, or is a file and takes no more bytes.
    #[error("the upload takes nothing any more")]
    Gone,
    /// It is made of others, and takes no bytes.
    #[error("the upload is made of others")]
    OfParts,
    /// One of the parts of a final upload is none, or is gone.
    #[error("a part is none, or is gone")]
    NoPart,
    /// A final upload names no parts, too many, or one of them twice.
    #[error("the parts cannot be joined")]
    Parts,
    /// It is complete: a file, or a part of one.
    #[error("the upload is complete")]
    Complete,
    /// The user has a file of that name.
    #[error("there is a file of that name")]
    NameTaken,
    /// The file that it is to replace is another one by now, or gone.
    #[error("the file has changed")]
    Changed,
    /// The bucket has not got all bytes of an upload that goes straight to it.
    #[error("the bucket has not got all bytes")]
    Incomplete,
    /// What the bucket got has another size than was said: the upload is ended.
    #[error("the bucket has got another number of bytes")]
    SizeMismatch,
    /// It does not fit into the user's quota.
    #[error("the quota is exceeded")]
    StorageExceeded,
    /// The user has as many files as one may have.
    #[error("there are too many files")]
    TooManyFiles,
    /// The user's account was deleted.
    #[error("the user is gone")]
    UserGone,
    /// It does not fit into the user's bandwidth of the day.
    #[error("the day's bandwidth is exceeded")]
    BandwidthExceeded,
    /// The user has as many open as one may have.
    #[error("there are too many open uploads")]
    TooMany {
        /// In how many milliseconds the first of them expires.
        retry_ms: u64,
    },
    /// The bytes do not continue where the upload is.
    #[error("the upload is at byte {offset}")]
    OffsetMismatch {
        /// Where it is.
        offset: u64,
    },
    /// The bytes go past the upload's length.
    #[error("the bytes go past the upload's length")]
    TooLong,
    /// There are more bytes than can be held back until their digest is known.
    #[error("a body with a digest may have at most {limit} bytes")]
    CheckedTooLarge {
        /// How many there may be.
        limit: u64,
    },
    /// The length is known already.
    #[error("the length is known already")]
    LengthKnown,
    /// What was said of the length at different times, or the length and the bytes, do not fit together.
    #[error("the upload's lengths differ")]
    InconsistentLength,
    /// The bytes do not have the digest that they were said to have.
    #[error("the bytes have another digest")]
    DigestMismatch,
    /// A newer request writes to the upload.
    #[error("a newer request writes to the upload")]
    Displaced,
    /// The user may not store files any more.
    #[error("the user may not upload any more")]
    NotAllowed,
    /// What the bucket has is not what was received: bytes were sent twice and differed. The upload is ended.
    #[error("the bucket has other bytes than were received")]
    Corrupt,
    /// Somebody else is at work on it.
    #[error("somebody else is at work on the upload")]
    Busy,
    /// The client went away, or stood still.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The bucket did not do it.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The state could not be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Another service is needed and did not answer.
    #[error(transparent)]
    Peer(#[from] PeerFailure),
}

impl From<SettleError> for ResumableError {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::Bucket(error) => error.into(),
            SettleError::Ledger(error) => error.into(),
            SettleError::Peer(error) => error.into(),
            SettleError::Busy => Self::Busy,
        }
    }
}

impl From<UploadError> for ResumableError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NameTaken => Self::NameTaken,
            UploadError::StorageExceeded => Self::StorageExceeded,
            UploadError::TooManyFiles => Self::TooManyFiles,
            UploadError::UserGone => Self::UserGone,
            UploadError::BandwidthExceeded => Self::BandwidthExceeded,
            UploadError::Source(error) => error.into(),
            UploadError::Bucket(error) => error.into(),
            UploadError::Ledger(error) => error.into(),
            UploadError::Peer(error) => error.into(),
            UploadError::NameNotFreeYet | UploadError::Expired => Self::Busy,
        }
    }
}
