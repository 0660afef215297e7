//! Access tokens: what they allow and until when is in the token itself, under an HMAC, so that they are
//! valid after a restart without being stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

/// How long a token is valid, in seconds: what `expires_in` says.
pub(crate) const LIFETIME: u64 = 3599;

/// What tokens begin with, as Google's do.
const PREFIX: &str = "ya29.";

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// See objects and buckets.
    ReadOnly,
    /// Everything.
    ReadWrite,
}

/// The secret that tokens are made with.
#[derive(Clone)]
pub(super) struct TokenKey(pub(super) [u8; 32]);

impl TokenKey {
    /// A new token; `now` is in seconds since 1970.
    pub(super) fn issue(&self, scope: Scope, now: u64) -> String {
        let letter = match scope {
            Scope::ReadOnly => 'r',
            Scope::ReadWrite => 'w',
        };
        let claims = format!("{}.{letter}.{}", now + LIFETIME, Uuid::new_v4().simple());
        let claims = URL_SAFE_NO_PAD.encode(claims);
        let tag = URL_SAFE_NO_PAD.encode(self.mac(&claims).finalize().into_bytes());
        format!("{PREFIX}{claims}.{tag}")
    }

    /// What a token allows at `now`; nothing if it is not of this key, or has ended.
    pub(super) fn check(&self, token: &str, now: u64) -> Option<Scope> {
        let (claims, tag) = token.strip_prefix(PREFIX)?.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        // Compares in constant time.
        self.mac(claims).verify_slice(&tag).ok()?;
        let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let mut claims = claims.split('.');
        let end: u64 = claims.next()?.parse().ok()?;
        let scope = match claims.next()? {
            "r" => Scope::ReadOnly,
            "w" => Scope::ReadWrite,
            _ => return None,
        };
        (now < end).then_some(scope)
    }

    fn mac(&self, claims: &str) -> Hmac<Sha256> {
        mac(&self.0, claims.as_bytes())
    }
}

/// HMAC-SHA256 of a message, still to be finished or compared.
pub(super) fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    // A key of any length will do (RFC 2104, section 2), so that the constructor cannot fail; if it could,
    // the MAC of another key would match nothing.
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
    mac.update(message);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_until_its_end_and_only_under_its_key() {
        let key = TokenKey([1; 32]);
        for scope in [Scope::ReadOnly, Scope::ReadWrite] {
            let token = key.issue(scope, 1000);
            assert_eq!(key.check(&token, 1000), Some(scope));
            assert_eq!(key.check(&token, 1000 + LIFETIME - 1), Some(scope));
            assert_eq!(key.check(&token, 1000 + LIFETIME), None);
            assert_eq!(TokenKey([2; 32]).check(&token, 1000), None);
        }
    }

    #[test]
    fn a_token_that_was_changed_anywhere_is_no_token() {
        let key = TokenKey([1; 32]);
        let token = key.issue(Scope::ReadOnly, 1000);
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap_or_default();
            // The last character of a part has bits that mean nothing; a strict decoder refuses them.
            assert_eq!(key.check(&changed, 1000), None, "{at}");
        }
        for bad in ["", "ya29.", "ya29..", "ya29.a.b", "ya29.ü.ü", "x"] {
            assert_eq!(key.check(bad, 1000), None, "{bad}");
        }
    }
}
