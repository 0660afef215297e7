use std::cell::RefCell;

use serde_json::{Map, Value};
use spinreel_api::Timestamp;
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

    /// Adds a line: `action` is a dotted name, `message` a sentence that can be read alone, `fields` a JSON object.
    /// Never pass a token, a password or a signed URL.
    pub fn line(&self, level: Level, action: &str, message: impl Into<String>, fields: Value) {
        let user_id = self.user_id.borrow().clone();
        self.push(user_id, level, action, message.into(), fields);
    }

    fn push(
        &self,
        user_id: Option<String>,
        level: Level,
        action: &str,
        message: String,
        fields: Value,
    ) {
        let fields = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        self.lines.borrow_mut().push(LogEntry {
            at: Timestamp::from_ms(WasiClock.now_ms()),
            level,
            service: self.service.to_owned(),
            action: action.to_owned(),
            message,
            user_id,
            request_id: Some(self.request_id.clone()),
            fields,
        });
    }

    /// What happened.
    pub fn info(&self, action: &str, message: impl Into<String>, fields: Value) {
        self.line(Level::Info, action, message, fields);
    }

    /// What somebody should know.
    pub fn warn(&self, action: &str, message: impl Into<String>, fields: Value) {
        self.line(Level::Warn, action, message, fields);
    }

    /// A reason that only operators may read: the line names no user, so that no user is shown it. Errors also go to
    /// the component's standard error, in case no log can be reached.
    pub fn internal(&self, level: Level, action: &str, message: impl Into<String>, fields: Value) {
        let message = message.into();
        if level == Level::Error {
            eprintln!("{} {action}: {message}", self.request_id);
        }
        self.push(None, level, action, message, fields);
    }

    pub(crate) fn take(&self) -> Vec<LogEntry> {
        std::mem::take(&mut self.lines.borrow_mut())
    }
}
