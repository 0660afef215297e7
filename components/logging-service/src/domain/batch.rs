//! What a service sends.

use serde_json::Value;
use spinreel_api::Timestamp;
pub use spinreel_api::logs::text::{MAX_BATCH, MAX_ENTRIES};
use spinreel_api::logs::{LogEntry, SERVICES};
use spinreel_http::json::JsonError;
use spinreel_http::{FieldError, Problem, json, request_id};

use super::text::{MAX_ENTRY, MAX_MESSAGE, escape_entry, size};

/// How old an entry may be, in milliseconds: 7 days.
pub const MAX_AGE_MS: u64 = 7 * 86_400_000;
/// How far ahead of this clock an entry may be, in milliseconds: 5 minutes.
pub const MAX_AHEAD_MS: u64 = 300_000;
/// The most errors that an answer names.
const MAX_ERRORS: usize = 20;
/// The longest action and the longest user id, in bytes.
const MAX_ACTION: usize = 64;
const MAX_USER_ID: usize = 128;

/// How a batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A JSON array of entries.
    Array,
    /// An entry a line (NDJSON, JSON Lines); lines of white space do not count.
    Lines,
}

impl Form {
    /// By the value of `Content-Type`, whatever its parameters: JSON where it does not say otherwise.
    pub fn of(content_type: Option<&str>) -> Self {
        let essence = content_type.and_then(|value| value.split(';').next());
        let lines = [
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
        ];
        match essence.map(str::trim) {
            Some(essence) if lines.iter().any(|line| essence.eq_ignore_ascii_case(line)) => {
                Self::Lines
            }
            _ => Self::Array,
        }
    }
}

/// Reads the batch that a service sent at `now_ms` (milliseconds since the Unix epoch). It has lines of the services that it
/// called, too.
///
/// An array that [`json::read`] does not take is 400 `malformed_json`; one bad entry makes the whole batch 422, and the
/// errors name entries by their index from 0 (`3.level`). Text comes back safe to print.
pub fn read(bytes: &[u8], form: Form, now_ms: u64) -> Result<Vec<LogEntry>, Problem> {
    let batch: Vec<Result<Value, JsonError>> = match form {
        Form::Array => match json::read(bytes)? {
            Value::Array(batch) => batch.into_iter().map(Ok).collect(),
            _ => return Err(invalid(".", "must be an array of entries")),
        },
        Form::Lines => bytes
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty())
            .take(MAX_ENTRIES + 1)
            .map(json::read)
            .collect(),
    };
    if batch.len() > MAX_ENTRIES {
        return Err(invalid(
            ".",
            format!("must have {MAX_ENTRIES} entries at most"),
        ));
    }
    let mut entries = Vec::with_capacity(batch.len());
    let mut errors = Vec::new();
    for (index, value) in batch.into_iter().enumerate() {
        let entry = value
            .map_err(|error| vec![FieldError::new(".", error.to_string())])
            .and_then(|value| read_entry(value, now_ms));
        match entry {
            Ok(entry) => entries.push(entry),
            Err(wrong) => errors.extend(wrong.into_iter().map(|error| {
                let field = match error.field.as_str() {
                    "." => index.to_string(),
                    member => format!("{index}.{member}"),
                };
                FieldError { field, ..error }
            })),
        }
        if errors.len() >= MAX_ERRORS {
            break;
        }
    }
    if errors.is_empty() {
        Ok(entries)
    } else {
        errors.truncate(MAX_ERRORS);
        Err(Problem::invalid(errors))
    }
}

fn read_entry(value: Value, now_ms: u64) -> Result<LogEntry, Vec<FieldError>> {
    let mut entry: LogEntry = serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        // A missing member's name is in the message only.
        let field = match message.strip_prefix("missing field `") {
            Some(rest) => rest.split('`').next().unwrap_or_default().to_owned(),
            None => path,
        };
        vec![FieldError::new(field, message)]
    })?;
    escape_entry(&mut entry);
    let errors = check(&entry, now_ms);
    if errors.is_empty() {
        Ok(entry)
    } else {
        Err(errors)
    }
}

