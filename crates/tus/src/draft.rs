//! The IETF's draft "Resumable Uploads for HTTP" (draft-ietf-httpbis-resumable-upload), interop versions 6 (its revision
//! -05) and 8 (-08 and later): the grammar of its header fields, which are structured (RFC 9651), and its problem types.
//!
//! A field whose value has another grammar or type is as if it were not there: so says the draft.

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, Item, ListEntry, Parser};

use crate::{Algorithm, Claim, Metadata, Refusal, header};

/// The media type of a part of a file.
pub const PARTIAL_UPLOAD: &str = "application/partial-upload";
/// The offset is another one.
pub const MISMATCHING_OFFSET: &str =
    "https://iana.org/assignments/http-problem-types#mismatching-upload-offset";
/// The upload is complete already.
pub const COMPLETED: &str = "https://iana.org/assignments/http-problem-types#completed-upload";
/// What was said of the length does not fit together.
pub const INCONSISTENT_LENGTH: &str =
    "https://iana.org/assignments/http-problem-types#inconsistent-upload-length";

/// Which version a request speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interop {
    /// `Upload-Draft-Interop-Version: 6`.
    V6,
    /// `Upload-Draft-Interop-Version: 8`.
    V8,
}

impl Interop {
    /// The version; `None` where the request says none that is spoken, or speaks tus.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key(header::TUS_RESUMABLE) {
            return None;
        }
        match integer(headers, &header::UPLOAD_DRAFT_INTEROP_VERSION)? {
            6 => Some(Self::V6),
            8 => Some(Self::V8),
            _ => None,
        }
    }

    /// How `Upload-Limit` calls the seconds that an upload has yet.
    pub fn lifetime(self) -> &'static str {
        match self {
            Self::V6 => "expires",
            Self::V8 => "max-age",
        }
    }
}

/// What a request says that brings bytes of an upload, or creates one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Whether the upload ends with this request's bytes; `None` where nothing is said.
    pub is_complete: Option<bool>,
    /// Where the bytes begin.
    pub offset: Option<u64>,
    /// How many bytes the upload will have.
    pub length: Option<u64>,
    /// The digests that this request's bytes are said to have.
    pub content_digests: Vec<Claim>,
    /// The digests that the whole file is said to have.
    pub representation_digests: Vec<Claim>,
}

impl Draft {
    /// Reads a request's headers.
    ///
    /// # Errors
    /// [`Refusal::Header`] for a digest that is none.
    pub fn parse(headers: &HeaderMap) -> Result<Self, Refusal> {
        Ok(Self {
            is_complete: match item(headers, &header::UPLOAD_COMPLETE) {
                Some(BareItem::Boolean(is_complete)) => Some(is_complete),
                _ => None,
            },
            offset: integer(headers, &header::UPLOAD_OFFSET),
            length: integer(headers, &header::UPLOAD_LENGTH),
            content_digests: digests(headers, &header::CONTENT_DIGEST, "Content-Digest")?,
            representation_digests: digests(headers, &header::REPR_DIGEST, "Repr-Digest")?,
        })
    }
}

/// Whether the body is declared to be a part of a file; parameters of the type mean nothing.
pub fn is_partial_upload(headers: &HeaderMap) -> bool {
    let text = headers
        .get(CONTENT_TYPE)
        .and_then(|text| text.to_str().ok());
    let essence = text.and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(PARTIAL_UPLOAD))
}

/// The file's name: that of `Content-Disposition`, which `filename` reads, else the one in `Upload-Metadata`, as tus has it
/// and clients of both send it.
///
/// # Errors
/// [`Refusal::Header`] where the first is there, and cannot be read.
pub fn file_name(
    headers: &HeaderMap,
    filename: impl Fn(&str) -> Option<Option<String>>,
) -> Result<Option<String>, Refusal> {
    const REFUSED: Refusal = Refusal::Header("Content-Disposition");
    if let Some(value) = crate::request::one(headers, &CONTENT_DISPOSITION, "Content-Disposition")?
    {
        return filename(value).ok_or(REFUSED);
    }
    let said = headers.get(header::UPLOAD_METADATA);
    let said = said.and_then(|said| said.to_str().ok());
    let metadata = said.and_then(|said| Metadata::parse(said).ok());
    let name = metadata.and_then(|metadata| {
        let name = metadata.text("filename").ok().flatten();
        name.map(str::to_owned)
    });
    Ok(name)
}

/// `?1` or `?0`.
pub fn boolean(value: bool) -> &'static str {
    match value {
        true => "?1",
        false => "?0",
    }
}

/// A field's value, where it is one item.
fn item(headers: &HeaderMap, name: &HeaderName) -> Option<BareItem> {
    let item: Item = Parser::new(&joined(headers, name)?).parse().ok()?;
    Some(item.bare_item)
}

