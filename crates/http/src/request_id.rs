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
}
