//! Uploads by the XML API (<https://cloud.google.com/storage/docs/xml-api/put-object-upload>,
//! <https://cloud.google.com/storage/docs/xml-api/post-object-resumable>): what the JSON API says in JSON is
//! in headers here.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, StatusCode};

use super::metadata::text;
use super::{resumable, store};
use crate::body::RequestBody;
use crate::checksum::Claims;
use crate::context::Context;
use crate::error::ApiError;
use crate::object::{Attributes, Draft, LengthRange, encode_segment};
use crate::reply::{self, Response};
use crate::route::UPLOAD_ID;

/// What the names of custom metadata begin with.
const CUSTOM: &str = "x-goog-meta-";

/// `PUT /{bucket}/{object}`: a whole object.
pub(crate) async fn put(
    context: &Context,
    bucket: String,
    name: String,
    body: &mut RequestBody,
) -> Result<Response, ApiError> {
    let draft = draft(context, name)?;
    store(context, bucket, draft, body).await
}

/// `POST /{bucket}/{object}` with `X-Goog-Resumable: start`: the start of a resumable upload.
pub(crate) async fn start(
    context: &Context,
    bucket: String,
    name: String,
) -> Result<Response, ApiError> {
    if text(&context.headers, "x-goog-resumable").as_deref() != Some("start") {
        return Err(ApiError::invalid(
            "A POST of an object has the header X-Goog-Resumable: start.",
        ));
    }
    let segments: Vec<String> = name.split('/').map(encode_segment).collect();
    let path = format!("{}/{bucket}/{}", context.origin, segments.join("/"));
    let draft = draft(context, name)?;
    let id = resumable::open(context, bucket, draft).await?;
    let mut response = reply::empty(StatusCode::CREATED);
    for (name, value) in [
        ("location", format!("{path}?{UPLOAD_ID}={id}")),
        ("x-guploader-uploadid", id),
    ] {
        let value = HeaderValue::try_from(value).map_err(ApiError::internal)?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// The object to be.
fn draft(context: &Context, name: String) -> Result<Draft, ApiError> {
    let headers = &context.headers;
    if headers.contains_key("x-goog-copy-source") {
        return Err(ApiError::invalid("This bucket does not copy objects."));
    }
    // A start has no body, and so no type of its own.
    let content_type = text(headers, "x-upload-content-type").or(text(headers, "content-type"));
    let attributes = Attributes {
        content_type,
        cache_control: text(headers, "cache-control"),
        content_disposition: text(headers, "content-disposition"),
        content_encoding: text(headers, "content-encoding"),
        content_language: text(headers, "content-language"),
        metadata: custom_metadata(headers)?,
    };
    attributes.check().map_err(ApiError::invalid)?;
    let md5 = text(headers, "content-md5");
    let claims = Claims::from_headers(headers)?.and(Claims::parse(None, md5.as_deref())?)?;
    Ok(Draft {
        name,
        attributes,
        claims,
        length: length_range(headers)?,
        components: None,
    })
}

fn custom_metadata(headers: &HeaderMap) -> Result<BTreeMap<String, String>, ApiError> {
    let mut metadata = BTreeMap::new();
    for (name, value) in headers {
        if let Some(key) = name.as_str().strip_prefix(CUSTOM) {
            let value = std::str::from_utf8(value.as_bytes())
                .map_err(|_| ApiError::invalid(format!("Invalid {name}: not UTF-8.")))?;
            metadata.insert(key.to_owned(), value.to_owned());
        }
    }
    Ok(metadata)
}

/// `X-Goog-Content-Length-Range: least,most`.
fn length_range(headers: &HeaderMap) -> Result<Option<LengthRange>, ApiError> {
    const NAME: &str = "x-goog-content-length-range";
    let Some(value) = headers.get(NAME) else {
        return Ok(None);
    };
    let number = |text: &str| -> Option<u64> {
        let digits = text.trim();
        let all = digits.bytes().all(|byte| byte.is_ascii_digit());
        all.then(|| digits.parse().ok())?
    };
    let range = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(','))
        .and_then(|(least, most)| {
            Some(LengthRange {
                least: number(least)?,
                most: number(most)?,
            })
        })
        .filter(|range| range.least <= range.most);
    range
        .map(Some)
        .ok_or_else(|| ApiError::invalid(format!("Invalid {NAME}: it has the form least,most.")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn range(value: &'static str) -> Result<Option<LengthRange>, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-goog-content-length-range",
            HeaderValue::from_static(value),
        );
        length_range(&headers)
    }

    #[test]
    fn a_range_of_lengths_is_two_numbers_in_order() {
        let both = |least, most| Some(LengthRange { least, most });
        assert_eq!(range("0,5").unwrap(), both(0, 5));
        assert_eq!(range("7, 7").unwrap(), both(7, 7));
        assert_eq!(length_range(&HeaderMap::new()).unwrap(), None);
        for bad in [
            "",
            "5",
            "6,5",
            "-1,5",
            "a,b",
            "1,",
            "1,2,3",
            "0,99999999999999999999",
        ] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }
}
