#![allow(clippy::unwrap_used)]
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{RS256PublicKey, RSAPublicKeyLike as _, VerificationOptions};
use rsa::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};
use spinreel_platform::memory::SeededRandom;

use super::*;
use crate::Credentials;
use crate::testing::{test_account, test_key_file};

const NOW: u64 = 1_700_000_000;

/// Google's example with one field replaced, or taken out.
fn key_file_with(field: &str, value: Value) -> String {
    let mut file: Value = serde_json::from_str(&test_key_file()).unwrap();
    file[field] = value;
    file.to_string()
}

fn public_key() -> RS256PublicKey {
    let key = RsaPrivateKey::from_pkcs8_der(&test_account().key).unwrap();
    let der = key.to_public_key().to_public_key_der().unwrap();
    RS256PublicKey::from_der(der.as_bytes()).unwrap()
}

#[test]
fn a_key_file_is_read() {
    let key = test_account();
    assert_eq!(
        key.client_email(),
        "test-iam-credentials@test-project-id.iam.gserviceaccount.com"
    );
    assert_eq!(key.token_uri(), "https://oauth2.googleapis.com/token");
    assert_eq!(key.project_id(), Some("test-project-id"));
    assert_eq!(key.private_key_id(), "f".repeat(40));
}

#[test]
fn what_is_no_key_says_why() {
    use CredentialsError::*;
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    for (json, error) in [
        ("{\n \"type\": ".to_owned(), NotJson { line: 2, column: 9 }),
        ("[]".to_owned(), NotJson { line: 1, column: 2 }),
        (
            key_file_with("private_key", json!(7)),
            NotJson { line: 1, column: 0 },
        ),
        (
            key_file_with("type", json!("authorized_user")),
            WrongType("authorized_user".into()),
        ),
        ("{}".to_owned(), MissingField("type")),
        (key_file_with("type", Value::Null), MissingField("type")),
        (
            key_file_with("client_email", Value::Null),
            MissingField("client_email"),
        ),
        (
            key_file_with("client_email", json!("")),
            MissingField("client_email"),
        ),
        (
            key_file_with("private_key", Value::Null),
            MissingField("private_key"),
        ),
        (
            key_file_with("token_uri", Value::Null),
            MissingField("token_uri"),
        ),
        (key_file_with("token_uri", json!("/token")), TokenUri),
        (
            key_file_with("token_uri", json!("ftp://a.test/token")),
            TokenUri,
        ),
        (
            key_file_with("token_uri", json!("https://me@a.test/token")),
            TokenUri,
        ),
        (key_file_with("private_key", json!("secret")), NotRsa),
        // Ed25519
        (key_file_with("private_key", json!(pem)), NotRsa),
    ] {
        let read = ServiceAccountKey::from_json(&json).unwrap_err();
        match (&read, &error) {
            // Where the generated text ends is not the point.
            (NotJson { .. }, NotJson { column: 0, .. }) => {}
            _ => assert_eq!(read, error),
        }
    }
}

#[test]
fn neither_errors_nor_debug_output_contain_the_key() {
    let secret = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj";
    let files = [
        key_file_with("private_key", json!(secret)),
        key_file_with("private_key", json!([secret])),
        format!("{{\"type\": \"service_account\", \"private_key\": \"{secret}"),
    ];
    for file in &files {
        let error = ServiceAccountKey::from_json(file).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(secret), "{shown}");
    }
    let pem: Value = serde_json::from_str(&test_key_file()).unwrap();
    let line = pem["private_key"].as_str().unwrap().lines().nth(3).unwrap();
    let shown = format!(
        "{:?} {:?}",
        test_account(),
        Credentials::from(test_account())
    );
    assert!(!shown.contains(line), "{shown}");
    assert!(shown.contains("test-iam-credentials@"), "{shown}");
}

#[test]
fn an_assertion_says_who_wants_what_of_whom_for_an_hour() {
    let assertion = test_account().assertion(NOW).unwrap();
    let mut parts = assertion.split('.');
    let mut part = || {
        let part = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&part).unwrap()
    };
    assert_eq!(
        part(),
        json!({"alg": "RS256", "kid": "f".repeat(40), "typ": "JWT"})
    );
    assert_eq!(
        part(),
        json!({
            "iss": "test-iam-credentials@test-project-id.iam.gserviceaccount.com",
            "scope": "https://www.googleapis.com/auth/devstorage.read_write",
            "aud": "https://oauth2.googleapis.com/token",
            "iat": NOW,
            "exp": NOW + 3_600,
        })
    );
}

#[test]
fn an_assertion_is_signed_with_the_accounts_key() {
    let options = VerificationOptions {
        artificial_time: Some(UnixTimeStamp::from_secs(NOW)),
        ..VerificationOptions::default()
    };
    let assertion = test_account().assertion(NOW).unwrap();
    let verified = public_key().verify_token::<Scope>(&assertion, Some(options));
    assert_eq!(verified.unwrap().custom.scope, SCOPE);
}

#[test]
fn a_key_without_an_id_makes_an_assertion_without_one() {
    let key = ServiceAccountKey::from_json(&key_file_with("private_key_id", Value::Null)).unwrap();
    let assertion = key.assertion(NOW).unwrap();
    let header = URL_SAFE_NO_PAD
        .decode(assertion.split('.').next().unwrap())
        .unwrap();
    assert!(!String::from_utf8(header).unwrap().contains("kid"));
}

#[test]
fn blinding_does_not_change_a_signature() {
    let key = test_account();
    let one = key.sign(b"text", &SeededRandom::new(1)).unwrap();
    let other = key.sign(b"text", &SeededRandom::new(2)).unwrap();
    assert_eq!(one, other);
    assert_ne!(one, key.sign(b"texts", &SeededRandom::new(1)).unwrap());
}

#[test]
fn a_setting_is_nothing_the_metadata_server_or_a_key() {
    assert_eq!(Credentials::from_setting(" \n"), Ok(Credentials::Anonymous));
    assert_eq!(
        Credentials::from_setting("metadata"),
        Ok(Credentials::MetadataServer {
            origin: "http://metadata.google.internal".into()
        })
    );
    assert_eq!(
        Credentials::from_setting(&test_key_file()),
        Ok(test_account().into())
    );
    assert!(Credentials::from_setting("Metadata").is_err());
}
