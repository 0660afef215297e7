//! `POST …/o/{object}/compose`: an object of the bytes of others
//! (<https://cloud.google.com/storage/docs/json_api/v1/objects/compose>).

use std::io::Read;
use std::sync::Arc;

use http::StatusCode;
use serde::Deserialize;

use crate::body::{BLOCK, RequestBody};
use crate::context::Context;
use crate::error::ApiError;
use crate::manage::{MAX_JSON, parse};
use crate::object::{Record, Resource};
use crate::preconditions::Unmet;
use crate::reply::{self, Response};
use crate::storage::{StorageError, blocking};
use crate::upload::Insert;

/// The most sources of one call.
const MAX_SOURCES: usize = 32;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Composition {
    #[serde(default)]
    source_objects: Vec<Source>,
    #[serde(default)]
    destination: Insert,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    name: String,
    generation: Option<String>,
    #[serde(default)]
    object_preconditions: SourcePreconditions,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourcePreconditions {
    if_generation_match: Option<String>,
}

impl Source {
    /// The object as it is now; where it goes later, it is still readable.
    fn find(&self, context: &Context, bucket: &str) -> Result<Arc<Record>, ApiError> {
        let generation = number(self.generation.as_deref())?;
        let record = context.storage.object(bucket, &self.name, generation)?;
        let wanted = number(self.object_preconditions.if_generation_match.as_deref())?;
        match wanted.is_none_or(|wanted| wanted == record.generation) {
            true => Ok(record),
            false => Err(StorageError::Precondition(Unmet::Match).into()),
        }
    }
}

/// Makes the object. Its bytes are copied here, which clients cannot tell.
pub(crate) async fn compose(
    context: &Context,
    bucket: String,
    name: String,
    body: &mut RequestBody,
) -> Result<Response, ApiError> {
    let composition: Composition = parse(&body.whole(MAX_JSON).await?)?;
    if !(1..=MAX_SOURCES).contains(&composition.source_objects.len()) {
        return Err(ApiError::invalid(format!(
            "The number of source components must be between 1 and {MAX_SOURCES}."
        )));
    }
    let conditions = context.preconditions()?;
    context.storage.check(&bucket, &name, &conditions)?;
    let mut draft = composition
        .destination
        .named(name)
        .draft(context, &bucket, None)?;
    let mut files = Vec::new();
    let mut components = 0;
    for source in &composition.source_objects {
        let record = source.find(context, &bucket)?;
        components += record.components.unwrap_or(1);
        files.push(context.storage.open_data(&record)?);
    }
    draft.components = Some(components);
    let (data, mut writer) = context.blocking(|storage| storage.new_data()).await?;
    for mut file in files {
        loop {
            let read = blocking(move || {
                let mut block = Vec::with_capacity(BLOCK);
                (&mut file).take(BLOCK as u64).read_to_end(&mut block)?;
                Ok((file, block))
            });
            let (next, block) = read.await?;
            if block.is_empty() {
                break;
            }
            file = next;
            writer.push(&block).await?;
        }
    }
    let written = writer.finish().await?;
    let place = bucket.clone();
    let record = context
        .blocking(move |storage| storage.store(&bucket, &draft, &conditions, data, written))
        .await?;
    reply::json(
        StatusCode::OK,
        &Resource::new(&context.origin, &place, &record),
    )
}

/// A 64-bit number, which JSON has as text.
fn number(text: Option<&str>) -> Result<Option<u64>, ApiError> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|_| ApiError::invalid("A generation is a whole number."))
    };
    text.map(parse).transpose()
}
