use std::fmt;

use http::Uri;
use jwt_simple::prelude::{Duration, JWTClaims, RS256KeyPair, RSAKeyPairLike as _, UnixTimeStamp};
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::der::pem::PemLabel as _;
use rsa::pkcs8::{DecodePrivateKey as _, PrivateKeyInfo, SecretDocument};
use rsa::rand_core::{self, CryptoRng, RngCore};
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use spinreel_platform::Random;

use crate::credentials::CredentialsError;

/// What the tokens are for: reading, writing, listing and deleting objects
/// (<https://cloud.google.com/storage/docs/oauth-scopes>).
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// The longest life of an assertion that the token server accepts, in seconds.
const ASSERTION_SECONDS: u64 = 3_600;
/// How much of a wrong type goes into an error, in characters.
const TYPE_LENGTH: usize = 40;

/// The key of a Google service account, as it is downloaded
/// (<https://cloud.google.com/iam/docs/keys-create-delete#creating>).
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceAccountKey {
    client_email: String,
    private_key_id: String,
    token_uri: String,
    project_id: Option<String>,
    /// PKCS#8 DER of an RSA key. Read further only where it is used: that costs more than most requests, and a key is
    /// needed once an hour.
    key: Vec<u8>,
}

/// The file's fields; what is missing is told apart from what is not JSON.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: Option<String>,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
    project_id: Option<String>,
}

/// The claim of an assertion that is not one of JWT's own.
#[derive(Serialize, Deserialize)]
struct Scope {
    scope: String,
}

impl ServiceAccountKey {
    /// Reads a key file.
    ///
    /// # Errors
    /// What [`CredentialsError`] lists, but `Rejected`, `NoToken` and `CannotSign`.
    pub fn from_json(json: &str) -> Result<Self, CredentialsError> {
        // The parser's own words may quote the text, and that is a secret.
        let file: KeyFile =
            serde_json::from_str(json).map_err(|error| CredentialsError::NotJson {
                line: error.line(),
                column: error.column(),
            })?;
        match file.kind {
            Some(kind) if kind == "service_account" => {}
            Some(kind) => {
                let kind = kind.chars().take(TYPE_LENGTH).collect();
                return Err(CredentialsError::WrongType(kind));
            }
            None => return Err(CredentialsError::MissingField("type")),
        }
        let field = |value: Option<String>, name| {
            value
                .filter(|value| !value.is_empty())
                .ok_or(CredentialsError::MissingField(name))
        };
        let client_email = field(file.client_email, "client_email")?;
        let pem = field(file.private_key, "private_key")?;
        let token_uri = field(file.token_uri, "token_uri")?;
        if !is_address(&token_uri) {
            return Err(CredentialsError::TokenUri);
        }
        let key = rsa_der(pem.trim()).ok_or(CredentialsError::NotRsa)?;
        Ok(Self {
            client_email,
            private_key_id: file.private_key_id.unwrap_or_default(),
            token_uri,
            project_id: file.project_id,
            key,
        })
    }

    /// The account's name.
    pub fn client_email(&self) -> &str {
        &self.client_email
    }

    /// Tells the account's keys apart; empty where the file does not say it. It is no secret.
    pub fn private_key_id(&self) -> &str {
        &self.private_key_id
    }

    /// The project that the account belongs to.
    pub fn project_id(&self) -> Option<&str> {
        self.project_id.as_deref()
    }

    /// Where the key is exchanged for tokens. Whoever runs the program must allow requests to its host.
    pub fn token_uri(&self) -> &str {
        &self.token_uri
    }

    /// What is exchanged for a token: a JWT (RFC 7523 section 3), good for an hour from `now_s` on, in seconds since
    /// the Unix epoch.
    pub(crate) fn assertion(&self, now_s: u64) -> Result<String, CredentialsError> {
        let mut key = RS256KeyPair::from_der(&self.key).map_err(|_| CredentialsError::NotRsa)?;
        if !self.private_key_id.is_empty() {
            key = key.with_key_id(&self.private_key_id);
        }
        let issued_at = UnixTimeStamp::from_secs(now_s);
        let claims = JWTClaims {
            issued_at: Some(issued_at),
            expires_at: Some(issued_at + Duration::from_secs(ASSERTION_SECONDS)),
            invalid_before: None,
            issuer: Some(self.client_email.clone()),
            subject: None,
            audiences: Some(self.token_uri.as_str().into()),
            jwt_id: None,
            nonce: None,
            custom: Scope {
                scope: SCOPE.to_owned(),
            },
        };
        key.sign(claims).map_err(|_| CredentialsError::NotRsa)
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2). The same bytes have the same signature; `random` blinds
    /// the computation, so that its duration tells nothing about the key.
    pub(crate) fn sign(
        &self,
        bytes: &[u8],
        random: &impl Random,
    ) -> Result<Vec<u8>, CredentialsError> {
        let key = RsaPrivateKey::from_pkcs8_der(&self.key).map_err(|_| CredentialsError::NotRsa)?;
        SigningKey::<Sha256>::new(key)
            .try_sign_with_rng(&mut Rng(random), bytes)
            .map(|signature| signature.to_vec())
            .map_err(|_| CredentialsError::NotRsa)
    }
}

impl fmt::Debug for ServiceAccountKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServiceAccountKey")
            .field("client_email", &self.client_email)
            .field("private_key_id", &self.private_key_id)
            .field("token_uri", &self.token_uri)
            .finish_non_exhaustive()
    }
}

/// The DER within a PEM, if it is PKCS#8 (RFC 5958) and says that it holds an RSA key.
fn rsa_der(pem: &str) -> Option<Vec<u8>> {
    let (label, der) = SecretDocument::from_pem(pem).ok()?;
    PrivateKeyInfo::validate_pem_label(label).ok()?;
    let info = PrivateKeyInfo::try_from(der.as_bytes()).ok()?;
    (info.algorithm.oid == rsa::pkcs1::ALGORITHM_OID).then(|| der.as_bytes().to_vec())
}

/// Whether `text` is an `http` or `https` address without a user.
fn is_address(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let named = uri
        .authority()
        .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    named && matches!(uri.scheme_str(), Some("http" | "https"))
}

/// Our source of unpredictable bytes in the shape that the RSA implementation expects.
struct Rng<'a, R>(&'a R);

impl<R: Random> RngCore for Rng<'_, R> {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl<R: Random> CryptoRng for Rng<'_, R> {}

#[cfg(test)]
mod tests;
