//! What an e-mail address, a username and a password may be.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use sha2::{Digest, Sha256};
use spinreel_api::accounts::NewUser;
use spinreel_http::FieldError;

use super::common_passwords::is_guessable;
use super::unicode;

/// RFC 5321, section 4.5.3.1.1, in bytes.
const MAX_LOCAL: usize = 64;
/// RFC 5321, section 4.5.3.1.3 without the angle brackets, in bytes.
const MAX_ADDRESS: usize = 254;
/// The longest text that is looked at as an address, in bytes: a domain may be longer before it is mapped.
const MAX_GIVEN: usize = 1_024;
/// Usernames that only the service itself gives.
const RESERVED: &[&str] = &["admin"];

/// An e-mail address.
///
/// The domain is in lower case, and in its ASCII form (A-labels, RFC 5890) however it was given. The local part may be in
/// any script (RFC 6531) and stays as it was given but for its normalization form, for sending. Two addresses that differ
/// in the case of the local part are one and the same account all the same: hardly a mail system tells them apart, and
/// people do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Email {
    address: String,
    digest: String,
}

impl Email {
    /// Reads an address of the common form: one `@`, a local part without spaces, quotes and comments, and a domain
    /// name with at least one dot. Quoted local parts and addresses of machines (`ada@[127.0.0.1]`; RFC 5321, section
    /// 4.1.2) are refused: no person has one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_GIVEN {
            return None;
        }
        let (local, domain) = text.split_once('@')?;
        let (local, domain) = (unicode::composed(local), ascii_domain(domain)?);
        if local.len() + 1 + domain.len() > MAX_ADDRESS || !is_local_part(&local) {
            return None;
        }
        let compared = format!("{}@{domain}", unicode::folded(&local));
        Some(Self {
            address: format!("{local}@{domain}"),
            digest: URL_SAFE_NO_PAD.encode(Sha256::digest(compared)),
        })
    }

    /// The address, for sending.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What stands for the address in keys: the same for all of its spellings.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }
}

fn is_local_part(local: &str) -> bool {
    let ordinary = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let mut before = None;
    // A mark belongs to a letter: it would change the look of anything else.
    let all_ordinary = local.chars().all(|c| {
        let marks_letter = unicode::is_mark(c)
            && before
                .is_some_and(|before: char| before.is_alphanumeric() || unicode::is_mark(before));
        before = Some(c);
        ordinary(c) || marks_letter
    });
    (1..=MAX_LOCAL).contains(&local.len())
        && all_ordinary
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

/// A domain name with at least one dot as UTS #46 maps it to A-labels: in lower case, 63 bytes a label and 253 in all.
fn ascii_domain(domain: &str) -> Option<String> {
    let uts46 = Uts46::new();
    let (deny, hyphens, length) = (
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::Verify,
    );
    let ascii = uts46
        .to_ascii(domain.as_bytes(), deny, hyphens, length)
        .ok()?;
    ascii.contains('.').then(|| ascii.into_owned())
}

/// 3–32 of `a-z 0-9 _ -`.
pub(crate) fn is_username(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    (3..=32).contains(&name.len()) && name.bytes().all(allowed)
}

/// Whether nobody may register under this name, though it is a valid one.
pub(crate) fn is_reserved(username: &str) -> bool {
    RESERVED.contains(&username)
}

/// What is wrong with a password for this account; `None` where nothing is.
pub(crate) fn password_fault(password: &str, email: &str, username: &str) -> Option<&'static str> {
    let password = unicode::password(password);
    let email = unicode::composed(email);
    let same = |other: &str| !other.is_empty() && password.to_lowercase() == other.to_lowercase();
    let local = email.split('@').next().unwrap_or_default();
    if !(8..=256).contains(&password.chars().count()) {
        Some("must have 8 to 256 characters")
    } else if password.chars().any(char::is_control) {
        Some("must not contain control characters")
    } else if same(&email) || same(local) || same(username) {
        Some("must not be the e-mail address or the username")
    } else if is_guessable(&password, &[&email, local, username, "spinreel"]) {
        Some("is too easy to guess")
    } else {
        None
    }
}

