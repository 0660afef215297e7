use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Uri};

use crate::inbound::Request;
use crate::settings::Settings;

const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The origin that the client asked for, for URLs that it is to ask next: what the host says of its request, and behind
/// trusted proxies (variable `trusted_proxies`) what the outermost of them says in `X-Forwarded-Host` and
/// `X-Forwarded-Proto`. `None` where the client names none.
///
/// A client can make up its `Host`, so this may stand in an answer to that client and decides nothing.
pub fn requested_origin(request: &Request, settings: &Settings) -> Option<String> {
    let proxies = usize::try_from(settings.number("trusted_proxies")).unwrap_or(0);
    origin(&request.headers, proxies)
}

/// As [`requested_origin`], for whoever is no service: by a request's headers and the number of trusted proxies.
pub fn origin(headers: &HeaderMap, proxies: usize) -> Option<String> {
    // A client can send that header too: the last one is the host's.
    let url = headers.get_all(FULL_URL).iter().next_back();
    let url: Option<Uri> = url.and_then(|url| url.to_str().ok()?.parse().ok());
    let forwarded = |name: &HeaderName| match proxies {
        0 => None,
        _ => outermost(headers, name, proxies),
    };
    let by_host = url.as_ref().and_then(|url| Some(url.authority()?.as_str()));
    let own = || headers.get(HOST)?.to_str().ok();
    let host = forwarded(&FORWARDED_HOST).or(by_host).or_else(own)?;
    let authority: Authority = host.parse().ok()?;
    if authority.host().is_empty() || authority.as_str().contains('@') {
        return None;
    }
    let by_host = || url.as_ref()?.scheme_str();
    let scheme = match forwarded(&FORWARDED_PROTO).or_else(by_host) {
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
        Some(_) | None => "http",
    };
    Some(format!("{scheme}://{authority}"))
}

/// What the outermost trusted proxy said: each appends, or there is only one that says something.
fn outermost<'a>(headers: &'a HeaderMap, name: &HeaderName, proxies: usize) -> Option<&'a str> {
    let said: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    said.get(said.len().saturating_sub(proxies)).copied()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn found(pairs: &[(&'static str, &'static str)], proxies: usize) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        origin(&headers, proxies)
    }

    #[test]
    fn without_proxies_it_is_what_the_client_and_the_host_say() {
        let disguised = [
            ("host", "spinreel.example:8080"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
        ];
        let expected = Some("http://spinreel.example:8080".to_owned());
        assert_eq!(found(&disguised, 0), expected);
        let secure = [
            ("spin-full-url", "http://made.up/"),
            ("spin-full-url", "https://spinreel.example/v1/uploads"),
        ];
        let expected = Some("https://spinreel.example".to_owned());
        assert_eq!(found(&secure, 0), expected);
    }

    #[test]
    fn behind_proxies_it_is_what_the_outermost_of_them_says() {
        let one = [
            ("host", "10.0.0.1:3000"),
            ("x-forwarded-host", "evil.example, spinreel.example"),
            ("x-forwarded-proto", "https"),
        ];
        let expected = Some("https://spinreel.example".to_owned());
        assert_eq!(found(&one, 1), expected);
        assert_eq!(found(&one[..1], 1), Some("http://10.0.0.1:3000".to_owned()));
    }

    #[test]
    fn what_is_no_host_gives_none() {
        for host in ["", "a@b", "a/b", "a b", ":80"] {
            assert_eq!(found(&[("host", host)], 0), None, "{host}");
        }
        assert_eq!(found(&[], 0), None);
    }
}
