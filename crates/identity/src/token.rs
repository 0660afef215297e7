//! What every token is checked for, whatever its kind.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::JWTError;
use jwt_simple::prelude::{Duration, HashSet, JWTClaims, UnixTimeStamp, VerificationOptions};
use serde_json::{Map, Value};
use thiserror::Error;

/// The issuer of all tokens (`iss`).
pub const ISSUER: &str = "spinreel";

/// Longer tokens are refused unread, in bytes.
pub const MAX_TOKEN_LENGTH: usize = 4_096;

/// How far the clocks of two services may differ, in seconds.
pub const LEEWAY_SECONDS: u64 = 5;

/// The latest time that is told to the JWT library, in seconds (the year 2106): it counts in 32 bits, and adds the
/// leeway.
const LATEST_S: u64 = u32::MAX as u64 - 2 * LEEWAY_SECONDS;

/// Why a token is not accepted. No message repeats any part of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// It is no JWT of the expected kind: wrong shape, algorithm or type, critical extensions, or too long.
    #[error("the token is malformed or of another kind")]
    Malformed,
    /// It names a key that is not among the known ones, or none.
    #[error("the token's key is not known")]
    UnknownKey,
    /// Its signature is not of that key.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not begun.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Somebody else issued it.
    #[error("the token is of another issuer")]
    Issuer,
    /// It is meant for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// It is meant for another call.
    #[error("the token is for another purpose")]
    Purpose,
    /// Its signature is good, but a claim is missing or has another shape.
    #[error("the token's claims are incomplete")]
    Claims,
}

/// The key id that an access token names, unverified: only good for finding out whether a key is missing.
pub fn key_id(token: &str) -> Option<String> {
    let header = header(token).ok()?;
    header.get("kid")?.as_str().map(str::to_owned)
}

/// The header of a token in compact serialization (RFC 7515, section 7.1), unverified.
fn header(token: &str) -> Result<Map<String, Value>, TokenError> {
    if token.len() > MAX_TOKEN_LENGTH || token.split('.').count() != 3 {
        return Err(TokenError::Malformed);
    }
    let encoded = token.split('.').next().unwrap_or_default();
    let json = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
}

