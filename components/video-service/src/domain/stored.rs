//! What storage-service may say of a file.

use http::HeaderValue;
use spinreel_api::internal::StoredVideo;
use spinreel_http::FieldError;

use super::id::is_id;

/// The longest file name, in bytes of UTF-8.
const FILE_NAME_LIMIT: usize = 255;
/// The longest media type, location and entity tag, in bytes.
const TEXT_LIMIT: usize = 255;

/// What is wrong with `stored`, member by member; nothing where it can be recorded.
pub fn check(stored: &StoredVideo) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut require = |good: bool, field: &str, detail: &str| {
        if !good {
            errors.push(FieldError::new(field, detail));
        }
    };
    require(is_id(&stored.owner), "owner", "must be a user id");
    require(
        (1..=FILE_NAME_LIMIT).contains(&stored.filename.len()),
        "filename",
        "must have 1 to 255 bytes",
    );
    require(
        stored.content_type.len() <= TEXT_LIMIT,
        "content_type",
        "must have at most 255 bytes",
    );
    require(
        (1..=TEXT_LIMIT).contains(&stored.location.len()),
        "location",
        "must have 1 to 255 bytes",
    );
    require(
        is_strong_tag(&stored.etag),
        "etag",
        "must be a strong entity tag, quotes included",
    );
    errors
}

/// Whether a text is a strong entity tag (RFC 9110, section 8.8.3), which is what ranges need.
fn is_strong_tag(text: &str) -> bool {
    text.len() <= TEXT_LIMIT
        && text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .is_some_and(|opaque| !opaque.bytes().any(|byte| byte == b'"' || byte == b' '))
        && HeaderValue::from_str(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing;

    #[test]
    fn what_storage_service_says_is_taken() {
        assert_eq!(check(&testing::stored("ada", "été.mp4")), []);
    }

    #[test]
    fn every_wrong_member_is_named() {
        let wrong = StoredVideo {
            owner: "a/b".to_owned(),
            filename: String::new(),
            content_type: "x".repeat(256),
            location: String::new(),
            etag: "W/\"weak\"".to_owned(),
            ..testing::stored("ada", "a.mp4")
        };
        let fields: Vec<String> = check(&wrong).into_iter().map(|error| error.field).collect();
        assert_eq!(
            fields,
            ["owner", "filename", "content_type", "location", "etag"]
        );
    }

    #[test]
    fn a_tag_that_could_not_be_a_header_is_refused() {
        for etag in ["", "\"", "abc", "\"a\nb\"", "\"a\"b\"", "\"a b\""] {
            assert!(!is_strong_tag(etag), "{etag:?}");
        }
        assert!(is_strong_tag("\"0190c0de\""));
    }
}
