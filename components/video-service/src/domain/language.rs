//! Languages by their tags (BCP 47).

use oxilangtag::LanguageTag;

/// The longest tag, in characters; 35 are enough for all that are registered (RFC 5646, section 4.4.1).
const MAX_LENGTH: usize = 64;

/// A well-formed tag (RFC 5646, section 2.2.9) in the canonical case (section 2.1.1); `None` where it is none.
pub fn tag(text: &str) -> Option<String> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let tag = LanguageTag::parse_and_normalize(text).ok()?;
    Some(tag.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_one_case() {
        for (text, expected) in [
            ("en", "en"),
            ("EN-us", "en-US"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("sr-LATN", "sr-Latn"),
            ("de-ch-1996", "de-CH-1996"),
            ("x-Own", "x-own"),
            ("i-klingon", "i-klingon"),
            ("es-419", "es-419"),
        ] {
            assert_eq!(tag(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_none() {
        let long = format!("en-{}", ["abcdefgh"; 8].join("-"));
        for text in [
            "",
            "e",
            "en_US",
            "en-",
            "-en",
            "english-language-x",
            "1n",
            "en us",
            "dé",
            &long,
        ] {
            assert_eq!(tag(text), None, "{text}");
        }
    }
}
