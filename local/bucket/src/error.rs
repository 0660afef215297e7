//! The API's errors: a status, a reason and a message, in Google's JSON form
//! (<https://cloud.google.com/storage/docs/json_api/v1/status-codes>) or in that of the XML API
//! (<https://cloud.google.com/storage/docs/xml-api/reference-status>).

use std::io;

use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::storage::StorageError;

/// An answer that is not a success.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    reason: &'static str,
    /// The XML API's word for it, where that says more than the reason.
    code: Option<&'static str>,
    message: String,
    /// Further elements of the XML form.
    details: Vec<(&'static str, String)>,
    /// What the status code demands beside the body.
    pub(crate) header: Option<Box<(HeaderName, HeaderValue)>>,
    /// What happened inside, for the log only.
    pub(crate) cause: Option<String>,
}

impl ApiError {
    /// An error with the JSON API's word for its reason.
    pub(crate) fn new(
        status: StatusCode,
        reason: &'static str,
        message: impl Into<String>,
    ) -> ApiError {
        ApiError {
            status,
            reason,
            code: None,
            message: message.into(),
            details: Vec::new(),
            header: None,
            cause: None,
        }
    }

    /// Gives it the XML API's code.
    pub(crate) fn named(mut self, code: &'static str) -> ApiError {
        self.code = Some(code);
        self
    }

    /// Adds an element to the XML form.
    pub(crate) fn with_detail(mut self, element: &'static str, text: &str) -> ApiError {
        self.details.push((element, text.to_owned()));
        self
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

    /// 401: no credential, or (`given`) one that is not valid, or no longer.
    pub(crate) fn unauthorized(given: bool) -> ApiError {
        let (reason, code, message, challenge) = if given {
            (
                "authError",
                "AuthenticationRequired",
                "The access token is not valid: it is not of this bucket, or has expired.",
                "Bearer realm=\"spinreel-bucket\", error=\"invalid_token\"",
            )
        } else {
            (
                "required",
                "AuthenticationRequired",
                "The request has no credential.",
                "Bearer realm=\"spinreel-bucket\"",
            )
        };
        let mut error = ApiError::new(StatusCode::UNAUTHORIZED, reason, message).named(code);
        let challenge = HeaderValue::from_static(challenge);
        error.header = Some(Box::new((header::WWW_AUTHENTICATE, challenge)));
        error
    }

    /// 403: a credential that is valid, but not for this.
    pub(crate) fn forbidden(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, "forbidden", message)
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

    /// An error that a rule for faults asks for; `retry_after` is in seconds.
    pub(crate) fn asked_for(status: u16, retry_after: Option<u64>) -> ApiError {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let reason = match status {
            StatusCode::TOO_MANY_REQUESTS => "rateLimitExceeded",
            StatusCode::UNAUTHORIZED => "authError",
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::NOT_FOUND | StatusCode::GONE => "notFound",
            StatusCode::REQUEST_TIMEOUT => "requestTimeout",
            StatusCode::PRECONDITION_FAILED => "conditionNotMet",
            StatusCode::INTERNAL_SERVER_ERROR => "internalError",
            status if status.is_server_error() => "backendError",
            _ => "invalid",
        };
        let mut error = ApiError::new(status, reason, "This request was made to fail.");
        error.header =
            retry_after.map(|seconds| Box::new((header::RETRY_AFTER, HeaderValue::from(seconds))));
        error
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
        let domain = match self.reason {
            "rateLimitExceeded" => "usageLimits",
            _ => "global",
        };
        let mut item = json!({"message": self.message, "domain": domain, "reason": self.reason});
        if self.status == StatusCode::UNAUTHORIZED {
            item["locationType"] = "header".into();
            item["location"] = "Authorization".into();
        }
        json!({"error": {
            "code": self.status.as_u16(),
            "message": self.message,
            "errors": [item],
        }})
    }

    /// The XML body.
    pub(crate) fn to_xml(&self) -> String {
        let mut xml = String::from("<?xml version='1.0' encoding='UTF-8'?><Error>");
        let mut element = |name: &str, text: &str| {
            xml += &format!("<{name}>{}</{name}>", escape(text));
        };
        element("Code", self.xml_code());
        element("Message", &self.message);
        for (name, text) in &self.details {
            element(name, text);
        }
        xml + "</Error>"
    }

    fn xml_code(&self) -> &'static str {
        self.code.unwrap_or(match self.reason {
            "conditionNotMet" => "PreconditionFailed",
            "conflict" => "BucketAlreadyOwnedByYou",
            "forbidden" => "AccessDenied",
            "httpMethodNotAllowed" => "MethodNotAllowed",
            "insufficientStorage" | "internalError" => "InternalError",
            "notFound" => "NoSuchKey",
            "rateLimitExceeded" => "SlowDown",
            "requestedRangeNotSatisfiable" => "InvalidRange",
            "requestTimeout" => "RequestTimeout",
            "uploadTooLarge" => "EntityTooLarge",
            "backendError" => "ServiceUnavailable",
            _ => "InvalidArgument",
        })
    }
}

/// Text as the content of an element; what XML cannot have at all becomes a question mark.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '\t' | '\n' | '\r' => escaped.push(character),
            character if character.is_control() => escaped.push('?'),
            character => escaped.push(character),
        }
    }
    escaped
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
                let code = match error {
                    StorageError::NoSuchBucket => "NoSuchBucket",
                    StorageError::NoSuchSession => "NoSuchUpload",
                    _ => "NoSuchKey",
                };
                ApiError::new(StatusCode::NOT_FOUND, "notFound", message).named(code)
            }
            StorageError::TooFast => {
                ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rateLimitExceeded", message)
            }
            StorageError::Length(code) => ApiError::invalid(message).named(code),
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
    fn the_xml_form_says_the_same_and_escapes() {
        let error = ApiError::from(StorageError::NoSuchObject {
            bucket: "films".to_owned(),
            name: "<a&b>\u{1}".to_owned(),
        });
        assert_eq!(
            error.to_xml(),
            "<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code>\
             <Message>No such object: films/&lt;a&amp;b&gt;?</Message></Error>"
        );
        let many = ApiError::from(StorageError::TooFast);
        assert!(many.to_xml().contains("<Code>SlowDown</Code>"));
        assert_eq!(
            many.to_json()["error"]["errors"][0]["domain"],
            "usageLimits"
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
