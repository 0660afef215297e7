//! What clients are told that are refused.

use http::StatusCode;
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_http::Problem;
use spinreel_http::problem::Unauthenticated;
use spinreel_service::Context;
use spinreel_tus::{Refusal, header};

use crate::domain::resumable::{MOST_PARTS, ResumableError};
use crate::routes::bucket_problem;

/// tus, extension `checksum`: the digest of the bytes is another one.
const CHECKSUM_MISMATCH: u16 = 460;

/// A request that breaks the protocol's grammar.
pub(super) fn refusal(refusal: Refusal) -> Problem {
    let problem = Problem::new(refusal.status(), refusal.code(), refusal.to_string());
    match refusal {
        Refusal::Version => problem.header(header::TUS_VERSION, spinreel_tus::VERSION),
        _ => problem,
    }
}

/// A request that was not done; the log is told why where somebody decided it, or something failed.
pub(in crate::routes) fn refused(context: &Context, error: ResumableError) -> Problem {
    let problem = problem(error);
    let code = problem.code;
    let (level, action, what) = match problem.status {
        status if status.is_server_error() => (Level::Warn, Action::UploadFailed, "failed"),
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
            (Level::Info, Action::UploadRefused, "was refused")
        }
        _ => return problem,
    };
    let message = format!("An upload {what}: {code}");
    context
        .log
        .line(level, action, message, json!({ "upload.reason": code }));
    problem
}

fn problem(error: ResumableError) -> Problem {
    let reason = error.to_string();
    let told = |status, code, detail: &str| Problem::new(status, code, detail);
    match error {
        ResumableError::NotFound => Problem::not_found(),
        ResumableError::Gone | ResumableError::Complete => told(
            StatusCode::GONE,
            "upload_gone",
            "The upload takes nothing any more.",
        ),
        ResumableError::OfParts => told(
            StatusCode::FORBIDDEN,
            "upload_is_final",
            "The upload is made of others, and takes no bytes.",
        ),
        ResumableError::NoPart => told(
            StatusCode::NOT_FOUND,
            "part_not_found",
            "One of the parts is no partial upload, or is gone.",
        ),
        ResumableError::Parts => Problem::malformed(format!(
            "An upload is made of 1 to {MOST_PARTS} parts, each of them once."
        )),
        ResumableError::NameTaken => {
            Problem::conflict("file_exists", "There is a file of that name.")
        }
        ResumableError::Changed => Problem::conflict(
            "file_changed",
            "The file that was to be replaced is another one by now, or gone.",
        ),
        ResumableError::Incomplete => {
            Problem::conflict("upload_incomplete", "The bucket has not got all bytes yet.")
        }
        ResumableError::SizeMismatch => told(
            StatusCode::UNPROCESSABLE_ENTITY,
            "size_mismatch",
            "The bucket has got another number of bytes. The upload has ended.",
        ),
        ResumableError::StorageExceeded => told(
            StatusCode::FORBIDDEN,
            "quota_exceeded",
            "This would exceed the storage limit.",
        ),
        ResumableError::TooManyFiles => told(
            StatusCode::FORBIDDEN,
            "too_many_files",
            "There are as many files as one may have.",
        ),
        ResumableError::UserGone => Problem::unauthenticated(Unauthenticated::Revoked),
        ResumableError::BandwidthExceeded => Problem::bandwidth_exceeded(),
        ResumableError::TooMany { retry_ms } => Problem::too_many(
            "too_many_uploads",
            "There are too many open uploads.",
            retry_ms / 1_000,
        ),
        ResumableError::OffsetMismatch { offset } => Problem::conflict(
            "offset_mismatch",
            format!("The upload is at byte {offset}."),
        )
        .header(header::UPLOAD_OFFSET, &offset.to_string()),
        ResumableError::TooLong => told(
            StatusCode::PAYLOAD_TOO_LARGE,
            "upload_too_long",
            "The bytes go past the upload's length.",
        ),
        ResumableError::CheckedTooLarge { limit } => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "checked_body_too_large",
            format!("A body with a checksum may have at most {limit} bytes."),
        ),
        ResumableError::InconsistentLength => {
            Problem::malformed("What was said of the upload's length does not fit together.")
        }
        ResumableError::LengthKnown => Problem::malformed("The upload's length is known already."),
        ResumableError::DigestMismatch => told(
            StatusCode::from_u16(CHECKSUM_MISMATCH).unwrap_or(StatusCode::BAD_REQUEST),
            "checksum_mismatch",
            "The bytes have another checksum. None of them was kept.",
        ),
        ResumableError::Displaced => {
            Problem::conflict("upload_displaced", "A newer request writes to the upload.")
        }
        ResumableError::NotAllowed => Problem::forbidden(),
        ResumableError::Corrupt => Problem::conflict(
            "upload_corrupt",
            "Bytes were sent twice, and differed. The upload has ended.",
        ),
        ResumableError::Source(_) => Problem::malformed("The body ended early.").because(reason),
        ResumableError::Bucket(error) => bucket_problem(&error),
        ResumableError::Busy | ResumableError::Ledger(_) | ResumableError::Peer(_) => {
            Problem::unavailable(reason)
        }
    }
}
