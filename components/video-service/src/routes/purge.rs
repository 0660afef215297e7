use http::StatusCode;
use serde_json::json as value;
use spinreel_api::actions::Action;
use spinreel_service::{Call, Outcome, json};

use crate::domain::purge;
use crate::routes::{ledger_problem, video_id};

/// `DELETE /internal/videos/users/{id}`: removes a part of a user's videos, to be repeated until it is done.
pub(crate) async fn purge(call: Call) -> Outcome {
    // Users have ids of the same kind.
    let owner = video_id(&call)?;
    call.caller.must_be_about(owner)?;
    let context = &call.context;
    let purged = purge::purge(&context.store, &context.clock, owner)
        .await
        .map_err(ledger_problem)?;
    if purged.removed > 0 {
        let count = purged.removed;
        context.log.info(
            Action::VideoPurged,
            format!("Removed {count} videos of a user who is gone"),
            value!({ "video.count": count, "purge.done": purged.done }),
        );
    }
    json(StatusCode::OK, &purged)
}
