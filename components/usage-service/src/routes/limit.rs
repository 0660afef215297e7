//! `PUT /internal/usage/users/{id}/limit`.

use http::StatusCode;
use spinreel_api::internal::SetLimit;
use spinreel_service::{Call, Outcome, empty};

use super::{problem, usage, user_in_path};
use crate::domain::validation::check_limit;

/// Gives a user a limit of their own, or takes it away: 204.
pub(crate) async fn set(mut call: Call) -> Outcome {
    let request: SetLimit = call.request.json().await?;
    check_limit(&request)?;
    let user = user_in_path(&call)?;
    call.caller.must_be_about(&user)?;
    usage(&call.context)
        .set_limit(&user, request.limit_bytes)
        .await
        .map_err(problem)?;
    Ok(empty(StatusCode::NO_CONTENT))
}
