//! Ed25519 signing keys and their public halves (RFC 7517, RFC 8037).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{Ed25519KeyPair, Ed25519PublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// A key pair that signs access tokens.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    pair: Ed25519KeyPair,
}

/// These bytes are no signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("these bytes are no Ed25519 key pair")]
pub struct InvalidKey;

impl SigningKey {
    /// A new key from the system's randomness.
    pub fn generate() -> Self {
        Self::of(Ed25519KeyPair::generate())
    }

    /// The key that [`to_bytes`](Self::to_bytes) wrote; fails where the length is another.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidKey> {
        Ed25519KeyPair::from_bytes(bytes)
            .map(Self::of)
            .map_err(|_| InvalidKey)
    }

    /// 64 bytes that must stay secret: the seed, then the public key.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.pair.to_bytes()
    }

    /// Its id (`kid`): the thumbprint of the public key (RFC 7638, SHA-256).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its public half.
    pub fn jwk(&self) -> Jwk {
        Jwk::of(&self.pair.public_key().to_bytes())
    }

    pub(crate) fn pair(&self) -> &Ed25519KeyPair {
        &self.pair
    }

    fn of(pair: Ed25519KeyPair) -> Self {
        let id = thumbprint(&encode(&pair.public_key().to_bytes()));
        Self {
            pair: pair.with_key_id(&id),
            id,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A public key (RFC 8037, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// The public key: 32 bytes in base64url without padding.
    pub x: String,
    /// The key's id.
    pub kid: String,
    /// Always `sig`.
    pub r#use: String,
    /// Always `EdDSA`.
    pub alg: String,
}

impl Jwk {
    fn of(public_key: &[u8]) -> Self {
        let x = encode(public_key);
        Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            kid: thumbprint(&x),
            x,
            r#use: "sig".to_owned(),
            alg: "EdDSA".to_owned(),
        }
    }

    /// The key itself, where this is one that may check access tokens.
    pub(crate) fn public_key(&self) -> Option<Ed25519PublicKey> {
        let kind = (
            self.kty.as_str(),
            self.crv.as_str(),
            self.r#use.as_str(),
            self.alg.as_str(),
        );
        if kind != ("OKP", "Ed25519", "sig", "EdDSA") {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(&self.x).ok()?;
        Ed25519PublicKey::from_bytes(&bytes).ok()
    }
}

/// A set of public keys (RFC 7517, section 5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}

impl Jwks {
    /// The key called `id`.
    pub fn find(&self, id: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.kid == id)
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// RFC 7638, section 3, with the members that RFC 8037, section 2, requires.
fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    encode(&Sha256::digest(members))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// RFC 8037, appendix A.2: the public key of RFC 8032's first test.
    const RFC_8037_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    #[test]
    fn the_key_id_is_the_thumbprint_of_rfc_8037_appendix_a_3() {
        let public_key = URL_SAFE_NO_PAD.decode(RFC_8037_X).unwrap();
        assert_eq!(
            Jwk::of(&public_key).kid,
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn a_key_survives_its_bytes() {
        let key = SigningKey::generate();
        let again = SigningKey::from_bytes(&key.to_bytes()).unwrap();
        assert_eq!(again.id(), key.id());
        assert_eq!(again.to_bytes(), key.to_bytes());
        assert_eq!(again.jwk(), key.jwk());
    }

    #[test]
    fn bytes_of_another_length_are_no_key() {
        for length in [0, 32, 63, 65] {
            assert_eq!(
                SigningKey::from_bytes(&vec![7; length]).unwrap_err(),
                InvalidKey
            );
        }
    }

    #[test]
    fn two_generated_keys_differ() {
        assert_ne!(SigningKey::generate().id(), SigningKey::generate().id());
    }

    #[test]
    fn neither_debug_output_nor_the_public_half_shows_the_seed() {
        let key = SigningKey::generate();
        let seed = &key.to_bytes()[..32];
        let shown = format!("{key:?} {}", serde_json::to_string(&key.jwk()).unwrap());
        assert!(!shown.contains(&encode(seed)));
        assert!(!shown.contains(&format!("{seed:?}")));
    }

    #[test]
    fn the_set_has_the_members_of_rfc_7517() {
        let key = SigningKey::generate();
        let set = Jwks {
            keys: vec![key.jwk()],
        };
        let json = serde_json::to_value(&set).unwrap();
        assert_eq!(
            json["keys"][0],
            serde_json::json!({
                "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                "kid": key.id(), "x": encode(&key.to_bytes()[32..]),
            })
        );
        assert_eq!(serde_json::from_value::<Jwks>(json).unwrap(), set);
    }
}
