use std::rc::Rc;

use http::StatusCode;
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::internal::AnnounceVideo;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, empty};

use crate::domain::arrival::{Arrival, arrive};
use crate::domain::catalogue::PutError;
use crate::domain::ending::Files as _;
use crate::domain::stored::check;
use crate::files::HttpFiles;
use crate::routes::{end_dead_lock, inspect_later, update_problem, video_id};

/// `PUT /internal/videos/{id}?offline=`: storage-service has a file. Harmless when repeated. 404 `video_gone` where it is of a video
/// that is gone. Where storage-service does not know what the file is, that is found out after the answer.
pub(crate) async fn put(mut call: Call) -> Outcome {
    let announced: AnnounceVideo = call.request.json().await?;
    let stored = &announced.stored;
    let id = video_id(&call)?;
    let errors = check(stored);
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    call.caller.must_be_about(&stored.owner)?;
    end_dead_lock(&call, &stored.owner).await?;
    let context = &call.context;
    let log = &context.log;
    log.set_user(&stored.owner);
    let owner = stored.owner.clone();
    let fields = json!({ "video.id": id, "video.size": stored.size });
    let is_inspected = announced.inspection.is_some();
    let is_expected = announced.expected || announced.replaces.is_some();
    match arrive(&context.store, &context.clock, id, announced).await {
        Ok(Arrival::Created) => {
            log.info(Action::VideoRecorded, "A video is in the catalogue", fields);
        }
        Ok(Arrival::Known { stale }) => {
            if is_expected {
                log.info(Action::VideoRecorded, "A video has its bytes", fields);
            }
            if let Some(stale) = stale {
                let after = Rc::clone(context);
                context.after_answer(async move {
                    // One that stays goes with the account.
                    let _ = HttpFiles(&after).delete(&owner, &stale.location).await;
                });
            }
        }
        // Whoever is late has nothing more to do.
        Ok(Arrival::OwnerGone) => return Ok(empty(StatusCode::NO_CONTENT)),
        Ok(Arrival::Unwanted) => {
            let detail = "The video is gone.";
            return Err(Problem::new(StatusCode::NOT_FOUND, "video_gone", detail));
        }
        Err(error @ PutError::OtherOwner) => {
            return Err(
                Problem::conflict("owner_differs", "The video is another user's.").because(error),
            );
        }
        Err(PutError::Update(error)) => return Err(update_problem(error)),
    }
    if !is_inspected {
        inspect_later(&call.context, id.to_owned());
    }
    Ok(empty(StatusCode::NO_CONTENT))
}
