//! Device cookies (OWASP): a client from which somebody signed in is known again, and what others fail at does not stop it.
//!
//! A sign-in gives the client a value that names the account's address and is signed. Who shows it guesses on a count of
//! its own (see [`attempts`](super::attempts)); every further sign-in gives a new one, whose count begins at zero.
//! It opens nothing: a thief of one may guess as often as its owner may mistype. Nothing of it is stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use spinreel_platform::{Clock, Random};
use subtle::ConstantTimeEq as _;

use super::keyed::mac;
use super::validation::Email;

/// How long a value is good, in seconds: half a year.
pub(crate) const LIFETIME_S: u64 = 15_552_000;
/// Random bytes of a value.
const NONCE: usize = 12;
/// The most values that are looked at: a client may have some for other addresses.
const MAX_SHOWN: usize = 8;

/// A client from which somebody signed in with an address before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    nonce: String,
}

impl Device {
    /// The first of these values that is good for the address now.
    pub(crate) fn known<'a>(
        secret: &str,
        clock: &impl Clock,
        email: &Email,
        shown: impl IntoIterator<Item = &'a str>,
    ) -> Option<Self> {
        let now_s = clock.now_ms() / 1_000;
        let mut shown = shown.into_iter().take(MAX_SHOWN);
        shown.find_map(|value| Self::read(secret, now_s, email, value))
    }

    fn read(secret: &str, now_s: u64, email: &Email, value: &str) -> Option<Self> {
        let mut parts = value.split('.');
        let (until, nonce, shown) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let expected = signature(secret, email, until, nonce);
        if !bool::from(expected.as_bytes().ct_eq(shown.as_bytes())) {
            return None;
        }
        let until_s: u64 = until.parse().ok()?;
        (now_s < until_s).then(|| Self {
            nonce: nonce.to_owned(),
        })
    }

    /// One that somebody is taken to have shown.
    #[cfg(test)]
    pub(crate) fn named(nonce: &str) -> Self {
        Self {
            nonce: nonce.to_owned(),
        }
    }

    /// What tells it from others of the same account.
    pub(crate) fn nonce(&self) -> &str {
        &self.nonce
    }
}

/// A new value for a client that has signed in with this address: `<until>.<nonce>.<signature>`, seconds since the Unix
/// epoch and base64url.
pub(crate) fn new_value(
    secret: &str,
    clock: &impl Clock,
    random: &impl Random,
    email: &Email,
) -> String {
    let mut nonce = [0; NONCE];
    random.fill(&mut nonce);
    let nonce = URL_SAFE_NO_PAD.encode(nonce);
    let until = (clock.now_ms() / 1_000 + LIFETIME_S).to_string();
    let signature = signature(secret, email, &until, &nonce);
    format!("{until}.{nonce}.{signature}")
}

fn signature(secret: &str, email: &Email, until: &str, nonce: &str) -> String {
    let text = format!("device {} {until} {nonce}", email.digest());
    URL_SAFE_NO_PAD.encode(mac(secret, &text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use spinreel_platform::memory::{ManualClock, SeededRandom};

    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;
    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn email(address: &str) -> Email {
        Email::parse(address).unwrap()
    }

    fn value() -> String {
        let (clock, random) = (ManualClock::at(NOW_MS), SeededRandom::new(1));
        new_value(SECRET, &clock, &random, &email("ada@example.org"))
    }

    fn is_known(secret: &str, at_ms: u64, address: &str, shown: &[&str]) -> bool {
        let clock = ManualClock::at(at_ms);
        Device::known(secret, &clock, &email(address), shown.iter().copied()).is_some()
    }

    #[test]
    fn a_value_is_good_for_its_address_its_time_and_its_secret() {
        let value = value();
        for (secret, at_ms, address, expected) in [
            (SECRET, NOW_MS, "ada@example.org", true),
            (SECRET, NOW_MS, "ADA@Example.org", true),
            (SECRET, NOW_MS, "eve@example.org", false),
            ("another secret", NOW_MS, "ada@example.org", false),
            (
                SECRET,
                NOW_MS + LIFETIME_S * 1_000 - 1,
                "ada@example.org",
                true,
            ),
            (
                SECRET,
                NOW_MS + LIFETIME_S * 1_000,
                "ada@example.org",
                false,
            ),
        ] {
            let known = is_known(secret, at_ms, address, &[&value]);
            assert_eq!(known, expected, "{secret} {at_ms} {address}");
        }
    }

    #[test]
    fn among_values_for_other_addresses_the_right_one_is_found() {
        let value = value();
        let shown = ["", "x", "1.2.3", &value];
        assert!(is_known(SECRET, NOW_MS, "ada@example.org", &shown));
        let many: Vec<&str> = [".."; MAX_SHOWN].into_iter().chain([&*value]).collect();
        assert!(!is_known(SECRET, NOW_MS, "ada@example.org", &many));
    }

    #[test]
    fn two_values_differ() {
        let (clock, random) = (ManualClock::at(NOW_MS), SeededRandom::new(1));
        let new = || new_value(SECRET, &clock, &random, &email("ada@example.org"));
        assert_ne!(new(), new());
    }

    proptest! {
        #[test]
        fn a_value_with_another_character_anywhere_is_not_good(at in 0_usize..80, other in "[0-9A-Za-z_.-]") {
            let value = value();
            let at = at % value.len();
            let forged = format!("{}{other}{}", &value[..at], &value[at + 1..]);
            prop_assume!(forged != value);
            // The last character of a signature has bits that say nothing, and is compared all the same.
            prop_assert!(!is_known(SECRET, NOW_MS, "ada@example.org", &[&forged]));
        }

        #[test]
        fn what_is_no_value_is_nobodys(text in "\\PC*") {
            prop_assert!(!is_known(SECRET, NOW_MS, "ada@example.org", &[&text]));
        }
    }
}
