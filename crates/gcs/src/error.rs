use spinreel_platform::TransportError;
use thiserror::Error as ThisError;

use crate::credentials::CredentialsError;

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
    /// The credentials are none, or there is no token to be had for them; nothing was sent to the bucket.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A write failed, for the reason within, and an attempt of the same call was not answered, or failed on the
    /// bucket's side: it may have had its effect, or be on its way still. Only [`insert`](crate::Client::insert) and
    /// the last chunk of [`put_chunk`](crate::Client::put_chunk) give it.
    #[error("{0}, and an attempt may yet have its effect")]
    InDoubt(Box<Error>),
}

impl Error {
    /// Whether the same call may succeed later, by the list of
    /// <https://cloud.google.com/storage/docs/retry-strategy#retryable>.
    pub fn is_temporary(&self) -> bool {
        match self.reason() {
            Self::Credentials(error) => error.is_temporary(),
            reason => reason.is_retriable(),
        }
    }

    /// Whether the same request may succeed at once: what is temporary and was not retried yet where it came up.
    pub(crate) fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::Stalled { .. }
                | Self::Transport(
                    TransportError::Unreachable(_)
                        | TransportError::Connection(_)
                        | TransportError::Timeout
                )
        )
    }

    /// Whether what was sent may have its effect later, since no answer says that it is over and done with. A failure
    /// that was answered may have had its effect, but has none from now on.
    pub fn may_land_later(&self) -> bool {
        matches!(self, Self::InDoubt(_)) || self.is_unanswered()
    }

    /// Whether a request was sent that no answer came to.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(
            self,
            Self::Transport(TransportError::Connection(_) | TransportError::Timeout)
        )
    }

    /// Whether the write that failed had no effect and will have none: the first answer that came was a refusal, or
    /// nothing was ever sent.
    ///
    /// It is the answer for [`insert`](crate::Client::insert) and for the last chunk of
    /// [`put_chunk`](crate::Client::put_chunk): where it is `false`, the object may exist or appear later. Two calls
    /// are judged apart: an earlier call whose outcome is unknown stays so.
    pub fn is_certain(&self) -> bool {
        match self {
            Self::InvalidArgument(_)
            | Self::PreconditionFailed
            | Self::NotFound
            | Self::SessionLost
            | Self::OffsetMismatch { .. }
            | Self::RangeNotSatisfiable { .. }
            | Self::Credentials(_)
            | Self::Transport(TransportError::Denied | TransportError::Unreachable(_)) => true,
            // A status that is no refusal, or that says that something went wrong on the way, promises nothing.
            Self::Refused { status, .. } => (300..500).contains(status),
            Self::Stalled { .. }
            | Self::Corrupt { .. }
            | Self::Unavailable { .. }
            | Self::Transport(_)
            | Self::Malformed(_)
            | Self::InDoubt(_) => false,
        }
    }

    /// The reason itself, whether or not it is [in doubt](Self::InDoubt) what became of the call.
    pub fn reason(&self) -> &Self {
        match self {
            Self::InDoubt(reason) => reason.reason(),
            reason => reason,
        }
    }

    /// This error as that of a call of which an attempt may have had its effect.
    pub(crate) fn in_doubt(self) -> Self {
        match self {
            Self::InDoubt(_) => self,
            error => Self::InDoubt(Box::new(error)),
        }
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
