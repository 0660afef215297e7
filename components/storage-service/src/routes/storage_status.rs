//! `GET /storage-status`.

use http::StatusCode;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, json};

use super::{owner, storage, tidy_after};

/// The caller's quota and files.
pub async fn storage_status(call: Call) -> Outcome {
    let context = call.context.clone();
    let owner = owner(call.caller.user()?);
    let status = storage(&context)?
        .status(&owner)
        .await
        .map_err(Problem::unavailable)?;
    let after = context.clone();
    let dead = status.dead;
    context.after_answer(async move { tidy_after(&after, &owner.user_id, &dead).await });
    json(StatusCode::OK, &status.body)
}
