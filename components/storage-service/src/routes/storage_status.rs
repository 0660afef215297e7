//! `GET /storage-status`.

use http::StatusCode;
use serde_json::json;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, json};

use super::{owner, storage};

/// The caller's quota and files.
pub async fn storage_status(call: Call) -> Outcome {
    let context = call.context.clone();
    let owner = owner(call.caller.user()?);
    let status = storage(&context)?
        .status(&owner)
        .await
        .map_err(Problem::unavailable)?;
    if status.abandoned {
        let after = context.clone();
        context.after_answer(async move {
            if let Ok(storage) = storage(&after)
                && let Ok(settled) = storage.settle_user(&owner).await
                && settled > 0
            {
                let message = format!("Settled {settled} files that were left half-done");
                after
                    .log
                    .info("storage.settled", message, json!({ "count": settled }));
            }
        });
    }
    json(StatusCode::OK, &status.body)
}