/// A number of bytes: an integer that is not negative.
fn integer(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    match item(headers, name)? {
        BareItem::Integer(number) => u64::try_from(i64::from(number)).ok(),
        _ => None,
    }
}

/// The digests that a field says (RFC 9530, section 2), by the algorithms that are known here.
fn digests(
    headers: &HeaderMap,
    name: &HeaderName,
    called: &'static str,
) -> Result<Vec<Claim>, Refusal> {
    let Some(text) = joined(headers, name) else {
        return Ok(Vec::new());
    };
    let parsed: Result<Dictionary, _> = Parser::new(&text).parse();
    let parsed = parsed.map_err(|_| Refusal::Header(called))?;
    let mut claims = Vec::new();
    for (key, entry) in parsed {
        let algorithm = match key.as_str() {
            "sha-256" => Algorithm::Sha256,
            "sha-512" => Algorithm::Sha512,
            _ => continue,
        };
        let ListEntry::Item(Item {
            bare_item: BareItem::ByteSequence(digest),
            ..
        }) = entry
        else {
            return Err(Refusal::Header(called));
        };
        claims.push(Claim::new(algorithm, digest));
    }
    Ok(claims)
}

/// The lines of a field as one (RFC 9110, section 5.3).
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Option<Vec<&str>> = headers
        .get_all(name)
        .iter()
        .map(|line| line.to_str().ok())
        .collect();
    lines
        .filter(|lines| !lines.is_empty())
        .map(|lines| lines.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn two_versions_are_spoken_where_tus_is_not() {
        let version = |pairs: &[_]| Interop::of(&headers(pairs));
        let interop = |value| [("upload-draft-interop-version", value)];
        assert_eq!(version(&interop("6")), Some(Interop::V6));
        assert_eq!(version(&interop("8")), Some(Interop::V8));
        assert_eq!(version(&interop("8;x=1")), Some(Interop::V8));
        for other in ["", "3", "7", "\"8\"", "8.0", "eight", "8, 8"] {
            assert_eq!(version(&interop(other)), None, "{other}");
        }
        let both = [
            ("upload-draft-interop-version", "8"),
            ("tus-resumable", "1.0.0"),
        ];
        assert_eq!(version(&both), None);
        assert_eq!(version(&[]), None);
    }

    #[test]
    fn fields_are_read_by_their_grammar_and_others_are_not_there() {
        let read = |complete: &str, offset: &str| {
            let pairs = [("upload-complete", complete), ("upload-offset", offset)];
            let draft = Draft::parse(&headers(&pairs)).unwrap();
            (draft.is_complete, draft.offset)
        };
        assert_eq!(read("?1", "7"), (Some(true), Some(7)));
        assert_eq!(read(" ?0 ", "0;a"), (Some(false), Some(0)));
        for (complete, offset) in [
            ("1", "-1"),
            ("true", "1.0"),
            ("?2", "\"1\""),
            ("", ""),
            ("?1, ?1", "1, 1"),
            ("?", "9223372036854775808"),
            ("?01", "9999999999999999"),
        ] {
            assert_eq!(read(complete, offset), (None, None), "{complete} {offset}");
        }
    }

    #[test]
    fn digests_of_known_algorithms_are_read_and_others_passed_over() {
        let read = |value: &str| {
            let draft = Draft::parse(&headers(&[("content-digest", value)]));
            draft.map(|draft| draft.content_digests.len())
        };
        assert_eq!(read("sha-256=:AAAA:, md5=:AAAA:, sha-512=:AAAA:"), Ok(2));
        assert_eq!(read("unixsum=1"), Ok(0));
        for text in ["sha-256=AAAA", "sha-256", "sha-256=:A!:", "="] {
            assert_eq!(read(text), Err(Refusal::Header("Content-Digest")), "{text}");
        }
    }

    #[test]
    fn a_name_comes_by_content_disposition_or_else_as_tus_has_it() {
        let read = |pairs: &[_]| {
            file_name(&headers(pairs), |value| match value {
                "attachment" => Some(None),
                value => value.strip_prefix("n=").map(|name| Some(name.to_owned())),
            })
        };
        let metadata = ("upload-metadata", "filename Yg==");
        let name = |name: &str| Ok(Some(name.to_owned()));
        assert_eq!(read(&[("content-disposition", "n=a"), metadata]), name("a"));
        assert_eq!(read(&[metadata]), name("b"));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("content-disposition", "attachment")]), Ok(None));
        assert!(read(&[("content-disposition", "?")]).is_err());
    }

    proptest! {
        #[test]
        fn any_values_are_read_or_refused(value in "[ -~]{0,40}") {
            let names = ["upload-complete", "upload-offset", "upload-length", "content-digest", "repr-digest"];
            let _ = Draft::parse(&headers(&names.map(|name| (name, value.as_str()))));
        }
    }
}
