use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use spinreel_http::origin;

use crate::inbound::Request;
use crate::respond::{Response, empty};
use crate::settings::Settings;

/// What scripts may send beside what the Fetch standard lets through: credentials, conditions and ranges, where a tail goes
/// on, and resumable uploads, those of tus 1.0 and of the IETF's draft.
const REQUEST_HEADERS: &str = "authorization, cache-control, content-digest, content-type, if-match, if-modified-since, \
     if-none-match, if-range, if-unmodified-since, last-event-id, range, repr-digest, tus-resumable, upload-checksum, \
     upload-complete, upload-concat, upload-defer-length, upload-draft-interop-version, upload-length, upload-metadata, \
     upload-offset, x-http-method-override, x-request-id";
/// What scripts may read beside what the Fetch standard shows them: all that answers are documented to have.
const RESPONSE_HEADERS: &str = "accept-ranges, allow, content-digest, content-disposition, content-encoding, \
     content-range, date, etag, last-modified, location, repr-digest, retry-after, tus-checksum-algorithm, tus-extension, \
     tus-max-size, tus-resumable, tus-version, upload-complete, upload-concat, upload-defer-length, \
     upload-draft-interop-version, upload-expires, upload-length, upload-limit, upload-metadata, upload-offset, \
     www-authenticate, x-request-id";

/// What `cors_origins` (a list of [`origin`], normalised) says to one request.
#[derive(Debug)]
pub(crate) struct Cors {
    /// Whether there are origins at all: then answers differ by `Origin`.
    is_configured: bool,
    /// The value of `Access-Control-Allow-Origin`.
    allowed: Option<HeaderValue>,
    /// Whether it asks whether another one may follow.
    is_preflight: bool,
}

impl Cors {
    pub(crate) fn of(settings: &Settings, request: &Request) -> Self {
        Self::read(
            settings.text("cors_origins"),
            &request.method,
            &request.headers,
        )
    }

    fn read(origins: &str, method: &Method, headers: &HeaderMap) -> Self {
        let own = headers.get(ORIGIN);
        let allowed = match (origins, own) {
            (origin::ANY, Some(_)) => Some(HeaderValue::from_static(origin::ANY)),
            (_, Some(own)) => (origins.split(','))
                .any(|allowed| !allowed.is_empty() && allowed.as_bytes() == own.as_bytes())
                .then(|| own.clone()),
            (_, None) => None,
        };
        Self {
            is_configured: !origins.is_empty(),
            is_preflight: allowed.is_some()
                && method == Method::OPTIONS
                && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
            allowed,
        }
    }

    /// Whether this is a preflight request (the Fetch standard, section 3.2.2) of an origin that may ask.
    pub(crate) fn is_preflight(&self) -> bool {
        self.is_preflight
    }

    /// Lets the origin's scripts see an answer, and tells caches that it is not the same for others.
    pub(crate) fn apply(self, headers: &mut HeaderMap) {
        if self.is_configured {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(allowed) = self.allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(RESPONSE_HEADERS),
            );
        }
    }
}

/// Answers a preflight request.
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

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "https://app.example,http://localhost:5173";

    fn asked(origins: &str, origin: Option<&'static str>, method: &Method) -> (Cors, HeaderMap) {
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            headers.insert(
                ACCESS_CONTROL_REQUEST_METHOD,
                HeaderValue::from_static("GET"),
            );
        }
        let mut answer = HeaderMap::new();
        Cors::read(origins, method, &headers).apply(&mut answer);
        (Cors::read(origins, method, &headers), answer)
    }

    #[test]
    fn an_answer_differs_by_origin_wherever_there_are_origins() {
        for (origins, origin, allowed, varies) in [
            ("", None, None, false),
            ("", Some("https://app.example"), None, false),
            (LIST, None, None, true),
            (LIST, Some("https://evil.example"), None, true),
            (LIST, Some("https://app.example,http"), None, true),
            (LIST, Some(""), None, true),
            (
                LIST,
                Some("http://localhost:5173"),
                Some("http://localhost:5173"),
                true,
            ),
            ("*", Some("null"), Some("*"), true),
            ("*", None, None, true),
        ] {
            let (cors, answer) = asked(origins, origin, &Method::GET);
            let found = answer.get(ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(found.map(HeaderValue::as_bytes), allowed.map(str::as_bytes));
            assert_eq!(answer.contains_key(VARY), varies, "{origins} {origin:?}");
            assert!(!cors.is_preflight());
        }
    }

    #[test]
    fn a_preflight_is_an_options_request_for_a_method_by_an_origin_that_may() {
        for (origin, expected) in [
            (Some("https://app.example"), true),
            (Some("https://evil.example"), false),
            (None, false),
        ] {
            let (cors, _) = asked(LIST, origin, &Method::OPTIONS);
            assert_eq!(cors.is_preflight(), expected, "{origin:?}");
        }
    }

    #[test]
    fn an_answer_that_varies_already_varies_by_origin_too() {
        let mut answer = HeaderMap::new();
        answer.insert(VARY, HeaderValue::from_static("Accept"));
        Cors::read(LIST, &Method::GET, &HeaderMap::new()).apply(&mut answer);
        let all: Vec<_> = answer.get_all(VARY).iter().collect();
        assert_eq!(all, ["Accept", "Origin"]);
    }
}
