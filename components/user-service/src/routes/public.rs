use http::StatusCode;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, json};

use super::unavailable;
use crate::domain::accounts;

/// `GET /v1/users/{id}`: what everybody may know of an account.
pub(crate) async fn public(call: Call) -> Outcome {
    let account = accounts::find(&call.context.store, call.parameters.get("id"))
        .await
        .map_err(unavailable)?
        .filter(|account| account.leaving_since.is_none())
        .ok_or_else(Problem::not_found)?;
    json(StatusCode::OK, &account.public())
}
