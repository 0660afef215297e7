//! Sealing what must be stored and must not be read there.

use std::fmt;

use aes_gcm::aead::Aead as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac_sha256::HKDF;

/// Keeps the keys of this version apart from any other use of the secret.
const INFO: &str = "spinreel seal v1 ";

/// Seals bytes for one purpose: AES-256-GCM (NIST SP 800-38D) under a key that HKDF-SHA256 (RFC 5869) makes of a secret
/// and the purpose. What was changed, sealed for another purpose or under another secret cannot be opened.
pub struct Sealer(Aes256Gcm);

impl Sealer {
    /// Bytes of a nonce.
    pub const NONCE: usize = 12;

    /// One for `purpose`, a name in the code, under a secret that nobody can guess.
    pub fn new(secret: &str, purpose: &str) -> Self {
        let mut key = [0; 32];
        let extracted = HKDF::extract(b"", secret.as_bytes());
        HKDF::expand(&mut key, extracted, format!("{INFO}{purpose}").as_bytes());
        Self(Aes256Gcm::new(&key.into()))
    }

    /// The sealed bytes as text: base64 of the nonce and the ciphertext with its tag.
    ///
    /// The nonce must be random, and new for every call: that is safe for 2³² calls of one purpose (SP 800-38D,
    /// section 8.3).
    pub fn seal(&self, nonce: [u8; Self::NONCE], plaintext: &[u8]) -> String {
        // Fails beyond 64 GiB only, which nothing that becomes a text has. An empty text cannot be opened.
        let Ok(ciphertext) = self.0.encrypt(&nonce.into(), plaintext) else {
            return String::new();
        };
        STANDARD_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat())
    }

    /// What [`seal`](Self::seal) was given; `None` for any text that this sealer did not make.
    pub fn open(&self, text: &str) -> Option<Vec<u8>> {
        let bytes = STANDARD_NO_PAD.decode(text).ok()?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<{ Self::NONCE }>()?;
        self.0.decrypt(&(*nonce).into(), ciphertext).ok()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn sealer() -> Sealer {
        Sealer::new(SECRET, "a test")
    }

    #[test]
    fn the_key_is_made_as_in_rfc_5869_appendix_a_1() {
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let mut key = [0; 42];
        HKDF::expand(&mut key, HKDF::extract(salt, [0x0b; 22]), info);
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
    }

    #[test]
    fn another_secret_and_another_purpose_open_nothing() {
        let sealed = sealer().seal([1; 12], b"seed");
        assert_eq!(sealer().open(&sealed).unwrap(), b"seed");
        for other in [
            Sealer::new(SECRET, "another test"),
            Sealer::new("0123456789abcdef0123456789abcdeF", "a test"),
        ] {
            assert_eq!(other.open(&sealed), None);
        }
    }

    #[test]
    fn what_is_too_short_or_no_base64_is_not_opened() {
        for text in ["", "AAAA", "*", &"A".repeat(16), &"A".repeat(40)] {
            assert_eq!(sealer().open(text), None, "{text}");
        }
    }

    #[test]
    fn neither_the_text_nor_debug_output_shows_the_plaintext_or_the_secret() {
        let text = sealer().seal([1; 12], b"a plaintext");
        let bytes = STANDARD_NO_PAD.decode(&text).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"a plaintext"));
        assert!(!format!("{:?}", sealer()).contains("0123"));
    }

    proptest! {
        #[test]
        fn a_text_with_any_byte_changed_is_not_opened(
            plaintext in prop::collection::vec(any::<u8>(), 0..100),
            nonce: [u8; 12],
            place: prop::sample::Index,
            change in 1_u8..,
        ) {
            let text = sealer().seal(nonce, &plaintext);
            prop_assert_eq!(sealer().open(&text), Some(plaintext));
            let mut bytes = STANDARD_NO_PAD.decode(text).unwrap();
            let place = place.index(bytes.len());
            bytes[place] ^= change;
            prop_assert_eq!(sealer().open(&STANDARD_NO_PAD.encode(bytes)), None);
        }
    }
}
