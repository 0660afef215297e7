//! Text that is safe to print, and entries that are small enough to keep.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::LogEntry;

/// The longest message, in bytes of UTF-8.
pub const MAX_MESSAGE: usize = 8 * 1024;
/// The largest entry, in bytes of JSON: 64 of them, a sealed stretch of the journal, stay below the 1 MB that the
/// smallest of Spin's stores takes as one value.
pub const MAX_ENTRY: usize = 15_000;
/// The largest batch, in bytes of JSON.
pub const MAX_BATCH: usize = 1024 * 1024;
/// The most entries of a batch.
pub const MAX_ENTRIES: usize = 1_000;

/// Writes control characters, line separators and marks that turn the direction of writing as escapes, in the message
/// and the fields, so that no entry can look like another line, or like other text, wherever it is printed.
pub fn escape_entry(entry: &mut LogEntry) {
    escape_in_place(&mut entry.message);
    entry.fields = escape_map(std::mem::take(&mut entry.fields));
}

/// The size of an entry as JSON, in bytes.
pub fn size(entry: &LogEntry) -> usize {
    serde_json::to_vec(entry).map_or(usize::MAX, |json| json.len())
}

/// Cuts an entry down to what can be kept: the end of a message that is too long; where that is not enough, the fields
/// and then more of the message.
pub fn cut(entry: &mut LogEntry) {
    truncate(&mut entry.message, MAX_MESSAGE);
    if size(entry) > MAX_ENTRY {
        entry.fields.clear();
    }
    while size(entry) > MAX_ENTRY && !entry.message.is_empty() {
        let half = entry.message.len() / 2;
        truncate(&mut entry.message, half);
    }
}

fn truncate(text: &mut String, length: usize) {
    text.truncate(text.floor_char_boundary(length));
}

fn escape_map(fields: Map<String, Value>) -> Map<String, Value> {
    let escaped = fields.into_iter().map(|(mut name, mut value)| {
        escape_in_place(&mut name);
        escape_value(&mut value);
        (name, value)
    });
    escaped.collect()
}

fn escape_value(value: &mut Value) {
    match value {
        Value::String(text) => escape_in_place(text),
        Value::Array(values) => values.iter_mut().for_each(escape_value),
        Value::Object(fields) => *fields = escape_map(std::mem::take(fields)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn escape_in_place(text: &mut String) {
    if let Cow::Owned(escaped) = escape(text) {
        *text = escaped;
    }
}

fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::Timestamp;
    use crate::logs::Level;

    fn entry(message: &str) -> LogEntry {
        LogEntry {
            at: Timestamp::from_ms(1_699_963_200_000),
            level: Level::Info,
            service: "video-service".to_owned(),
            action: "test".to_owned(),
            message: message.to_owned(),
            user_id: None,
            request_id: None,
            fields: Map::new(),
        }
    }

    fn fields(object: Value) -> Map<String, Value> {
        match object {
            Value::Object(fields) => fields,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn a_message_cannot_forge_a_line() {
        let mut forged = entry("done\r\n2023-11-14 INFO all is well\u{1b}[2K\u{202e}");
        escape_entry(&mut forged);
        assert_eq!(
            forged.message,
            "done\\r\\n2023-11-14 INFO all is well\\u{1b}[2K\\u{202e}"
        );
    }

    #[test]
    fn fields_are_made_safe_at_any_depth() {
        let mut forged = entry("Grüße, 世界");
        forged.fields = fields(json!({ "a\nb": ["\t", { "c": "\u{85}" }], "n": 1 }));
        escape_entry(&mut forged);
        assert_eq!(forged.message, "Grüße, 世界");
        let expected = fields(json!({ "a\\nb": ["\\t", { "c": "\\u{85}" }], "n": 1 }));
        assert_eq!(forged.fields, expected);
    }

    #[test]
    fn what_fits_is_not_cut() {
        let mut small = entry("small");
        small.fields = fields(json!({ "a": 1 }));
        let before = small.clone();
        cut(&mut small);
        assert_eq!(small, before);
    }

    #[test]
    fn what_is_too_long_keeps_as_much_as_fits() {
        let mut long = entry(&"x".repeat(MAX_MESSAGE + 1));
        long.fields = fields(json!({ "a": 1 }));
        cut(&mut long);
        assert_eq!((long.message.len(), long.fields.len()), (MAX_MESSAGE, 1));
        let mut large = entry("message");
        large.fields = fields(json!({ "a": "x".repeat(MAX_ENTRY) }));
        cut(&mut large);
        assert_eq!((large.message.as_str(), large.fields.len()), ("message", 0));
        let mut quoted = entry(&"\"".repeat(MAX_MESSAGE));
        cut(&mut quoted);
        assert_eq!(quoted.message.len(), MAX_MESSAGE / 2);
    }

    proptest! {
        #[test]
        fn whatever_is_cut_can_be_kept(
            message in prop_oneof!["\\PC{0,200}", "[\"ä]{5000,20000}"],
            field in prop_oneof![Just(0_usize), 0..40_000_usize],
        ) {
            let mut long = entry(&message);
            long.fields = fields(json!({ "x": "x".repeat(field) }));
            cut(&mut long);
            prop_assert!(size(&long) <= MAX_ENTRY && long.message.len() <= MAX_MESSAGE);
            prop_assert!(message.starts_with(&long.message));
        }

        #[test]
        fn escaping_twice_is_escaping_once(message in any::<String>()) {
            let mut once = entry(&message);
            escape_entry(&mut once);
            prop_assert!(!once.message.contains(is_unsafe));
            let mut twice = once.clone();
            escape_entry(&mut twice);
            prop_assert_eq!(once, twice);
        }
    }
}
