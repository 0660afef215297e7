//! Ids, before they become part of a key.

/// The longest id, in bytes.
pub const MAX_LENGTH: usize = 64;

/// Whether a text can be an id of ours: 1–64 letters, digits and hyphens. Anything else names nothing.
pub fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_LENGTH
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_either_make_are_ids() {
        for id in [
            "0190c0de-7000-8000-8000-000000000000",
            "01J9ZQ4V7KX3B8W5N6M2R1T0YD",
            "a",
        ] {
            assert!(is_id(id), "{id}");
        }
    }

    #[test]
    fn what_could_reach_another_key_is_none() {
        for id in ["", "a/b", "..", "a b", "ä", "a\0", "a%2Fb", &"a".repeat(65)] {
            assert!(!is_id(id), "{id:?}");
        }
    }
}
