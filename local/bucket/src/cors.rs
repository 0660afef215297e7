//! What browsers are told (<https://cloud.google.com/storage/docs/cross-origin>).
//!
//! The JSON API lets scripts of every origin in, whatever a bucket is configured for; so do the URLs of resumable uploads
//! that it gave out. The XML API, which signed URLs are made for, goes by the bucket's CORS configuration: here a list of
//! origins, with every method and header.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method, StatusCode};

use crate::reply::{self, Response};
use crate::route::Dialect;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, PUT, POST, PATCH, DELETE");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Length, Content-Range, Content-Type, ETag, Location, Range, X-GUploader-UploadID, X-Goog-Generation, X-Goog-Hash",
);
/// For how long a browser remembers, in seconds: what a configuration has that says nothing of it.
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");

/// What a request's origin may do.
#[derive(Debug)]
pub(crate) struct Cors {
    /// The origin that is let in.
    origin: Option<HeaderValue>,
    /// Whether this is the question before another request.
    is_preflight: bool,
    asked_headers: Option<HeaderValue>,
}

impl Cors {
    /// Reads what a request says; `origins` is the buckets' configuration, where `*` stands for all.
    pub(crate) fn read(
        origins: &[String],
        dialect: Dialect,
        method: &Method,
        headers: &HeaderMap,
    ) -> Self {
        let is_listed = |origin: &HeaderValue| {
            let listed = origins.iter();
            dialect == Dialect::Json
                || listed
                    .map(String::as_bytes)
                    .any(|listed| listed == b"*" || listed == origin.as_bytes())
        };
        let origin = headers.get(ORIGIN).filter(|origin| is_listed(origin));
        Self {
            origin: origin.cloned(),
            is_preflight: *method == Method::OPTIONS
                && headers.contains_key(ORIGIN)
                && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
            asked_headers: headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned(),
        }
    }

    /// The answer to a preflight: 200, and nothing of CORS for an origin that is not let in.
    pub(crate) fn preflight(&self) -> Option<Response> {
        self.is_preflight.then(|| {
            let mut response = reply::empty(StatusCode::OK);
            if self.origin.is_some() {
                let headers = response.headers_mut();
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
                headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
                if let Some(asked) = &self.asked_headers {
                    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
                }
            }
            self.apply(&mut response);
            response
        })
    }

    /// Says in an answer whose script may read it.
    pub(crate) fn apply(&self, response: &mut Response) {
        let headers = response.headers_mut();
        if let Some(origin) = &self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
    }
}
