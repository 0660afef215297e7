//! Errors that clients see: `application/problem+json` (RFC 9457).

use std::collections::BTreeMap;

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, ALLOW, CONTENT_RANGE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

/// The media type of [`Problem::body`].
pub const CONTENT_TYPE: &str = "application/problem+json";

/// One wrong member of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The member's name; a path with dots where it is nested.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
}

impl FieldError {
    /// `field` is wrong because of `detail`.
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            detail: detail.into(),
        }
    }
}

/// An answer that refuses, for the client and, apart from it, for the log.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// A stable machine-readable word.
    pub code: &'static str,
    /// A sentence for a person: no key, no bucket name, no other user's existence.
    pub detail: String,
    /// What is wrong, member by member (422).
    pub errors: Vec<FieldError>,
    /// Headers that belong to the status.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// A type that somebody else defined; else it is made of the code.
    pub kind: Option<Box<Kind>>,
    /// The reason, for the log only.
    pub internal: Option<Box<str>>,
}

/// A problem's type that somebody else defined.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its URI.
    pub uri: &'static str,
    /// Numbers that belong to it.
    pub members: Vec<(&'static str, u64)>,
}

/// Why a request is not authenticated, as RFC 6750, section 3.1, tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthenticated {
    /// There was no token.
    NoToken,
    /// There was one that is not (or no longer) good.
    InvalidToken,
    /// There was one whose time is over.
    Expired,
    /// There was one whose session has ended, or whose user is disabled or gone.
    Revoked,
}

