//! `GET /v1/usage/actions` and `GET /v1/usage/users/{id}/actions`.

use http::StatusCode;
use spinreel_service::{Call, Outcome, json};

use super::{problem, usage, user_in_path};
use crate::domain::{Place, actions_list};

/// A page of the caller's actions.
pub(crate) async fn own(call: Call) -> Outcome {
    let user = call.caller.user()?.user_id.clone();
    answer(&call, &user).await
}

/// A page of any user's actions, for admins.
pub(crate) async fn of_user(call: Call) -> Outcome {
    let user = user_in_path(&call)?;
    answer(&call, &user).await
}

async fn answer(call: &Call, user: &str) -> Outcome {
    let query = &call.request.query;
    let limit = query.limit()?;
    let from = query.cursor::<Place>(&actions_list(user))?;
    let page = usage(&call.context)
        .actions(user, from, limit)
        .await
        .map_err(problem)?;
    json(StatusCode::OK, &page)
}
