//! `GET /v1/logs`.

use http::StatusCode;
use spinreel_service::{Call, Outcome, json};

use super::{book, problem};
use crate::domain::filter::{Filter, Reader};

/// A page of the log: of everything for an admin, of what is about itself for a user.
pub(crate) async fn list(call: Call) -> Outcome {
    let reader = if call.caller.is_admin() {
        Reader::Admin
    } else {
        Reader::User(call.caller.user()?.user_id.clone())
    };
    let query = &call.request.query;
    let filter = Filter::from_query(query)?;
    let limit = query.limit()?;
    let before = query.cursor::<u64>(&filter.list_name(&reader))?;
    let page = book(&call.context)
        .page(&reader, &filter, before, limit)
        .await
        .map_err(problem)?;
    json(StatusCode::OK, &page)
}
