//! `GET /storage-status`.

use http::StatusCode;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, json};

use super::{log_tidied, owner, storage};
use crate::domain::record::UserFiles;

/// The caller's quota and files.
pub async fn storage_status(call: Call) -> Outcome {
    let context = call.context.clone();
    let owner = owner(call.caller.user()?);
    let status = storage(&context)?
        .status(&owner)
        .await
        .map_err(Problem::unavailable)?;
    if status.left.is_much() {
        let after = context.clone();
        let left = status.left;
        context.after_answer(async move {
            let Ok(storage) = storage(&after) else {
                return;
            };
            let files = UserFiles::new(&owner.user_id);
            log_tidied(&after, storage.tidy_left(&files, &left).await);
        });
    }
    json(StatusCode::OK, &status.body)
}
