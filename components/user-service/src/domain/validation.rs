//! What an e-mail address, a username and a password may be.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use spinreel_api::accounts::NewUser;
use spinreel_http::FieldError;

use super::common_passwords::is_common;

/// RFC 5321, section 4.5.3.1.1, in bytes.
const MAX_LOCAL: usize = 64;
/// RFC 5321, section 4.5.3.1.3 without the angle brackets, in bytes.
const MAX_ADDRESS: usize = 254;
/// RFC 1035, section 2.3.4, in bytes.
const MAX_LABEL: usize = 63;
/// Usernames that only the service itself gives.
const RESERVED: &[&str] = &["admin"];

/// An e-mail address.
///
/// The domain is in lower case. The local part stays as it was given, for sending; two addresses that differ in the
/// case of the local part are one and the same account all the same: hardly a mail system tells them apart, and
/// people do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Email {
    address: String,
    digest: String,
}

impl Email {
    /// Reads an address of the common form: one `@`, a local part without spaces, quotes and comments, and a domain
    /// name with at least one dot. Internationalized domains come in their ASCII form (RFC 5890, A-labels).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let domain = domain.to_ascii_lowercase();
        if text.len() > MAX_ADDRESS || !is_local_part(local) || !is_domain(&domain) {
            return None;
        }
        let compared = format!("{}@{domain}", local.to_lowercase());
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
    (1..=MAX_LOCAL).contains(&local.len())
        && local.chars().all(ordinary)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.contains('.') && domain.split('.').all(label)
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
    let same = |other: &str| !other.is_empty() && password.to_lowercase() == other.to_lowercase();
    let local = email.split('@').next().unwrap_or_default();
    if !(8..=256).contains(&password.chars().count()) {
        Some("must have 8 to 256 characters")
    } else if same(email) || same(local) || same(username) {
        Some("must not be the e-mail address or the username")
    } else if is_common(password) {
        Some("is one of the most common passwords")
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
        ] {
            assert!(Email::parse(address).is_some(), "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long_label = format!("a@{}.org", "b".repeat(64));
        let long = format!("a@{}org", "b23456789.".repeat(25));
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
            "ada@bücher.example",
            " ada@example.org",
            "ada@example.org ",
            "a\u{200b}b@example.org",
            &long_local,
            &long_label,
            &long,
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
        assert!(fault(&"🦀x".repeat(128)).is_none());
        assert!(fault(&format!("{}x", "🦀x".repeat(128))).is_some());
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
                prop_assert!(email.address().len() <= MAX_ADDRESS + 8);
                prop_assert_eq!(email.address().matches('@').count(), 1);
                prop_assert!(!email.address().contains(|c: char| c.is_whitespace() || c.is_control()));
                let again = Email::parse(email.address());
                prop_assert_eq!(again.as_ref(), Some(&email));
            }
        }
    }
}
