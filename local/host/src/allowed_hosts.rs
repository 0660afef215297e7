//! `allowed_outbound_hosts`: where a component may send requests.
//!
//! An entry is `scheme://host[:port]`. The scheme or the port may be `*`; the port may be a range
//! `from..to` (without `to`) and defaults to the scheme's own. The host is a name, `*`, `*.domain`, an address
//! block `10.0.0.0/8`, or `self` for the application's own address. This is Spin's syntax and meaning.

use std::net::IpAddr;
use std::ops::Range;

/// The entries of one component.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AllowedHosts(pub(crate) Vec<Rule>);

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// `None` is any.
    scheme: Option<String>,
    host: Host,
    /// `None` is any.
    ports: Option<Range<u32>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    /// The domain with a dot before it.
    Below(String),
    Exactly(String),
    Block(IpAddr, u8),
    Own,
}

impl AllowedHosts {
    /// Whether a request to this place is allowed. `host` is without port and brackets.
    pub(crate) fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|rule| rule.allows(scheme, &host, port))
    }

    /// Whether requests to the application's own address, by a URL without a host, are allowed.
    pub(crate) fn allows_self(&self) -> bool {
        self.0.iter().any(|rule| {
            matches!(rule.host, Host::Own | Host::Any)
                && rule
                    .scheme
                    .as_deref()
                    .is_none_or(|scheme| scheme == "http" || scheme == "https")
        })
    }
}

impl Rule {
    /// Parses an entry; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Rule, String> {
        let wrong = |message: &str| Err(format!("`{text}`: {message}"));
        let Some((scheme, rest)) = text.trim().split_once("://") else {
            return wrong("it lacks a scheme, such as `https://` or `*://`");
        };
        if scheme.is_empty()
            || (scheme != "*" && !scheme.bytes().all(|byte| byte.is_ascii_alphabetic()))
        {
            return wrong("the scheme is one word of letters, or `*`");
        }
        let (host, port) = split_port(rest);
        let host = match parse_host(host) {
            Ok(host) => host,
            Err(message) => return wrong(message),
        };
        let port = match port.split_once('/') {
            Some((port, "")) => port,
            Some(_) => return wrong("it must not have a path"),
            None => port,
        };
        let ports = match port {
            "*" => None,
            "" => match default_port(scheme) {
                Some(port) => Some(single(port)),
                None => return wrong("it needs a port, since the scheme has no usual one"),
            },
            _ => match parse_ports(port) {
                Some(ports) => Some(ports),
                None => return wrong("the port is a number, a range `8000..9000`, or `*`"),
            },
        };
        Ok(Rule {
            scheme: (scheme != "*").then(|| scheme.to_ascii_lowercase()),
            host,
            ports,
        })
    }

    fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        self.scheme
            .as_deref()
            .is_none_or(|allowed| allowed == scheme)
            && self.host.allows(host)
            && self.ports.as_ref().is_none_or(|allowed| {
                port.or_else(|| default_port(scheme))
                    .is_some_and(|port| allowed.contains(&u32::from(port)))
            })
    }
}

impl Host {
    fn allows(&self, host: &str) -> bool {
        match self {
            Host::Any => true,
            Host::Below(domain) => host.ends_with(domain),
            Host::Exactly(name) => name == host,
            Host::Block(base, bits) => host
                .parse()
                .is_ok_and(|address| in_block(*base, *bits, address)),
            Host::Own => false,
        }
    }
}

/// Splits `host:port`, where the host may be an IPv6 address in brackets. A missing port is "".
fn split_port(rest: &str) -> (&str, &str) {
    if let Some((address, after)) = rest
        .strip_prefix('[')
        .and_then(|inside| inside.split_once(']'))
    {
        return (address, after.strip_prefix(':').unwrap_or(after));
    }
    rest.rsplit_once(':').unwrap_or((rest, ""))
}

fn parse_host(text: &str) -> Result<Host, &'static str> {
    let text = text.trim();
    if let Some((base, bits)) = text.split_once('/')
        && let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<u8>())
    {
        let longest = if base.is_ipv4() { 32 } else { 128 };
        return if bits <= longest {
            Ok(Host::Block(base, bits))
        } else {
            Err("the address block has too many bits")
        };
    }
    let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    if text.is_empty() {
        return Err("it lacks a host");
    }
    if text.contains('/') {
        return Err("it must not have a path");
    }
    match text.as_str() {
        "*" => return Ok(Host::Any),
        "self" | "self.alt" => return Ok(Host::Own),
        _ => {}
    }
    match text.strip_prefix("*.") {
        Some(domain) if !domain.is_empty() && !domain.contains('*') => {
            Ok(Host::Below(format!(".{domain}")))
        }
        None if !text.contains('*') => Ok(Host::Exactly(text)),
        _ => Err("`*` stands for the whole host or its first part, `*.domain`"),
    }
}

