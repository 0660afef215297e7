//! What the tests of metrics share.

use serde_json::Value;
use spinreel_api::logs::LogEntry;

use crate::domain::testing::{NOON, entry, fields};

/// A line of `service` with an action and the fields of a JSON object.
pub(super) fn line(service: &str, action: &str, with: Value) -> LogEntry {
    LogEntry {
        service: service.to_owned(),
        action: action.to_owned(),
        fields: fields(with),
        ..entry(NOON, "A line.")
    }
}
