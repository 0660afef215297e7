#![allow(clippy::unwrap_used)]
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{Ed25519KeyPair, HS256Key, JWTClaims, MACLike as _};
use serde_json::{Value, json};

use super::*;
use crate::{ServiceCall, ServiceSecret, sign_service, verify_service};

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

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn claims() -> JWTClaims<Value> {
    let custom =
        json!({"client_id": "spinreel", "sid": "s-1", "username": "ada", "roles": ["user"]});
    token::claims("u-1", AUDIENCE, 900, NOW, custom)
}

/// A token that a right key signed, whatever it says.
fn verify_signed(claims: JWTClaims<Value>, r#type: &str) -> Result<User, TokenError> {
    let key = SigningKey::generate();
    let keys = Jwks {
        keys: vec![key.jwk()],
    };
    let header = HeaderOptions {
        signature_type: Some(r#type.to_owned()),
        ..HeaderOptions::default()
    };
    let token = key.pair().sign_with_options(claims, &header).unwrap();
    verify_access(&token, &keys, NOW)
}

/// The same token under another header, so that its signature no longer fits.
fn with_header(token: &str, header: &Value) -> String {
    let mut parts = token.split('.').skip(1);
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    format!(
        "{header}.{}.{}",
        parts.next().unwrap(),
        parts.next().unwrap()
    )
}

#[test]
fn a_token_says_who_the_user_is() {
    let (token, keys) = issued();
    let user = verify_access(&token, &keys, NOW).unwrap();
    assert_eq!(user.user_id, "u-1");
    assert_eq!(user.username, "ada");
    assert_eq!(user.role, Role::User);
    assert_eq!(user.session_id, "s-1");
    assert_eq!(user.expires_at_s, NOW + 900);
    assert!(!user.token_id.is_empty());
}

#[test]
fn a_token_has_the_header_and_the_claims_of_rfc_9068() {
    let (token, keys) = issued();
    assert_eq!(
        part(&token, 0),
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": keys.keys[0].kid})
    );
    let mut claims = part(&token, 1);
    assert!(
        claims["jti"]
            .take()
            .as_str()
            .is_some_and(|id| id.len() >= 22)
    );
    assert_eq!(
        claims,
        json!({
            "iss": "spinreel", "sub": "u-1", "aud": "spinreel", "exp": NOW + 900, "iat": NOW, "jti": null,
            "client_id": "spinreel", "sid": "s-1", "username": "ada", "roles": ["user"],
        })
    );
}

#[test]
fn no_two_tokens_share_an_id() {
    let key = SigningKey::generate();
    let ids = [0, 1].map(|_| part(&key.issue(&NEW, 900, NOW).unwrap(), 1)["jti"].clone());
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn an_admin_is_an_admin() {
    let key = SigningKey::generate();
    let keys = Jwks {
        keys: vec![key.jwk()],
    };
    let new = NewAccessToken {
        role: Role::Admin,
        ..NEW
    };
    let token = key.issue(&new, 900, NOW).unwrap();
    assert_eq!(verify_access(&token, &keys, NOW).unwrap().role, Role::Admin);
}

#[test]
fn a_token_expires_after_its_lifetime_and_the_leeway() {
    let (token, keys) = issued();
    assert!(verify_access(&token, &keys, NOW + 905).is_ok());
    assert_eq!(
        verify_access(&token, &keys, NOW + 906),
        Err(TokenError::Expired)
    );
    assert_eq!(
        verify_access(&token, &keys, u64::MAX),
        Err(TokenError::Expired)
    );
}

#[test]
fn a_token_from_the_future_is_not_valid_yet() {
    let (token, keys) = issued();
    assert!(verify_access(&token, &keys, NOW - 5).is_ok());
    assert_eq!(
        verify_access(&token, &keys, NOW - 6),
        Err(TokenError::NotYetValid)
    );
    let mut later = claims();
    later.invalid_before = later.expires_at;
    assert_eq!(verify_signed(later, TYPE), Err(TokenError::NotYetValid));
}

#[test]
fn a_changed_claim_breaks_the_signature() {
    let (token, keys) = issued();
    let mut claims = part(&token, 1);
    claims["roles"] = json!(["admin"]);
    let parts: Vec<_> = token.split('.').collect();
    let forged = URL_SAFE_NO_PAD.encode(claims.to_string());
    let token = format!("{}.{forged}.{}", parts[0], parts[2]);
    assert_eq!(
        verify_access(&token, &keys, NOW),
        Err(TokenError::Signature)
    );
}

#[test]
fn a_key_that_is_not_in_the_set_is_unknown() {
    let (token, _) = issued();
    let (_, others) = issued();
    assert_eq!(
        verify_access(&token, &others, NOW),
        Err(TokenError::UnknownKey)
    );
    assert_eq!(
        verify_access(&token, &Jwks::default(), NOW),
        Err(TokenError::UnknownKey)
    );
}

#[test]
fn another_key_under_a_known_id_is_a_wrong_signature() {
    let (_, keys) = issued();
    let known = &keys.keys[0].kid;
    let impostor = Ed25519KeyPair::generate().with_key_id(known);
    let header = HeaderOptions {
        signature_type: Some(TYPE.to_owned()),
        ..HeaderOptions::default()
    };
    let token = impostor.sign_with_options(claims(), &header).unwrap();
    assert_eq!(
        verify_access(&token, &keys, NOW),
        Err(TokenError::Signature)
    );
}

#[test]
fn a_known_key_of_another_use_checks_nothing() {
    let (token, keys) = issued();
    let changes: [fn(&mut crate::Jwk); 4] = [
        |key| key.r#use = "enc".to_owned(),
        |key| key.alg = "HS256".to_owned(),
        |key| key.crv = "X25519".to_owned(),
        |key| key.x = "AAAA".to_owned(),
    ];
    for change in changes {
        let mut keys = keys.clone();
        change(&mut keys.keys[0]);
        assert_eq!(
            verify_access(&token, &keys, NOW),
            Err(TokenError::UnknownKey)
        );
    }
}

#[test]
fn a_token_without_a_key_id_is_refused() {
    let (token, keys) = issued();
    let token = with_header(&token, &json!({"alg": "EdDSA", "typ": "at+jwt"}));
    assert_eq!(
        verify_access(&token, &keys, NOW),
        Err(TokenError::UnknownKey)
    );
}

#[test]
fn the_token_does_not_choose_the_algorithm() {
    let (token, keys) = issued();
    for algorithm in ["none", "NONE", "HS256", "ES256", "eddsa", ""] {
        let header = json!({"alg": algorithm, "typ": "at+jwt", "kid": keys.keys[0].kid});
        let changed = with_header(&token, &header);
        assert_eq!(
            verify_access(&changed, &keys, NOW),
            Err(TokenError::Malformed),
            "{algorithm}"
        );
        let unsigned = changed.rsplit_once('.').unwrap().0;
        assert_eq!(
            verify_access(&format!("{unsigned}."), &keys, NOW),
            Err(TokenError::Malformed),
            "{algorithm}"
        );
    }
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    let (_, keys) = issued();
    let public = &keys.keys[0];
    let bytes = URL_SAFE_NO_PAD.decode(&public.x).unwrap();
    let header = HeaderOptions {
        signature_type: Some(TYPE.to_owned()),
        ..HeaderOptions::default()
    };
    let token = HS256Key::from_bytes(&bytes)
        .with_key_id(&public.kid)
        .authenticate_with_options(claims(), &header)
        .unwrap();
    assert_eq!(
        verify_access(&token, &keys, NOW),
        Err(TokenError::Malformed)
    );
}

#[test]
fn another_type_of_token_is_refused() {
    assert!(verify_signed(claims(), "AT+JWT").is_ok());
    for r#type in ["JWT", "service+jwt", ""] {
        assert_eq!(
            verify_signed(claims(), r#type),
            Err(TokenError::Malformed),
            "{type}"
        );
    }
}

#[test]
fn critical_extensions_are_refused_even_an_empty_list() {
    let (token, keys) = issued();
    for crit in [json!(["b64"]), json!([]), json!(null), json!("x")] {
        let header =
            json!({"alg": "EdDSA", "typ": "at+jwt", "kid": keys.keys[0].kid, "crit": crit});
        let token = with_header(&token, &header);
        assert_eq!(
            verify_access(&token, &keys, NOW),
            Err(TokenError::Malformed),
            "{crit}"
        );
    }
}

#[test]
fn another_issuer_or_audience_is_refused() {
    let mut foreign = claims();
    foreign.issuer = Some("https://elsewhere.example".to_owned());
    assert_eq!(verify_signed(foreign, TYPE), Err(TokenError::Issuer));
    let mut nobody = claims();
    nobody.issuer = None;
    assert_eq!(verify_signed(nobody, TYPE), Err(TokenError::Issuer));
    let mut foreign = claims();
    foreign.audiences = Some("storage-service".into());
    assert_eq!(verify_signed(foreign, TYPE), Err(TokenError::Audience));
    let mut nobody = claims();
    nobody.audiences = None;
    assert_eq!(verify_signed(nobody, TYPE), Err(TokenError::Audience));
}

#[test]
fn a_missing_or_wrong_claim_is_refused() {
    let changes: [fn(&mut JWTClaims<Value>); 11] = [
        |claims| claims.expires_at = None,
        |claims| claims.issued_at = None,
        |claims| claims.subject = None,
        |claims| claims.jwt_id = None,
        |claims| claims.custom["client_id"] = json!("another"),
        |claims| claims.custom["sid"] = json!(""),
        |claims| claims.custom["username"] = json!(5),
        |claims| claims.custom["username"] = json!(""),
        |claims| claims.custom["roles"] = json!([]),
        |claims| claims.custom["roles"] = json!(["root"]),
        |claims| claims.custom["roles"] = json!("admin"),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut claims = claims();
        change(&mut claims);
        assert_eq!(
            verify_signed(claims, TYPE),
            Err(TokenError::Claims),
            "{number}"
        );
    }
}

#[test]
fn neither_kind_of_token_passes_for_the_other() {
    let (token, keys) = issued();
    let secret = ServiceSecret::new("0123456789abcdef0123456789abcdef").unwrap();
    let call = ServiceCall {
        from: "video-service",
        to: "spinreel",
        method: "GET",
        path: "/",
        user_id: None,
    };
    let service = sign_service(&secret, &call, NOW);
    assert_eq!(
        verify_access(&service, &keys, NOW),
        Err(TokenError::Malformed)
    );
    assert_eq!(
        verify_service(&secret, &token, "spinreel", ("GET", "/"), NOW),
        Err(TokenError::Malformed)
    );
}
