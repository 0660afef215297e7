//! What the domain's tests share.

use serde_json::{Map, Value};
use spinreel_api::Timestamp;
use spinreel_api::logs::{Level, LogEntry};

use super::book::Retention;
use super::filter::{Filter, Reader};
use super::search::Search;

/// 2023-11-14T12:00:00Z.
pub(super) const NOON: u64 = 1_699_963_200_000;

/// An entry of video-service.
pub(super) fn entry(at_ms: u64, message: &str) -> LogEntry {
    LogEntry {
        at: Timestamp::from_ms(at_ms),
        level: Level::Info,
        service: "video-service".to_owned(),
        action: "test".to_owned(),
        message: message.to_owned(),
        user_id: None,
        request_id: None,
        fields: Map::new(),
    }
}

/// The members of a JSON object.
pub(super) fn fields(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(fields) => fields,
        other => panic!("{other} is no object"),
    }
}

/// Nothing is ever dropped.
pub(super) const FOR_EVER: Retention = Retention {
    days: 0,
    entries: [0; 3],
};

/// What an admin looks for.
pub(super) fn all(filter: Filter) -> Search {
    Search::new(Reader::Admin, filter)
}
