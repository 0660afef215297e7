use std::rc::Rc;

use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, StatusCode};
use spinreel_api::Page;
use spinreel_http::query::encode_cursor;
use spinreel_platform::Clock;
use spinreel_service::{Call, Outcome, json};

use super::get::unless_known;
use crate::domain::edits::tag_key;
use crate::domain::feed;
use crate::domain::filter::Filter;
use crate::domain::record::Record;
use crate::domain::words::Search;
use crate::routes::{entity_tag, ledger_problem};

/// The name of the list in cursors.
const LIST: &str = "feed";

/// `GET /v1/feed`: the videos that everybody may see, the one first that became public last. Caches may keep a page, and
/// ask each time whether it is still good: a video that is public no more is gone at once.
pub(crate) async fn feed(call: Call) -> Outcome {
    let query = &call.request.query;
    let limit = query.limit()?;
    let below = query.cursor::<u64>(LIST)?;
    let context = &call.context;
    let filter = Filter {
        tag: query.get("tag").map(tag_key),
        search: query.get("q").map(Search::read),
        now_ms: context.clock.now_ms(),
        ..Filter::default()
    };
    let page = feed::page(&context.store, below, limit, &filter)
        .await
        .map_err(ledger_problem)?;
    if page.is_index_due {
        let after = Rc::clone(context);
        context.after_answer(async move {
            // The page is good whether or not the next one gets cheaper.
            let _ = feed::index(&after.store, &after.clock).await;
        });
    }
    let page = Page {
        items: page.records.iter().map(Record::to_video).collect(),
        next_cursor: page.next.map(|below| encode_cursor(LIST, below)),
    };
    let tag = entity_tag(&page)?;
    let mut response = json(StatusCode::OK, &page)?;
    let headers = response.headers_mut();
    headers.insert(ETAG, tag.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    Ok(unless_known(&call.request.headers, &tag, response))
}
