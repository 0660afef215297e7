//! Service account keys in Google's JSON form, and HMAC keys
//! (<https://cloud.google.com/iam/docs/keys-create-delete>,
//! <https://cloud.google.com/storage/docs/authentication/hmackeys>).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rsa::rand_core::{OsRng, RngCore};
use rsa::signature::Verifier;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::options::StartError;

/// The size of the keys that are made here.
const BITS: usize = 2048;

/// The account of keys that are made here.
const EMAIL: &str = "storage@spinreel.iam.gserviceaccount.com";

/// Makes the key of a service account, as Google's JSON, for [`crate::Access::ServiceAccount`]. Its
/// `token_uri` means nothing before a bucket server was started with it:
/// [`crate::Bucket::service_account_key`] has the right one. Takes up to a second.
///
/// # Errors
/// [`StartError::Key`], if the system has no random numbers.
pub fn generate_service_account_key() -> Result<String, StartError> {
    let failed = |error: &dyn fmt::Display| StartError::Key(error.to_string());
    let private = RsaPrivateKey::new(&mut OsRng, BITS).map_err(|error| failed(&error))?;
    let pem = private
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|error| failed(&error))?;
    let mut id = [0; 20];
    OsRng.fill_bytes(&mut id);
    let key = json!({
        "type": "service_account",
        "project_id": "spinreel",
        "private_key_id": hex(&id),
        "private_key": *pem,
        "client_email": EMAIL,
        "client_id": format!("1{:020}", OsRng.next_u64()),
        "token_uri": "http://localhost/token",
        "universe_domain": "googleapis.com",
    });
    pretty(&key)
}

/// What a server needs of a service account's key.
pub(super) struct ServiceAccountKey {
    /// The key, with this server's token URI.
    pub(super) json: String,
    pub(super) email: String,
    pub(super) id: String,
    verifying: VerifyingKey<Sha256>,
}

impl ServiceAccountKey {
    /// Reads a key, and gives it another token URI.
    ///
    /// # Errors
    /// What is wrong with it, without any of its content.
    pub(super) fn parse(json: &str, token_uri: &str) -> Result<ServiceAccountKey, String> {
        let mut members: Map<String, Value> = serde_json::from_str(json)
            .map_err(|_| "it is not the JSON object that Google gives out".to_owned())?;
        let text = |name: &str| {
            let value = members.get(name).and_then(Value::as_str);
            value
                .filter(|value| !value.is_empty())
                .map(str::to_owned)
                .ok_or_else(|| format!("it has no {name}"))
        };
        if text("type")? != "service_account" {
            return Err("its type is not service_account".to_owned());
        }
        let (email, id) = (text("client_email")?, text("private_key_id")?);
        let private = RsaPrivateKey::from_pkcs8_pem(&text("private_key")?)
            .map_err(|_| "its private_key is no RSA key in PKCS #8 PEM".to_owned())?;
        members.insert("token_uri".to_owned(), token_uri.into());
        Ok(ServiceAccountKey {
            json: pretty(&members).map_err(|error| error.to_string())?,
            email,
            id,
            verifying: VerifyingKey::new(RsaPublicKey::from(&private)),
        })
    }

    /// Whether `signature` is RSASSA-PKCS1-v1_5 with SHA-256 of `message` by this key (RFC 8017, section 8.2).
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::try_from(signature)
            .is_ok_and(|signature| self.verifying.verify(message, &signature).is_ok())
    }
}

/// An HMAC key: for signed URLs without RSA.
#[derive(Clone, Serialize, Deserialize)]
pub struct HmacKey {
    /// Which key it is; no secret.
    pub access_id: String,
    /// The secret, base64 of 30 bytes. It is used as it is, not decoded.
    pub secret: String,
}

impl HmacKey {
    /// A new key.
    pub(super) fn generate() -> HmacKey {
        let mut secret = [0; 30];
        OsRng.fill_bytes(&mut secret);
        let mut id = [0; 20];
        OsRng.fill_bytes(&mut id);
        HmacKey {
            access_id: format!("GOOG1E{}", hex(&id).to_uppercase()),
            secret: BASE64.encode(secret),
        }
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("HmacKey")
            .field("access_id", &self.access_id)
            .finish_non_exhaustive()
    }
}

/// 32 random bytes.
pub(super) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pretty(value: &impl Serialize) -> Result<String, StartError> {
    serde_json::to_string_pretty(value).map_err(|error| StartError::Key(error.to_string()))
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::OnceLock;

    use rsa::pkcs1v15::SigningKey;
    use rsa::signature::{SignatureEncoding, Signer};

    use super::*;

    /// A key for all tests of this process.
    pub(in crate::access) fn key() -> &'static str {
        static KEY: OnceLock<String> = OnceLock::new();
        KEY.get_or_init(|| generate_service_account_key().unwrap())
    }

    /// Signs as a client does.
    pub(in crate::access) fn sign(message: &[u8]) -> Vec<u8> {
        let json: Value = serde_json::from_str(key()).unwrap();
        let private = RsaPrivateKey::from_pkcs8_pem(json["private_key"].as_str().unwrap()).unwrap();
        SigningKey::<Sha256>::new(private).sign(message).to_vec()
    }

    #[test]
    fn a_generated_key_has_googles_members_and_this_servers_token_uri() {
        let parsed = ServiceAccountKey::parse(key(), "http://bucket/token").unwrap();
        let json: Value = serde_json::from_str(&parsed.json).unwrap();
        assert_eq!(json["type"], "service_account");
        assert_eq!(json["token_uri"], "http://bucket/token");
        assert_eq!(json["client_email"], parsed.email);
        assert_eq!(json["private_key_id"], parsed.id);
        for member in ["project_id", "client_id", "universe_domain"] {
            assert!(json[member].is_string(), "{member}");
        }
        assert!(
            json["private_key"]
                .as_str()
                .unwrap()
                .starts_with("-----BEGIN PRIVATE KEY-----\n")
        );
    }

    #[test]
    fn only_its_own_signatures_hold() {
        let parsed = ServiceAccountKey::parse(key(), "u").unwrap();
        let mut signature = sign(b"message");
        assert!(parsed.has_signed(b"message", &signature));
        assert!(!parsed.has_signed(b"another", &signature));
        assert!(!parsed.has_signed(b"message", b""));
        signature[3] ^= 1;
        assert!(!parsed.has_signed(b"message", &signature));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_named_without_its_content() {
        let with = |name: &str, value: Value| {
            let mut json: Value = serde_json::from_str(key()).unwrap();
            json[name] = value;
            json.to_string()
        };
        for (bad, word) in [
            ("{".to_owned(), "JSON"),
            ("[]".to_owned(), "JSON"),
            ("{}".to_owned(), "type"),
            (with("type", "authorized_user".into()), "service_account"),
            (with("client_email", "".into()), "client_email"),
            (with("private_key_id", Value::Null), "private_key_id"),
            (with("private_key", "s3cret".into()), "private_key"),
        ] {
            let error = ServiceAccountKey::parse(&bad, "u").map(|_| ()).unwrap_err();
            assert!(error.contains(word), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn the_secret_of_an_hmac_key_is_not_shown() {
        let key = HmacKey::generate();
        assert_eq!(key.secret.len(), 40);
        assert!(!format!("{key:?}").contains(&key.secret));
    }
}
