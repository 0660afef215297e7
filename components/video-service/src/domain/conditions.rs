//! Conditional requests (RFC 9110, section 13).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{
    AsHeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
};
use http::{HeaderMap, HeaderValue};
use spinreel_api::Timestamp;

/// What identifies the bytes of a file: they never change, so both are exact.
#[derive(Debug, Clone, Copy)]
pub struct Validators<'a> {
    /// The strong entity tag, quotes included.
    pub etag: &'a str,
    /// When the bytes were stored.
    pub modified: Timestamp,
}

/// What the conditions of a GET or HEAD come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They hold.
    Proceed,
    /// The client has the bytes: 304.
    NotModified,
    /// The client wants other bytes than there are: 412.
    Failed,
}

impl Validators<'_> {
    /// Weighs a request's conditions in the order of RFC 9110, section 13.2.2. A condition that cannot be read is as
    /// good as none.
    pub fn weigh(&self, headers: &HeaderMap) -> Verdict {
        let modified = self.modified_second();
        if let Some(tags) = list(headers, IF_MATCH) {
            if !tags.any(|tag| !tag.weak && tag.text == self.etag) {
                return Verdict::Failed;
            }
        } else if date(headers, IF_UNMODIFIED_SINCE).is_some_and(|date| modified > date) {
            return Verdict::Failed;
        }
        let unchanged = match list(headers, IF_NONE_MATCH) {
            Some(tags) => tags.any(|tag| tag.text == self.etag),
            None => date(headers, IF_MODIFIED_SINCE).is_some_and(|date| modified <= date),
        };
        if unchanged {
            Verdict::NotModified
        } else {
            Verdict::Proceed
        }
    }

    /// Whether a `Range` counts: `If-Range` is absent, or names these very bytes (RFC 9110, section 13.1.5).
    pub fn allow_range(&self, headers: &HeaderMap) -> bool {
        if !headers.contains_key(IF_RANGE) {
            return true;
        }
        let Some(text) = text(headers, IF_RANGE) else {
            return false;
        };
        if text.starts_with('"') || text.starts_with("W/") {
            text == self.etag
        } else {
            parse_date(text) == Some(self.modified_second())
        }
    }

    /// `Last-Modified`.
    pub fn last_modified(&self) -> String {
        httpdate::fmt_http_date(self.modified_second())
    }

    /// Dates in HTTP have seconds.
    fn modified_second(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.modified.as_seconds())
    }
}

/// Whether `If-None-Match` names the representation with this entity tag, so that the client has it already.
pub fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    list(headers, IF_NONE_MATCH).is_some_and(|tags| tags.any(|tag| tag.text.as_bytes() == etag))
}

/// What an `If-Match` demands of a representation, kept apart from the request.
#[derive(Debug)]
pub struct IfMatch(Tags);

impl IfMatch {
    /// That of a request; `None` where it has none.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        list(headers, IF_MATCH).map(Self)
    }

    /// Whether it names this version by a strong entity tag (RFC 9110, section 13.1.1): the tag begins with the version
    /// and a full stop.
    pub fn holds(&self, version: &str) -> bool {
        self.0.any(|tag| {
            let named = tag
                .text
                .strip_prefix('"')
                .and_then(|text| text.split_once('.'));
            !tag.weak && named.is_some_and(|(named, _)| named == version)
        })
    }
}

/// The value of `If-Match` or `If-None-Match`.
#[derive(Debug)]
enum Tags {
    /// `*`: whatever there is.
    Every,
    These(Vec<Tag>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    weak: bool,
    /// Quotes included.
    text: String,
}

impl Tags {
    fn any(&self, wanted: impl Fn(&Tag) -> bool) -> bool {
        match self {
            Self::Every => true,
            Self::These(tags) => tags.iter().any(wanted),
        }
    }
}

/// All lines of a header of entity tags; `None` where there is none.
fn list(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Tags> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    let mut tags = Vec::new();
    for line in lines {
        let line = String::from_utf8_lossy(line.as_bytes());
        if line.trim() == "*" {
            return Some(Tags::Every);
        }
        tags.extend(parse_tags(&line));
    }
    Some(Tags::These(tags))
}

/// Reads `"a", W/"b"` as far as it is well-formed; a tag may have commas inside.
fn parse_tags(line: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let Some((opaque, after)) = quoted
            .strip_prefix('"')
            .and_then(|opened| opened.split_once('"'))
        else {
            return tags;
        };
        tags.push(Tag {
            weak,
            text: format!("\"{opaque}\""),
        });
        rest = after;
    }
}

fn date(headers: &HeaderMap, name: impl AsHeaderName) -> Option<SystemTime> {
    parse_date(text(headers, name)?)
}

