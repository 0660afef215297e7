//! `GET /v1/usage/daily` and `GET /v1/usage/users/{id}/daily`.

use http::StatusCode;
use spinreel_api::Page;
use spinreel_service::{Call, Outcome, json};

use super::{problem, usage, user_in_path};
use crate::domain::validation::days;

/// The caller's last days, `?days=` of them, today first.
pub(crate) async fn own(call: Call) -> Outcome {
    let user = call.caller.user()?.user_id.clone();
    answer(&call, &user).await
}

/// Any user's last days, for admins.
pub(crate) async fn of_user(call: Call) -> Outcome {
    let user = user_in_path(&call)?;
    answer(&call, &user).await
}

async fn answer(call: &Call, user: &str) -> Outcome {
    let days = days(&call.request.query)?;
    let items = usage(&call.context)
        .daily(user, days)
        .await
        .map_err(problem)?;
    let page = Page {
        items,
        next_cursor: None,
    };
    json(StatusCode::OK, &page)
}
