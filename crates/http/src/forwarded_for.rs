//! `X-Forwarded-For`: each proxy appends the address that it was connected with, and many of them its port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderName};

/// The header.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What a proxy saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// This address.
    Address(IpAddr),
    /// Something that is no address.
    Unreadable,
    /// Nothing: the list is shorter.
    Missing,
}

/// The entry with this number from the list's end, from 1. Several header lines are one list, and empty elements are none
/// (RFC 9110, sections 5.3 and 5.6.1); what is no address is an entry all the same, whatever its bytes.
pub fn from_the_right(headers: &HeaderMap, number: usize) -> Seen {
    let lines = headers.get_all(FORWARDED_FOR).iter();
    let entries = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|entry| !entry.is_empty());
    let entry = number
        .checked_sub(1)
        .and_then(|skipped| entries.rev().nth(skipped));
    match entry.map(address) {
        Some(Some(address)) => Seen::Address(address),
        Some(None) => Seen::Unreadable,
        None => Seen::Missing,
    }
}

/// `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`, without its port and its zone (RFC 4007, section 11).
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return is_port.then(|| version_6(inside))?.map(IpAddr::V6);
    }
    // One colon is before a port; an address of version 6 has two at least.
    match text.split_once(':') {
        Some((name, port)) if is_port(port) => name.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        Some(_) => version_6(text).map(IpAddr::V6),
        None => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

fn version_6(text: &str) -> Option<Ipv6Addr> {
    match text.split_once('%') {
        Some((_, "")) => None,
        Some((address, _zone)) => address.parse().ok(),
        None => text.parse().ok(),
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
        }
        headers
    }

    fn seen(lines: &[&[u8]], number: usize) -> Seen {
        from_the_right(&headers(lines), number)
    }

    fn at(address: &str) -> Seen {
        Seen::Address(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_read_with_and_without_port_and_zone() {
        for (entry, expected) in [
            ("203.0.113.9", Some("203.0.113.9")),
            ("203.0.113.9:4711", Some("203.0.113.9")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("[fe80::1%2]:443", Some("fe80::1")),
            ("::ffff:192.0.2.7", Some("::ffff:192.0.2.7")),
            ("unknown", None),
            ("_hidden", None),
            ("203.0.113.9:", None),
            ("203.0.113.9:+80", None),
            ("203.0.113.9:65536", None),
            ("203.0.113", None),
            ("203.0.113.9 evil", None),
            ("[203.0.113.9]:80", None),
            ("[2001:db8::1", None),
            ("[2001:db8::1]80", None),
            ("fe80::1%", None),
            ("\"203.0.113.9\"", None),
        ] {
            let expected = expected.map_or(Seen::Unreadable, at);
            assert_eq!(seen(&[entry.as_bytes()], 1), expected, "{entry}");
        }
    }

    #[test]
    fn entries_are_counted_by_commas_from_the_right_whatever_they_are() {
        let lines: [&[u8]; 3] = [
            b"10.9.9.9, 198.51.100.4:80,",
            b"\xff\xfe , unknown",
            b",,\t[2001:db8::1]:80",
        ];
        for (number, expected) in [
            (0, Seen::Missing),
            (1, at("2001:db8::1")),
            (2, Seen::Unreadable),
            (3, Seen::Unreadable),
            (4, at("198.51.100.4")),
            (5, at("10.9.9.9")),
            (6, Seen::Missing),
        ] {
            assert_eq!(seen(&lines, number), expected, "{number}");
        }
        assert_eq!(seen(&[], 1), Seen::Missing);
        assert_eq!(seen(&[b" , "], 1), Seen::Missing);
    }

    proptest! {
        #[test]
        fn nothing_that_a_client_sends_moves_what_the_proxies_append(
            sent in proptest::collection::vec(proptest::collection::vec(0x20_u8..=0xff, 0..20), 0..4),
            in_one_line in any::<bool>(),
        ) {
            let sent: Vec<Vec<u8>> = sent.into_iter().map(|line| {
                line.into_iter().filter(|byte| *byte != 0x7f).collect()
            }).collect();
            let mut lines = sent;
            match lines.last_mut() {
                Some(last) if in_one_line => last.extend(b", 192.0.2.1, 192.0.2.2:80"),
                _ => lines.push(b"192.0.2.1, 192.0.2.2:80".to_vec()),
            }
            let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(seen(&lines, 1), at("192.0.2.2"));
            prop_assert_eq!(seen(&lines, 2), at("192.0.2.1"));
        }
    }
}
