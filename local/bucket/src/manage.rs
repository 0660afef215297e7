//! Buckets, and changes to stored objects.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::body::RequestBody;
use crate::clock::rfc3339;
use crate::context::Context;
use crate::error::ApiError;
use crate::object::{Attributes, Resource, STORAGE_CLASS};
use crate::reply::{self, Response};
use crate::storage::BucketRecord;

/// The most bytes of JSON in a request.
pub(crate) const MAX_JSON: usize = 64 * 1024;

/// The bucket resource (<https://cloud.google.com/storage/docs/json_api/v1/buckets#resource>).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BucketResource {
    kind: &'static str,
    id: String,
    self_link: String,
    name: String,
    project_number: &'static str,
    metageneration: &'static str,
    location: &'static str,
    location_type: &'static str,
    storage_class: &'static str,
    etag: &'static str,
    time_created: String,
    updated: String,
}

impl BucketResource {
    /// The resource of a bucket; a bucket never changes here.
    pub(crate) fn new(origin: &str, record: &BucketRecord) -> BucketResource {
        BucketResource {
            kind: "storage#bucket",
            id: record.name.clone(),
            self_link: format!("{origin}/storage/v1/b/{}", record.name),
            name: record.name.clone(),
            project_number: "0",
            metageneration: "1",
            location: "LOCAL",
            location_type: "region",
            storage_class: STORAGE_CLASS,
            etag: "CAE=",
            time_created: rfc3339(record.created),
            updated: rfc3339(record.created),
        }
    }
}

/// `GET /storage/v1/b/{bucket}`.
pub(crate) fn get_bucket(context: &Context, bucket: &str) -> Result<Response, ApiError> {
    let bucket = context.storage.bucket(bucket)?;
    reply::json(
        StatusCode::OK,
        &BucketResource::new(&context.origin, &bucket.record),
    )
}

/// `POST /storage/v1/b`.
pub(crate) async fn create_bucket(
    context: &Context,
    body: &mut RequestBody,
) -> Result<Response, ApiError> {
    #[derive(Deserialize)]
    struct Insert {
        name: Option<String>,
    }
    let insert: Insert = parse(&body.whole(MAX_JSON).await?)?;
    let name = insert.name.ok_or_else(|| ApiError::required("name"))?;
    let bucket = context
        .blocking(move |storage| storage.create_bucket(&name))
        .await?;
    reply::json(
        StatusCode::OK,
        &BucketResource::new(&context.origin, &bucket.record),
    )
}

/// `DELETE …/o/{object}`.
pub(crate) async fn delete(
    context: &Context,
    bucket: String,
    name: String,
) -> Result<(), ApiError> {
    let generation = context.query.number("generation")?;
    let conditions = context.preconditions()?;
    let work =
        context.blocking(move |storage| storage.delete(&bucket, &name, generation, &conditions));
    Ok(work.await?)
}

/// A change of attributes. What is absent stays, what is null is taken away.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Patch {
    #[serde(default, deserialize_with = "given")]
    content_type: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    cache_control: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    content_disposition: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    content_encoding: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    content_language: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    metadata: Option<Option<BTreeMap<String, Option<String>>>>,
}

/// Tells a member that is null from one that is absent.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl Patch {
    fn apply(self, attributes: &mut Attributes) {
        for (change, attribute) in [
            (self.content_type, &mut attributes.content_type),
            (self.cache_control, &mut attributes.cache_control),
            (
                self.content_disposition,
                &mut attributes.content_disposition,
            ),
            (self.content_encoding, &mut attributes.content_encoding),
            (self.content_language, &mut attributes.content_language),
        ] {
            if let Some(value) = change {
                *attribute = value;
            }
        }
        match self.metadata {
            None => {}
            Some(None) => attributes.metadata.clear(),
            Some(Some(changes)) => {
                for (key, change) in changes {
                    match change {
                        Some(value) => attributes.metadata.insert(key, value),
                        None => attributes.metadata.remove(&key),
                    };
                }
            }
        }
    }
}

/// `PATCH …/o/{object}`.
pub(crate) async fn patch(
    context: &Context,
    bucket: String,
    name: String,
    body: &mut RequestBody,
) -> Result<Response, ApiError> {
    let generation = context.query.number("generation")?;
    let conditions = context.preconditions()?;
    let patch: Patch = parse(&body.whole(MAX_JSON).await?)?;
    let place = bucket.clone();
    let record = context
        .blocking(move |storage| {
            let change = |attributes: &mut Attributes| patch.apply(attributes);
            storage.update(&bucket, &name, generation, &conditions, change)
        })
        .await?;
    reply::json(
        StatusCode::OK,
        &Resource::new(&context.origin, &place, &record),
    )
}

/// Reads a JSON body; an empty one is an empty object.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes)
        .map_err(|error| ApiError::invalid(format!("The request's JSON cannot be used: {error}.")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_patch_changes_what_it_names_and_removes_what_is_null() {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let mut attributes = Attributes {
            content_type: Some("video/mp4".to_owned()),
            cache_control: Some("no-store".to_owned()),
            metadata: pairs(&[("a", "1"), ("b", "2")]),
            ..Attributes::default()
        };
        let patch: Patch = parse(
            br#"{"cacheControl": null, "contentLanguage": "de", "metadata": {"a": null, "c": "3"}, "size": "9"}"#,
        )
        .unwrap();
        patch.apply(&mut attributes);
        assert_eq!(attributes.content_type.as_deref(), Some("video/mp4"));
        assert_eq!(attributes.cache_control, None);
        assert_eq!(attributes.content_language.as_deref(), Some("de"));
        assert_eq!(attributes.metadata, pairs(&[("b", "2"), ("c", "3")]));
        parse::<Patch>(br#"{"metadata": null}"#)
            .unwrap()
            .apply(&mut attributes);
        assert!(attributes.metadata.is_empty());
    }
}
