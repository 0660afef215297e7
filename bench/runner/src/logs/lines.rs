//! The lines that come in, and what is asked of them.

use serde_json::{Value, json};
use spinreel_api::Timestamp;

/// Lines of a page.
pub(super) const LIMIT: usize = 10;
/// Users whose lines alternate, and lines of a request.
const USERS: usize = 100;
pub(super) const LINES_OF_REQUEST: usize = 3;
/// The lines say that they are from so many days, which ended a day ago.
const DAYS: u64 = 5;
const DAY_MS: u64 = 86_400_000;

/// The pages: the name in JSON, the name in the table.
pub(super) const PAGES: [(&str, &str); 4] = [
    ("newest", "the newest"),
    ("user", "of a user"),
    ("request", "of a request"),
    ("time", "of three hours, two days back"),
];

/// The lines of a log of `count` lines, from the first to the last.
#[derive(Clone, Copy)]
pub(super) struct Lines {
    pub(super) count: usize,
    began_ms: u64,
}

impl Lines {
    pub(super) fn of(count: usize) -> Self {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self {
            count,
            began_ms: now.as_millis() as u64 - (DAYS + 1) * DAY_MS,
        }
    }

    pub(super) fn at_ms(&self, number: usize) -> u64 {
        self.began_ms + number as u64 * DAYS * DAY_MS / self.count as u64
    }

    /// A line like those that end requests.
    pub(super) fn line(&self, number: usize) -> Value {
        json!({
            "at": Timestamp::from_ms(self.at_ms(number)),
            "level": "info",
            "service": "storage-service",
            "action": "request",
            "message": "GET /storage-status answered 200",
            "user_id": user(number),
            "request_id": request(number),
            "fields": {
                "http.latency_ms": number % 50,
                "http.method": "GET",
                "http.request_bytes": 0,
                "http.response_bytes": number % 1_000,
                "http.route": "/storage-status",
                "http.status": 200,
                "store.calls": 9,
            },
        })
    }

    pub(super) fn batch(&self, from: usize, to: usize) -> Vec<Value> {
        (from..to).map(|number| self.line(number)).collect()
    }

    /// The queries of [`PAGES`].
    pub(super) fn queries(&self) -> [String; PAGES.len()] {
        let middle = self.count / 2;
        let since = self.began_ms + 2 * DAY_MS;
        let until = since + 3 * 3_600_000;
        let (since, until) = (Timestamp::from_ms(since), Timestamp::from_ms(until));
        [
            String::new(),
            format!("user_id={}", user(middle)),
            format!("request_id={}", request(middle)),
            format!("since={since}&until={until}"),
        ]
        .map(|filter| format!("/v1/logs?limit={LIMIT}&service=storage-service&{filter}"))
    }
}

pub(super) fn user(number: usize) -> String {
    format!("0195e9c0-7b1e-7000-8000-{:012}", number % USERS)
}

pub(super) fn request(number: usize) -> String {
    format!("0195e9c0-7b1e-7001-8000-{:012}", number / LINES_OF_REQUEST)
}
