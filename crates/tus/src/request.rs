use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Method};

use crate::{BYTES, Claim, Metadata, Refusal, VERSION, header};

/// How long an upload will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Known(u64),
    /// It is said later.
    Deferred,
}

/// What a `POST` says that creates an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// How long the upload will be.
    pub length: Length,
    /// What the client says of the file.
    pub metadata: Metadata,
    /// The same as the client wrote it; empty where it said nothing.
    pub metadata_text: String,
    /// Whether the request's body is the upload's beginning.
    pub has_bytes: bool,
    /// The digest that the body is said to have.
    pub claim: Option<Claim>,
}

impl Create {
    /// Reads a request's headers. `largest`: the most bytes that an upload may have; `has_body`: whether there is a body.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(headers: &HeaderMap, largest: u64, has_body: bool) -> Result<Self, Refusal> {
        let length = match (
            number(headers, &header::UPLOAD_LENGTH, "Upload-Length")?,
            one(headers, &header::UPLOAD_DEFER_LENGTH, "Upload-Defer-Length")?,
        ) {
            (Some(_), Some(_)) => return Err(Refusal::TwoLengths),
            (Some(length), None) if length > largest => return Err(Refusal::TooLarge),
            (Some(length), None) => Length::Known(length),
            (None, Some("1")) => Length::Deferred,
            (None, Some(_)) => return Err(Refusal::Header("Upload-Defer-Length")),
            (None, None) => return Err(Refusal::Header("Upload-Length")),
        };
        let text = one(headers, &header::UPLOAD_METADATA, "Upload-Metadata")?;
        let metadata = text.map(Metadata::parse).transpose()?;
        let has_bytes = has_body || is_bytes(headers);
        if has_body && !is_bytes(headers) {
            return Err(Refusal::MediaType);
        }
        Ok(Self {
            length,
            metadata: metadata.unwrap_or_default(),
            metadata_text: text.unwrap_or_default().to_owned(),
            has_bytes,
            claim: claim(headers)?,
        })
    }
}

/// What a `PATCH` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Where its bytes begin.
    pub offset: u64,
    /// The upload's length, where it is said only now.
    pub length: Option<u64>,
    /// The digest that the body is said to have.
    pub claim: Option<Claim>,
}

impl Append {
    /// Reads a request's headers. `largest`: the most bytes that an upload may have.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(headers: &HeaderMap, largest: u64) -> Result<Self, Refusal> {
        if !is_bytes(headers) {
            return Err(Refusal::MediaType);
        }
        let offset = number(headers, &header::UPLOAD_OFFSET, "Upload-Offset")?;
        let length = number(headers, &header::UPLOAD_LENGTH, "Upload-Length")?;
        if length.is_some_and(|length| length > largest) {
            return Err(Refusal::TooLarge);
        }
        Ok(Self {
            offset: offset.ok_or(Refusal::Header("Upload-Offset"))?,
            length,
            claim: claim(headers)?,
        })
    }
}

/// Refuses a request that does not say that it speaks this version.
///
/// # Errors
/// [`Refusal::Version`].
pub fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    match one(headers, &header::TUS_RESUMABLE, "Tus-Resumable") {
        Ok(Some(VERSION)) => Ok(()),
        _ => Err(Refusal::Version),
    }
}

/// The method that a `POST` stands for, where it says so.
pub fn method_override(headers: &HeaderMap) -> Option<Method> {
    let text = headers.get(header::METHOD_OVERRIDE)?;
    Method::from_bytes(text.as_bytes()).ok()
}

fn claim(headers: &HeaderMap) -> Result<Option<Claim>, Refusal> {
    one(headers, &header::UPLOAD_CHECKSUM, "Upload-Checksum")?
        .map(Claim::parse)
        .transpose()
}

/// Whether the body is declared to be an upload's bytes; parameters of the type mean nothing.
fn is_bytes(headers: &HeaderMap) -> bool {
    let text = one(headers, &CONTENT_TYPE, "Content-Type").ok().flatten();
    let essence = text.and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(BYTES))
}

/// A field that may be there once.
pub(crate) fn one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    called: &'static str,
) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_| Refusal::Header(called)),
        (Some(_), Some(_)) => Err(Refusal::Header(called)),
    }
}

