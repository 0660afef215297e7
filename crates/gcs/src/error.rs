use spinreel_platform::TransportError;
use thiserror::Error as ThisError;

/// Why the bucket did not do what it was asked.
///
/// No variant contains a session's URI, a token or what an object holds.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Error {
    /// The call itself is wrong; nothing was sent.
    #[error("{0}")]
    InvalidArgument(&'static str),
    /// 412: the object is not in the state that the precondition demands; nothing was changed.
    #[error("the precondition failed")]
    PreconditionFailed,
    /// 404: there is no such object, generation or bucket.
    #[error("not found")]
    NotFound,
    /// 404, 410 or 499 to a session's URI: the bucket forgot the upload (after a week), or it was cancelled. It has
    /// to begin again.
    #[error("the upload session is lost")]
    SessionLost,
    /// The bucket holds fewer bytes of the upload than lie before the chunk, or more than lie before its end:
    /// somebody else wrote to the session, or the caller remembers it wrongly. Go on from `stored`.
    #[error("the upload is at byte {stored}")]
    OffsetMismatch {
        /// How many bytes the bucket holds.
        stored: u64,
    },
    /// The bucket keeps answering, but stores no more of what it is sent.
    #[error("the upload does not get on at byte {stored}")]
    Stalled {
        /// How many bytes the bucket holds.
        stored: u64,
    },
    /// 416: the range begins behind the object's end.
    #[error("the range is not satisfiable")]
    RangeNotSatisfiable {
        /// The object's size in bytes, if the bucket says it.
        size: Option<u64>,
    },
    /// What was stored or read is not what was sent. After a write, that generation has been deleted if the bucket
    /// let us.
    #[error(
        "expected {expected_size} bytes with CRC32C {expected_crc32c:08x}, found {size} with {crc32c:08x}"
    )]
    Corrupt {
        /// The right size, in bytes.
        expected_size: u64,
        /// The right checksum.
        expected_crc32c: u32,
        /// The size found.
        size: u64,
        /// The checksum found.
        crc32c: u32,
    },
    /// Any other status: the bucket understood and said no (401 and 403 among them).
    #[error("the bucket refused with status {status}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The bucket's words, for a log and not for clients: it may name the bucket or an account.
        message: String,
    },
    /// 408, 429, 500, 502, 503 or 504, also after the retries. A write may have been done.
    #[error("the bucket is unavailable (status {status})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// What `Retry-After` asked for, in seconds.
        retry_after_s: Option<u64>,
    },
    /// No (whole) answer came, also after the retries. A write may have been done.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The answer is not what the API documents.
    #[error("the bucket's answer makes no sense: {0}")]
    Malformed(&'static str),
}

impl Error {
    /// Whether the same call may succeed later, by the list of
    /// <https://cloud.google.com/storage/docs/retry-strategy#retryable>.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::Stalled { .. }
                | Self::Transport(TransportError::Connection(_) | TransportError::Timeout)
        )
    }

    /// What `Retry-After` asked for, in milliseconds.
    pub(crate) fn retry_after_ms(&self) -> u64 {
        match self {
            Self::Unavailable {
                retry_after_s: Some(seconds),
                ..
            } => seconds.saturating_mul(1_000),
            _ => 0,
        }
    }
}
