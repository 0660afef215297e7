//! The assertion that a service account swaps for a token: a JWT, signed with RS256
//! (RFC 7523, section 3; <https://developers.google.com/identity/protocols/oauth2/service-account>).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::key::ServiceAccountKey;
use super::token::Scope;

/// How far the clocks of a client and of this server may be apart, in seconds.
const LEEWAY: u64 = 60;

/// The longest time that an assertion may be valid, in seconds.
const LONGEST: u64 = 3600;

/// What the scopes of Google's APIs begin with.
const SCOPES: &str = "https://www.googleapis.com/auth/";

/// Why there is no token: OAuth's error code and a description (RFC 6749, section 5.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) error: &'static str,
    pub(super) description: &'static str,
}

impl Refusal {
    fn grant(description: &'static str) -> Refusal {
        Refusal {
            error: "invalid_grant",
            description,
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Option<String>,
    aud: String,
    exp: u64,
    iat: u64,
    #[serde(default)]
    scope: String,
}

/// Checks an assertion: `audiences` are the URLs of this token endpoint, `now` is in seconds since 1970.
///
/// # Errors
/// The answer to the client.
pub(super) fn check(
    key: &ServiceAccountKey,
    assertion: &str,
    audiences: &[&str],
    now: u64,
) -> Result<Scope, Refusal> {
    let malformed =
        || Refusal::grant("The assertion is not a JWT with the claims that are needed.");
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
    let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
    let header: Header = decode(header).ok_or_else(malformed)?;
    let claims: Claims = decode(claims).ok_or_else(malformed)?;
    if header.alg != "RS256" {
        return Err(Refusal::grant("The assertion is not signed with RS256."));
    }
    if claims.iss != key.email {
        return Err(Refusal::grant("There is no account with the name in iss."));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    let foreign_key = header.kid.is_some_and(|kid| kid != key.id);
    if foreign_key || !key.has_signed(signed.as_bytes(), &signature) {
        return Err(Refusal::grant("The assertion's signature is invalid."));
    }
    if !audiences.contains(&claims.aud.as_str()) {
        return Err(Refusal::grant(
            "The assertion is for another audience than this token URI.",
        ));
    }
    let lifetime = claims.exp.checked_sub(claims.iat);
    if lifetime.is_none_or(|lifetime| lifetime == 0 || lifetime > LONGEST) {
        return Err(Refusal::grant(
            "The assertion is not valid for up to an hour: see iat and exp.",
        ));
    }
    if claims.iat > now + LEEWAY {
        return Err(Refusal::grant("The assertion is issued in the future."));
    }
    if claims.exp + LEEWAY <= now {
        return Err(Refusal::grant("The assertion has expired."));
    }
    if claims.sub.is_some_and(|sub| sub != claims.iss) {
        return Err(Refusal {
            error: "unauthorized_client",
            description: "The account may not act for another one.",
        });
    }
    scope(&claims.scope).ok_or(Refusal {
        error: "invalid_scope",
        description: "None of the scopes allows anything with storage.",
    })
}

/// The best of the scopes in a list.
fn scope(list: &str) -> Option<Scope> {
    let has = |wanted: &[&str]| {
        list.split_ascii_whitespace()
            .filter_map(|scope| scope.strip_prefix(SCOPES))
            .any(|scope| wanted.contains(&scope))
    };
    let write = [
        "devstorage.read_write",
        "devstorage.full_control",
        "cloud-platform",
    ];
    if has(&write) {
        Some(Scope::ReadWrite)
    } else if has(&["devstorage.read_only", "cloud-platform.read-only"]) {
        Some(Scope::ReadOnly)
    } else {
        None
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;
    use crate::access::key::tests as keys;

    const NOW: u64 = 1_700_000_000;

    fn key() -> ServiceAccountKey {
        ServiceAccountKey::parse(keys::key(), "http://bucket/token").unwrap()
    }

    fn jwt(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(keys::sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn claims() -> Value {
        json!({
            "iss": key().email,
            "scope": "openid https://www.googleapis.com/auth/devstorage.read_write",
            "aud": "http://bucket/token",
            "iat": NOW,
            "exp": NOW + 3600,
        })
    }

    fn judge(assertion: &str) -> Result<Scope, &'static str> {
        check(&key(), assertion, &["http://bucket/token"], NOW).map_err(|refusal| refusal.error)
    }

    #[test]
    fn a_right_assertion_gives_the_best_scope_it_names() {
        let header = json!({"alg": "RS256", "kid": key().id, "typ": "JWT"});
        assert_eq!(judge(&jwt(&header, &claims())), Ok(Scope::ReadWrite));
        let plain = json!({"alg": "RS256"});
        for (name, scope) in [
            ("devstorage.read_only", Scope::ReadOnly),
            ("cloud-platform.read-only", Scope::ReadOnly),
            ("devstorage.full_control", Scope::ReadWrite),
            ("cloud-platform", Scope::ReadWrite),
        ] {
            let mut claims = claims();
            claims["scope"] = format!("{SCOPES}{name}").into();
            assert_eq!(judge(&jwt(&plain, &claims)), Ok(scope), "{name}");
        }
    }

    #[test]
    fn clocks_may_differ_by_a_minute() {
        let header = json!({"alg": "RS256"});
        for (iat, exp, right) in [
            (NOW + 60, NOW + 3660, true),
            (NOW + 61, NOW + 3600, false),
            (NOW - 3600, NOW, true),
            (NOW - 3660, NOW - 59, false),
            (NOW - 100, NOW - 59, true),
            (NOW - 100, NOW - 60, false),
            (NOW, NOW + 3601, false),
            (NOW, NOW, false),
            (NOW, NOW - 1, false),
            (0, u64::MAX, false),
        ] {
            let mut claims = claims();
            (claims["iat"], claims["exp"]) = (iat.into(), exp.into());
            assert_eq!(judge(&jwt(&header, &claims)).is_ok(), right, "{iat} {exp}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_refused() {
        let header = json!({"alg": "RS256"});
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            jwt(&header, &claims)
        };
        let good = jwt(&header, &claims());
        let (signed, _) = good.rsplit_once('.').unwrap();
        let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none"}).to_string());
        let unsigned = format!("{none}.{}.", signed.split_once('.').unwrap().1);
        let other_claims = with("iat", (NOW - 1).into());
        let swapped = format!(
            "{}.{}",
            other_claims.rsplit_once('.').unwrap().0,
            good.rsplit_once('.').unwrap().1
        );
        for (assertion, error) in [
            (String::new(), "invalid_grant"),
            ("a.b.c".to_owned(), "invalid_grant"),
            (format!("{signed}."), "invalid_grant"),
            (format!("{good}AA"), "invalid_grant"),
            (format!("{signed}.!!"), "invalid_grant"),
            (unsigned, "invalid_grant"),
            (swapped, "invalid_grant"),
            (jwt(&json!({"alg": "HS256"}), &claims()), "invalid_grant"),
            (
                jwt(&json!({"alg": "RS256", "kid": "another"}), &claims()),
                "invalid_grant",
            ),
            (with("iss", "x@y".into()), "invalid_grant"),
            (with("aud", "http://other/token".into()), "invalid_grant"),
            (with("exp", Value::Null), "invalid_grant"),
            (with("exp", (-1).into()), "invalid_grant"),
            (with("sub", "x@y".into()), "unauthorized_client"),
            (with("scope", "".into()), "invalid_scope"),
            (
                with("scope", format!("{SCOPES}bigquery").into()),
                "invalid_scope",
            ),
            (
                with("scope", "devstorage.read_write".into()),
                "invalid_scope",
            ),
        ] {
            assert_eq!(judge(&assertion), Err(error), "{assertion}");
        }
    }
}