/// A number of bytes: digits and nothing else, below 2⁶³.
fn number(
    headers: &HeaderMap,
    name: &HeaderName,
    called: &'static str,
) -> Result<Option<u64>, Refusal> {
    let Some(text) = one(headers, name, called)? else {
        return Ok(None);
    };
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    let number = number.filter(|number: &u64| i64::try_from(*number).is_ok());
    number.map(Some).ok_or(Refusal::Header(called))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn create(pairs: &[(&'static str, &'static str)]) -> Result<Create, Refusal> {
        Create::parse(&headers(pairs), 1_000, false)
    }

    #[test]
    fn a_length_is_digits_within_bounds_and_said_once() {
        let length = |text| create(&[("upload-length", text)]).map(|create| create.length);
        assert_eq!(length("0"), Ok(Length::Known(0)));
        assert_eq!(length("1000"), Ok(Length::Known(1_000)));
        assert_eq!(length("1001"), Err(Refusal::TooLarge));
        for text in [
            "",
            "-1",
            "+1",
            "1.0",
            "0x10",
            " 1",
            "1e3",
            "9223372036854775808",
            "99999999999999999999",
        ] {
            assert_eq!(
                length(text),
                Err(Refusal::Header("Upload-Length")),
                "{text}"
            );
        }
        let twice = [("upload-length", "1"), ("upload-length", "1")];
        assert_eq!(create(&twice), Err(Refusal::Header("Upload-Length")));
        assert_eq!(create(&[]), Err(Refusal::Header("Upload-Length")));
    }

    #[test]
    fn a_length_is_known_or_deferred_and_not_both() {
        let deferred = create(&[("upload-defer-length", "1")]).unwrap();
        assert_eq!(deferred.length, Length::Deferred);
        assert_eq!(
            create(&[("upload-defer-length", "2")]),
            Err(Refusal::Header("Upload-Defer-Length"))
        );
        let both = [("upload-defer-length", "1"), ("upload-length", "1")];
        assert_eq!(create(&both), Err(Refusal::TwoLengths));
    }

    #[test]
    fn a_body_at_creation_must_be_of_the_protocols_type() {
        let with = |content_type: &'static str, has_body| {
            let headers = headers(&[("upload-length", "1"), ("content-type", content_type)]);
            Create::parse(&headers, 10, has_body).map(|create| create.has_bytes)
        };
        assert_eq!(with(BYTES, true), Ok(true));
        assert_eq!(with("Application/Offset+Octet-Stream; x=y", true), Ok(true));
        assert_eq!(with("text/plain", true), Err(Refusal::MediaType));
        assert_eq!(with("text/plain", false), Ok(false));
    }

    #[test]
    fn an_append_says_its_type_and_its_offset() {
        let append = |pairs: &[_]| Append::parse(&headers(pairs), 1_000);
        let typed = ("content-type", BYTES);
        let good = append(&[typed, ("upload-offset", "7")]).unwrap();
        assert_eq!((good.offset, good.length, good.claim), (7, None, None));
        assert_eq!(append(&[("upload-offset", "7")]), Err(Refusal::MediaType));
        let other = ("content-type", "application/octet-stream");
        assert_eq!(append(&[other]), Err(Refusal::MediaType));
        for offset in ["", "-1", "abc", "1,2"] {
            let pairs = [typed, ("upload-offset", offset)];
            assert_eq!(
                append(&pairs),
                Err(Refusal::Header("Upload-Offset")),
                "{offset}"
            );
        }
        assert_eq!(append(&[typed]), Err(Refusal::Header("Upload-Offset")));
        let large = [typed, ("upload-offset", "0"), ("upload-length", "1001")];
        assert_eq!(append(&large), Err(Refusal::TooLarge));
        let digest = [typed, ("upload-offset", "0"), ("upload-checksum", "md5 A")];
        assert_eq!(append(&digest), Err(Refusal::Algorithm));
    }

    #[test]
    fn only_this_version_is_spoken() {
        let says = |pairs: &[_]| check_version(&headers(pairs));
        assert_eq!(says(&[("tus-resumable", "1.0.0")]), Ok(()));
        let twice = [("tus-resumable", "1.0.0"), ("tus-resumable", "1.0.0")];
        for wrong in [&[][..], &[("tus-resumable", "0.2.2")], &twice] {
            assert_eq!(says(wrong), Err(Refusal::Version));
        }
    }

    #[test]
    fn a_post_may_stand_for_another_method() {
        let stands_for = |text| method_override(&headers(&[("x-http-method-override", text)]));
        assert_eq!(stands_for("PATCH"), Some(Method::PATCH));
        assert_eq!(stands_for("DELETE"), Some(Method::DELETE));
        assert_eq!(stands_for("NO METHOD"), None);
        assert_eq!(method_override(&HeaderMap::new()), None);
    }
}
