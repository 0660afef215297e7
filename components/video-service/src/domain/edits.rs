//! What people say of a video: checked, and brought into one form.

use std::collections::BTreeSet;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::Deserialize as _;
use serde_json::{Map, Value};
use spinreel_api::Timestamp;
use spinreel_api::videos::Visibility;
use spinreel_http::FieldError;
use spinreel_http::fold::fold;

use super::record::Record;

/// The longest title, in characters.
pub const TITLE_LIMIT: usize = 255;
/// The longest description, in characters.
pub const DESCRIPTION_LIMIT: usize = 5_000;
/// The most tags of a video.
pub const TAGS_LIMIT: usize = 30;
/// The longest tag, in characters.
pub const TAG_LIMIT: usize = 50;

/// What is to be changed of a video; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// One line: NFC, no space at its ends.
    pub title: Option<String>,
    /// Any lines: NFC.
    pub description: Option<String>,
    /// NFC, no space at their ends, each once whatever its case.
    pub tags: Option<Vec<String>>,
    /// Who may see it.
    pub visibility: Option<Visibility>,
}

impl Edits {
    /// Reads `title`, `description`, `tags` and `visibility` of an object; other members are nobody's affair. All that is
    /// wrong is named.
    pub fn read(object: &Map<String, Value>) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut wrong = |field: &str, detail: String| errors.push(FieldError::new(field, detail));
        let mut edits = Self::default();
        if let Some(value) = object.get("title") {
            match title(value) {
                Ok(title) => edits.title = Some(title),
                Err(detail) => wrong("title", detail),
            }
        }
        if let Some(value) = object.get("description") {
            match description(value) {
                Ok(description) => edits.description = Some(description),
                Err(detail) => wrong("description", detail),
            }
        }
        if let Some(value) = object.get("tags") {
            match tags(value) {
                Ok(tags) => edits.tags = Some(tags),
                Err((field, detail)) => wrong(&field, detail),
            }
        }
        if let Some(value) = object.get("visibility") {
            match Visibility::deserialize(value) {
                Ok(visibility) => edits.visibility = Some(visibility),
                Err(_) => wrong(
                    "visibility",
                    "must be private, unlisted or public".to_owned(),
                ),
            }
        }
        match errors.is_empty() {
            true => Ok(edits),
            false => Err(errors),
        }
    }

    /// Makes the changes. Where they are none, `updated_at` stays as well.
    pub fn apply(self, record: &mut Record, now: Timestamp) {
        let before = record.clone();
        let set = |field: &mut String, new: Option<String>| *field = new.unwrap_or(field.clone());
        set(&mut record.title, self.title);
        set(&mut record.description, self.description);
        if let Some(tags) = self.tags {
            record.tags = tags;
        }
        record.visibility = self.visibility.unwrap_or(record.visibility);
        if *record != before {
            record.updated_at = now;
        }
    }
}

/// Text in composed form (NFC, UAX #15).
pub fn nfc(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(text)
        .into_owned()
}

fn title(value: &Value) -> Result<String, String> {
    let title = line(value.as_str().ok_or("must be a text")?)?;
    match title.chars().count() {
        1..=TITLE_LIMIT => Ok(title),
        _ => Err(format!("must have 1 to {TITLE_LIMIT} characters")),
    }
}

fn description(value: &Value) -> Result<String, String> {
    let text = nfc(value.as_str().ok_or("must be a text")?);
    if text
        .chars()
        .any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t'))
    {
        return Err("must not have control characters but tabs and ends of lines".to_owned());
    }
    match text.chars().count() {
        0..=DESCRIPTION_LIMIT => Ok(text),
        _ => Err(format!("must have at most {DESCRIPTION_LIMIT} characters")),
    }
}

