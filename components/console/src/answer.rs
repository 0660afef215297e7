//! Which file a request gets, and as what.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "the component's entry is for wasm")
)]

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use spinreel_http::accept::takes_coding;

/// The page of the contract has its style in itself, and nothing else.
const DOCUMENT: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The console has scripts of this origin only. Films may come from the bucket (`delivery = redirect`), or out of the
/// player's hands.
const CONSOLE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' https:; \
    img-src 'self' data: blob: https:; media-src 'self' blob: https:; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";
/// Names of assets change with what they hold.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A file that is built in.
struct File {
    /// Its name in `files/`, or in the bundled page.
    name: &'static str,
    /// What its entity tags begin with.
    tag: &'static str,
    bytes: &'static [u8],
    /// The same bytes, compressed.
    gzip: &'static [u8],
}

static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// What a path stands for.
struct Found {
    file: &'static File,
    content_type: &'static str,
    cache: &'static str,
    policy: &'static str,
}

/// Finds what a path stands for. Every path of the console is its one page, which knows what to show.
fn find(path: &str) -> Option<Found> {
    let (name, content_type, cache, policy) = match path {
        "/openapi.json" => (
            "openapi.json",
            "application/json",
            "public, max-age=300",
            DOCUMENT,
        ),
        "/docs" => (
            "docs.html",
            "text/html; charset=utf-8",
            "public, max-age=300",
            DOCUMENT,
        ),
        _ if path == "/" || path == "/app" || path.starts_with("/app/") => (
            "index.html",
            "text/html; charset=utf-8",
            "no-cache",
            CONSOLE,
        ),
        _ => {
            let name = path
                .strip_prefix('/')
                .filter(|name| name.starts_with("assets/"))?;
            let content_type = match name.rsplit_once('.')?.1 {
                "js" => "text/javascript; charset=utf-8",
                "css" => "text/css; charset=utf-8",
                _ => return None,
            };
            (name, content_type, FOR_EVER, CONSOLE)
        }
    };
    let file = FILES.iter().find(|file| file.name == name)?;
    Some(Found {
        file,
        content_type,
        cache,
        policy,
    })
}

/// The answer to a request for `target`, a path with its query.
pub(crate) fn answer(
    method: &Method,
    target: &str,
    headers: &HeaderMap,
) -> Response<&'static [u8]> {
    let path = target.split('?').next().unwrap_or_default();
    let Some(Found {
        file,
        content_type,
        cache,
        policy,
    }) = find(path)
    else {
        return refusal(StatusCode::NOT_FOUND);
    };
    if ![Method::GET, Method::HEAD].contains(method) {
        let mut refusal = refusal(StatusCode::METHOD_NOT_ALLOWED);
        refusal
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    let is_compressed = takes_coding(headers, "gzip");
    // Each coding is a representation with a tag of its own (RFC 9110, section 8.8.3.3).
    let (bytes, tag) = match is_compressed {
        true => (file.gzip, format!("\"{}-gzip\"", file.tag)),
        false => (file.bytes, format!("\"{}\"", file.tag)),
    };
    let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|tags| {
        let tags = tags.to_str().unwrap_or_default().split(',').map(str::trim);
        let mut tags = tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag));
        tags.any(|known| known == tag || known == "*")
    });
    let mut response = Response::new(match is_known || *method == Method::HEAD {
        true => &[][..],
        false => bytes,
    });
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    let mut add = |name: HeaderName, value: &'static str| {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    };
    add(VARY, "accept-encoding");
    add(CACHE_CONTROL, cache);
    add(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    add(CONTENT_TYPE, content_type);
    add(X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(CONTENT_SECURITY_POLICY, policy);
    if is_compressed {
        add(CONTENT_ENCODING, "gzip");
    }
    response
        .headers_mut()
        .insert(CONTENT_LENGTH, bytes.len().into());
    response
}

fn refusal(status: StatusCode) -> Response<&'static [u8]> {
    let mut response = Response::new(&[][..]);
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::header::ACCEPT_ENCODING;

    use super::*;

    fn get(target: &str, headers: &[(HeaderName, &'static str)]) -> Response<&'static [u8]> {
        let headers = headers.iter().cloned();
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        answer(&Method::GET, target, &headers.collect())
    }

    #[test]
    fn both_documents_are_served_as_what_they_are() {
        for (path, content_type) in [
            ("/openapi.json?x=1", "application/json"),
            ("/docs", "text/html; charset=utf-8"),
        ] {
            let response = get(path, &[]);
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()[CONTENT_TYPE], content_type);
            assert!(!response.headers().contains_key(CONTENT_ENCODING));
            assert_eq!(
                response.headers()[CONTENT_LENGTH],
                response.body().len().to_string()
            );
        }
        assert_eq!(get("/docs/", &[]).status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn who_takes_gzip_gets_less() {
        let plain = get("/openapi.json", &[]);
        let packed = get("/openapi.json", &[(ACCEPT_ENCODING, "br, gzip")]);
        assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
        assert!(packed.body().len() * 4 < plain.body().len());
        let refused = get("/openapi.json", &[(ACCEPT_ENCODING, "gzip;q=0")]);
        assert_eq!(refused.body(), plain.body());
    }

    #[test]
    fn who_has_it_gets_304_and_other_methods_are_refused() {
        let tag = get("/docs", &[]).headers()[ETAG].clone();
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, tag);
        let response = answer(&Method::GET, "/docs", &headers);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert!(response.body().is_empty());
        let response = get("/docs", &[(IF_NONE_MATCH, "\"other\"")]);
        assert_eq!(response.status(), StatusCode::OK);
        let response = answer(&Method::POST, "/docs", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "GET, HEAD");
        let response = answer(&Method::HEAD, "/docs", &HeaderMap::new());
        assert!(response.body().is_empty());
        assert_ne!(response.headers()[CONTENT_LENGTH], "0");
    }
}
