//! Which file names are taken.

/// The longest name, in bytes of UTF-8.
pub const MAX_BYTES: usize = 255;

/// Whether a file may have this name: it becomes the last segment of an object's name.
///
/// Names are compared byte by byte: two Unicode forms of one word, or two cases, are two names.
pub fn is_valid(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_BYTES
        && name != "."
        && name != ".."
        && !name
            .chars()
            .any(|character| character == '/' || character == '\\' || character.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_give_are_valid() {
        for name in [
            "video.mp4",
            "été 2024.mov",
            "影片.mp4",
            "...",
            ".hidden",
            "a",
            &"x".repeat(255),
        ] {
            assert!(is_valid(name), "{name}");
        }
    }

    #[test]
    fn names_that_could_leave_their_place_are_not() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "/",
            "a\\b",
            "a\0b",
            "a\nb",
            "a\u{7f}",
            "a\u{85}b",
            &"x".repeat(256),
            &"ü".repeat(128),
        ] {
            assert!(!is_valid(name), "{name:?}");
        }
    }
}
