//! What a client says of the video that an upload becomes, or brings new bytes to.

use http::StatusCode;
use serde_json::{Map, Value};
use spinreel_api::videos::Details;
use spinreel_http::Problem;
use spinreel_service::Context;
use spinreel_tus::Metadata;

use super::problems::{refusal, refused};
use super::{WasiStorage, storage};
use crate::domain::record::{Owner, VideoHead};
use crate::domain::resumable::NewUpload;
use crate::peers::HttpPeers;

/// The members of an object that say something of a video.
const MEMBERS: [&str; 4] = ["title", "description", "tags", "visibility"];

/// What an object says of a video: nobody has looked yet whether it makes sense.
pub(in crate::routes) fn of_object(object: &Map<String, Value>) -> Map<String, Value> {
    let said = MEMBERS.iter().filter_map(|member| {
        let value = object.get(*member)?;
        Some(((*member).to_owned(), value.clone()))
    });
    said.collect()
}

/// The same as the catalogue would keep it, which knows what may be said: 422 where that is not.
pub(in crate::routes) async fn checked(
    context: &Context,
    user_id: &str,
    said: Map<String, Value>,
) -> Result<Option<Details>, Problem> {
    if said.is_empty() {
        return Ok(None);
    }
    let details = HttpPeers::new(context)
        .check_details(user_id, &said)
        .await?;
    Ok((details != Details::default()).then_some(details))
}

/// Adds what `Upload-Metadata` says of the video: `title` and `visibility`, or by `video_id` that the upload replaces the
/// bytes of a video.
pub(super) async fn describe(
    context: &Context,
    owner: &Owner,
    metadata: &Metadata,
    new: &mut NewUpload,
) -> Result<(), Problem> {
    if let Some(video_id) = metadata.text("video_id").map_err(refusal)? {
        return replace(&storage(context)?, context, owner, video_id, new).await;
    }
    new.video.details = said_of_video(context, owner, metadata).await?;
    Ok(())
}

/// The same of an upload that is made of parts. It replaces nothing.
pub(super) async fn of_parts(
    context: &Context,
    owner: &Owner,
    metadata: &Metadata,
) -> Result<VideoHead, Problem> {
    if metadata.text("video_id").map_err(refusal)?.is_some() {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_header",
            "An upload of parts cannot replace a video.",
        ));
    }
    Ok(VideoHead {
        details: said_of_video(context, owner, metadata).await?,
        ..VideoHead::default()
    })
}

/// `title` and `visibility`, as the catalogue would keep them.
async fn said_of_video(
    context: &Context,
    owner: &Owner,
    metadata: &Metadata,
) -> Result<Option<Details>, Problem> {
    let mut said = Map::new();
    for key in ["title", "visibility"] {
        let value = metadata.text(key).map_err(refusal)?;
        said.extend(value.map(|value| (key.to_owned(), Value::from(value))));
    }
    checked(context, &owner.user_id, said)
        .await
        .map_err(|problem| match problem.status {
            // What is wrong stands in a header.
            StatusCode::UNPROCESSABLE_ENTITY => Problem {
                status: StatusCode::BAD_REQUEST,
                code: "malformed_header",
                ..problem
            },
            _ => problem,
        })
}

/// Makes an upload one that replaces the bytes of the owner's video `video_id`, with the name and, where the client says no
/// other, the media type of its file: 404 where there is none.
async fn replace(
    storage: &WasiStorage<'_>,
    context: &Context,
    owner: &Owner,
    video_id: &str,
    new: &mut NewUpload,
) -> Result<(), Problem> {
    let known = HttpPeers::new(context)
        .video(&owner.user_id, video_id)
        .await?;
    let known = known.filter(|known| known.video.deleted_at.is_none());
    let location = known.and_then(|known| known.location);
    let location = location.ok_or_else(Problem::not_found)?;
    let replacement = storage
        .replacement_of(owner, &location, video_id)
        .await
        .map_err(|error| refused(context, error))?;
    new.name = replacement.name;
    new.video = replacement.video;
    Ok(())
}
