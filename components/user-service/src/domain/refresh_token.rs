//! What a refresh token says: `<user id>.<number>.<turn>.<secrets>`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use spinreel_platform::Random;
use subtle::ConstantTimeEq as _;

use super::sessions::SessionId;

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
    fn digests_tell_secrets_apart() {
        let random = SeededRandom::new(1);
        let (a, b): ([u8; SECRET], [u8; SECRET]) = (fresh(&random), fresh(&random));
        assert!(same(&digest(&a), &digest(&a)));
        assert!(!same(&digest(&a), &digest(&b)));
        assert!(!same(&digest(&a), ""));
    }
}
