use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use spinreel_platform::Random;

use super::SCOPE;
use crate::credentials::{Credentials, CredentialsError};
use crate::service_account::ServiceAccountKey;

/// An HMAC key of a service account (<https://cloud.google.com/storage/docs/authentication/hmackeys>).
#[derive(Clone, PartialEq, Eq)]
pub struct HmacKey {
    /// Its name, which becomes part of every signed URL.
    pub access_id: String,
    /// Its secret.
    pub secret: String,
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HmacKey({})", self.access_id)
    }
}

/// What a URL is signed with. RSA takes milliseconds, and HMAC microseconds.
#[derive(Debug, Clone, Copy)]
pub enum SigningKey<'a> {
    /// `GOOG4-RSA-SHA256`
    ServiceAccount(&'a ServiceAccountKey),
    /// `GOOG4-HMAC-SHA256`
    Hmac(&'a HmacKey),
}

impl<'a> SigningKey<'a> {
    /// The key among credentials.
    ///
    /// # Errors
    /// [`CredentialsError::CannotSign`] if there is none.
    pub fn of(credentials: &'a Credentials) -> Result<Self, CredentialsError> {
        match credentials {
            Credentials::ServiceAccount(key) => Ok(Self::ServiceAccount(key)),
            _ => Err(CredentialsError::CannotSign),
        }
    }

    pub(super) fn algorithm(self) -> &'static str {
        match self {
            Self::ServiceAccount(_) => "GOOG4-RSA-SHA256",
            Self::Hmac(_) => "GOOG4-HMAC-SHA256",
        }
    }

    pub(super) fn name(self) -> &'a str {
        match self {
            Self::ServiceAccount(key) => key.client_email(),
            Self::Hmac(key) => &key.access_id,
        }
    }

    /// The signature of `text`, whose scope begins with `date`.
    pub(super) fn sign(
        self,
        text: &str,
        date: &str,
        random: &impl Random,
    ) -> Result<String, CredentialsError> {
        let signature = match self {
            Self::ServiceAccount(key) => key.sign(text.as_bytes(), random)?,
            Self::Hmac(key) => {
                let [region, service, end] = SCOPE;
                let secret = format!("GOOG4{}", key.secret);
                let key = derive(secret.as_bytes(), [date, region, service, end]);
                hmac(&key, text).to_vec()
            }
        };
        Ok(hex(&signature))
    }
}

/// The key for one date and purpose: each part of the scope is signed with the key of the parts before.
pub(super) fn derive<const N: usize>(secret: &[u8], scope: [&str; N]) -> Vec<u8> {
    scope
        .iter()
        .fold(secret.to_vec(), |key, part| hmac(&key, part).to_vec())
}

/// HMAC-SHA-256 (RFC 2104).
pub(super) fn hmac(key: &[u8], text: &str) -> [u8; 32] {
    // RFC 2104 section 3: a key that is longer than a block is hashed, and a shorter one padded. So any key will do.
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