fn parse_date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    const EARLIER: &str = "Tue, 14 Nov 2023 22:13:19 GMT";
    const THEN: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
    const LATER: &str = "Wed, 15 Nov 2023 00:00:00 GMT";

    fn validators() -> Validators<'static> {
        Validators {
            etag: "\"tag-1\"",
            modified: Timestamp::from_ms(1_700_000_000_123),
        }
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), HeaderValue::from_str(value).ok()?)))
            .collect()
    }

    fn weigh(pairs: &[(HeaderName, &str)]) -> Verdict {
        validators().weigh(&headers(pairs))
    }

    #[test]
    fn a_request_without_conditions_proceeds() {
        assert_eq!(weigh(&[]), Verdict::Proceed);
    }

    #[test]
    fn if_none_match_with_the_tag_is_not_modified() {
        for value in [
            "\"tag-1\"",
            "W/\"tag-1\"",
            "*",
            "\"other\", \"tag-1\"",
            "\"a,b\" , W/\"tag-1\"",
        ] {
            assert_eq!(
                weigh(&[(IF_NONE_MATCH, value)]),
                Verdict::NotModified,
                "{value}"
            );
        }
        for value in ["\"other\"", "tag-1", "\"tag-1", "", "\"\""] {
            assert_eq!(
                weigh(&[(IF_NONE_MATCH, value)]),
                Verdict::Proceed,
                "{value}"
            );
        }
    }

    #[test]
    fn a_header_on_several_lines_is_one_list() {
        let mut headers = headers(&[(IF_NONE_MATCH, "\"other\"")]);
        headers.append(IF_NONE_MATCH, HeaderValue::from_static("\"tag-1\""));
        assert_eq!(validators().weigh(&headers), Verdict::NotModified);
    }

    #[test]
    fn if_modified_since_counts_only_without_if_none_match() {
        assert_eq!(weigh(&[(IF_MODIFIED_SINCE, THEN)]), Verdict::NotModified);
        assert_eq!(weigh(&[(IF_MODIFIED_SINCE, LATER)]), Verdict::NotModified);
        assert_eq!(weigh(&[(IF_MODIFIED_SINCE, EARLIER)]), Verdict::Proceed);
        assert_eq!(weigh(&[(IF_MODIFIED_SINCE, "yesterday")]), Verdict::Proceed);
        let both = [(IF_NONE_MATCH, "\"other\""), (IF_MODIFIED_SINCE, LATER)];
        assert_eq!(weigh(&both), Verdict::Proceed);
    }

    #[test]
    fn if_match_wants_the_very_tag() {
        assert_eq!(weigh(&[(IF_MATCH, "\"tag-1\"")]), Verdict::Proceed);
        assert_eq!(weigh(&[(IF_MATCH, "*")]), Verdict::Proceed);
        assert_eq!(weigh(&[(IF_MATCH, "W/\"tag-1\"")]), Verdict::Failed);
        assert_eq!(weigh(&[(IF_MATCH, "\"other\"")]), Verdict::Failed);
        let both = [(IF_MATCH, "\"other\""), (IF_NONE_MATCH, "\"tag-1\"")];
        assert_eq!(weigh(&both), Verdict::Failed);
    }

    #[test]
    fn if_unmodified_since_fails_only_before_the_bytes_were_stored() {
        assert_eq!(weigh(&[(IF_UNMODIFIED_SINCE, EARLIER)]), Verdict::Failed);
        assert_eq!(weigh(&[(IF_UNMODIFIED_SINCE, THEN)]), Verdict::Proceed);
        let both = [(IF_MATCH, "\"tag-1\""), (IF_UNMODIFIED_SINCE, EARLIER)];
        assert_eq!(weigh(&both), Verdict::Proceed);
    }

    #[test]
    fn a_range_counts_only_for_the_very_bytes() {
        for (value, allowed) in [
            ("\"tag-1\"", true),
            ("W/\"tag-1\"", false),
            ("\"other\"", false),
            (THEN, true),
            (EARLIER, false),
            (LATER, false),
            ("nonsense", false),
        ] {
            let headers = headers(&[(IF_RANGE, value)]);
            assert_eq!(validators().allow_range(&headers), allowed, "{value}");
        }
        assert!(validators().allow_range(&HeaderMap::new()));
    }

    #[test]
    fn last_modified_is_a_date_of_http() {
        assert_eq!(validators().last_modified(), THEN);
    }

    proptest! {
        #[test]
        fn any_header_is_weighed_without_a_panic(value in ".*") {
            for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE] {
                let headers = headers(&[(name, &value)]);
                let _ = (validators().weigh(&headers), validators().allow_range(&headers));
            }
        }
    }
}
