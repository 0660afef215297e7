use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Refusal;

/// The most keys that an upload may have.
pub const MAX_KEYS: usize = 64;
/// The most bytes of the whole field.
const MAX_BYTES: usize = 16 * 1024;
const REFUSED: Refusal = Refusal::Header("Upload-Metadata");

/// What a client says of a file (`Upload-Metadata`): keys of printable ASCII, none of them twice, with values of any
/// bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata(Vec<(String, Vec<u8>)>);

impl Metadata {
    /// Reads the field: `key base64, key base64, key`. A key alone has an empty value.
    ///
    /// # Errors
    /// [`Refusal::Header`] for an empty key, one with characters that a key cannot have, one that is there twice, for a
    /// value that is no base64 (RFC 4648, section 4, padded), for more than [`MAX_KEYS`] keys or 16 KiB.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > MAX_BYTES {
            return Err(REFUSED);
        }
        let mut pairs = Vec::new();
        let mut seen = BTreeSet::new();
        for pair in text.split(',') {
            let pair = pair.trim_matches(' ');
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
            let value = STANDARD.decode(value).map_err(|_| REFUSED)?;
            if !is_key || !seen.insert(key) || pairs.len() == MAX_KEYS {
                return Err(REFUSED);
            }
            pairs.push((key.to_owned(), value));
        }
        Ok(Self(pairs))
    }

    /// The text under a key; `None` where there is none, or an empty one.
    ///
    /// # Errors
    /// [`Refusal::Header`] where it is no UTF-8.
    pub fn text(&self, key: &str) -> Result<Option<&str>, Refusal> {
        let found = self.0.iter().find(|(known, _)| known == key);
        match found {
            Some((_, value)) if !value.is_empty() => {
                std::str::from_utf8(value).map(Some).map_err(|_| REFUSED)
            }
            Some(_) | None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_have_their_values_and_a_key_alone_has_an_empty_one() {
        let metadata = Metadata::parse("filename Y2xpcC5tcDQ=, empty,raw /w==").unwrap();
        assert_eq!(metadata.text("filename"), Ok(Some("clip.mp4")));
        assert_eq!(metadata.text("empty"), Ok(None));
        assert_eq!(metadata.text("missing"), Ok(None));
        assert_eq!(metadata.text("raw"), Err(REFUSED));
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        let many: Vec<String> = (0..=MAX_KEYS).map(|key| format!("k{key}")).collect();
        let many_keys = many.join(",");
        let large = format!("k {}", "QUFB".repeat(4 * 1024));
        for text in [
            "",
            ",",
            "filename Y2xpcC5tcDQ=,",
            " ,a",
            "filename not_base64!",
            "filename Y2xpcC5tcDQ",
            "filename Y2xpcC5tcDQ= more",
            "a YQ==,a Yg==",
            "a,a",
            "d\u{e9}j\u{e0} YQ==",
            "a\tYQ==",
            many_keys.as_str(),
            large.as_str(),
        ] {
            assert_eq!(Metadata::parse(text), Err(REFUSED), "{text:.60}");
        }
        assert!(Metadata::parse(&many[1..].join(",")).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_metadata_or_refused(text in ".{0,80}") {
            let _ = Metadata::parse(&text);
        }

        #[test]
        fn what_was_encoded_comes_back(value in ".{1,40}") {
            let text = format!("title {}", STANDARD.encode(&value));
            let metadata = Metadata::parse(&text).unwrap();
            prop_assert_eq!(metadata.text("title"), Ok(Some(value.as_str())));
        }
    }
}
