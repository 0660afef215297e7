use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use subtle::ConstantTimeEq as _;

use crate::Refusal;

/// The algorithms, as `Tus-Checksum-Algorithm` lists them.
pub const ALGORITHMS: &str = "sha1,sha256,crc32";

/// How a digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-1 (FIPS 180-4), 20 bytes.
    Sha1,
    /// SHA-256 (FIPS 180-4), 32 bytes.
    Sha256,
    /// SHA-512 (FIPS 180-4), 64 bytes; not one of tus.
    Sha512,
    /// CRC-32 of IEEE 802.3, 4 bytes, the highest first.
    Crc32,
}

/// The digest that a body is said to have (`Upload-Checksum: sha1 …`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// How it is made.
    pub algorithm: Algorithm,
    expected: Vec<u8>,
}

impl Claim {
    /// A digest that was said in another form.
    pub fn new(algorithm: Algorithm, expected: Vec<u8>) -> Self {
        Self {
            algorithm,
            expected,
        }
    }

    /// Reads the field: the algorithm, one space, the digest in base64.
    ///
    /// # Errors
    /// [`Refusal::Algorithm`] for one that is not known; [`Refusal::Header`] for another form. A digest that is too short
    /// or too long is one that nothing has.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        const REFUSED: Refusal = Refusal::Header("Upload-Checksum");
        let (algorithm, digest) = text.split_once(' ').ok_or(REFUSED)?;
        let algorithm = match algorithm {
            "sha1" => Algorithm::Sha1,
            "sha256" => Algorithm::Sha256,
            "crc32" => Algorithm::Crc32,
            _ => return Err(Refusal::Algorithm),
        };
        let expected = STANDARD.decode(digest).map_err(|_| REFUSED)?;
        if expected.is_empty() {
            return Err(REFUSED);
        }
        Ok(Self {
            algorithm,
            expected,
        })
    }
}

/// The digest of what came so far.
#[derive(Debug, Clone)]
pub struct Digest(State);

#[derive(Debug, Clone)]
enum State {
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
    Crc32(crc32fast::Hasher),
}

impl Digest {
    /// The digest of nothing.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha1 => State::Sha1(Sha1::new()),
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
            Algorithm::Crc32 => State::Crc32(crc32fast::Hasher::new()),
        })
    }

    /// Takes in what follows.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha1(digest) => digest.update(bytes),
            State::Sha256(digest) => digest.update(bytes),
            State::Sha512(digest) => digest.update(bytes),
            State::Crc32(digest) => digest.update(bytes),
        }
    }

    /// Whether this is what was claimed.
    pub fn is(&self, claim: &Claim) -> bool {
        let digest = match self.0.clone() {
            State::Sha1(digest) => digest.finalize().to_vec(),
            State::Sha256(digest) => digest.finalize().to_vec(),
            State::Sha512(digest) => digest.finalize().to_vec(),
            State::Crc32(digest) => digest.finalize().to_be_bytes().to_vec(),
        };
        bool::from(digest.ct_eq(&claim.expected))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn is(bytes: &[u8], claim: &str) -> bool {
        let claim = Claim::parse(claim).unwrap();
        let mut digest = Digest::new(claim.algorithm);
        for piece in bytes.chunks(3) {
            digest.update(piece);
        }
        digest.is(&claim)
    }

    #[test]
    fn each_algorithm_knows_its_test_value() {
        // FIPS 180-4's examples of "abc", and the check value of CRC-32.
        for (bytes, claim) in [
            (&b"abc"[..], "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0="),
            (
                b"abc",
                "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
            ),
            (b"123456789", "crc32 y/Q5Jg=="),
        ] {
            assert!(is(bytes, claim), "{claim}");
            assert!(!is(b"another", claim), "{claim}");
        }
    }

    #[test]
    fn a_digest_of_another_length_is_that_of_nothing() {
        assert!(!is(b"abc", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
        assert!(!is(b"", "crc32 AA=="));
    }

    #[test]
    fn other_forms_and_algorithms_are_refused() {
        for (text, refusal) in [
            ("", Refusal::Header("Upload-Checksum")),
            ("sha1", Refusal::Header("Upload-Checksum")),
            ("sha1 ", Refusal::Header("Upload-Checksum")),
            ("sha1 !", Refusal::Header("Upload-Checksum")),
            (
                "sha1  qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
                Refusal::Header("Upload-Checksum"),
            ),
            ("md5 AAAA", Refusal::Algorithm),
            ("SHA1 AAAA", Refusal::Algorithm),
        ] {
            assert_eq!(Claim::parse(text), Err(refusal), "{text}");
        }
    }
}
