use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::inbound::Request;
use crate::respond::{Response, empty};
use crate::settings::Settings;

const REQUEST_HEADERS: &str =
    "authorization, content-type, if-match, if-range, range, x-request-id";
const RESPONSE_HEADERS: &str =
    "accept-ranges, content-range, etag, location, retry-after, x-request-id";

/// The value of `Access-Control-Allow-Origin` for this request, where `cors_origins` (a list with commas, or `*`)
/// has its origin.
pub(crate) fn allowed_origin(settings: &Settings, request: &Request) -> Option<HeaderValue> {
    let origin = request.headers.get(ORIGIN)?;
    let text = origin.to_str().ok()?;
    settings
        .text("cors_origins")
        .split(',')
        .map(str::trim)
        .any(|allowed| allowed == "*" || allowed == text)
        .then(|| origin.clone())
}

/// Answers a preflight request (the Fetch standard, section 3.2.2).
pub(crate) fn preflight(methods: &str) -> Response {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    if let Ok(methods) = HeaderValue::from_str(methods) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(REQUEST_HEADERS),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Lets the origin's scripts see the answer.
pub(crate) fn expose(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(RESPONSE_HEADERS),
    );
    headers.append(VARY, HeaderValue::from_static("Origin"));
}
