use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, StatusCode};
use spinreel_api::Page;
use spinreel_http::query::encode_cursor;
use spinreel_platform::Clock;
use spinreel_service::{Call, Outcome, json};

use super::get::unless_known;
use crate::domain::feed;
use crate::domain::record::Record;
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
    let page = feed::page(&context.store, context.clock.now_ms(), below, limit)
        .await
        .map_err(ledger_problem)?;
    let page = Page {
        items: page
            .items
            .iter()
            .map(|(_, record)| Record::to_video(record))
            .collect(),
        next_cursor: page.next.map(|below| encode_cursor(LIST, below)),
    };
    let tag = entity_tag(&page)?;
    let mut response = json(StatusCode::OK, &page)?;
    let headers = response.headers_mut();
    headers.insert(ETAG, tag.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    Ok(unless_known(&call.request.headers, &tag, response))
}
