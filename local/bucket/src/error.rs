//! The API's errors: a status, a reason and a message, in Google's JSON form
//! (<https://cloud.google.com/storage/docs/json_api/v1/status-codes>).

use std::io;

use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::storage::StorageError;

/// An answer that is not a success.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    reason: &'static str,
    message: String,
    /// What the status code demands beside the body.
    pub(crate) header: Option<Box<(HeaderName, HeaderValue)>>,
    /// What happened inside, for the log only.
    pub(crate) cause: Option<String>,
}

impl ApiError {
    fn new(status: StatusCode, reason: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            reason,
            message: message.into(),
            header: None,
            cause: None,
        }
    }

    /// 400: a value that cannot be.
    pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    /// 400: a missing parameter.
    pub(crate) fn required(parameter: &str) -> ApiError {
        let message = format!("Required parameter: {parameter}");
        ApiError::new(StatusCode::BAD_REQUEST, "required", message)
    }

    /// 404: a path that is none of the API's.
    pub(crate) fn not_found() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "notFound", "Not Found")
    }

    /// 405; `allow` is the list of the methods that the path knows.
    pub(crate) fn method_not_allowed(allow: &'static str) -> ApiError {
        let mut error = ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "httpMethodNotAllowed",
            format!("This path knows the methods {allow}."),
        );
        error.header = Some(Box::new((header::ALLOW, HeaderValue::from_static(allow))));
        error
    }

    /// 408: a request body that stopped coming.
    pub(crate) fn stalled() -> ApiError {
        ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "requestTimeout",
            "The request body stalled.",
        )
    }

    /// 413: a JSON body over the limit.
    pub(crate) fn too_large(limit: usize) -> ApiError {
        let message = format!("The metadata is over {limit} bytes.");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "uploadTooLarge", message)
    }

    /// 416 for an object of `size` bytes.
    pub(crate) fn range_not_satisfiable(size: u64) -> ApiError {
        let mut error = ApiError::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "requestedRangeNotSatisfiable",
            format!("The requested range cannot be satisfied: the object has {size} bytes."),
        );
        error.header = HeaderValue::try_from(format!("bytes */{size}"))
            .ok()
            .map(|value| Box::new((header::CONTENT_RANGE, value)));
        error
    }

    /// 503: the client asks for the state of its upload and goes on from there.
    pub(crate) fn try_again(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "backendError", message)
    }

    /// 500; `cause` goes to the log, never to the client.
    pub(crate) fn internal(cause: impl ToString) -> ApiError {
        let mut error = ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internalError",
            "The bucket could not do this; its log says why.",
        );
        error.cause = Some(cause.to_string());
        error
    }

    /// The JSON body.
    pub(crate) fn to_json(&self) -> Value {
        json!({"error": {
            "code": self.status.as_u16(),
            "message": self.message,
            "errors": [{"message": self.message, "domain": "global", "reason": self.reason}],
        }})
    }
}

impl From<io::Error> for ApiError {
    fn from(error: io::Error) -> ApiError {
        if error.kind() == io::ErrorKind::StorageFull {
            let mut full = ApiError::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "insufficientStorage",
                "The disk that holds the bucket is full.",
            );
            full.cause = Some(error.to_string());
            return full;
        }
        ApiError::internal(error)
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> ApiError {
        let message = error.to_string();
        match error {
            StorageError::NoSuchBucket
            | StorageError::NoSuchObject { .. }
            | StorageError::NoSuchSession => {
                ApiError::new(StatusCode::NOT_FOUND, "notFound", message)
            }
            StorageError::BucketExists => ApiError::new(StatusCode::CONFLICT, "conflict", message),
            StorageError::BucketName(_)
            | StorageError::Checksum { .. }
            | StorageError::Attribute(_) => ApiError::invalid(message),
            StorageError::Precondition(_) => {
                ApiError::new(StatusCode::PRECONDITION_FAILED, "conditionNotMet", message)
            }
            StorageError::Io(error) | StorageError::Unsynced(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_form_of_google_clients() {
        let error = ApiError::from(StorageError::NoSuchBucket);
        assert_eq!(error.status, StatusCode::NOT_FOUND);
        let json = error.to_json();
        assert_eq!(json["error"]["code"], 404);
        assert_eq!(json["error"]["errors"][0]["reason"], "notFound");
        assert_eq!(json["error"]["errors"][0]["domain"], "global");
        assert_eq!(
            json["error"]["errors"][0]["message"],
            json["error"]["message"]
        );
    }

    #[test]
    fn the_cause_of_an_internal_error_stays_inside() {
        let error = ApiError::from(io::Error::other("/secret/path"));
        assert_eq!(error.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!error.to_json().to_string().contains("secret"));
        assert_eq!(error.cause.as_deref(), Some("/secret/path"));
    }

    #[test]
    fn a_full_disk_is_507() {
        let error = ApiError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(error.status, StatusCode::INSUFFICIENT_STORAGE);
    }
}