/// The error comes with the field that it is about.
fn tags(value: &Value) -> Result<Vec<String>, (String, String)> {
    let all = |detail: String| ("tags".to_owned(), detail);
    let values = value
        .as_array()
        .ok_or_else(|| all("must be a list of texts".to_owned()))?;
    if values.len() > TAGS_LIMIT {
        return Err(all(format!("must be at most {TAGS_LIMIT}")));
    }
    let (mut tags, mut known) = (Vec::new(), BTreeSet::new());
    for (index, value) in values.iter().enumerate() {
        let tag = tag(value).map_err(|detail| (format!("tags.{index}"), detail))?;
        if known.insert(fold(&tag)) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

fn tag(value: &Value) -> Result<String, String> {
    let tag = line(value.as_str().ok_or("must be a text")?)?;
    match tag.chars().count() {
        1..=TAG_LIMIT => Ok(tag),
        _ => Err(format!("must have 1 to {TAG_LIMIT} characters")),
    }
}

/// A text of one line: composed, with single spaces between its words and none at its ends.
fn line(text: &str) -> Result<String, String> {
    if text
        .chars()
        .any(|char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}'))
    {
        return Err("must not have control characters or ends of lines".to_owned());
    }
    Ok(nfc(text).split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A tag as lists compare it: whatever its case, and however its accents are written.
pub fn tag_key(tag: &str) -> String {
    fold(&tag.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::testing::stored;

    fn read(value: &Value) -> Result<Edits, Vec<String>> {
        Edits::read(value.as_object().unwrap())
            .map_err(|errors| errors.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn what_people_say_is_brought_into_one_form() {
        let edits = read(&json!({
            "title": "  Cafe\u{301}   noir ",
            "description": "one\n\ttwo\r\n",
            "tags": ["Sea", " sea", "SEA ", "two  words"],
            "visibility": "unlisted",
            "unknown": [1],
        }))
        .unwrap();
        assert_eq!(edits.title.as_deref(), Some("Caf\u{e9} noir"));
        assert_eq!(edits.description.as_deref(), Some("one\n\ttwo\r\n"));
        assert_eq!(edits.tags.unwrap(), ["Sea", "two words"]);
        assert_eq!(edits.visibility, Some(Visibility::Unlisted));
        assert_eq!(read(&json!({})), Ok(Edits::default()));
    }

    #[test]
    fn every_wrong_member_is_named() {
        let many: Vec<String> = (0..31).map(|number| number.to_string()).collect();
        for (value, fields) in [
            (json!({ "title": "" }), vec!["title"]),
            (json!({ "title": " " }), vec!["title"]),
            (json!({ "title": null }), vec!["title"]),
            (json!({ "title": "a".repeat(10_240) }), vec!["title"]),
            (json!({ "title": "a\u{2028}b" }), vec!["title"]),
            (json!({ "description": "a\u{0}" }), vec!["description"]),
            (
                json!({ "description": "a".repeat(5_001) }),
                vec!["description"],
            ),
            (json!({ "tags": "sea" }), vec!["tags"]),
            (json!({ "tags": many }), vec!["tags"]),
            (json!({ "tags": vec!["x"; 1_000] }), vec!["tags"]),
            (json!({ "tags": ["sea", 1] }), vec!["tags.1"]),
            (json!({ "tags": ["a".repeat(51)] }), vec!["tags.0"]),
            (json!({ "visibility": "secret" }), vec!["visibility"]),
            (
                json!({ "title": 1, "description": 1, "tags": 1, "visibility": 1 }),
                vec!["title", "description", "tags", "visibility"],
            ),
        ] {
            let fields: Vec<String> = fields.into_iter().map(str::to_owned).collect();
            assert_eq!(read(&value), Err(fields), "{value}");
        }
        for control in (0..32).chain(127..160).filter_map(char::from_u32) {
            let tag = format!("a{control}b");
            assert!(read(&json!({ "tags": [tag] })).is_err(), "{control:?}");
            assert!(read(&json!({ "title": tag })).is_err(), "{control:?}");
        }
    }

    #[test]
    fn a_change_of_nothing_is_none() {
        let mut record = Record::new("v-1", 1, stored("ada", "a.mp4"));
        let before = record.clone();
        let now = Timestamp::from_ms(1_800_000_000_000);
        read(&json!({ "title": "a.mp4", "tags": [] }))
            .unwrap()
            .apply(&mut record, now);
        assert_eq!(record, before);
        read(&json!({ "title": "b" }))
            .unwrap()
            .apply(&mut record, now);
        assert_eq!((record.title.as_str(), record.updated_at), ("b", now));
    }

    proptest! {
        #[test]
        fn what_was_read_once_is_read_as_it_is(title in ".{1,80}", tags in prop::collection::vec(".{1,20}", 0..5)) {
            if let Ok(edits) = read(&json!({ "title": title, "tags": tags })) {
                let again = read(&json!({ "title": edits.title, "tags": edits.tags }));
                prop_assert_eq!(again, Ok(edits));
            }
        }
    }
}
