//! Log entries (logging-service). [`text`] makes them safe to print and small enough to keep.

pub mod text;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Timestamp;
use crate::actions::Action;

/// The field of an access line that says how many requests it stands for, where it is one of a sample.
pub const WEIGHT: &str = "log.weight";

/// The services that log: ids of components.
pub const SERVICES: [&str; 5] = [
    "user-service",
    "video-service",
    "storage-service",
    "usage-service",
    "logging-service",
];

/// How much an entry matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For those who look for a fault.
    Debug,
    /// What happened.
    Info,
    /// What somebody should know.
    Warn,
    /// What somebody must mend.
    Error,
}

/// One log entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogEntry {
    /// When it happened.
    pub at: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// The component's id.
    pub service: String,
    /// What was done: a word or a dotted name.
    pub action: String,
    /// A sentence that can be read alone.
    pub message: String,
    /// The user it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_id: Option<String>,
    /// The request that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
    /// Further facts, with dotted names.
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    pub fields: Map<String, Value>,
}

impl LogEntry {
    /// Whether this must reach the log: something changed, failed or was refused for a limit. All others are access lines,
    /// of which the log gets a sample.
    pub fn is_event(&self) -> bool {
        let is_access = [Action::Request, Action::RequestRefused]
            .iter()
            .any(|action| action.as_str() == self.action);
        !is_access || self.level >= Level::Warn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_lines_are_no_events_unless_something_went_wrong() {
        for (action, level, expected) in [
            (Action::Request, Level::Info, false),
            (Action::RequestRefused, Level::Info, false),
            (Action::Request, Level::Warn, true),
            (Action::RequestFailed, Level::Error, true),
            (Action::FileUploaded, Level::Info, true),
        ] {
            let entry = LogEntry {
                at: Timestamp::from_ms(0),
                level,
                service: "usage-service".to_owned(),
                action: action.as_str().to_owned(),
                message: String::new(),
                user_id: None,
                request_id: None,
                fields: Map::new(),
            };
            assert_eq!(entry.is_event(), expected, "{action} {level:?}");
        }
    }
}
