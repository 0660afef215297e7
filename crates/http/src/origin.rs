//! Origins of scripts, as browsers write them in `Origin` (RFC 6454, section 6.2).

use std::net::{Ipv4Addr, Ipv6Addr};

/// All origins, in a list.
pub const ANY: &str = "*";
/// The longest host, in bytes (RFC 1035, section 2.3.4).
const MAX_HOST: usize = 253;

/// A list of origins with commas between them, each as a browser writes it; or `*` alone, for all. `None` where one of them
/// is no origin: a path, user information, `null`.
pub fn list(text: &str) -> Option<String> {
    if text.trim() == ANY {
        return Some(ANY.to_owned());
    }
    let entries = text.split(',').map(str::trim);
    let origins = entries.filter(|entry| !entry.is_empty()).map(serialized);
    Some(origins.collect::<Option<Vec<_>>>()?.join(","))
}

/// `scheme://host[:port]` as a browser writes it: in lower case, and without the port that the scheme has by default.
fn serialized(text: &str) -> Option<String> {
    let (scheme, authority) = text.split_once("://")?;
    let scheme = is_scheme(scheme).then(|| scheme.to_ascii_lowercase())?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (format!("[{}]", address.parse::<Ipv6Addr>().ok()?), port)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (name, port) = authority.split_at(end);
            (is_name(name).then(|| name.to_ascii_lowercase())?, port)
        }
    };
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse::<u16>().ok().filter(|port| *port > 0)?)
        }
        Some(_) => return None,
        None if port.is_empty() => None,
        None => return None,
    };
    Some(match (scheme.as_str(), port) {
        (_, None) | ("http", Some(80)) | ("https", Some(443)) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
    })
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// A name of labels with dots between them, in ASCII (other scripts as `xn--…`), or an IPv4 address.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    match last.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<Ipv4Addr>().is_ok(),
        false => text.len() <= MAX_HOST && text.split('.').all(is_label),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, expected) in [
            ("", ""),
            (" , ", ""),
            ("*", "*"),
            (" *\n", "*"),
            ("https://app.example", "https://app.example"),
            ("HTTPS://App.Example:443", "https://app.example"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://a.b:80,https://a.b:80", "http://a.b,https://a.b:80"),
            ("http://127.0.0.1:08080", "http://127.0.0.1:8080"),
            ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
            ("capacitor://localhost", "capacitor://localhost"),
            (
                "https://xn--bcher-kva.example,",
                "https://xn--bcher-kva.example",
            ),
        ] {
            assert_eq!(list(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_the_whole_list() {
        for text in [
            "null",
            "app.example",
            "https://",
            "://app.example",
            "https:app.example",
            "https://app.example/",
            "https://app.example/path",
            "https://app.example?",
            "https://app.example#",
            "https://ada@app.example",
            "https://app.example:",
            "https://app.example:+80",
            "https://app.example:0",
            "https://app.example:65536",
            "https://app..example",
            "https://*.example",
            "https://b\u{fc}cher.example",
            "https://256.0.0.1",
            "https://[::1",
            "https://[::1]x",
            "https://[fe80::1%25eth0]",
            "1a://app.example",
            "https://a.example https://b.example",
        ] {
            assert_eq!(list(text), None, "{text}");
            assert_eq!(
                list(&format!("https://good.example, {text}")),
                None,
                "{text}"
            );
        }
        assert_eq!(list("*, https://app.example"), None);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_as_it_is(
            text in "[a-zA-Z]{1,4}(://|:)[a-zA-Z0-9.:_-]{0,12}(,[hH]ttp://[a-z0-9.:\\[\\]]{1,12})?",
        ) {
            if let Some(written) = list(&text) {
                prop_assert_eq!(list(&written), Some(written.clone()));
            }
        }
    }
}
