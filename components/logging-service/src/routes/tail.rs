//! `GET /v1/logs/tail`.

use std::fmt::Write as _;

use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use spinreel_api::logs::LogEntry;
use spinreel_http::{FieldError, Problem};
use spinreel_platform::Clock;
use spinreel_service::{Body, Call, Outcome, Pieces, Response};

use super::{book, problem, search};
use crate::domain::book::{Position, Tail};
use crate::domain::search::Search;

/// What tells nginx to pass on what comes as it comes
/// (<https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering>).
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");
/// How often the log is looked at, in milliseconds.
const LOOK_MS: u64 = 250;
/// How long a connection may be silent, in milliseconds: proxies end those that are for a minute.
const SILENCE_MS: u64 = 15_000;
/// How long an admin who is none any more may read on, in milliseconds.
const TRUST_MS: u64 = 4_000;
/// How long a client waits before it comes again, in milliseconds.
const RETRY_MS: u64 = 1_000;

/// A reader that is being served.
struct Follower {
    call: Call,
    search: Search,
    tail: Tail,
    /// When something was sent last.
    sent_ms: u64,
    /// When the caller was last seen to be an admin.
    allowed_ms: u64,
}

/// Entries as they arrive, as Server-Sent Events (HTML, section 9.2). An event's id is the entry's position: who comes
/// again with it in `Last-Event-ID` goes on after it.
pub(crate) async fn tail(call: Call) -> Outcome {
    let search = search(&call)?;
    let after = match call.request.header("last-event-id") {
        None | Some("") => None,
        Some(id) => Some(id.parse::<Position>().map_err(|error| {
            Problem::invalid(vec![FieldError::new("Last-Event-ID", error.to_string())])
        })?),
    };
    let tail = Tail::begin(&book(&call.context), after)
        .await
        .map_err(problem)?;
    let now_ms = call.context.clock.now_ms();
    // The first event has no data: it shows nothing, and says where to go on.
    let first = format!("retry: {RETRY_MS}\nid: {}\n\n", tail.position());
    let follower = Follower {
        call,
        search,
        tail,
        sent_ms: now_ms,
        allowed_ms: now_ms,
    };
    let following = stream::try_unfold(follower, |mut follower| async move {
        let events = follower.next().await?;
        Ok(events.map(|events| (events.into_bytes(), follower)))
    });
    let first = stream::iter([Ok(first.into_bytes())]);
    let pieces = futures::StreamExt::chain(first, following);
    let mut response = Response::new(Body::Pieces(Pieces::new(pieces)));
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        (UNBUFFERED, "no"),
    ] {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

impl Follower {
    /// The next events; `None` when the caller may read no more.
    async fn next(&mut self) -> Result<Option<String>, Problem> {
        loop {
            let clock = self.call.context.clock;
            if clock.now_ms().abs_diff(self.allowed_ms) >= TRUST_MS {
                if !self.call.is_still_allowed().await {
                    return Ok(None);
                }
                self.allowed_ms = clock.now_ms();
            }
            let arrived = self
                .tail
                .look(&book(&self.call.context), &self.search)
                .await
                .map_err(problem)?;
            let is_silent = clock.now_ms().abs_diff(self.sent_ms) >= SILENCE_MS;
            if !arrived.items.is_empty() || is_silent {
                self.sent_ms = clock.now_ms();
                let mut events = String::new();
                for (position, entry) in &arrived.items {
                    push_event(&mut events, *position, entry)?;
                }
                if arrived.items.is_empty() {
                    events = format!("id: {}\n\n", self.tail.position());
                }
                return Ok(Some(events));
            }
            if !arrived.more {
                clock.sleep_ms(LOOK_MS).await;
            }
        }
    }
}

fn push_event(events: &mut String, position: Position, entry: &LogEntry) -> Result<(), Problem> {
    // JSON has no line breaks, so an entry is one line of data whatever its text.
    let data = serde_json::to_string(entry).map_err(Problem::internal)?;
    write!(events, "id: {position}\ndata: {data}\n\n").map_err(Problem::internal)
}
