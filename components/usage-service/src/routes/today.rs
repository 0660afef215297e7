//! `GET /v1/usage/today` and `GET /v1/usage/users/{id}/today`.

use http::StatusCode;
use spinreel_service::{Call, Outcome, json};

use super::{problem, usage, user_in_path};

/// The caller's day so far.
pub(crate) async fn own(call: Call) -> Outcome {
    let user = call.caller.user()?.user_id.clone();
    answer(&call, &user).await
}

/// Any user's day so far, for admins.
pub(crate) async fn of_user(call: Call) -> Outcome {
    let user = user_in_path(&call)?;
    answer(&call, &user).await
}

async fn answer(call: &Call, user: &str) -> Outcome {
    let today = usage(&call.context).today(user).await.map_err(problem)?;
    json(StatusCode::OK, &today)
}
