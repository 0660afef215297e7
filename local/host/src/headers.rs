//! The `spin-*` request headers that tell a component how it was reached.
//!
//! They are added after what the client sent, and what the client sent is not removed: the last value of each
//! is the host's, as in Spin.

use std::net::SocketAddr;

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::routes::{Captures, Pattern};

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// The headers that are the same for all requests of a route.
#[derive(Debug, Clone)]
pub(crate) struct RouteHeaders {
    matched: HeaderValue,
    raw: HeaderValue,
    component: HeaderValue,
}

impl RouteHeaders {
    /// The headers of a route; an error if it has characters that no header can carry.
    pub(crate) fn new(route: &Pattern) -> Result<RouteHeaders, http::header::InvalidHeaderValue> {
        Ok(RouteHeaders {
            matched: HeaderValue::from_str(route.trimmed())?,
            raw: HeaderValue::from_str(route.raw())?,
            component: HeaderValue::from_str(route.base())?,
        })
    }

    /// The headers of a request by service chaining, which Spin treats as if it matched `/...`.
    pub(crate) fn chained() -> RouteHeaders {
        RouteHeaders {
            matched: HeaderValue::from_static("/..."),
            raw: HeaderValue::from_static("/..."),
            component: HeaderValue::from_static(""),
        }
    }
}

/// A client's address as a header; it is the same for all requests of a connection.
pub(crate) fn client_address(address: SocketAddr) -> HeaderValue {
    HeaderValue::from_str(&address.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Adds the headers to a request's.
pub(crate) fn add(
    headers: &mut HeaderMap,
    uri: &Uri,
    route: &RouteHeaders,
    captures: &Captures,
    client: &HeaderValue,
) {
    let host = headers
        .get(HOST)
        .map_or(&b"localhost"[..], HeaderValue::as_bytes);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let full_url = HeaderValue::from_bytes(&[b"http://", host, path.as_bytes()].concat());

    headers.reserve(8);
    append(
        headers,
        PATH_INFO,
        HeaderValue::from_str(&captures.path_info),
    );
    append(headers, FULL_URL, full_url);
    headers.append(MATCHED_ROUTE, route.matched.clone());
    headers.append(BASE_PATH, HeaderValue::from_static("/"));
    headers.append(RAW_COMPONENT_ROUTE, route.raw.clone());
    headers.append(COMPONENT_ROUTE, route.component.clone());
    headers.append(CLIENT_ADDR, client.clone());
    for (name, value) in &captures.parameters {
        let name = format!("spin-path-match-{}", name.to_ascii_lowercase());
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            append(headers, name, HeaderValue::from_str(value));
        }
    }
}

/// Paths are visible ASCII once they are parsed, so that their values are always valid.
fn append(
    headers: &mut HeaderMap,
    name: HeaderName,
    value: Result<HeaderValue, http::header::InvalidHeaderValue>,
) {
    if let Ok(value) = value {
        headers.append(name, value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::routes::Router;

    fn headers_for(route: &str, path: &str, headers: HeaderMap) -> HeaderMap {
        let pattern = Pattern::parse(route).unwrap();
        let target = RouteHeaders::new(&pattern).unwrap();
        let router = Router::new([(pattern, target)]);
        let uri: Uri = path.parse().unwrap();
        let mut headers = headers;
        let (target, captures) = router.find(uri.path()).unwrap();
        let client = client_address(SocketAddr::from(([127, 0, 0, 1], 8777)));
        add(&mut headers, &uri, target, &captures, &client);
        headers
    }

    #[test]
    fn a_component_learns_how_it_was_reached() {
        let host = HeaderMap::from_iter([(HOST, HeaderValue::from_static("example.com"))]);
        let headers = headers_for("/foo/:user-Id/...", "/foo/42/bar?key=value", host);
        for (name, value) in [
            ("spin-path-info", "/bar"),
            ("spin-full-url", "http://example.com/foo/42/bar?key=value"),
            ("spin-matched-route", "/foo/:user-Id/..."),
            ("spin-base-path", "/"),
            ("spin-raw-component-route", "/foo/:user-Id/..."),
            ("spin-component-route", "/foo/:user-Id"),
            ("spin-client-addr", "127.0.0.1:8777"),
            ("spin-path-match-user-id", "42"),
        ] {
            assert_eq!(headers.get(name).unwrap(), value, "{name}");
        }
    }

    #[test]
    fn what_a_client_sends_comes_first_and_the_host_speaks_last() {
        let forged = HeaderMap::from_iter([(CLIENT_ADDR, HeaderValue::from_static("10.0.0.1:1"))]);
        let headers = headers_for("/...", "/", forged);
        let values: Vec<_> = headers.get_all(CLIENT_ADDR).iter().collect();
        assert_eq!(values, ["10.0.0.1:1", "127.0.0.1:8777"]);
    }

    #[test]
    fn without_a_host_header_the_full_url_says_localhost() {
        let headers = headers_for("/...", "/x", HeaderMap::new());
        assert_eq!(headers.get(FULL_URL).unwrap(), "http://localhost/x");
    }
}
