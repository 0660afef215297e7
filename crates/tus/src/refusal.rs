use http::StatusCode;
use thiserror::Error;

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// `Tus-Resumable` is missing, or names a version that is not spoken: 412.
    #[error("This speaks tus 1.0.0: Tus-Resumable must say so.")]
    Version,
    /// The body is of another media type, or of none: 415.
    #[error("The body must be application/offset+octet-stream.")]
    MediaType,
    /// A header field is missing, is there twice, or breaks its grammar: 400.
    #[error("{0} is missing or malformed.")]
    Header(&'static str),
    /// Both a length, and that it comes later: 400.
    #[error("Upload-Length and Upload-Defer-Length exclude each other.")]
    TwoLengths,
    /// The checksum's algorithm is not known: 400.
    #[error("The algorithm of Upload-Checksum must be sha1, sha256 or crc32.")]
    Algorithm,
    /// More bytes than any upload may have: 413.
    #[error("The upload is larger than any may be.")]
    TooLarge,
}

impl Refusal {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Version => StatusCode::PRECONDITION_FAILED,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Header(_) | Self::TwoLengths | Self::Algorithm => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    /// A word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Version => "unsupported_version",
            Self::MediaType => "unsupported_media_type",
            Self::Header(_) | Self::TwoLengths => "malformed_header",
            Self::Algorithm => "unknown_algorithm",
            Self::TooLarge => "upload_too_large",
        }
    }
}
