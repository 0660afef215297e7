//! Objects: the record that is stored, and the resource that is shown
//! (<https://cloud.google.com/storage/docs/json_api/v1/objects#resource>).

use std::collections::BTreeMap;

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::checksum::{Claims, encode_crc32c, encode_md5};
use crate::clock::rfc3339;
use crate::storage::StorageError;

/// What an object without a content type is.
const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";

/// The only storage class there is.
pub(crate) const STORAGE_CLASS: &str = "STANDARD";

/// The most bytes that custom metadata may have, keys and values together.
const MAX_CUSTOM_METADATA: usize = 8 * 1024;

/// What a segment of a path keeps as it is: the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The attributes of an object that a client chooses and may change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    pub(crate) content_type: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Attributes {
    /// The content type, or what stands for none.
    pub(crate) fn content_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or(DEFAULT_CONTENT_TYPE)
    }

    /// Checks that each can be sent as a header, and that the custom metadata is not too large.
    ///
    /// # Errors
    /// What is wrong, naming the attribute.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (name, value) in [
            ("contentType", &self.content_type),
            ("cacheControl", &self.cache_control),
            ("contentDisposition", &self.content_disposition),
            ("contentEncoding", &self.content_encoding),
            ("contentLanguage", &self.content_language),
        ] {
            let unfit = value
                .as_ref()
                .is_some_and(|value| HeaderValue::try_from(value).is_err());
            if unfit {
                return Err(format!(
                    "Invalid {name}: it has characters that no header can have."
                ));
            }
        }
        let size: usize = self
            .metadata
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        if size > MAX_CUSTOM_METADATA {
            return Err(format!(
                "The custom metadata is over {MAX_CUSTOM_METADATA} bytes."
            ));
        }
        Ok(())
    }
}

/// An object that is about to be stored: everything but its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) attributes: Attributes,
    pub(crate) claims: Claims,
    /// The sizes that the object may have, where its uploader is bound to some.
    #[serde(default)]
    pub(crate) length: Option<LengthRange>,
    /// Of how many components it is made, where it is made of some.
    #[serde(default)]
    pub(crate) components: Option<u64>,
}

/// `X-Goog-Content-Length-Range`: how many bytes an upload may have, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LengthRange {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl LengthRange {
    /// Checks the size of a whole object.
    pub(crate) fn check(self, length: u64) -> Result<(), StorageError> {
        if length < self.least {
            return Err(StorageError::Length("EntityTooSmall"));
        }
        if length > self.most {
            return Err(StorageError::Length("EntityTooLarge"));
        }
        Ok(())
    }
}

/// A stored object: what its file on disk says. Times are in microseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) generation: u64,
    pub(crate) metageneration: u64,
    pub(crate) size: u64,
    pub(crate) crc32c: u32,
    /// Known only of objects whose client claimed one.
    pub(crate) md5: Option<[u8; 16]>,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    /// The file with the object's bytes, in the folder of data files.
    pub(crate) data: String,
    pub(crate) attributes: Attributes,
    /// Of how many components a composite object is made.
    #[serde(default)]
    pub(crate) components: Option<u64>,
}

impl Record {
    /// The entity tag; it changes with every generation and metageneration. Like the JSON API's it has no quotes.
    pub(crate) fn etag(&self) -> String {
        use base64::Engine;
        let mut bytes = self.generation.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.metageneration.to_be_bytes()[4..]);
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }
}

/// The object resource. `origin` is `http://host[:port]` as the client addressed it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Resource {
    kind: &'static str,
    id: String,
    self_link: String,
    media_link: String,
    name: String,
    bucket: String,
    generation: String,
    metageneration: String,
    content_type: String,
    storage_class: &'static str,
    size: String,
    crc32c: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    component_count: Option<u64>,
    etag: String,
    time_created: String,
    updated: String,
    time_storage_class_updated: String,
    time_finalized: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_language: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
}

impl Resource {
    /// The resource of `record` in `bucket`.
    pub(crate) fn new(origin: &str, bucket: &str, record: &Record) -> Resource {
        let Record {
            name,
            generation,
            attributes,
            ..
        } = record.clone();
        let path = format!("storage/v1/b/{bucket}/o/{}", encode_segment(&name));
        Resource {
            kind: "storage#object",
            id: format!("{bucket}/{name}/{generation}"),
            self_link: format!("{origin}/{path}"),
            media_link: format!("{origin}/download/{path}?generation={generation}&alt=media"),
            name,
            bucket: bucket.to_owned(),
            generation: generation.to_string(),
            metageneration: record.metageneration.to_string(),
            content_type: attributes.content_type().to_owned(),
            storage_class: STORAGE_CLASS,
            size: record.size.to_string(),
            crc32c: encode_crc32c(record.crc32c),
            md5_hash: record.md5.as_ref().map(encode_md5),
            component_count: record.components,
            etag: record.etag(),
            time_created: rfc3339(record.created),
            updated: rfc3339(record.updated),
            time_storage_class_updated: rfc3339(record.created),
            time_finalized: rfc3339(record.created),
            cache_control: attributes.cache_control,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            metadata: attributes.metadata,
        }
    }
}

/// A name as one segment of a path: slashes become `%2F`.
pub(crate) fn encode_segment(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_resource_has_the_members_that_clients_read() {
        let record = Record {
            name: "ü/a b.mp4".to_owned(),
            generation: 1_700_000_000_000_001,
            metageneration: 1,
            size: 9,
            crc32c: 0xE306_9283,
            created: 1_700_000_000_000_001,
            updated: 1_700_000_000_000_001,
            ..Record::default()
        };
        let json = serde_json::to_value(Resource::new("http://x:1", "films", &record)).unwrap();
        assert_eq!(json["id"], "films/ü/a b.mp4/1700000000000001");
        assert_eq!(
            json["selfLink"],
            "http://x:1/storage/v1/b/films/o/%C3%BC%2Fa%20b.mp4"
        );
        assert_eq!(
            json["mediaLink"],
            "http://x:1/download/storage/v1/b/films/o/%C3%BC%2Fa%20b.mp4?generation=1700000000000001&alt=media"
        );
        assert_eq!(json["size"], "9");
        assert_eq!(json["crc32c"], "4waSgw==");
        assert_eq!(json["contentType"], "application/octet-stream");
        assert_eq!(json["timeCreated"], "2023-11-14T22:13:20.000Z");
        assert!(json.get("metadata").is_none());
        assert!(json.get("md5Hash").is_none());
    }

    #[test]
    fn an_etag_changes_with_generation_and_metageneration() {
        let one = Record {
            generation: 1,
            metageneration: 1,
            ..Record::default()
        };
        let two = Record {
            metageneration: 2,
            ..one.clone()
        };
        let three = Record {
            generation: 2,
            ..one.clone()
        };
        assert_ne!(one.etag(), two.etag());
        assert_ne!(one.etag(), three.etag());
    }

    #[test]
    fn attributes_that_no_header_can_carry_are_refused() {
        let split = Attributes {
            content_type: Some("a\r\nX: y".to_owned()),
            ..Attributes::default()
        };
        assert!(split.check().is_err());
        let large = BTreeMap::from([("k".to_owned(), "v".repeat(8 * 1024))]);
        assert!(
            Attributes {
                metadata: large,
                ..Attributes::default()
            }
            .check()
            .is_err()
        );
        let disposition = Some("inline; filename=\"ü\"".to_owned());
        assert!(
            Attributes {
                content_disposition: disposition,
                ..Attributes::default()
            }
            .check()
            .is_ok()
        );
    }
}
