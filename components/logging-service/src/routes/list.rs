//! `GET /v1/logs`.

use http::StatusCode;
use spinreel_api::Page;
use spinreel_http::query::encode_cursor;
use spinreel_service::{Call, Outcome, json};

use super::{book, problem, search};

/// A page of the log: of everything for an admin, of what is about itself for a user.
pub(crate) async fn list(call: Call) -> Outcome {
    let search = search(&call)?;
    let list = search.list_name();
    let query = &call.request.query;
    let limit = query.limit()?;
    let from = query.cursor(&list)?;
    let found = book(&call.context)
        .page(&search, from, limit)
        .await
        .map_err(problem)?;
    let page = Page {
        items: found.items.into_iter().map(|(_, entry)| entry).collect(),
        next_cursor: found.next.map(|next| encode_cursor(&list, next)),
    };
    json(StatusCode::OK, &page)
}
