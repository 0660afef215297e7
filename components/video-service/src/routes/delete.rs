use http::StatusCode;
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, empty};

use crate::domain::record::Record;
use crate::domain::{catalogue, ending};
use crate::routes::{end_dead_lock, end_later, ledger_problem, log_end, update_problem, video_id};

/// `DELETE /internal/videos/{id}?location=&offline=`: storage-service has the file no more. Where a location is named, only a video
/// that has no other one is forgotten. Harmless when repeated.
pub(crate) async fn delete(call: Call) -> Outcome {
    let id = video_id(&call)?;
    let context = &call.context;
    let (store, clock) = (&context.store, &context.clock);
    let location = call.request.query.get("location").map(str::to_owned);
    let is_meant = |record: &Record| {
        let known = &record.stored.location;
        known.is_empty() || location.as_ref().is_none_or(|location| location == known)
    };
    let found = catalogue::find(store, id).await.map_err(ledger_problem)?;
    let Some(record) = found.filter(is_meant) else {
        return Ok(empty(StatusCode::NO_CONTENT));
    };
    call.caller.must_be_about(&record.stored.owner)?;
    end_dead_lock(&call, &record.stored.owner).await?;
    if ending::has_attachments(&record) {
        let may = |record: &Record| match is_meant(record) {
            true => Ok(()),
            false => Err(Problem::not_found()),
        };
        let begun = ending::begin(store, clock, id, may)
            .await
            .map_err(update_problem)?;
        if let Some(Ok(record)) = begun {
            context.log.set_user(&record.stored.owner);
            context.log.info(
                Action::VideoEnding,
                "A video whose file was deleted ends",
                json!({ "video.id": id }),
            );
            end_later(context, [record.id]);
        }
    } else {
        catalogue::forget(store, clock, &record)
            .await
            .map_err(update_problem)?;
        log_end(context, &record);
    }
    Ok(empty(StatusCode::NO_CONTENT))
}
