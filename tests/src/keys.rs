//! Access tokens that user-service did not make, some of them with its own key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::Sha256;
use spinreel_identity::{Sealer, SigningKey};

use crate::app::App;
use crate::user::User;

impl App {
    /// The newest key that access tokens are signed with, taken out of the store by force: with the services' secret.
    pub fn signing_key(&self) -> SigningKey {
        let store = Connection::open(self.state_dir().join("users.db")).unwrap();
        let query = "SELECT value FROM spin_key_value WHERE key = 'users/keys'";
        let keys: Vec<u8> = store
            .query_row(query, (), |row| row.get(0))
            .expect("signing keys");
        let keys: Value = serde_json::from_slice(&keys).unwrap();
        let sealed = keys[0]["sealed"].as_str().unwrap();
        let opened = Sealer::new(self.secret(), SIGNING_KEYS).open(sealed);
        SigningKey::from_bytes(&opened.expect("a key that the services' secret opens")).unwrap()
    }
}

/// What user-service's signing keys are sealed for.
const SIGNING_KEYS: &str = "signing keys";

/// A token in its parts, to be changed and put together again.
#[derive(Debug, Clone)]
pub struct Forgery {
    /// The header (RFC 7515, section 4).
    pub header: Value,
    /// The claims (RFC 9068, section 2.2).
    pub claims: Value,
}

impl Forgery {
    /// Like the token of this user.
    pub fn of(user: &User<'_>) -> Self {
        let mut parts = user.token.split('.').map(|part| {
            let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
            serde_json::from_slice(&bytes).unwrap_or(Value::Null)
        });
        Self {
            header: parts.next().unwrap(),
            claims: parts.next().unwrap(),
        }
    }

    /// With another value for a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    /// With another value for a member of the header.
    #[must_use]
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    /// Signed with Ed25519.
    pub fn sign(&self, key: &SigningKey) -> String {
        let input = self.signing_input();
        let pair = ed25519_compact::KeyPair::from_slice(&key.to_bytes()).unwrap();
        let signature = pair.sk.sign(&input, None);
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Signed with HMAC, as if the public key were a secret (RFC 8725, section 2.1).
    pub fn sign_with_public_key(&self, key: &SigningKey) -> String {
        let forged = self.clone().header("alg", json!("HS256"));
        let input = forged.signing_input();
        let public_key = URL_SAFE_NO_PAD.decode(key.jwk().x).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&public_key).unwrap();
        mac.update(input.as_bytes());
        let signature = mac.finalize().into_bytes();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Without a signature (RFC 8725, section 2.1).
    pub fn unsigned(&self) -> String {
        let forged = self.clone().header("alg", json!("none"));
        format!("{}.", forged.signing_input())
    }

    fn signing_input(&self) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }
}