/// Checks the header against the one algorithm and the one type that the caller takes, and returns the key id.
///
/// `crit` is refused in any form: no extension is understood here (RFC 7515, section 4.1.11).
pub(crate) fn check_header(
    token: &str,
    algorithm: &str,
    r#type: &str,
) -> Result<Option<String>, TokenError> {
    let header = header(token)?;
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let right_type = text("typ").is_some_and(|given| given.eq_ignore_ascii_case(r#type));
    if text("alg") != Some(algorithm) || !right_type || header.contains_key("crit") {
        return Err(TokenError::Malformed);
    }
    Ok(text("kid").map(str::to_owned))
}

/// The checks of the claims that both kinds of token share.
pub(crate) fn options(r#type: &str, audience: &str, now_s: u64) -> VerificationOptions {
    VerificationOptions {
        required_signature_type: Some(r#type.to_owned()),
        allowed_issuers: Some(HashSet::from([ISSUER.to_owned()])),
        allowed_audiences: Some(HashSet::from([audience.to_owned()])),
        time_tolerance: Some(Duration::from_secs(LEEWAY_SECONDS)),
        max_token_length: Some(MAX_TOKEN_LENGTH),
        artificial_time: Some(timestamp(now_s)),
        ..VerificationOptions::default()
    }
}

/// Claims of `subject` for `audience`, from now on for `lifetime_s` seconds, with a fresh `jti`.
pub(crate) fn claims<T>(
    subject: &str,
    audience: &str,
    lifetime_s: u64,
    now_s: u64,
    custom: T,
) -> JWTClaims<T> {
    let mut claims = JWTClaims {
        issued_at: Some(timestamp(now_s)),
        expires_at: Some(timestamp(now_s.saturating_add(lifetime_s))),
        invalid_before: None,
        issuer: Some(ISSUER.to_owned()),
        subject: Some(subject.to_owned()),
        audiences: Some(audience.into()),
        jwt_id: None,
        nonce: None,
        custom,
    };
    // 24 random bytes; it serves as the token's id and is no nonce.
    claims.jwt_id = Some(claims.create_nonce());
    claims.nonce = None;
    claims
}

/// The claims that no token may lack: (`sub`, `jti`, `exp` in seconds). `iat` must be there too.
pub(crate) fn required<T>(claims: &JWTClaims<T>) -> Result<(String, String, u64), TokenError> {
    let text = |claim: &Option<String>| claim.clone().filter(|value| !value.is_empty());
    match (
        text(&claims.subject),
        text(&claims.jwt_id),
        claims.expires_at,
        claims.issued_at,
    ) {
        (Some(subject), Some(id), Some(expires), Some(_)) => Ok((subject, id, expires.as_secs())),
        _ => Err(TokenError::Claims),
    }
}

fn timestamp(seconds: u64) -> UnixTimeStamp {
    UnixTimeStamp::from_secs(seconds.min(LATEST_S))
}

/// Puts the JWT library's errors into our words. The header has been checked before by [`check_header`].
pub(crate) fn convert(error: &jwt_simple::Error) -> TokenError {
    if error.is::<serde_json::Error>() {
        return TokenError::Claims;
    }
    match error.downcast_ref::<JWTError>() {
        Some(JWTError::InvalidSignature | JWTError::InvalidAuthenticationTag) => {
            TokenError::Signature
        }
        Some(JWTError::TokenHasExpired | JWTError::TokenIsTooOld) => TokenError::Expired,
        Some(JWTError::TokenNotValidYet | JWTError::ClockDrift) => TokenError::NotYetValid,
        Some(JWTError::RequiredIssuerMismatch | JWTError::RequiredIssuerMissing) => {
            TokenError::Issuer
        }
        Some(JWTError::RequiredAudienceMismatch | JWTError::RequiredAudienceMissing) => {
            TokenError::Audience
        }
        _ => TokenError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use spinreel_api::accounts::Role;

    use super::*;
    use crate::{Jwks, NewAccessToken, SigningKey, verify_access};

    const NOW: u64 = 1_700_000_000;

    const NEW: NewAccessToken<'_> = NewAccessToken {
        user_id: "u-1",
        username: "ada",
        role: Role::User,
        session_id: "s-1",
    };

    fn issued() -> (String, Jwks) {
        let key = SigningKey::generate();
        let keys = Jwks {
            keys: vec![key.jwk()],
        };
        (key.issue(&NEW, 900, NOW).unwrap(), keys)
    }

    #[test]
    fn the_key_id_is_read_without_verifying() {
        let (token, keys) = issued();
        assert_eq!(key_id(&token).as_ref(), Some(&keys.keys[0].kid));
        assert_eq!(key_id("x.y.z"), None);
    }

    #[test]
    fn garbage_and_over_long_tokens_are_malformed() {
        let (token, keys) = issued();
        let long = format!("{token}{}", "A".repeat(crate::MAX_TOKEN_LENGTH));
        let fourth = format!("{token}.x");
        let padded = format!("{token}=");
        for text in [
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            "ä.ö.ü",
            &token[1..],
            &long,
            &fourth,
            &padded,
        ] {
            assert_eq!(
                verify_access(text, &keys, NOW),
                Err(TokenError::Malformed),
                "{text}"
            );
            assert_eq!(key_id(text).filter(|_| text != padded), None, "{text}");
        }
        assert!(verify_access(&token[..token.len() - 1], &keys, NOW).is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_a_token_and_none_panics(text in "\\PC*") {
            let (_, keys) = issued();
            prop_assert!(verify_access(&text, &keys, NOW).is_err());
            prop_assert_eq!(key_id(&text), None);
        }

        #[test]
        fn no_other_header_or_signature_gets_through(
            header in "[\\PC]{0,80}",
            signature in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let (token, keys) = issued();
            let payload = token.split('.').nth(1).unwrap();
            let header = URL_SAFE_NO_PAD.encode(header);
            let signature = URL_SAFE_NO_PAD.encode(signature);
            let own = token.split('.').next().unwrap();
            for header in [&header, own] {
                let token = format!("{header}.{payload}.{signature}");
                prop_assert!(verify_access(&token, &keys, NOW).is_err());
            }
        }

        #[test]
        fn what_is_issued_is_what_is_read(user_id in "\\PC{1,40}", username in "[a-z0-9_-]{3,32}") {
            let key = SigningKey::generate();
            let keys = Jwks { keys: vec![key.jwk()] };
            let new = NewAccessToken { user_id: &user_id, username: &username, ..NEW };
            let user = verify_access(&key.issue(&new, 900, NOW).unwrap(), &keys, NOW).unwrap();
            prop_assert_eq!((user.user_id, user.username), (user_id, username));
        }
    }
}
