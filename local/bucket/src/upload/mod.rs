//! Uploads: whole objects in one request, with or without metadata, and resumable ones
//! (<https://cloud.google.com/storage/docs/uploads-downloads>).

mod content_range;
mod metadata;
mod multipart;
mod resumable;
mod xml;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::body::RequestBody;
use crate::context::Context;
use crate::error::ApiError;
use crate::object::{Draft, LengthRange, Record, Resource};
use crate::read;
use crate::reply::{self, Response};
use crate::route::Dialect;
use crate::storage::StorageError;
use metadata::{content_type, text};
use multipart::Multipart;

pub(crate) use metadata::Insert;
pub(crate) use resumable::{cancel, proceed};
pub(crate) use xml::{put, start};

/// `POST /upload/storage/v1/b/{bucket}/o`: a whole object, or the start of a resumable upload.
pub(crate) async fn begin(
    context: &Context,
    bucket: String,
    body: &mut RequestBody,
) -> Result<Response, ApiError> {
    match context.query.text("uploadType") {
        Some("media") => {
            let draft =
                Insert::default().draft(context, &bucket, content_type(&context.headers))?;
            store(context, bucket, draft, body).await
        }
        Some("multipart") => {
            let mut parts = Multipart::new(body, &context.headers)?;
            let insert = parts.metadata().await?;
            let media_type = parts.media_type().await?;
            let draft = insert.draft(context, &bucket, media_type)?;
            store(context, bucket, draft, &mut parts).await
        }
        Some("resumable") => resumable::start(context, bucket, body).await,
        Some(_) => Err(ApiError::invalid(
            "Invalid value for uploadType: neither media, multipart nor resumable.",
        )),
        None => Err(ApiError::required("uploadType")),
    }
}

/// Where the bytes of an object come from.
trait Media {
    /// The next bytes; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError>;
}

impl Media for RequestBody {
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        self.chunk().await
    }
}

/// Stores an object from one request.
async fn store(
    context: &Context,
    bucket: String,
    draft: Draft,
    media: &mut impl Media,
) -> Result<Response, ApiError> {
    let conditions = context.preconditions()?;
    context.storage.check(&bucket, &draft.name, &conditions)?;
    if let Some(range) = draft.length {
        check_announced(range, &context.headers)?;
    }
    let most = draft.length.map_or(u64::MAX, |range| range.most);
    let mut received = 0;
    let (data, mut writer) = context.blocking(|storage| storage.new_data()).await?;
    while let Some(bytes) = media.next().await? {
        received += bytes.len() as u64;
        if received > most {
            return Err(StorageError::Length("EntityTooLarge").into());
        }
        writer.push(&bytes).await?;
    }
    let written = writer.finish().await?;
    let place = bucket.clone();
    let record = context
        .blocking(move |storage| storage.store(&bucket, &draft, &conditions, data, written))
        .await?;
    stored(context, &place, &record)
}

/// Refuses a body whose announced size is out of range, before it comes.
fn check_announced(range: LengthRange, headers: &HeaderMap) -> Result<(), ApiError> {
    let announced = text(headers, header::CONTENT_LENGTH.as_str());
    match announced.and_then(|length| length.parse().ok()) {
        Some(length) => Ok(range.check(length)?),
        None => Ok(()),
    }
}

/// The answer to an upload that has become an object.
fn stored(context: &Context, bucket: &str, record: &Record) -> Result<Response, ApiError> {
    match context.dialect {
        Dialect::Json => reply::json(
            StatusCode::OK,
            &Resource::new(&context.origin, bucket, record),
        ),
        Dialect::Xml => Ok(read::headers_only(record)),
    }
}
