use http::StatusCode;
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::internal::StoredVideo;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, empty};

use crate::domain::catalogue::{self, Put, PutError};
use crate::domain::stored::check;
use crate::routes::{inspect_later, update_problem, video_id};

/// `PUT /internal/videos/{id}`: storage-service has a file. Harmless when repeated. What the file is is found out after the
/// answer.
pub(crate) async fn put(mut call: Call) -> Outcome {
    let stored: StoredVideo = call.request.json().await?;
    let id = video_id(&call)?;
    let errors = check(&stored);
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    call.caller.must_be_about(&stored.owner)?;
    let log = &call.context.log;
    log.set_user(&stored.owner);
    let fields = json!({ "video.id": id, "video.size": stored.size });
    let context = &call.context;
    match catalogue::put(&context.store, &context.clock, id, stored).await {
        Ok(Put::Created) => log.info(Action::VideoRecorded, "A video is in the catalogue", fields),
        // Whoever is late has nothing more to do.
        Ok(Put::Known) => {}
        Ok(Put::OwnerGone) => return Ok(empty(StatusCode::NO_CONTENT)),
        Err(error @ PutError::OtherOwner) => {
            return Err(
                Problem::conflict("owner_differs", "The video is another user's.").because(error),
            );
        }
        Err(PutError::Update(error)) => return Err(update_problem(error)),
    }
    inspect_later(&call.context, id.to_owned());
    Ok(empty(StatusCode::NO_CONTENT))
}
