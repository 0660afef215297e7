use std::rc::Rc;

use http::StatusCode;
use spinreel_api::Page;
use spinreel_http::fold::fold;
use spinreel_http::query::{Query, encode_cursor};
use spinreel_http::{FieldError, Problem};
use spinreel_platform::Clock;
use spinreel_service::{Call, Outcome, json};

use crate::domain::catalogue::{VideoPage, bury, page};
use crate::domain::edits::tag_key;
use crate::domain::filter::{Filter, parse_status};
use crate::domain::record::Record;
use crate::routes::ledger_problem;

/// The name of the list in cursors.
const LIST: &str = "videos";

/// `GET /v1/videos`: the caller's own videos, newest first.
pub(crate) async fn list(call: Call) -> Outcome {
    let owner = &call.caller.user()?.user_id;
    let query = &call.request.query;
    let limit = query.limit()?;
    let below = query.cursor::<u64>(LIST)?;
    let filter = filter(query, call.context.clock.now_ms())?;
    let page = page(&call.context.store, owner, below, limit, &filter)
        .await
        .map_err(ledger_problem)?;
    let is_worth_burying = page.has_many_empty();
    let VideoPage {
        records,
        next,
        empty,
    } = page;
    if is_worth_burying {
        let (context, owner) = (Rc::clone(&call.context), owner.clone());
        call.context.after_answer(async move {
            // The page is good whether or not the next one gets cheaper.
            let _ = bury(&context.store, &context.clock, &owner, &empty).await;
        });
    }
    let page = Page {
        items: records.iter().map(Record::to_video).collect(),
        next_cursor: next.map(|below| encode_cursor(LIST, below)),
    };
    json(StatusCode::OK, &page)
}

/// `?status=`, `?tag=` and `?q=`.
fn filter(query: &Query, now_ms: u64) -> Result<Filter, Problem> {
    let status = match query.get("status") {
        None => None,
        Some(name) => Some(parse_status(name).ok_or_else(|| {
            Problem::invalid(vec![FieldError::new(
                "status",
                "must be uploading, ready, unplayable or deleted",
            )])
        })?),
    };
    Ok(Filter {
        status,
        any_status: false,
        now_ms,
        tag: query.get("tag").map(tag_key),
        text: query.get("q").map(fold),
    })
}
