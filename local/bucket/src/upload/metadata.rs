//! What a client says about an object before its bytes.

use std::collections::BTreeMap;

use http::{HeaderMap, header};
use serde::Deserialize;

use crate::checksum::Claims;
use crate::context::Context;
use crate::error::ApiError;
use crate::names;
use crate::object::{Attributes, Draft};

/// The members of the object resource that count at an upload; the others are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Insert {
    name: Option<String>,
    bucket: Option<String>,
    content_type: Option<String>,
    cache_control: Option<String>,
    content_disposition: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
    metadata: Option<BTreeMap<String, Option<String>>>,
    crc32c: Option<String>,
    md5_hash: Option<String>,
}

impl Insert {
    /// The same for an object whose name the path says.
    pub(crate) fn named(self, name: String) -> Self {
        Self {
            name: Some(name),
            ..self
        }
    }

    /// The object to be: what the query says goes before what the JSON says, and the JSON's content type
    /// before `media_type`, that of the bytes.
    ///
    /// # Errors
    /// 400 for a missing or impossible name, for attributes or checksums that cannot be.
    pub(crate) fn draft(
        self,
        context: &Context,
        bucket: &str,
        media_type: Option<String>,
    ) -> Result<Draft, ApiError> {
        if self.bucket.is_some_and(|named| named != bucket) {
            return Err(ApiError::invalid(
                "The metadata names another bucket than the path.",
            ));
        }
        let query = |name| context.query.text(name).map(str::to_owned);
        let name = query("name")
            .or(self.name)
            .ok_or_else(|| ApiError::required("name"))?;
        names::check_object(&name)
            .map_err(|rule| ApiError::invalid(format!("Invalid name: {rule}.")))?;
        let metadata = self.metadata.unwrap_or_default().into_iter();
        let attributes = Attributes {
            content_type: self.content_type.or(media_type),
            cache_control: self.cache_control,
            content_disposition: self.content_disposition,
            content_encoding: query("contentEncoding").or(self.content_encoding),
            content_language: self.content_language,
            metadata: metadata
                .filter_map(|(key, value)| Some((key, value?)))
                .collect(),
        };
        attributes.check().map_err(ApiError::invalid)?;
        let claims = Claims::parse(self.crc32c.as_deref(), self.md5_hash.as_deref())?
            .and(Claims::from_headers(&context.headers)?)?;
        Ok(Draft {
            name,
            attributes,
            claims,
            length: None,
            components: None,
        })
    }
}

/// The content type in a request's headers.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    text(headers, header::CONTENT_TYPE.as_str())
}

/// A header's value.
pub(super) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}
