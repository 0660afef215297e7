use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use spinreel_platform::Random;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::checksum;
use crate::error::Error;

/// The key of an object's custom metadata under which every write leaves its id, so that a write whose answer got
/// lost can tell its own object from somebody else's.
pub const WRITE_ID: &str = "spinreel-id";

/// An object that is about to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewObject {
    /// Its name: 1 to 1,024 bytes of UTF-8 without line breaks, and not `.` or `..`.
    pub name: String,
    /// Its media type, printable ASCII.
    pub content_type: String,
    /// Custom metadata. A [`WRITE_ID`] among it must belong to this one write alone; where there is none, the client
    /// adds a random one.
    pub metadata: BTreeMap<String, String>,
    /// Write only if the live object has this generation; `Some(0)`: only if there is none. Without a precondition
    /// a write replaces whatever is there, and is not retried.
    pub if_generation_match: Option<i64>,
}

impl NewObject {
    /// An object that must not exist yet, without custom metadata.
    pub fn create_only(name: impl Into<String>, content_type: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            content_type: content_type.into(),
            metadata: BTreeMap::new(),
            if_generation_match: Some(0),
        }
    }

    /// This object with a [`WRITE_ID`], or why it cannot be written.
    pub(crate) fn prepared(&self, random: &impl Random) -> Result<Self, Error> {
        check_name(&self.name)?;
        // It becomes part of a multipart head, where a line break would begin a header of the sender's choice.
        let printable = self
            .content_type
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~'));
        if self.content_type.is_empty() || !printable {
            return Err(Error::InvalidArgument(
                "the content type must be printable ASCII",
            ));
        }
        if self
            .if_generation_match
            .is_some_and(|generation| generation < 0)
        {
            return Err(Error::InvalidArgument("a generation cannot be negative"));
        }
        let mut prepared = self.clone();
        prepared
            .metadata
            .entry(WRITE_ID.to_owned())
            .or_insert_with(|| random_hex(random));
        Ok(prepared)
    }

    /// The JSON resource that is sent.
    pub(crate) fn to_json(&self, crc32c: Option<u32>) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(&NewResource {
            name: &self.name,
            content_type: &self.content_type,
            metadata: &self.metadata,
            crc32c: crc32c.map(checksum::to_base64),
        })
        .map_err(|_| Error::InvalidArgument("the metadata cannot be written as JSON"))
    }
}

/// An object as the bucket describes it (<https://cloud.google.com/storage/docs/json_api/v1/objects#resource>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name, unique in the bucket.
    pub name: String,
    /// Changes whenever the content is replaced.
    pub generation: i64,
    /// Counts the changes of this generation's metadata, from 1.
    pub metageneration: i64,
    /// In bytes.
    pub size: u64,
    /// The checksum of the whole content.
    pub crc32c: u32,
    /// The media type; `application/octet-stream` where it has none.
    pub content_type: String,
    /// Custom metadata.
    pub metadata: BTreeMap<String, String>,
    /// When this generation was written, in milliseconds since the Unix epoch.
    pub time_created_ms: u64,
    /// The entity tag of the resource, opaque.
    pub etag: String,
}

impl Object {
    /// Whether the bucket holds exactly these bytes.
    pub fn matches(&self, size: u64, crc32c: u32) -> bool {
        self.size == size && self.crc32c == crc32c
    }
}

/// 128 unpredictable bits, as text.
pub(crate) fn random_hex(random: &impl Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// <https://cloud.google.com/storage/docs/objects#naming>
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if !(1..=1024).contains(&name.len()) {
        return Err(Error::InvalidArgument(
            "an object's name has 1 to 1,024 bytes",
        ));
    }
    if name.contains(['\r', '\n']) || matches!(name, "." | "..") {
        return Err(Error::InvalidArgument("no object can have this name"));
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewResource<'a> {
    name: &'a str,
    content_type: &'a str,
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crc32c: Option<String>,
}

/// The JSON resource; 64-bit numbers are strings there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Resource {
    name: String,
    generation: String,
    metageneration: String,
    size: String,
    crc32c: String,
    content_type: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    time_created: String,
    #[serde(default)]
    etag: String,
}

impl TryFrom<Resource> for Object {
    type Error = Error;

    fn try_from(resource: Resource) -> Result<Self, Error> {
        Ok(Self {
            generation: number(&resource.generation)?,
            metageneration: number(&resource.metageneration)?,
            size: number(&resource.size)?,
            crc32c: checksum::from_base64(&resource.crc32c)
                .ok_or(Error::Malformed("an object's checksum is none"))?,
            time_created_ms: milliseconds(&resource.time_created)
                .ok_or(Error::Malformed("an object's time is none"))?,
            name: resource.name,
            content_type: resource
                .content_type
                .unwrap_or_else(|| "application/octet-stream".to_owned()),
            metadata: resource.metadata,
            etag: resource.etag,
        })
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|_| Error::Malformed("an object's number is none"))
}

fn milliseconds(rfc3339: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(rfc3339, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests;