impl Problem {
    /// An answer of `status` with a code and a sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            kind: None,
            internal: None,
        }
    }

    /// The same by a type that somebody else defined, with the numbers that it has.
    #[must_use]
    pub fn of_kind(mut self, kind: &'static str, members: &[(&'static str, u64)]) -> Self {
        self.kind = Some(Box::new(Kind {
            uri: kind,
            members: members.to_vec(),
        }));
        self
    }

    /// Adds what only the log may know.
    #[must_use]
    pub fn because(mut self, reason: impl ToString) -> Self {
        self.internal = Some(reason.to_string().into());
        self
    }

    /// Adds a header; one whose value cannot be sent is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// 400 `malformed_request`.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    /// 400 `malformed_json`.
    pub fn malformed_json() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed_json",
            "The body is not valid JSON.",
        )
    }

    /// 400 `invalid_cursor`.
    pub fn invalid_cursor() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_cursor",
            "The cursor is not one of this list.",
        )
    }

    /// 401, with RFC 6750's challenge.
    pub fn unauthenticated(why: Unauthenticated) -> Self {
        let (code, detail, challenge) = match why {
            Unauthenticated::NoToken => (
                "token_required",
                "This needs an access token.",
                "Bearer realm=\"spinreel\"",
            ),
            Unauthenticated::InvalidToken => (
                "token_invalid",
                "The access token is not valid.",
                "Bearer realm=\"spinreel\", error=\"invalid_token\"",
            ),
            Unauthenticated::Expired => (
                "token_expired",
                "The access token has expired.",
                "Bearer realm=\"spinreel\", error=\"invalid_token\", error_description=\"The access token expired\"",
            ),
            Unauthenticated::Revoked => (
                "token_revoked",
                "The access token is not good any more.",
                "Bearer realm=\"spinreel\", error=\"invalid_token\", error_description=\"The access token was revoked\"",
            ),
        };
        Self::new(StatusCode::UNAUTHORIZED, code, detail).header(WWW_AUTHENTICATE, challenge)
    }

    /// 401 `invalid_credentials`: the same for an unknown address and a wrong password.
    pub fn invalid_credentials() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_credentials",
            "The e-mail address or the password is wrong.",
        )
        .header(WWW_AUTHENTICATE, "Bearer realm=\"spinreel\"")
    }

    /// 403 `forbidden`.
    pub fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "This token does not allow that.",
        )
    }

    /// 403 `bandwidth_exceeded`.
    pub fn bandwidth_exceeded() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "bandwidth_exceeded",
            "This would exceed the day's bandwidth.",
        )
    }

    /// 404 `not_found`: also for what exists and is none of the caller's business.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here.")
    }

    /// 405 `method_not_allowed`; `allow` is the list of the path's methods.
    pub fn method_not_allowed(allow: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("This path takes {allow}."),
        )
        .header(ALLOW, allow)
    }

    /// 408 `request_timeout`: the body did not come in time.
    pub fn request_timeout() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "The body did not come in time.",
        )
    }

    /// 409 with a code of its own.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 413 `body_too_large`; `limit` in bytes.
    pub fn body_too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("The body may have at most {limit} bytes."),
        )
    }

    /// 414 `uri_too_long`; `limit` in bytes.
    pub fn uri_too_long(limit: usize) -> Self {
        Self::new(
            StatusCode::URI_TOO_LONG,
            "uri_too_long",
            format!("The path and the query may have at most {limit} bytes."),
        )
    }

    /// 431 `headers_too_large` (RFC 6585, section 5).
    pub fn headers_too_large(limit: usize, count: usize) -> Self {
        Self::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            format!("A request may have at most {count} header fields, of {limit} bytes in all."),
        )
    }

    /// 415 `unsupported_media_type`.
    pub fn unsupported_media_type(wanted: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!("The body must be {wanted}."),
        )
    }

    /// 415 `unsupported_content_coding`, with the `Accept-Encoding` that tells the reason apart from a media type
    /// (RFC 9110, section 15.5.16).
    pub fn unsupported_content_coding() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_content_coding",
            "The body must not have a Content-Encoding.",
        )
        .header(ACCEPT_ENCODING, "identity")
    }

    /// 416 `range_not_satisfiable`; `size` in bytes.
    pub fn range_not_satisfiable(size: u64) -> Self {
        Self::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "range_not_satisfiable",
            format!("The file has {size} bytes."),
        )
        .header(CONTENT_RANGE, &format!("bytes */{size}"))
        .header(ACCEPT_RANGES, "bytes")
    }

    /// 422 `invalid_request`, member by member.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_request",
            "The request has members that are not valid.",
        );
        problem.errors = errors;
        problem
    }

    /// 429 with a code of its own; `seconds` until it may go better.
    pub fn too_many(code: &'static str, detail: impl Into<String>, seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
            .header(RETRY_AFTER, &seconds.max(1).to_string())
    }

    /// 500 `internal_error`; the reason goes to the log.
    pub fn internal(reason: impl ToString) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "Something went wrong on our side.",
        )
        .because(reason)
    }

    /// 503 `unavailable` with `Retry-After`; the reason goes to the log.
    pub fn unavailable(reason: impl ToString) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "A part of the service is not available. Please try again.",
        )
        .header(RETRY_AFTER, "5")
        .because(reason)
    }

    /// The JSON body; `request_id` lets a person find the log lines.
    pub fn body(&self, request_id: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            code: &'a str,
            detail: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [FieldError],
            request_id: &'a str,
            #[serde(flatten)]
            members: BTreeMap<&'a str, u64>,
        }
        let body = Body {
            r#type: match &self.kind {
                Some(kind) => kind.uri.to_owned(),
                None => format!("urn:spinreel:problem:{}", self.code),
            },
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            errors: &self.errors,
            request_id,
            members: self
                .kind
                .iter()
                .flat_map(|kind| kind.members.iter().copied())
                .collect(),
        };
        // Strings and numbers always serialize.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header_of<'a>(problem: &'a Problem, name: &HeaderName) -> Option<&'a str> {
        let found = problem.headers.iter().find(|(known, _)| known == name);
        found.and_then(|(_, value)| value.to_str().ok())
    }

    #[test]
    fn the_body_has_the_members_of_rfc_9457_and_the_code() {
        let problem = Problem::invalid(vec![FieldError::new("email", "is no address")])
            .because("a secret reason");
        let body: serde_json::Value = serde_json::from_slice(&problem.body("r-1")).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:spinreel:problem:invalid_request",
                "title": "Unprocessable Entity",
                "status": 422,
                "code": "invalid_request",
                "detail": "The request has members that are not valid.",
                "errors": [{"field": "email", "detail": "is no address"}],
                "request_id": "r-1",
            })
        );
    }

    #[test]
    fn a_401_carries_the_challenge_of_rfc_6750() {
        let problem = Problem::unauthenticated(Unauthenticated::Expired);
        let challenge = header_of(&problem, &WWW_AUTHENTICATE).unwrap();
        assert!(challenge.starts_with("Bearer "));
        assert!(challenge.contains("error=\"invalid_token\""));
    }

    #[test]
    fn a_503_says_when_to_come_back() {
        assert!(header_of(&Problem::unavailable("x"), &RETRY_AFTER).is_some());
    }
}
