use std::rc::Rc;

use http::StatusCode;
use spinreel_api::Page;
use spinreel_http::query::{Query, encode_cursor};
use spinreel_http::{FieldError, Problem};
use spinreel_platform::Clock;
use spinreel_service::{Call, Outcome, json};

use crate::domain::catalogue::{VideoPage, bury, index, page};
use crate::domain::edits::tag_key;
use crate::domain::filter::{Filter, parse_status};
use crate::domain::words::Search;
use crate::routes::create::as_owner;
use crate::routes::{end_later, ledger_problem, video_id};

/// The name of the list in cursors.
const LIST: &str = "videos";

/// `GET /v1/videos`: the caller's own videos, newest first.
pub(crate) async fn list(call: Call) -> Outcome {
    let owner = &call.caller.user()?.user_id;
    let filter = filter(&call.request.query, call.context.clock.now_ms())?;
    answer(&call, owner, &filter).await
}

/// `GET /internal/videos/users/{id}/public`: a user's videos that everybody may see, newest first.
pub(crate) async fn public(call: Call) -> Outcome {
    let owner = video_id(&call)?;
    call.caller.must_be_about(owner)?;
    let filter = Filter {
        published: true,
        now_ms: call.context.clock.now_ms(),
        ..Filter::default()
    };
    answer(&call, owner, &filter).await
}

async fn answer(call: &Call, owner: &str, filter: &Filter) -> Outcome {
    let query = &call.request.query;
    let limit = query.limit()?;
    let below = query.cursor::<u64>(LIST)?;
    let page = page(&call.context.store, owner, below, limit, filter)
        .await
        .map_err(ledger_problem)?;
    let is_worth_burying = page.has_many_empty();
    let VideoPage {
        records,
        next,
        empty,
        over,
        is_index_due,
    } = page;
    if is_index_due {
        let (context, owner) = (Rc::clone(&call.context), owner.to_owned());
        call.context.after_answer(async move {
            // As below.
            let _ = index(&context.store, &context.clock, &owner).await;
        });
    }
    end_later(&call.context, over);
    if is_worth_burying {
        let (context, owner) = (Rc::clone(&call.context), owner.to_owned());
        call.context.after_answer(async move {
            // The page is good whether or not the next one gets cheaper.
            let _ = bury(&context.store, &context.clock, &owner, &empty).await;
        });
    }
    let page = Page {
        items: records
            .iter()
            .map(|record| as_owner(&call.request, &call.context, record))
            .collect(),
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
        now_ms,
        tag: query.get("tag").map(tag_key),
        search: query.get("q").map(Search::read),
        ..Filter::default()
    })
}
