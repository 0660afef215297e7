use http::StatusCode;
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_service::{Call, Outcome, empty};

use crate::domain::catalogue;
use crate::routes::{ledger_problem, update_problem, video_id};

/// `DELETE /internal/videos/{id}`: storage-service has the file no more. Harmless when repeated.
pub(crate) async fn delete(call: Call) -> Outcome {
    let id = video_id(&call)?;
    let store = &call.context.store;
    let found = catalogue::find(store, id).await.map_err(ledger_problem)?;
    if let Some(record) = found {
        call.caller.must_be_about(&record.stored.owner)?;
        catalogue::forget(store, &call.context.clock, &record)
            .await
            .map_err(update_problem)?;
        let log = &call.context.log;
        log.set_user(&record.stored.owner);
        log.info(
            Action::VideoRemoved,
            "A video is no longer in the catalogue",
            json!({ "video.id": id, "video.size": record.stored.size }),
        );
    }
    Ok(empty(StatusCode::NO_CONTENT))
}
