//! The head of a form's part.

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use spinreel_http::parameters::{Disposition, MediaType, is_token};

use super::FormError;

/// The longest media type that is taken over, in bytes.
const MAX_MEDIA_TYPE: usize = 255;

/// What the head of a part says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PartHead {
    /// The field's name.
    pub(super) name: Option<String>,
    /// The file's name, where the part is a file.
    pub(super) filename: Option<String>,
    /// The declared media type, where it is one: printable ASCII, 255 bytes at most.
    pub(super) content_type: Option<String>,
}

impl PartHead {
    /// Reads a head, without the empty line that ends it. A part that is no field of a form has no name.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, FormError> {
        let (mut disposition, mut content_type) = (None, None);
        for (name, value) in fields(bytes)? {
            let known = if name.eq_ignore_ascii_case(CONTENT_DISPOSITION.as_str()) {
                &mut disposition
            } else if name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()) {
                &mut content_type
            } else {
                continue;
            };
            let value = value.trim_matches([' ', '\t']).to_owned();
            if known.replace(value).is_some() {
                return Err(FormError::Broken("a part says twice what it is"));
            }
        }
        let mut head = Self {
            content_type: content_type.filter(|value| is_media_type(value)),
            ..Self::default()
        };
        if let Some(value) = disposition {
            let disposition = Disposition::parse_in_form(&value)
                .map_err(|_| FormError::Broken("a part's disposition has another grammar"))?;
            if disposition.kind == "form-data" {
                head.name = disposition.name();
                head.filename = disposition.filename();
            }
        }
        Ok(head)
    }
}

/// Whether a text is a media type that a file may have: one of RFC 9110, section 8.3.1, in printable ASCII, 255 bytes at most.
pub(crate) fn is_media_type(value: &str) -> bool {
    value.len() <= MAX_MEDIA_TYPE
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && MediaType::parse(value).is_ok()
}

/// The fields of a head with their values, those on several lines unfolded (RFC 5322, section 2.2.3).
fn fields(bytes: &[u8]) -> Result<Vec<(String, String)>, FormError> {
    let text = std::str::from_utf8(bytes).map_err(|_| FormError::Broken("a head is no UTF-8"))?;
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.split("\r\n").filter(|_| !text.is_empty()) {
        if line.contains(['\r', '\n']) {
            return Err(FormError::Broken("a line of a head does not end in CRLF"));
        }
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields
                .last_mut()
                .ok_or(FormError::Broken("a head begins with a space"))?;
            value.push_str(line);
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .filter(|(name, _)| is_token(name))
            .ok_or(FormError::Broken("a line of a head is no field"))?;
        fields.push((name.to_owned(), value.to_owned()));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn head(text: &str) -> (Option<String>, Option<String>, Option<String>) {
        let head = PartHead::parse(text.as_bytes()).unwrap();
        (head.name, head.filename, head.content_type)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_head_says_name_file_name_and_media_type() {
        for text in [
            "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Type: video/mp4",
            "content-type:video/mp4 \r\nX-Other: name=x\r\nCONTENT-DISPOSITION:form-data; filename=a; name=file",
            "Content-Disposition: form-data;\r\n name=file;\r\n\tfilename=\"a\" \r\nContent-Type:\r\n video/mp4",
        ] {
            assert_eq!(head(text).0, some("file"), "{text}");
            assert_eq!(head(text).1, some("a"), "{text}");
            assert_eq!(head(text).2, some("video/mp4"), "{text}");
        }
        assert_eq!(head(""), (None, None, None));
        assert_eq!(
            head("Content-Disposition: attachment; name=file; filename=a"),
            (None, None, None)
        );
        assert_eq!(
            head("X-Decoy: form-data; name=\"file\"; filename=\"a\""),
            (None, None, None)
        );
    }

    #[test]
    fn a_media_type_that_is_none_or_too_long_is_as_none() {
        let longest = format!("video/{}", "x".repeat(249));
        for (value, is_taken) in [
            ("video/mp4; codecs=\"avc1.42E01E, mp4a.40.2\"", true),
            (longest.as_str(), true),
            (&format!("{longest}x"), false),
            ("video", false),
            ("video/mp4; codecs", false),
            ("video/mp4; x=\"\u{fc}\"", false),
            ("video/mp4\tx", false),
            ("", false),
        ] {
            let text = format!("Content-Type: {value}");
            assert_eq!(head(&text).2, is_taken.then(|| value.to_owned()), "{value}");
        }
    }

    #[test]
    fn a_head_of_another_grammar_is_broken() {
        for text in [
            &b"no field"[..],
            b": x",
            b"Content Disposition: form-data",
            b" Content-Disposition: form-data",
            b"A: b\nContent-Disposition: form-data; name=file",
            b"A: b\rC: d",
            b"A: b\r\n\r\nC: d",
            b"Content-Disposition: form-data; name",
            b"Content-Disposition: form-data; name=a; name=file",
            b"Content-Disposition: form-data\r\nContent-Disposition: form-data; name=file",
            b"Content-Type: a/b\r\ncontent-type: c/d",
            b"A: \xc3",
        ] {
            let parsed = PartHead::parse(text);
            assert!(matches!(parsed, Err(FormError::Broken(_))), "{parsed:?}");
        }
    }
}
