//! Which names buckets and objects may have
//! (<https://cloud.google.com/storage/docs/buckets#naming>, <https://cloud.google.com/storage/docs/objects#naming>).

/// The longest object name, in bytes of UTF-8.
const MAX_OBJECT_NAME: usize = 1024;

/// Checks the name of a bucket; the error is the rule that it breaks.
///
/// A valid name is also a safe name for a folder.
pub(crate) fn check_bucket(name: &str) -> Result<(), &'static str> {
    let bytes = name.as_bytes();
    let longest = if name.contains('.') { 222 } else { 63 };
    if bytes.len() < 3 || bytes.len() > longest || name.split('.').any(|label| label.len() > 63) {
        return Err("a bucket name has 3 to 63 characters, or 222 with dots");
    }
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !bytes
        .iter()
        .all(|&byte| alphanumeric(byte) || matches!(byte, b'-' | b'_' | b'.'))
    {
        return Err("a bucket name is made of a-z, 0-9, hyphens, underscores and dots");
    }
    if !alphanumeric(bytes[0]) || !alphanumeric(bytes[bytes.len() - 1]) {
        return Err("a bucket name starts and ends with a letter or a digit");
    }
    if name.contains("..") {
        return Err("a bucket name has no two dots in a row");
    }
    Ok(())
}

/// Checks the name of an object; the error is the rule that it breaks.
pub(crate) fn check_object(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("an object name is not empty");
    }
    if name.len() > MAX_OBJECT_NAME {
        return Err("an object name has at most 1024 bytes of UTF-8");
    }
    if name.contains(['\r', '\n']) {
        return Err("an object name has no carriage return and no line feed");
    }
    if name == "." || name == ".." {
        return Err("an object name is not a single or a double dot");
    }
    if name.starts_with(".well-known/acme-challenge/") {
        return Err("an object name does not start with .well-known/acme-challenge/");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_the_rules() {
        for good in ["abc", "spinreel", "a-b_c.d", "123", &"a".repeat(63)] {
            assert_eq!(check_bucket(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "ab",
            "Abc",
            "-ab",
            "ab-",
            "a/b",
            "..",
            "a..b",
            "a b",
            &"a".repeat(64),
        ] {
            assert!(check_bucket(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn object_names_follow_the_rules() {
        for good in [
            "a",
            "user/video.mp4",
            "/",
            "../x",
            "ü",
            " ",
            "%2F",
            &"a".repeat(1024),
        ] {
            assert_eq!(check_object(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a\nb",
            "a\rb",
            &"a".repeat(1025),
            &"ü".repeat(513),
        ] {
            assert!(check_object(bad).is_err(), "{bad}");
        }
    }
}
