//! Password hashes: Argon2id (RFC 9106) as PHC strings, of passwords in one form (RFC 8265).

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use spinreel_platform::Random;
use thiserror::Error;

use super::unicode;

/// Memory, in KiB; with [`PASSES`] and [`LANES`] the least that OWASP's Password Storage Cheat Sheet recommends.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const ALGORITHM: Algorithm = Algorithm::Argon2id;
const VERSION: Version = Version::V0x13;
/// Bytes of salt (RFC 9106, section 3.1).
const SALT: usize = 16;

/// The hash of no password, with the cost of any other: its output is all zeros.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c3BpbnJlZWwtbm9ib2R5IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password could not be hashed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the password could not be hashed: {0}")]
pub(crate) struct HashError(String);

/// Hashes a password with a fresh salt; costs about 40 ms and 19 MiB.
pub(crate) fn hash(password: &str, random: &impl Random) -> Result<String, HashError> {
    let mut salt = [0; SALT];
    random.fill(&mut salt);
    let salt = SaltString::encode_b64(&salt).map_err(|error| HashError(error.to_string()))?;
    Argon2::new(ALGORITHM, VERSION, params()?)
        .hash_password(unicode::password(password).as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| HashError(error.to_string()))
}

fn params() -> Result<Params, HashError> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| HashError(error.to_string()))
}

/// Whether a hash was made in another way than [`hash`] makes them now.
pub(crate) fn is_outdated(hash: &str) -> bool {
    let is_current = |hash: PasswordHash<'_>| {
        let params = Params::try_from(&hash).ok()?;
        let now = params_of(&params) == params_of(&self::params().ok()?);
        Some(now && hash.algorithm == ALGORITHM.ident() && hash.version == Some(VERSION.into()))
    };
    PasswordHash::new(hash).ok().and_then(is_current) != Some(true)
}

fn params_of(params: &Params) -> [u32; 3] {
    [params.m_cost(), params.t_cost(), params.p_cost()]
}

/// Whether the password is the one that `hash` was made of.
pub(crate) fn verify(password: &str, hash: &str) -> bool {
    // The parameters are the hash's own, so that old hashes stay good when ours become dearer.
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(unicode::password(password).as_bytes(), &hash)
            .is_ok()
    })
}

/// Costs what [`verify`] costs, for an address that nobody has: the time must not tell.
pub(crate) fn verify_nobody(password: &str) {
    std::hint::black_box(verify(password, NOBODY));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use spinreel_platform::memory::SeededRandom;

    use super::*;

    #[test]
    fn a_password_verifies_against_its_own_hash_only() {
        let hashed = hash("correct horse", &SeededRandom::new(1)).unwrap();
        assert!(verify("correct horse", &hashed));
        assert!(!verify("correct horsf", &hashed));
        assert!(!verify("", &hashed));
    }

    #[test]
    fn a_password_verifies_however_its_characters_are_written() {
        let hashed = hash("cafe\u{301} au lait", &SeededRandom::new(1)).unwrap();
        assert!(verify("caf\u{e9} au lait", &hashed));
        assert!(verify("cafe\u{301}\u{a0}au lait", &hashed));
        assert!(!verify("cafe au lait", &hashed));
    }

    #[test]
    fn the_hash_is_a_phc_string_with_the_chosen_cost() {
        let hashed = hash("correct horse", &SeededRandom::new(1)).unwrap();
        assert!(
            hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hashed}"
        );
    }

    #[test]
    fn two_hashes_of_one_password_differ() {
        let random = SeededRandom::new(1);
        assert_ne!(
            hash("correct horse", &random).unwrap(),
            hash("correct horse", &random).unwrap()
        );
    }

    #[test]
    fn a_hash_with_other_costs_or_another_algorithm_is_outdated() {
        let hashed = hash("correct horse", &SeededRandom::new(1)).unwrap();
        assert!(!is_outdated(&hashed));
        for (part, other) in [
            ("m=19456", "m=9728"),
            ("t=2", "t=3"),
            ("p=1", "p=2"),
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("$argon2id$", "x"),
        ] {
            assert!(is_outdated(&hashed.replace(part, other)), "{other}");
        }
    }

    #[test]
    fn nobodys_hash_costs_what_a_fresh_one_costs() {
        let fresh = hash("correct horse", &SeededRandom::new(1)).unwrap();
        let (fresh, nobody) = (
            PasswordHash::new(&fresh).unwrap(),
            PasswordHash::new(NOBODY).unwrap(),
        );
        assert_eq!(nobody.algorithm, fresh.algorithm);
        assert_eq!(nobody.version, fresh.version);
        assert_eq!(nobody.params, fresh.params);
        assert_eq!(nobody.hash.unwrap().len(), fresh.hash.unwrap().len());
        // Were the hash refused as malformed, it would cost nothing.
        let refusal = Argon2::default()
            .verify_password(b"x", &nobody)
            .unwrap_err();
        assert_eq!(refusal, argon2::password_hash::Error::Password);
    }

    #[test]
    fn what_is_no_hash_verifies_nothing() {
        for text in ["", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv"] {
            assert!(!verify("x", text), "{text}");
        }
    }
}
