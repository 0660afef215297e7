use http::StatusCode;
use spinreel_http::Problem;
use spinreel_http::problem::Unauthenticated;
use spinreel_service::{Call, Outcome, json};

use super::unavailable;
use crate::domain::accounts::{self, Account};

/// `GET /v1/users/me`: the caller's own account.
pub(crate) async fn me(call: Call) -> Outcome {
    let user_id = &call.caller.user()?.user_id;
    let account = accounts::find(&call.context.store, user_id)
        .await
        .map_err(unavailable)?
        .filter(Account::is_open)
        // The token outlived its account.
        .ok_or_else(|| Problem::unauthenticated(Unauthenticated::InvalidToken))?;
    json(StatusCode::OK, &account.user())
}
