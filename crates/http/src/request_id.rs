//! `X-Request-Id`: the caller's, where it sent a sane one.

/// The longest id that is taken over, in bytes.
pub const MAX_LENGTH: usize = 128;

/// Whether a client's id may be written into logs and headers as it is.
pub fn is_sane(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= MAX_LENGTH
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_of_usual_makes_are_sane() {
        for id in [
            "0190c0de-7000-8000-8000-000000000000",
            "Root=1-67891233-abcdef",
            "a",
        ] {
            assert!(is_sane(id), "{id}");
        }
    }

    #[test]
    fn ids_that_could_forge_a_line_are_not() {
        for id in ["", "a b", "a\nb", "<script>", "ä", &"x".repeat(129)] {
            assert!(!is_sane(id), "{id}");
        }
    }

    proptest! {
        #[test]
        fn a_sane_id_is_one_word_of_a_header_and_of_a_line(id in "([a-zA-Z0-9_.:+/=@-]|\\PC|[\\x00-\\x20\\x7f]){0,130}") {
            if is_sane(&id) {
                prop_assert!((1..=MAX_LENGTH).contains(&id.len()));
                prop_assert!(http::HeaderValue::from_str(&id).is_ok());
                prop_assert!(id.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert_eq!(id.escape_default().to_string(), id);
            }
        }

        #[test]
        fn ids_of_sane_characters_are_sane(id in "[a-zA-Z0-9_.:+/=@-]{1,128}") {
            prop_assert!(is_sane(&id));
        }
    }
}