fn check(entry: &LogEntry, now_ms: u64) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, detail: String| errors.push(FieldError::new(field, detail));
    let at_ms = entry.at.as_ms();
    if at_ms > now_ms + MAX_AHEAD_MS || at_ms < now_ms.saturating_sub(MAX_AGE_MS) {
        let now = Timestamp::from_ms(now_ms);
        wrong(
            "at",
            format!("must be from 7 days before to 5 minutes after {now}"),
        );
    }
    if !SERVICES.contains(&entry.service.as_str()) {
        wrong("service", format!("must be one of {}", SERVICES.join(", ")));
    }
    if !is_action(&entry.action) {
        wrong(
            "action",
            format!("must have 1 to {MAX_ACTION} characters of a-z 0-9 . _ -"),
        );
    }
    if entry.message.len() > MAX_MESSAGE {
        wrong("message", format!("must have {MAX_MESSAGE} bytes at most"));
    }
    if entry.user_id.as_deref().is_some_and(|id| !is_user_id(id)) {
        wrong(
            "user_id",
            format!("must have 1 to {MAX_USER_ID} visible characters of ASCII"),
        );
    }
    if entry
        .request_id
        .as_deref()
        .is_some_and(|id| !request_id::is_sane(id))
    {
        wrong("request_id", "is no request id".to_owned());
    }
    if errors.is_empty() && size(entry) > MAX_ENTRY {
        errors.push(FieldError::new(
            "fields",
            format!("the entry must have {MAX_ENTRY} bytes of JSON at most"),
        ));
    }
    errors
}