fn parse_ports(text: &str) -> Option<Range<u32>> {
    match text.split_once("..") {
        Some((from, to)) => Some(from.parse::<u16>().ok()?.into()..to.parse::<u16>().ok()?.into()),
        None => Some(single(text.parse().ok()?)),
    }
}

fn single(port: u16) -> Range<u32> {
    u32::from(port)..u32::from(port) + 1
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn in_block(base: IpAddr, bits: u8, address: IpAddr) -> bool {
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn allows(rule: &str, scheme: &str, host: &str, port: impl Into<Option<u16>>) -> bool {
        AllowedHosts(vec![Rule::parse(rule).unwrap()]).allows(scheme, host, port.into())
    }

    #[test]
    fn each_part_of_a_rule_is_held_to() {
        let table = [
            ("https://example.com", "https", "example.com", None, true),
            (
                "https://example.com",
                "https",
                "Example.COM",
                Some(443),
                true,
            ),
            ("https://example.com/", "https", "example.com", None, true),
            ("https://example.com", "http", "example.com", None, false),
            (
                "https://example.com",
                "https",
                "example.com",
                Some(444),
                false,
            ),
            (
                "https://example.com",
                "https",
                "www.example.com",
                None,
                false,
            ),
            (
                "https://example.com",
                "https",
                "example.com.evil.org",
                None,
                false,
            ),
            (
                "http://127.0.0.1:9000",
                "http",
                "127.0.0.1",
                Some(9000),
                true,
            ),
            ("http://127.0.0.1:9000", "http", "127.0.0.1", None, false),
            (
                "http://127.0.0.1:9000/",
                "http",
                "127.0.0.1",
                Some(9000),
                true,
            ),
            ("http://*:8080", "http", "anything", Some(8080), true),
            ("http://*:8080", "http", "anything", None, false),
            ("*://*:*", "https", "anything", Some(1), true),
            ("*://a.org:80", "http", "a.org", None, true),
            (
                "https://*.example.com",
                "https",
                "a.b.example.com",
                None,
                true,
            ),
            ("https://*.example.com", "https", "example.com", None, false),
            (
                "https://*.example.com",
                "https",
                "badexample.com",
                None,
                false,
            ),
            ("http://a.org:8000..8010", "http", "a.org", Some(8000), true),
            (
                "http://a.org:8000..8010",
                "http",
                "a.org",
                Some(8010),
                false,
            ),
            ("http://10.0.0.0/8", "http", "10.200.3.4", None, true),
            ("http://10.0.0.0/8", "http", "11.0.0.1", None, false),
            (
                "http://10.0.0.0/8:8080",
                "http",
                "10.0.0.1",
                Some(8080),
                true,
            ),
            ("http://0.0.0.0/0:*", "http", "203.0.113.9", Some(5), true),
            ("http://10.0.0.0/8", "http", "ten.example.com", None, false),
            ("http://[::1]:9000", "http", "::1", Some(9000), true),
            ("http://[fd00::/8]:*", "http", "fd12::1", Some(1), true),
            ("http://[::1]:9000", "http", "::1", Some(9001), false),
            (
                "http://users.spin.internal",
                "http",
                "users.spin.internal",
                None,
                true,
            ),
            (
                "http://*.spin.internal",
                "http",
                "users.spin.internal",
                None,
                true,
            ),
            (
                "http://*.spin.internal",
                "https",
                "users.spin.internal",
                None,
                false,
            ),
            ("http://self", "http", "self", None, false),
        ];
        for (rule, scheme, host, port, expected) in table {
            assert_eq!(
                allows(rule, scheme, host, port),
                expected,
                "{rule} for {scheme}://{host} {port:?}"
            );
        }
    }

    #[test]
    fn own_requests_need_self_or_any_host() {
        let own = |rule: &str| AllowedHosts(vec![Rule::parse(rule).unwrap()]).allows_self();
        assert!(own("http://self") && own("https://self.alt") && own("http://*:8080"));
        assert!(!own("http://127.0.0.1:*"));
    }

    #[test]
    fn nothing_is_allowed_without_rules() {
        assert!(!AllowedHosts::default().allows("http", "localhost", None));
        assert!(!AllowedHosts::default().allows_self());
    }

    #[test]
    fn wrong_rules_are_refused_with_a_reason() {
        for (rule, reason) in [
            ("example.com", "scheme"),
            ("://example.com", "scheme"),
            ("ht-tp://example.com", "scheme"),
            ("https://", "lacks a host"),
            ("https://example.com/path", "path"),
            ("https://example.com:443/path", "path"),
            ("https://example.com:http", "port"),
            ("https://example.com:99999", "port"),
            ("ftp://example.com", "needs a port"),
            ("https://a.*.com", "`*`"),
            ("https://*.*.com", "`*`"),
            ("http://10.0.0.0/33", "too many bits"),
        ] {
            let error = Rule::parse(rule).unwrap_err();
            assert!(error.contains(reason), "{rule}: {error}");
        }
    }
}
