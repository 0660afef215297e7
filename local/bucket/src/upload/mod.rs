//! Uploads: whole objects in one request, with or without metadata, and resumable ones
//! (<https://cloud.google.com/storage/docs/uploads-downloads>).

mod content_range;
mod metadata;
mod multipart;
mod resumable;

use bytes::Bytes;
use http::StatusCode;

use crate::body::RequestBody;
use crate::error::ApiError;
use crate::object::{Draft, Record, Resource};
use crate::preconditions::Preconditions;
use crate::reply::{self, Response};
use crate::server::Context;
use metadata::{Insert, content_type};
use multipart::Multipart;

pub(crate) use resumable::{cancel, proceed};

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
    let conditions = Preconditions::from_query(&context.query)?;
    context.storage.check(&bucket, &draft.name, &conditions)?;
    let (data, mut writer) = context.blocking(|storage| storage.new_data()).await?;
    while let Some(bytes) = media.next().await? {
        writer.push(&bytes).await?;
    }
    let written = writer.finish().await?;
    let place = bucket.clone();
    let record = context
        .blocking(move |storage| storage.store(&bucket, &draft, &conditions, data, written))
        .await?;
    stored(context, &place, &record)
}

/// The answer to an upload that has become an object.
fn stored(context: &Context, bucket: &str, record: &Record) -> Result<Response, ApiError> {
    reply::json(
        StatusCode::OK,
        &Resource::new(&context.origin, bucket, record),
    )
}
