//! What protects a service and its clients on every route.

use std::net::{IpAddr, SocketAddr};

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};
use spinreel_http::Problem;
use spinreel_http::forwarded_for::{Seen, from_the_right};

use crate::inbound::Request;
use crate::settings::Settings;

/// The most bytes of a request's path and query.
const MAX_TARGET: usize = 8 * 1024;
/// The most bytes of a request's header fields, names and values.
const MAX_HEADERS: usize = 32 * 1024;
/// The most header fields of a request, those of the host included.
const MAX_HEADER_COUNT: usize = 100;

/// The header in which the host says who is connected. A client can send one too: the last one is the host's.
const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("spin-client-addr");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The variable with the number of proxies in front of the application that add to `X-Forwarded-For`.
const PROXIES: &str = "trusted_proxies";

/// Nobody shows an answer inside a page of theirs (CSP Level 3, section 6.4.2).
const NO_FRAMES: &str = "frame-ancestors 'none'";

/// Refuses requests that are larger than any honest one.
pub(crate) fn check(request: &Request) -> Result<(), Problem> {
    if request.target_length > MAX_TARGET {
        return Err(Problem::uri_too_long(MAX_TARGET));
    }
    let bytes: usize = request
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > MAX_HEADERS || request.headers.len() > MAX_HEADER_COUNT {
        return Err(Problem::headers_too_large(MAX_HEADERS, MAX_HEADER_COUNT));
    }
    Ok(())
}

/// Adds what a browser must know of every answer.
pub(crate) fn protect(headers: &mut HeaderMap, is_secure: bool) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = match headers
        .get(CONTENT_SECURITY_POLICY)
        .map(HeaderValue::to_str)
    {
        // What is said of the content is stricter still.
        Some(Ok(own)) => HeaderValue::from_str(&format!("{own}; {NO_FRAMES}")).ok(),
        Some(Err(_)) => None,
        None => Some(HeaderValue::from_static(NO_FRAMES)),
    };
    if let Some(policy) = policy {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if is_secure {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}

/// Whether the client came by TLS, as the host or a proxy says. A client that says so itself gets a header that
/// browsers must ignore without TLS (RFC 6797, section 8.1).
pub(crate) fn is_secure(request: &Request) -> bool {
    let says = |name: &HeaderName, prefix: &str| {
        let values = request.headers.get_all(name).iter().next_back();
        values.is_some_and(|value| value.as_bytes().starts_with(prefix.as_bytes()))
    };
    says(&FULL_URL, "https:") || says(&FORWARDED_PROTO, "https")
}

/// Who is connected: the host's word, or, where there are trusted proxies in front, what the outermost of them saw.
pub(crate) fn client_address(request: &Request, settings: &Settings) -> Option<IpAddr> {
    let proxies = usize::try_from(settings.number(PROXIES)).unwrap_or(0);
    address(&request.headers, proxies)
}

fn address(headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    let connected = headers.get_all(&CLIENT_ADDRESS).iter().next_back()?;
    let connected: SocketAddr = connected.to_str().ok()?.parse().ok()?;
    // Calls of other services have none.
    if connected.ip().is_unspecified() {
        return None;
    }
    if proxies == 0 {
        return Some(connected.ip().to_canonical());
    }
    // Each proxy appends whom it saw, so what a client made up stands to the left.
    match from_the_right(headers, proxies) {
        Seen::Address(address) => Some(address.to_canonical()),
        Seen::Unreadable => None,
        // It came round the proxies.
        Seen::Missing => Some(connected.ip().to_canonical()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn found(pairs: &[(&'static str, &'static str)], proxies: usize) -> Option<String> {
        address(&headers(pairs), proxies).map(|address| address.to_string())
    }

    #[test]
    fn the_hosts_word_is_the_last_one() {
        let disguised = [
            ("spin-client-addr", "10.0.0.1:1"),
            ("spin-client-addr", "192.0.2.7:4711"),
            ("x-forwarded-for", "10.0.0.2"),
        ];
        assert_eq!(found(&disguised, 0).as_deref(), Some("192.0.2.7"));
        assert_eq!(found(&[], 0), None);
        let mapped = [("spin-client-addr", "[::ffff:192.0.2.7]:80")];
        assert_eq!(found(&mapped, 0).as_deref(), Some("192.0.2.7"));
    }

    #[test]
    fn a_chained_call_has_no_client() {
        assert_eq!(found(&[("spin-client-addr", "0.0.0.0:0")], 0), None);
    }

    #[test]
    fn behind_proxies_it_is_whom_the_outermost_of_them_saw() {
        let chain = [
            ("spin-client-addr", "192.0.2.1:80"),
            ("x-forwarded-for", "10.9.9.9, 198.51.100.4"),
            ("x-forwarded-for", "192.0.2.2"),
        ];
        assert_eq!(found(&chain, 1).as_deref(), Some("192.0.2.2"));
        assert_eq!(found(&chain, 2).as_deref(), Some("198.51.100.4"));
        assert_eq!(found(&chain[..1], 2).as_deref(), Some("192.0.2.1"));
        let with_ports = [
            ("spin-client-addr", "192.0.2.1:80"),
            (
                "x-forwarded-for",
                "unknown, [::ffff:203.0.113.9]:4711, 192.0.2.2:80",
            ),
        ];
        assert_eq!(found(&with_ports, 2).as_deref(), Some("203.0.113.9"));
        // Who is not known is not mistaken for the proxy.
        assert_eq!(found(&with_ports, 3), None);
    }

    #[test]
    fn private_answers_are_not_kept_and_what_says_how_long_it_is_kept_stays() {
        let mut private = HeaderMap::new();
        protect(&mut private, false);
        assert_eq!(private[CACHE_CONTROL], "no-store");
        assert_eq!(private.get(STRICT_TRANSPORT_SECURITY), None);
        let mut public = headers(&[("cache-control", "public, max-age=300")]);
        protect(&mut public, true);
        assert_eq!(public[CACHE_CONTROL], "public, max-age=300");
        assert!(public.contains_key(STRICT_TRANSPORT_SECURITY));
    }
}
