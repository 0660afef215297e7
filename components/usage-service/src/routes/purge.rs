//! `DELETE /internal/usage/users/{id}`.

use http::StatusCode;
use serde_json::json as value;
use spinreel_api::actions::Action;
use spinreel_service::{Call, Outcome, json};

use super::{problem, usage, user_in_path};

/// Removes a part of everything that is known of a user: to be repeated until it is done.
pub(crate) async fn purge(call: Call) -> Outcome {
    let user = user_in_path(&call)?;
    call.caller.must_be_about(&user)?;
    let purged = usage(&call.context).purge(&user).await.map_err(problem)?;
    if purged.removed > 0 {
        let count = purged.removed;
        call.context.log.info(
            Action::UsagePurged,
            format!("Removed {count} entries of a user who is gone"),
            value!({ "entry.count": count, "purge.done": purged.done }),
        );
    }
    json(StatusCode::OK, &purged)
}
