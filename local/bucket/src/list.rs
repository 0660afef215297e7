//! Listings (<https://cloud.google.com/storage/docs/json_api/v1/objects/list>).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Serialize;

use crate::context::Context;
use crate::error::ApiError;
use crate::manage::BucketResource;
use crate::object::Resource;
use crate::query::Query;
use crate::reply::{self, Response};
use crate::storage::Selection;

/// The most entries of a page, and the default.
const MAX_RESULTS: u64 = 1000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listing<T> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prefixes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<T>,
}

/// `GET /storage/v1/b/{bucket}/o`: a page of the objects.
pub(crate) fn objects(context: &Context, bucket: &str) -> Result<Response, ApiError> {
    let query = &context.query;
    let text = |name| query.text(name).unwrap_or_default().to_owned();
    let selection = Selection {
        prefix: text("prefix"),
        delimiter: query.text("delimiter").map(str::to_owned),
        start: text("startOffset").max(page_start(query)?),
        end: query
            .text("endOffset")
            .filter(|end| !end.is_empty())
            .map(str::to_owned),
        limit: page_size(query)?,
    };
    let page = context.storage.bucket(bucket)?.page(&selection);
    let items = page
        .items
        .iter()
        .map(|record| Resource::new(&context.origin, bucket, record));
    reply::json(
        StatusCode::OK,
        &Listing {
            kind: "storage#objects",
            next_page_token: page.next.map(|next| URL_SAFE_NO_PAD.encode(next)),
            prefixes: page.prefixes,
            items: items.collect(),
        },
    )
}

/// `GET /storage/v1/b`: a page of the buckets.
pub(crate) fn buckets(context: &Context) -> Result<Response, ApiError> {
    let query = &context.query;
    let prefix = query.text("prefix").unwrap_or_default();
    let (buckets, next) = context
        .storage
        .buckets(prefix, &page_start(query)?, page_size(query)?);
    reply::json(
        StatusCode::OK,
        &Listing {
            kind: "storage#buckets",
            next_page_token: next.map(|next| URL_SAFE_NO_PAD.encode(next)),
            prefixes: Vec::new(),
            items: buckets
                .iter()
                .map(|bucket| BucketResource::new(&context.origin, &bucket.record))
                .collect(),
        },
    )
}

fn page_size(query: &Query) -> Result<usize, ApiError> {
    match query.number("maxResults")? {
        Some(0) => Err(ApiError::invalid(
            "Invalid value for maxResults: a page has an entry.",
        )),
        limit => Ok(limit.unwrap_or(MAX_RESULTS).min(MAX_RESULTS) as usize),
    }
}

/// The name that a page starts from: a page token is that name, so that it stays valid whatever is
/// added or deleted.
fn page_start(query: &Query) -> Result<String, ApiError> {
    let Some(token) = query.text("pageToken") else {
        return Ok(String::new());
    };
    let name = URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|name| String::from_utf8(name).ok());
    name.ok_or_else(|| ApiError::invalid("Invalid value for pageToken."))
}
