//! `DELETE /internal/storage/users/{id}`.

use http::StatusCode;
use serde_json::json as value;
use spinreel_api::actions::Action;
use spinreel_service::{Call, Outcome, json};

use super::delete_file::delete_problem;
use super::{storage, user_in_path};
use crate::domain::record::UserFiles;

/// Removes a part of everything of a user: to be repeated until it is done.
pub async fn purge(call: Call) -> Outcome {
    let user_id = user_in_path(&call)?;
    call.caller.must_be_about(user_id)?;
    let purged = storage(&call.context)?
        .purge(&UserFiles::new(user_id))
        .await
        .map_err(delete_problem)?;
    if purged.removed > 0 {
        let count = purged.removed;
        call.context.log.info(
            Action::StoragePurged,
            format!("Removed {count} files of a user who is gone"),
            value!({ "file.count": count, "purge.done": purged.done }),
        );
    }
    json(StatusCode::OK, &purged)
}