fn is_action(action: &str) -> bool {
    (1..=MAX_ACTION).contains(&action.len())
        && action
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

fn is_user_id(id: &str) -> bool {
    (1..=MAX_USER_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn invalid(field: &str, detail: impl Into<String>) -> Problem {
    Problem::invalid(vec![FieldError::new(field, detail)])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::testing::NOON;

    fn good() -> Value {
        json!({
            "at": "2023-11-14T12:00:00Z",
            "level": "info",
            "service": "video-service",
            "action": "video.played",
            "message": "Played.",
        })
    }

    fn with(member: &str, value: Value) -> Value {
        let mut entry = good();
        entry[member] = value;
        entry
    }

    fn read_json(batch: &Value) -> Result<Vec<LogEntry>, Problem> {
        read(batch.to_string().as_bytes(), Form::Array, NOON)
    }

    fn read_lines(lines: &str) -> Result<Vec<LogEntry>, Problem> {
        read(lines.as_bytes(), Form::Lines, NOON)
    }

    fn fields(batch: &Value) -> Vec<String> {
        let problem = read_json(batch).unwrap_err();
        assert_eq!(problem.status.as_u16(), 422);
        problem
            .errors
            .into_iter()
            .map(|error| error.field)
            .collect()
    }

    #[test]
    fn a_good_batch_is_read_in_order() {
        let second = with("message", json!("a\nb"));
        let entries = read_json(&json!([good(), second])).unwrap();
        let messages: Vec<&str> = entries.iter().map(|entry| entry.message.as_str()).collect();
        assert_eq!(messages, ["Played.", "a\\nb"]);
        assert!(read_json(&json!([])).unwrap().is_empty());
    }

    #[test]
    fn an_entry_a_line_is_read_as_an_array_of_them() {
        let second = with("message", json!("second"));
        let batch = json!([good(), second]);
        let lines = format!("{}\r\n\n \n{second}", good());
        assert_eq!(read_lines(&lines).unwrap(), read_json(&batch).unwrap());
        assert!(read_lines("\n").unwrap().is_empty());
        let full = format!("{}\n", good()).repeat(MAX_ENTRIES);
        assert_eq!(read_lines(&full).unwrap().len(), MAX_ENTRIES);
        let over = read_lines(&format!("{full}{}", good())).unwrap_err();
        assert_eq!(over.errors[0].field, ".");
    }

    #[test]
    fn a_bad_line_is_named_by_its_index_whatever_is_wrong_with_it() {
        for (bad, field) in [
            ("{", "1"),
            ("[]", "1"),
            ("{} {}", "1"),
            (r#"{"at": 1}"#, "1.at"),
            (r#"{"level": "info", "level": "info"}"#, "1"),
        ] {
            let problem = read_lines(&format!("{}\n{bad}\n{}", good(), good())).unwrap_err();
            assert_eq!(problem.status.as_u16(), 422);
            assert_eq!(problem.errors[0].field, field, "{bad}");
            assert_eq!(problem.errors.len(), 1, "{bad}");
        }
    }

    #[test]
    fn the_content_type_says_how_a_batch_is_written() {
        for (value, form) in [
            (None, Form::Array),
            (Some("application/json"), Form::Array),
            (Some("text/plain"), Form::Array),
            (Some("application/x-ndjson"), Form::Lines),
            (Some("Application/NDJSON; charset=utf-8"), Form::Lines),
            (Some("application/jsonl"), Form::Lines),
        ] {
            assert_eq!(Form::of(value), form, "{value:?}");
        }
    }

    #[test]
    fn a_bad_entry_is_named_by_its_index() {
        for (member, value) in [
            ("level", json!("loud")),
            ("level", Value::Null),
            ("at", json!("yesterday")),
            ("at", json!("2023-11-07T11:59:59Z")),
            ("at", json!("2023-11-14T12:05:01Z")),
            ("service", json!("another-service")),
            ("action", json!("")),
            ("action", json!("Played it")),
            ("action", json!("a".repeat(65))),
            ("message", json!("m".repeat(MAX_MESSAGE + 1))),
            ("message", json!(5)),
            ("user_id", json!("")),
            ("user_id", json!("a\nb")),
            ("request_id", json!("<script>")),
            ("fields", json!([])),
            ("fields", json!({ "x": "x".repeat(MAX_ENTRY) })),
        ] {
            let batch = json!([good(), with(member, value.clone()), good()]);
            assert_eq!(fields(&batch), [format!("1.{member}")], "{member} {value}");
        }
        let mut incomplete = good();
        incomplete.as_object_mut().unwrap().remove("message");
        assert_eq!(fields(&json!([incomplete])), ["0.message"]);
        assert_eq!(fields(&json!([good(), "text"])), ["1"]);
    }

    #[test]
    fn a_service_hands_over_the_lines_of_those_it_called() {
        let batch = json!([good(), with("service", json!("usage-service"))]);
        let services: Vec<String> = read_json(&batch)
            .unwrap()
            .into_iter()
            .map(|entry| entry.service)
            .collect();
        assert_eq!(services, ["video-service", "usage-service"]);
    }

    #[test]
    fn the_borders_themselves_are_allowed() {
        for entry in [
            with("at", json!("2023-11-07T12:00:00Z")),
            with("at", json!("2023-11-14T12:05:00Z")),
            with("action", json!("a".repeat(64))),
            with("message", json!("m".repeat(MAX_MESSAGE))),
        ] {
            assert!(read_json(&json!([entry])).is_ok());
        }
    }

    #[test]
    fn what_is_no_batch_is_refused_as_a_whole() {
        assert_eq!(
            read(b"[{", Form::Array, NOON).unwrap_err().code,
            "malformed_json"
        );
        assert_eq!(fields(&good()), ["."]);
        let full = vec![good(); MAX_ENTRIES];
        assert_eq!(read_json(&json!(full)).unwrap().len(), MAX_ENTRIES);
        assert_eq!(fields(&json!(vec![good(); MAX_ENTRIES + 1])), ["."]);
    }

    #[test]
    fn an_answer_names_a_bounded_number_of_errors() {
        let batch = json!(vec![json!({}); 500]);
        assert_eq!(fields(&batch).len(), MAX_ERRORS);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for form in [Form::Array, Form::Lines] {
                let _ = read(&bytes, form, NOON);
            }
        }
    }
}
