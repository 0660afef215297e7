//! `Content-Disposition` with any file name (RFC 6266, RFC 8187).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 8187's `attr-char` does not have.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The value that makes a client save an answer as `filename`: once in ASCII for old clients, once as it is.
pub fn attachment(filename: &str) -> String {
    let exact = utf8_percent_encode(filename, NOT_ATTR_CHAR);
    format!(
        "attachment; filename=\"{}\"; filename*=UTF-8''{exact}",
        plain(filename)
    )
}

/// The name with an underscore for whatever a quoted string, an old client's decoder (RFC 6266, appendix D) or a file
/// system could take for something else.
fn plain(filename: &str) -> String {
    filename
        .chars()
        .map(|character| match character {
            '"' | '\\' | '%' | '/' => '_',
            ' '..='~' => character,
            _ => '_',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_name_is_given_twice_the_same() {
        assert_eq!(
            attachment("clip-1_a.mp4"),
            "attachment; filename=\"clip-1_a.mp4\"; filename*=UTF-8''clip-1_a.mp4"
        );
    }

    #[test]
    fn odd_names_are_escaped() {
        for (name, value) in [
            (
                "a b.mp4",
                "attachment; filename=\"a b.mp4\"; filename*=UTF-8''a%20b.mp4",
            ),
            (
                "a\"b.mp4",
                "attachment; filename=\"a_b.mp4\"; filename*=UTF-8''a%22b.mp4",
            ),
            (
                "a\\b.mp4",
                "attachment; filename=\"a_b.mp4\"; filename*=UTF-8''a%5Cb.mp4",
            ),
            (
                "50%41.mp4",
                "attachment; filename=\"50_41.mp4\"; filename*=UTF-8''50%2541.mp4",
            ),
            (
                "a;b='c'.mp4",
                "attachment; filename=\"a;b='c'.mp4\"; filename*=UTF-8''a%3Bb%3D%27c%27.mp4",
            ),
            (
                "été.mp4",
                "attachment; filename=\"_t_.mp4\"; filename*=UTF-8''%C3%A9t%C3%A9.mp4",
            ),
            (
                "影.mp4",
                "attachment; filename=\"_.mp4\"; filename*=UTF-8''%E5%BD%B1.mp4",
            ),
            (
                "a\r\nb: c",
                "attachment; filename=\"a__b: c\"; filename*=UTF-8''a%0D%0Ab%3A%20c",
            ),
        ] {
            assert_eq!(attachment(name), value);
        }
    }

    proptest! {
        #[test]
        fn any_name_makes_a_header_that_gives_it_back(name in ".*") {
            let value = attachment(&name);
            prop_assert!(value.is_ascii() && HeaderValue::from_str(&value).is_ok());
            let (_, exact) = value.split_once("filename*=UTF-8''").unwrap_or_default();
            let decoded = percent_decode_str(exact).decode_utf8_lossy();
            prop_assert_eq!(decoded.as_ref(), name.as_str());
            prop_assert_eq!(value.matches('"').count(), 2);
        }
    }
}
