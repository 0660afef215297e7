//! Users whose access tokens may have been revoked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Bytes of a filter: 8,192 bits.
const BYTES: usize = 1_024;

/// A set of users in constant space that only grows: a bit for each, chosen by a digest of the id.
///
/// Users share bits, so that one who is not in the set may be found in it: about one of a hundred where it has 82. What
/// it is used for must be right all the same, and only cost more. On the wire: base64url of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspects(Vec<u8>);

impl Default for Suspects {
    fn default() -> Self {
        Self(vec![0; BYTES])
    }
}

impl Suspects {
    /// Adds a user.
    pub fn insert(&mut self, user_id: &str) {
        let (byte, bit) = place(user_id);
        if let Some(byte) = self.0.get_mut(byte) {
            *byte |= bit;
        }
    }

    /// Whether the user may be in the set; `false` is certain.
    pub fn may_contain(&self, user_id: &str) -> bool {
        let (byte, bit) = place(user_id);
        self.0.get(byte).is_some_and(|byte| byte & bit != 0)
    }
}

fn place(user_id: &str) -> (usize, u8) {
    let digest = Sha256::digest(user_id);
    let number = usize::from(u16::from_le_bytes([digest[0], digest[1]])) % (8 * BYTES);
    (number / 8, 1 << (number % 8))
}

impl Serialize for Suspects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Suspects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(serde::de::Error::custom)?;
        if bytes.len() != BYTES {
            return Err(serde::de::Error::invalid_length(
                bytes.len(),
                &"1,024 bytes",
            ));
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_of_those_who_are_not_in_it_are_taken_for_suspects() {
        let mut suspects = Suspects::default();
        for number in 0..82 {
            suspects.insert(&format!("revoked-{number}"));
        }
        let wrong = (0..10_000)
            .filter(|number| suspects.may_contain(&format!("other-{number}")))
            .count();
        assert!((50..=150).contains(&wrong), "{wrong}");
    }

    #[test]
    fn another_length_is_no_filter() {
        assert!(serde_json::from_str::<Suspects>("\"AAAA\"").is_err());
        assert!(serde_json::from_str::<Suspects>("\"=\"").is_err());
    }

    proptest! {
        #[test]
        fn who_is_in_it_is_found_also_after_a_journey(ids in prop::collection::vec("[0-9a-f-]{36}", 0..50)) {
            let mut suspects = Suspects::default();
            for id in &ids {
                suspects.insert(id);
            }
            let text = serde_json::to_string(&suspects).unwrap();
            let again: Suspects = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&again, &suspects);
            for id in &ids {
                prop_assert!(again.may_contain(id));
            }
        }
    }
}
