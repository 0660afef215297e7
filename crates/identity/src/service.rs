//! Service tokens: which service calls, under the secret that all services share.

use std::fmt;

use jwt_simple::prelude::{HS256Key, HeaderOptions, MACLike as _, NoCustomClaims};
use thiserror::Error;

use crate::token::{self, TokenError};

const ALGORITHM: &str = "HS256";
const TYPE: &str = "service+jwt";

/// How long a service token is good, in seconds.
pub const SERVICE_TOKEN_SECONDS: u64 = 60;

/// The secret that all services share.
pub struct ServiceSecret(HS256Key);

/// The secret is too short to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the service secret has fewer than {} characters",
    ServiceSecret::MIN_LENGTH
)]
pub struct WeakSecret;

impl ServiceSecret {
    /// The fewest characters of a secret.
    pub const MIN_LENGTH: usize = 32;

    /// The secret from its variable; fails where it is short.
    pub fn new(secret: &str) -> Result<Self, WeakSecret> {
        if secret.chars().count() < Self::MIN_LENGTH {
            return Err(WeakSecret);
        }
        Ok(Self(HS256Key::from_bytes(secret.as_bytes())))
    }
}

impl fmt::Debug for ServiceSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceSecret(…)")
    }
}

/// Whom a verified service token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The calling service's component id.
    pub from: String,
}

/// A token with which the service `from` calls the service `to`, good from `now_s` (seconds since the Unix epoch)
/// for [`SERVICE_TOKEN_SECONDS`].
pub fn sign_service(secret: &ServiceSecret, from: &str, to: &str, now_s: u64) -> String {
    let claims = token::claims(from, to, SERVICE_TOKEN_SECONDS, now_s, NoCustomClaims {});
    let header = HeaderOptions {
        signature_type: Some(TYPE.to_owned()),
        ..HeaderOptions::default()
    };
    // Fails for keys under 12 bytes and claims that are no JSON: there are neither. An empty token opens nothing.
    secret
        .0
        .authenticate_with_options(claims, &header)
        .unwrap_or_default()
}

/// Checks a service token that was presented to the service `audience`, at `now_s` seconds since the Unix epoch.
pub fn verify_service(
    secret: &ServiceSecret,
    token: &str,
    audience: &str,
    now_s: u64,
) -> Result<Service, TokenError> {
    token::check_header(token, ALGORITHM, TYPE)?;
    let claims = secret
        .0
        .verify_token::<NoCustomClaims>(token, Some(token::options(TYPE, audience, now_s)))
        .map_err(|error| token::convert(&error))?;
    let (from, _, _) = token::required(&claims)?;
    Ok(Service { from })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jwt_simple::prelude::{HS512Key, JWTClaims};

    use super::*;

    const NOW: u64 = 1_700_000_000;
    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn secret() -> ServiceSecret {
        ServiceSecret::new(SECRET).unwrap()
    }

    fn token() -> String {
        sign_service(&secret(), "video-service", "storage-service", NOW)
    }

    fn verify(token: &str, now_s: u64) -> Result<Service, TokenError> {
        verify_service(&secret(), token, "storage-service", now_s)
    }

    fn header(r#type: &str) -> HeaderOptions {
        HeaderOptions {
            signature_type: Some(r#type.to_owned()),
            ..HeaderOptions::default()
        }
    }

    fn claims() -> JWTClaims<NoCustomClaims> {
        token::claims("a", "storage-service", 60, NOW, NoCustomClaims {})
    }

    #[test]
    fn a_token_names_the_service_that_calls() {
        assert_eq!(verify(&token(), NOW).unwrap().from, "video-service");
    }

    #[test]
    fn a_token_is_good_for_a_minute_and_the_leeway() {
        assert!(verify(&token(), NOW + 65).is_ok());
        assert_eq!(verify(&token(), NOW + 66), Err(TokenError::Expired));
        assert!(verify(&token(), NOW - 5).is_ok());
        assert_eq!(verify(&token(), NOW - 6), Err(TokenError::NotYetValid));
    }

    #[test]
    fn a_token_for_another_service_is_refused() {
        let result = verify_service(&secret(), &token(), "usage-service", NOW);
        assert_eq!(result, Err(TokenError::Audience));
    }

    #[test]
    fn a_token_under_another_secret_is_refused() {
        let other = ServiceSecret::new("another secret of at least 32 characters").unwrap();
        let forged = sign_service(&other, "video-service", "storage-service", NOW);
        assert_eq!(verify(&forged, NOW), Err(TokenError::Signature));
    }

    #[test]
    fn another_algorithm_under_the_same_secret_is_refused() {
        let key = HS512Key::from_bytes(SECRET.as_bytes());
        let token = key
            .authenticate_with_options(claims(), &header(TYPE))
            .unwrap();
        assert_eq!(verify(&token, NOW), Err(TokenError::Malformed));
    }

    #[test]
    fn another_type_of_token_under_the_same_secret_is_refused() {
        for r#type in ["at+jwt", "JWT", ""] {
            let token = secret()
                .0
                .authenticate_with_options(claims(), &header(r#type))
                .unwrap();
            assert_eq!(verify(&token, NOW), Err(TokenError::Malformed), "{type}");
        }
    }

    #[test]
    fn a_token_without_an_end_a_beginning_or_a_sender_is_refused() {
        let cuts: [fn(&mut JWTClaims<NoCustomClaims>); 4] = [
            |claims| claims.expires_at = None,
            |claims| claims.issued_at = None,
            |claims| claims.subject = None,
            |claims| claims.subject = Some(String::new()),
        ];
        for cut in cuts {
            let mut claims = claims();
            cut(&mut claims);
            let token = secret()
                .0
                .authenticate_with_options(claims, &header(TYPE))
                .unwrap();
            assert_eq!(verify(&token, NOW), Err(TokenError::Claims));
        }
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        let payload = token().split('.').nth(1).unwrap().to_owned();
        for algorithm in ["none", "None", "HS256"] {
            let header = format!(r#"{{"alg":"{algorithm}","typ":"service+jwt"}}"#);
            let token = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header));
            assert!(verify(&token, NOW).is_err(), "{algorithm}");
        }
    }

    #[test]
    fn a_short_secret_is_no_secret() {
        assert_eq!(ServiceSecret::new(&SECRET[1..]).unwrap_err(), WeakSecret);
    }

    #[test]
    fn debug_output_hides_the_secret() {
        assert_eq!(format!("{:?}", secret()), "ServiceSecret(…)");
    }
}
