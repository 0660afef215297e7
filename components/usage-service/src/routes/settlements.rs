//! `POST /internal/usage/settlements`.

use std::rc::Rc;

use http::StatusCode;
use serde_json::json;
use spinreel_api::internal::Settle;
use spinreel_api::logs::Level;
use spinreel_platform::Clock;
use spinreel_service::{Call, Outcome, empty};

use super::{problem, usage};
use crate::domain::validation::check_settle;

/// Ends a transfer: 204.
pub(crate) async fn settle(mut call: Call) -> Outcome {
    let request: Settle = call.request.json().await?;
    let context = &call.context;
    check_settle(&request, context.clock.now_ms())?;
    let full = usage(context).settle(&request).await.map_err(problem)?;
    if full {
        let after = Rc::clone(context);
        context.after_answer(async move {
            if let Err(error) = usage(&after).seal_actions(&request.user_id).await {
                after.log.internal(
                    Level::Error,
                    "usage.seal_failed",
                    error.to_string(),
                    json!({}),
                );
            }
        });
    }
    Ok(empty(StatusCode::NO_CONTENT))
}
