//! Who looks at a video, in a word that tells nobody who it is.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use spinreel_api::Day;

/// Keeps these words apart from any other use of the secret.
const PURPOSE: &str = "spinreel viewer v1";
/// The bytes of the signature that are kept.
const LENGTH: usize = 16;

/// Who asks for the bytes of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person<'a> {
    /// The user with this id.
    User(&'a str),
    /// Whoever is at this address, where that is known.
    Address(Option<IpAddr>),
}

/// A word for somebody that is the same all day (UTC) and another one the next day. Without the secret nobody can tell whom it
/// stands for, or find it for somebody: HMAC-SHA256 of who it is, 22 characters of base64url.
///
/// Of an IPv6 address the first 64 bits count, as a client has all addresses of such a network.
pub fn pseudonym(secret: &str, person: Person<'_>, day: Day) -> String {
    let text = format!("{PURPOSE}\n{day}\n{}", words(person));
    // A key of any length is one.
    let signature = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map(|hmac| hmac.chain_update(text).finalize().into_bytes());
    signature.map_or_else(
        |_| String::new(),
        |signature| URL_SAFE_NO_PAD.encode(&signature[..LENGTH]),
    )
}

/// Who somebody is, as a text that is no other's.
pub(super) fn words(person: Person<'_>) -> String {
    match person {
        Person::User(id) => format!("user\n{id}"),
        Person::Address(Some(IpAddr::V4(address))) => format!("address\n{address}"),
        Person::Address(Some(IpAddr::V6(address))) => {
            let network = u128::from(address) >> 64;
            format!("network\n{network:x}")
        }
        Person::Address(None) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use spinreel_api::Timestamp;

    use super::*;

    const SECRET: &str = "a secret that nobody can guess, ever";

    fn day() -> Day {
        Timestamp::from_ms(1_700_000_000_000).day()
    }

    fn address(text: &str) -> Person<'static> {
        Person::Address(Some(text.parse().unwrap()))
    }

    #[test]
    fn everybody_has_a_word_that_fits_into_a_key() {
        let people = [
            Person::User("0190c0de-7000-8000-8000-000000000000"),
            Person::User("192.0.2.1"),
            address("192.0.2.1"),
            address("192.0.2.2"),
            address("2001:db8::1"),
            address("2001:db8:0:1::1"),
            Person::Address(None),
        ];
        let words: BTreeSet<String> = people
            .into_iter()
            .map(|person| pseudonym(SECRET, person, day()))
            .collect();
        assert_eq!(words.len(), people.len());
        for word in words {
            assert_eq!(word.len(), 22);
            let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            assert!(word.bytes().all(is_safe), "{word}");
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_viewer() {
        let one = pseudonym(SECRET, address("2001:db8::1"), day());
        assert_eq!(pseudonym(SECRET, address("2001:db8::ffff:2"), day()), one);
    }

    #[test]
    fn another_day_and_another_secret_have_other_words() {
        let person = Person::User("ada");
        let word = pseudonym(SECRET, person, day());
        assert_eq!(pseudonym(SECRET, person, day()), word);
        assert_ne!(pseudonym(SECRET, person, day().next()), word);
        assert_ne!(pseudonym("another secret", person, day()), word);
    }
}
