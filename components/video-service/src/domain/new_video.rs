//! What a request for a new video says of its file.

use serde_json::{Map, Value};
use spinreel_http::FieldError;

use super::edits::Edits;

/// The longest file name, in bytes of UTF-8.
const FILE_NAME_LIMIT: usize = 255;
/// The most bytes that an object of the bucket may have, 5 TiB (<https://cloud.google.com/storage/quotas#objects>).
const LARGEST: u64 = 5 << 40;

/// A video that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVideo {
    /// The file's name.
    pub filename: String,
    /// How many bytes will come; `None` where that is said later.
    pub size: Option<u64>,
    /// What people say of it.
    pub edits: Edits,
}

impl NewVideo {
    /// Reads the members of an object; all that is wrong is named.
    pub fn read(object: &Map<String, Value>) -> Result<Self, Vec<FieldError>> {
        let (edits, mut errors) = match Edits::read(object) {
            Ok(edits) => (edits, Vec::new()),
            Err(errors) => (Edits::default(), errors),
        };
        let filename = object.get("filename").and_then(Value::as_str);
        let filename = filename.filter(|name| is_file_name(name));
        if filename.is_none() {
            let detail = "must be a file's name: 1 to 255 bytes, no slash, no control character";
            errors.push(FieldError::new("filename", detail));
        }
        let size = size(object).unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        match filename {
            Some(filename) if errors.is_empty() => Ok(Self {
                filename: filename.to_owned(),
                size,
                edits,
            }),
            _ => Err(errors),
        }
    }
}

/// The member `size` of an object: how many bytes will come, where that is said.
pub fn size(object: &Map<String, Value>) -> Result<Option<u64>, FieldError> {
    match object.get("size") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().filter(|size| *size <= LARGEST) {
            Some(size) => Ok(Some(size)),
            None => {
                let detail = format!("must be a number of bytes, {LARGEST} at most");
                Err(FieldError::new("size", detail))
            }
        },
    }
}

/// Whether a file may have this name, as storage-service takes names.
fn is_file_name(name: &str) -> bool {
    let wrong = |char: char| char == '/' || char == '\\' || char.is_control();
    (1..=FILE_NAME_LIMIT).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.contains(wrong)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<NewVideo, Vec<String>> {
        NewVideo::read(value.as_object().unwrap())
            .map_err(|errors| errors.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn a_name_is_enough() {
        let new = read(&json!({ "filename": "clip.mp4", "size": null, "more": {} })).unwrap();
        assert_eq!((new.filename.as_str(), new.size), ("clip.mp4", None));
        assert_eq!(new.edits, Edits::default());
        let new = read(&json!({ "filename": "été.mp4", "size": 0, "title": "T" })).unwrap();
        assert_eq!((new.size, new.edits.title.as_deref()), (Some(0), Some("T")));
    }

    #[test]
    fn every_wrong_member_is_named() {
        let long = "x".repeat(256);
        for name in [
            json!(null),
            json!(7),
            json!(""),
            json!(".."),
            json!("a/b"),
            json!("a\\b"),
            json!("a\nb"),
            json!(long),
        ] {
            let refused = read(&json!({ "filename": name })).map(|new| new.filename);
            assert_eq!(refused, Err(vec!["filename".to_owned()]), "{name}");
        }
        for size in [
            json!(-1),
            json!(1.5),
            json!("1"),
            json!(LARGEST + 1),
            json!([]),
        ] {
            let refused = read(&json!({ "filename": "a", "size": size })).map(|new| new.size);
            assert_eq!(refused, Err(vec!["size".to_owned()]), "{size}");
        }
        let all = read(&json!({ "size": -1, "title": 1, "visibility": "x" }));
        let expected = ["title", "visibility", "filename", "size"].map(str::to_owned);
        assert_eq!(all.map(|new| new.filename), Err(expected.to_vec()));
    }
}
