//! Service tokens: which service calls what, under the secret that all services share.
//!
//! A token is good for one audience and for one purpose: a method and a path, named as in RFC 9449, section 4.2. A
//! service that is handed one can do nothing else with it, least of all pass it on.

use std::fmt;

use jwt_simple::prelude::{HS256Key, HeaderOptions, MACLike as _};
use serde::{Deserialize, Serialize};
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

/// What a service token is made for.
#[derive(Debug, Clone, Copy)]
pub struct ServiceCall<'a> {
    /// The calling service's component id (`sub`).
    pub from: &'a str,
    /// The called service's component id (`aud`).
    pub to: &'a str,
    /// The request's method (`htm`).
    pub method: &'a str,
    /// The request's path, without its query (`htu`, but without an origin: a service does not know its own).
    pub path: &'a str,
    /// The id of the user whose affairs the call is about, where it is about one user's.
    pub user_id: Option<&'a str>,
}

/// Whom a verified service token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The calling service's component id.
    pub from: String,
    /// See [`ServiceCall::user_id`].
    pub user_id: Option<String>,
}

/// The claims beside those of RFC 7519.
#[derive(Serialize, Deserialize)]
struct Claims {
    htm: String,
    htu: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
}

impl Claims {
    fn of(call: &ServiceCall<'_>) -> Self {
        Self {
            htm: call.method.to_owned(),
            htu: call.path.to_owned(),
            user_id: call.user_id.map(str::to_owned),
        }
    }
}

/// A token for one kind of call, good from `now_s` (seconds since the Unix epoch) for [`SERVICE_TOKEN_SECONDS`].
pub fn sign_service(secret: &ServiceSecret, call: &ServiceCall<'_>, now_s: u64) -> String {
    let claims = token::claims(
        call.from,
        call.to,
        SERVICE_TOKEN_SECONDS,
        now_s,
        Claims::of(call),
    );
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

/// Checks a service token that was presented to the service `audience` with a request of `method` for `path`, at
/// `now_s` seconds since the Unix epoch.
pub fn verify_service(
    secret: &ServiceSecret,
    token: &str,
    audience: &str,
    (method, path): (&str, &str),
    now_s: u64,
) -> Result<Service, TokenError> {
    token::check_header(token, ALGORITHM, TYPE)?;
    let claims = secret
        .0
        .verify_token::<Claims>(token, Some(token::options(TYPE, audience, now_s)))
        .map_err(|error| token::convert(&error))?;
    let (from, _, _) = token::required(&claims)?;
    if claims.custom.htm != method || claims.custom.htu != path {
        return Err(TokenError::Purpose);
    }
    Ok(Service {
        from,
        user_id: claims.custom.user_id,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jwt_simple::prelude::{HS512Key, JWTClaims, NoCustomClaims};

    use super::*;

    const NOW: u64 = 1_700_000_000;
    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn secret() -> ServiceSecret {
        ServiceSecret::new(SECRET).unwrap()
    }

    const CALL: ServiceCall<'_> = ServiceCall {
        from: "video-service",
        to: "storage-service",
        method: "GET",
        path: "/internal/a",
        user_id: Some("u-1"),
    };
    const PURPOSE: (&str, &str) = (CALL.method, CALL.path);

    fn token() -> String {
        sign_service(&secret(), &CALL, NOW)
    }

    fn verify(token: &str, now_s: u64) -> Result<Service, TokenError> {
        verify_service(&secret(), token, CALL.to, PURPOSE, now_s)
    }

    fn header(r#type: &str) -> HeaderOptions {
        HeaderOptions {
            signature_type: Some(r#type.to_owned()),
            ..HeaderOptions::default()
        }
    }

    fn claims() -> JWTClaims<Claims> {
        token::claims("a", CALL.to, 60, NOW, Claims::of(&CALL))
    }

    #[test]
    fn a_token_names_the_service_that_calls_and_the_user_it_is_about() {
        let service = verify(&token(), NOW).unwrap();
        assert_eq!(service.from, "video-service");
        assert_eq!(service.user_id.as_deref(), Some("u-1"));
    }

    #[test]
    fn a_token_is_good_for_one_method_and_one_path() {
        for purpose in [
            ("POST", CALL.path),
            ("get", CALL.path),
            ("GET", "/internal/a/b"),
        ] {
            let result = verify_service(&secret(), &token(), CALL.to, purpose, NOW);
            assert_eq!(result, Err(TokenError::Purpose), "{purpose:?}");
        }
    }

    #[test]
    fn a_token_without_a_purpose_is_refused() {
        let claims = token::claims("a", CALL.to, 60, NOW, NoCustomClaims {});
        let token = secret()
            .0
            .authenticate_with_options(claims, &header(TYPE))
            .unwrap();
        assert_eq!(verify(&token, NOW), Err(TokenError::Claims));
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
        let result = verify_service(&secret(), &token(), "usage-service", PURPOSE, NOW);
        assert_eq!(result, Err(TokenError::Audience));
    }

    #[test]
    fn a_token_under_another_secret_is_refused() {
        let other = ServiceSecret::new("another secret of at least 32 characters").unwrap();
        let forged = sign_service(&other, &CALL, NOW);
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
        let cuts: [fn(&mut JWTClaims<Claims>); 4] = [
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
