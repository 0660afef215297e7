use std::cell::RefCell;

use serde_json::{Map, Value, json};
use spinreel_api::Timestamp;
use spinreel_api::actions::Action;
use spinreel_api::logs::text::{cut, escape_entry};
use spinreel_api::logs::{Level, LogEntry};
use spinreel_platform::Clock;

use crate::world::WasiClock;

/// The log lines of one request, kept until it is answered.
#[derive(Debug)]
pub struct Log {
    service: &'static str,
    request_id: String,
    user_id: RefCell<Option<String>>,
    lines: RefCell<Vec<LogEntry>>,
}

impl Log {
    pub(crate) fn new(service: &'static str, request_id: String) -> Self {
        Self {
            service,
            request_id,
            user_id: RefCell::new(None),
            lines: RefCell::new(Vec::new()),
        }
    }

    /// From now on, lines are about this user.
    pub fn set_user(&self, user_id: &str) {
        *self.user_id.borrow_mut() = Some(user_id.to_owned());
    }

    /// Adds a line: `message` is a sentence that can be read alone, `fields` a JSON object whose members have dotted
    /// names (`file.bytes`). Never pass a token, a password or a signed URL.
    pub fn line(&self, level: Level, action: Action, message: impl Into<String>, fields: Value) {
        let user_id = self.user_id.borrow().clone();
        let line = self.make(user_id, level, action, message.into(), fields);
        self.lines.borrow_mut().push(line);
    }

    fn make(
        &self,
        user_id: Option<String>,
        level: Level,
        action: Action,
        message: String,
        fields: Value,
    ) -> LogEntry {
        let fields = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        debug_assert!(
            fields.keys().all(|name| is_dotted(name)),
            "{action} has fields without dotted names: {fields:?}"
        );
        let mut line = LogEntry {
            at: Timestamp::from_ms(WasiClock.now_ms()),
            level,
            service: self.service.to_owned(),
            action: action.as_str().to_owned(),
            message,
            user_id,
            request_id: Some(self.request_id.clone()),
            fields,
        };
        // As the intake wants it: one line that it refused would take the others of its batch with it.
        escape_entry(&mut line);
        cut(&mut line);
        line
    }

    /// What happened.
    pub fn info(&self, action: Action, message: impl Into<String>, fields: Value) {
        self.line(Level::Info, action, message, fields);
    }

    /// What somebody should know.
    pub fn warn(&self, action: Action, message: impl Into<String>, fields: Value) {
        self.line(Level::Warn, action, message, fields);
    }

    /// A reason that only operators may read: the line names no user, so that no user is shown it. Errors also go to
    /// the component's standard error, in case no log can be reached.
    pub fn internal(
        &self,
        level: Level,
        action: Action,
        message: impl Into<String>,
        fields: Value,
    ) {
        let message = message.into();
        if level == Level::Error {
            eprintln!("{} {action}: {message}", self.request_id);
        }
        let line = self.make(None, level, action, message, fields);
        self.lines.borrow_mut().push(line);
    }

    /// The line that tells how many lines could not be delivered.
    pub(crate) fn lost_line(&self, count: i64) -> LogEntry {
        let message = format!("{count} log lines could not be delivered");
        let fields = json!({ "logs.lost_count": count });
        self.make(None, Level::Warn, Action::LogsLost, message, fields)
    }

    /// Adds the lines of a service that was called on the way.
    pub(crate) fn absorb(&self, lines: Vec<LogEntry>) {
        self.lines.borrow_mut().extend(lines);
    }

    /// Whether there is a line that must reach the log.
    pub(crate) fn has_events(&self) -> bool {
        self.lines.borrow().iter().any(LogEntry::is_event)
    }

    /// Prints every line of this service that is no event on the component's standard output, as a line of JSON each: a
    /// platform keeps that without a durable write.
    pub(crate) fn print_access(&self) {
        let lines = self.lines.borrow();
        let own = lines.iter().filter(|line| line.service == self.service);
        for line in own.filter(|line| !line.is_event() || line.action == Action::Request.as_str()) {
            if let Ok(json) = serde_json::to_string(line) {
                println!("{json}");
            }
        }
    }

    /// The lines so far, which are then nobody else's.
    pub(crate) fn take(&self) -> Vec<LogEntry> {
        std::mem::take(&mut self.lines.borrow_mut())
    }
}

/// Whether a field's name says what it is a fact of: `file.bytes`, and not `bytes`.
fn is_dotted(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    name.contains('.') && name.split('.').all(is_word)
}

#[cfg(test)]
mod tests {
    use spinreel_api::logs::text::{MAX_ENTRY, MAX_MESSAGE};

    use super::*;

    fn log() -> Log {
        Log::new("usage-service", "request-1".to_owned())
    }

    #[test]
    fn lines_name_the_request_and_from_then_on_the_user_but_internal_ones_never() {
        let log = log();
        log.info(Action::Request, "first", json!({ "http.status": 200 }));
        log.set_user("ada");
        log.warn(Action::Request, "second", json!({}));
        log.internal(Level::Info, Action::RequestRefused, "third", json!(null));
        let lines = log.take();
        let seen: Vec<_> = lines
            .iter()
            .map(|line| (line.message.as_str(), line.level, line.user_id.as_deref()))
            .collect();
        let expected = [
            ("first", Level::Info, None),
            ("second", Level::Warn, Some("ada")),
            ("third", Level::Info, None),
        ];
        assert_eq!(seen, expected);
        assert!(
            lines
                .iter()
                .all(|line| line.request_id.as_deref() == Some("request-1"))
        );
        assert_eq!(lines[0].fields["http.status"], 200);
        assert!(log.take().is_empty());
    }

    #[test]
    fn lines_are_safe_to_print_and_small_enough_for_the_intake() {
        let log = log();
        log.info(Action::Request, "\n".repeat(MAX_MESSAGE), json!({}));
        let fields = json!({ "file.name": "x".repeat(MAX_ENTRY) });
        log.internal(Level::Info, Action::Request, "large", fields);
        let lines = log.take();
        assert_eq!(lines[0].message, "\\n".repeat(MAX_MESSAGE / 2));
        assert_eq!(
            (lines[1].message.as_str(), lines[1].fields.len()),
            ("large", 0)
        );
    }

    #[test]
    fn a_dotted_name_is_words_with_dots_between_them() {
        for (name, expected) in [
            ("http.status", true),
            ("user.role_before", true),
            ("status", false),
            ("", false),
            (".status", false),
            ("http.", false),
            ("Http.Status", false),
            ("http.the status", false),
        ] {
            assert_eq!(is_dotted(name), expected, "{name}");
        }
    }

    #[test]
    #[should_panic(expected = "without dotted names")]
    fn a_field_without_a_dotted_name_is_a_mistake() {
        log().info(Action::Request, "", json!({ "status": 200 }));
    }
}
