//! What a refresh token says: `<user id>.<number>.<turn>.<secrets>`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spinreel_platform::Random;
use subtle::ConstantTimeEq as _;

use super::sessions::{Granted, SessionId};

/// Bytes of each half of a token's secrets.
const SECRET: usize = 32;

/// A refresh token; whether it is a good one is for its session to say.
pub(crate) struct RefreshToken {
    pub(crate) id: SessionId,
    /// The first is 1.
    pub(crate) turn: u64,
    /// The session's half of the secrets.
    pub(crate) family: [u8; SECRET],
    /// The turn's half.
    pub(crate) secret: [u8; SECRET],
}

impl RefreshToken {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (user_id, number, turn, secrets) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let secrets = URL_SAFE_NO_PAD.decode(secrets).ok()?;
        if parts.next().is_some() || secrets.len() != 2 * SECRET {
            return None;
        }
        let (family, secret) = secrets.split_at(SECRET);
        Some(Self {
            id: SessionId::parse(&format!("{user_id}.{number}"))?,
            turn: turn.parse().ok()?,
            family: family.try_into().ok()?,
            secret: secret.try_into().ok()?,
        })
    }

    /// The token that replaces this one, always the same: HMAC-SHA256 (RFC 2104) of the secret and the next turn, with
    /// the session's salt as its key.
    pub(crate) fn next(&self, salt: &Salt) -> Self {
        let turn = self.turn.saturating_add(1);
        // A key that is shorter than a block is the block that it begins.
        let mut block = [0; 64];
        block[..SECRET].copy_from_slice(&salt.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(&self.secret);
        mac.update(&turn.to_be_bytes());
        Self {
            id: self.id.clone(),
            turn,
            family: self.family,
            secret: mac.finalize().into_bytes().into(),
        }
    }
}

impl From<RefreshToken> for Granted {
    fn from(token: RefreshToken) -> Self {
        Self {
            refresh_token: token.to_string(),
            id: token.id,
        }
    }
}

/// What a session's next secrets are made with: it is never shown, and nothing without them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Salt([u8; SECRET]);

impl Salt {
    pub(crate) fn new(random: &impl Random) -> Self {
        Self(fresh(random))
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

impl From<Salt> for String {
    fn from(salt: Salt) -> Self {
        URL_SAFE_NO_PAD.encode(salt.0)
    }
}

impl TryFrom<String> for Salt {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or("no salt")
    }
}

impl fmt::Display for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = URL_SAFE_NO_PAD.encode([self.family, self.secret].concat());
        write!(f, "{}.{}.{secrets}", self.id, self.turn)
    }
}

/// A new half.
pub(crate) fn fresh(random: &impl Random) -> [u8; SECRET] {
    let mut bytes = [0; SECRET];
    random.fill(&mut bytes);
    bytes
}

/// What is stored of a half. The secrets are random and long, so a plain digest cannot be guessed back.
pub(crate) fn digest(secret: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// Whether two digests are the same, in constant time.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use spinreel_platform::memory::SeededRandom;

    use super::*;

    const SESSION: &str = "0190c0de-0000-7000-8000-000000000001.7";

    #[test]
    fn a_token_survives_its_text() {
        let random = SeededRandom::new(1);
        let token = RefreshToken {
            id: SessionId::parse(SESSION).unwrap(),
            turn: 3,
            family: fresh(&random),
            secret: fresh(&random),
        };
        let text = token.to_string();
        assert!(text.starts_with(&format!("{SESSION}.3.")));
        let read = RefreshToken::parse(&text).unwrap();
        assert_eq!((read.id, read.turn), (token.id, 3));
        assert_eq!((read.family, read.secret), (token.family, token.secret));
    }

    #[test]
    fn the_next_token_follows_from_the_secret_the_turn_and_the_salt_alone() {
        let random = SeededRandom::new(1);
        let (salt, other) = (Salt::new(&random), Salt::new(&random));
        let token = RefreshToken {
            id: SessionId::parse(SESSION).unwrap(),
            turn: 3,
            family: fresh(&random),
            secret: fresh(&random),
        };
        let next = token.next(&salt);
        assert_eq!((next.turn, next.family), (4, token.family));
        assert_eq!(next.secret, token.next(&salt).secret);
        assert_ne!(next.secret, token.next(&other).secret);
        assert_ne!(
            next.secret,
            RefreshToken { turn: 4, ..token }.next(&salt).secret
        );
    }

    #[test]
    fn a_salt_survives_its_text_and_is_not_shown() {
        let salt = Salt::new(&SeededRandom::new(1));
        let text = String::from(salt.clone());
        assert_eq!(Salt::try_from(text), Ok(salt.clone()));
        assert!(Salt::try_from("c2FsdA".to_owned()).is_err());
        assert_eq!(format!("{salt:?}"), "Salt(..)");
    }

    #[test]
    fn digests_tell_secrets_apart() {
        let random = SeededRandom::new(1);
        let (a, b): ([u8; SECRET], [u8; SECRET]) = (fresh(&random), fresh(&random));
        assert!(same(&digest(&a), &digest(&a)));
        assert!(!same(&digest(&a), &digest(&b)));
        assert!(!same(&digest(&a), ""));
    }
}
