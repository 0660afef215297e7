//! `POST /internal/usage/settlements`.

use http::StatusCode;
use spinreel_api::internal::Settle;
use spinreel_platform::Clock;
use spinreel_service::{Call, Outcome, empty};

use super::{problem, seal_later, usage};
use crate::domain::validation::check_settle;

/// Gives back what was not moved, and writes an action down: 204.
pub(crate) async fn settle(mut call: Call) -> Outcome {
    let request: Settle = call.request.json().await?;
    let context = &call.context;
    check_settle(&request, context.clock.now_ms())?;
    call.caller.must_be_about(&request.user_id)?;
    if usage(context).settle(&request).await.map_err(problem)? {
        seal_later(context, request.user_id);
    }
    Ok(empty(StatusCode::NO_CONTENT))
}