/// Checks a registration; gives its address, or all that is wrong with it.
pub(crate) fn new_user(new: &NewUser) -> Result<Email, Vec<FieldError>> {
    let email = Email::parse(&new.email);
    let mut errors = Vec::new();
    if email.is_none() {
        errors.push(FieldError::new("email", "must be an e-mail address"));
    }
    if let Some(fault) = password_fault(&new.password, &new.email, &new.username) {
        errors.push(FieldError::new("password", fault));
    }
    if !is_username(&new.username) {
        errors.push(FieldError::new(
            "username",
            "must have 3 to 32 characters of a-z 0-9 _ -",
        ));
    }
    match email {
        Some(email) if errors.is_empty() => Ok(email),
        _ => Err(errors),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_addresses_are_accepted() {
        for address in [
            "ada@example.org",
            "a.b+c@sub.example.co.uk",
            "O'Brien@example.org",
            "x@xn--bcher-kva.example",
            "müller@example.org",
            "1@1.de",
            "नमस्ते@example.org",
            "สวัสดี@example.org",
            "jose\u{301}@example.org",
            "用户@example.org",
        ] {
            assert!(Email::parse(address).is_some(), "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long_label = format!("a@{}.org", "b".repeat(64));
        let long = format!("a@{}org", "b23456789.".repeat(25));
        // Short enough as they are, and too long as A-labels.
        let long_mapped_label = format!("a@{}.org", "ü".repeat(60));
        let long_mapped = format!("a@{}org", "bücher.".repeat(19));
        for address in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "a@b@example.org",
            "a b@example.org",
            "ada@exam ple.org",
            "ada@example..org",
            "ada@.org",
            "ada@example.org.",
            "ada@-example.org",
            "ada@example-.org",
            ".ada@example.org",
            "ada.@example.org",
            "a..b@example.org",
            "ada\n@example.org",
            "ada@example.org\r\nBcc: x@y.z",
            "\"a\"@example.org",
            "ada@[127.0.0.1]",
            " ada@example.org",
            "ada@example.org ",
            "a\u{200b}b@example.org",
            "\u{301}ada@example.org",
            "ada.\u{94d}x@example.org",
            "ada-\u{301}@example.org",
            &long_local,
            &long_label,
            &long,
            &long_mapped_label,
            &long_mapped,
            "ada\0@example.org",
            "ada@example\0.org",
            "ada@example.org\0",
            "ad\u{202e}a@example.org",
            "ada@exam\u{202e}ple.org",
            "ada@exam\u{2066}ple.org",
            "ada@\u{200f}example.org",
            "ada\u{a0}b@example.org",
            "ada@exam\u{a0}ple.org",
            "ada@exam\u{2009}ple.org",
            "ada@exam_ple.org",
            "ada@exam%70le.org",
            "ada@xn--a.org",
            "ada@.",
            "ada@example.org。",
        ] {
            assert_eq!(Email::parse(address), None, "{address:?}");
        }
    }

    #[test]
    fn spellings_of_one_address_share_a_digest_and_the_local_part_stays_as_given() {
        let given = Email::parse("Ada.L@Example.ORG").unwrap();
        assert_eq!(given.address(), "Ada.L@example.org");
        assert_eq!(
            given.digest(),
            Email::parse("ada.l@example.org").unwrap().digest()
        );
        assert_ne!(
            given.digest(),
            Email::parse("adal@example.org").unwrap().digest()
        );
    }

    #[test]
    fn an_address_is_the_same_in_every_case_and_form() {
        for (one, other) in [
            ("josé@example.org", "JOSE\u{301}@example.org"),
            ("νίκος@example.org", "ΝΊΚΟΣ@example.org"),
            ("straße@example.org", "Strasse@example.org"),
        ] {
            let (one, other) = (Email::parse(one).unwrap(), Email::parse(other).unwrap());
            assert_eq!(one.digest(), other.digest(), "{one:?}");
        }
        let given = Email::parse("Jose\u{301}@example.org").unwrap();
        assert_eq!(given.address(), "José@example.org");
        let hindi = |text: &str| Email::parse(text).unwrap().digest().to_owned();
        assert_ne!(hindi("नी@example.org"), hindi("नि@example.org"));
    }

    #[test]
    fn a_domain_in_unicode_is_the_same_as_in_ascii() {
        let ascii = Email::parse("ada@xn--bcher-kva.example").unwrap();
        for spelling in [
            "ada@bücher.example",
            "ada@BÜCHER.example",
            "ADA@bu\u{308}cher.example",
            "ada@bücher。example",
            "ada@XN--BCHER-KVA.example",
        ] {
            let email = Email::parse(spelling).unwrap();
            assert_eq!(email.digest(), ascii.digest(), "{spelling}");
            assert!(email.address().ends_with("@xn--bcher-kva.example"));
        }
        let other = Email::parse("ada@bucher.example").unwrap();
        assert_ne!(other.digest(), ascii.digest());
    }

    #[test]
    fn usernames_are_3_to_32_of_their_alphabet() {
        for name in ["abc", "a_b-9", &"x".repeat(32)] {
            assert!(is_username(name), "{name}");
        }
        for name in [
            "",
            "ab",
            "Ada",
            "a b",
            "a/b",
            "ä-ä",
            "a.b",
            "../x",
            &"x".repeat(33),
        ] {
            assert!(!is_username(name), "{name}");
        }
    }

    #[test]
    fn a_password_has_8_to_256_characters_whatever_their_bytes() {
        let fault = |password: &str| password_fault(password, "ada@example.org", "ada");
        assert!(fault("ä9ö8ü7ß").is_some());
        assert!(fault("ä9ö8ü7ß6").is_none());
        let long: String = ('🌀'..).take(256).collect();
        assert!(fault(&long).is_none());
        assert!(fault(&format!("{long}x")).is_some());
    }

    #[test]
    fn a_password_that_is_common_or_names_the_account_is_refused() {
        for password in [
            "password1",
            "PassWord1",
            "ada.lovelace@example.org",
            "ADA.lovelace",
            "lovelace-ada",
        ] {
            let fault = password_fault(password, "ada.lovelace@example.org", "lovelace-ada");
            assert!(fault.is_some(), "{password}");
        }
    }

    #[test]
    fn a_password_with_control_characters_is_refused() {
        for password in [
            "correct\0horse",
            "correct\nhorse",
            "correct horse\u{7f}",
            "\u{85}correct horse",
        ] {
            let fault = password_fault(password, "ada@example.org", "ada");
            assert_eq!(
                fault,
                Some("must not contain control characters"),
                "{password:?}"
            );
        }
    }

    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        let new = NewUser {
            email: "nobody".to_owned(),
            password: "short".to_owned(),
            username: "X".to_owned(),
        };
        let fields: Vec<_> = new_user(&new)
            .unwrap_err()
            .into_iter()
            .map(|error| error.field)
            .collect();
        assert_eq!(fields, ["email", "password", "username"]);
    }

    proptest! {
        #[test]
        fn an_accepted_address_is_short_has_one_at_sign_and_nothing_to_forge_a_header_with(text in "\\PC{0,300}|[a-z.@-]{0,40}") {
            if let Some(email) = Email::parse(&text) {
                prop_assert!(email.address().len() <= MAX_ADDRESS);
                prop_assert_eq!(email.address().matches('@').count(), 1);
                prop_assert!(!email.address().contains(|c: char| c.is_whitespace() || c.is_control()));
                let again = Email::parse(email.address());
                prop_assert_eq!(again.as_ref(), Some(&email));
            }
        }
    }
}
