//! Which entries a reader wants, and which it may see.

use serde::Serialize;
use spinreel_api::Timestamp;
use spinreel_api::logs::{Level, LogEntry};
use spinreel_http::fold::fold;
use spinreel_http::query::Query;
use spinreel_http::{FieldError, Problem};

/// The longest value of a parameter, in bytes.
const MAX_VALUE: usize = 256;

/// Who reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reader {
    /// Sees everything.
    Admin,
    /// Sees the entries about this user id.
    User(String),
}

/// What a reader wants; every part that is there must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Filter {
    /// `?service=`: the component's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// `?level=`: this level and those above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// `?action=`: the whole name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// `?user_id=`: entries about this user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// `?request_id=`: entries of this request, from every service that it touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// `?since=`: entries of this moment and later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// `?until=`: entries before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// `?q=`: text in the message, [folded](fold).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// `?order=`: `desc`, the newest first, or `asc`.
    #[serde(skip_serializing_if = "Order::is_default")]
    pub order: Order,
}

/// Which entries come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The newest.
    #[default]
    Desc,
    /// The oldest.
    Asc,
}

impl Order {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "desc" => Some(Self::Desc),
            "asc" => Some(Self::Asc),
            _ => None,
        }
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Filter {
    /// Reads the parameters: 422 naming those that are wrong.
    pub fn from_query(query: &Query) -> Result<Self, Problem> {
        let mut errors = Vec::new();
        let filter = Self {
            service: text(query, "service", &mut errors),
            level: parsed(
                query,
                "level",
                &mut errors,
                level,
                "debug, info, warn or error",
            ),
            action: text(query, "action", &mut errors),
            user_id: text(query, "user_id", &mut errors),
            request_id: text(query, "request_id", &mut errors),
            since: parsed(
                query,
                "since",
                &mut errors,
                Timestamp::parse,
                "an RFC 3339 time",
            ),
            until: parsed(
                query,
                "until",
                &mut errors,
                Timestamp::parse,
                "an RFC 3339 time",
            ),
            q: text(query, "q", &mut errors).map(|q| fold(&q)),
            order: parsed(query, "order", &mut errors, Order::parse, "asc or desc")
                .unwrap_or_default(),
        };
        if errors.is_empty() {
            Ok(filter)
        } else {
            Err(Problem::invalid(errors))
        }
    }

    /// Whether `reader` wants and may see an entry.
    pub fn takes(&self, reader: &Reader, entry: &LogEntry) -> bool {
        let is = |wanted: &Option<String>, value: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| value == Some(wanted))
        };
        let user_id = entry.user_id.as_deref();
        let visible = match reader {
            Reader::Admin => true,
            Reader::User(id) => user_id == Some(id.as_str()),
        };
        visible
            && self.level.is_none_or(|least| entry.level >= least)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
            && is(&self.service, Some(&entry.service))
            && is(&self.action, Some(&entry.action))
            && is(&self.user_id, user_id)
            && is(&self.request_id, entry.request_id.as_deref())
            && (self.q.as_ref()).is_none_or(|q| fold(&entry.message).contains(q.as_str()))
    }

    /// The list's name in cursors: a cursor is good for the same reader and the same filter only.
    pub fn list_name(&self, reader: &Reader) -> String {
        // Words and times always serialize.
        let parts = serde_json::to_string(&(reader, self)).unwrap_or_default();
        format!("logs {parts}")
    }
}

fn text(query: &Query, name: &str, errors: &mut Vec<FieldError>) -> Option<String> {
    let value = query.get(name)?;
    if value.len() > MAX_VALUE {
        let detail = format!("must have {MAX_VALUE} bytes at most");
        errors.push(FieldError::new(name, detail));
    }
    Some(value.to_owned())
}

fn parsed<T>(
    query: &Query,
    name: &str,
    errors: &mut Vec<FieldError>,
    parse: impl Fn(&str) -> Option<T>,
    form: &str,
) -> Option<T> {
    let value = parse(query.get(name)?);
    if value.is_none() {
        errors.push(FieldError::new(name, format!("must be {form}")));
    }
    value
}

fn level(word: &str) -> Option<Level> {
    match word {
        "debug" => Some(Level::Debug),
        "info" => Some(Level::Info),
        "warn" => Some(Level::Warn),
        "error" => Some(Level::Error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::testing::{NOON, entry};

    fn filter(query: &str) -> Filter {
        Filter::from_query(&Query::parse(query)).unwrap()
    }

    fn sample() -> LogEntry {
        LogEntry {
            level: Level::Warn,
            user_id: Some("u".to_owned()),
            request_id: Some("r".to_owned()),
            ..entry(NOON, "The bucket was Slow: Stra\u{df}e/Caf\u{e9}.mp4")
        }
    }

    #[test]
    fn every_part_of_a_filter_must_fit() {
        for (query, fits) in [
            ("", true),
            ("service=video-service", true),
            ("service=video", false),
            ("level=info", true),
            ("level=warn", true),
            ("level=error", false),
            ("action=test", true),
            ("action=tes", false),
            ("user_id=u", true),
            ("user_id=v", false),
            ("request_id=r", true),
            ("request_id=s", false),
            ("since=2023-11-14T12:00:00Z", true),
            ("since=2023-11-14T13:00:00.001%2B01:00", false),
            ("until=2023-11-14T12:00:00Z", false),
            ("until=2023-11-14T12:00:00.001Z", true),
            ("q=SLOW", true),
            ("q=fast", false),
            ("q=STRASSE", true),
            ("q=CAFE%CC%81", true),
            ("q=caf%C3%89", true),
            ("q=cafe.", false),
            ("q=strase", false),
            ("q=%E1%BA%9E", true),
            ("q=stra%E1%BA%9Ee", true),
            ("q=slow&level=error", false),
        ] {
            assert_eq!(
                filter(query).takes(&Reader::Admin, &sample()),
                fits,
                "{query}"
            );
        }
    }

    #[test]
    fn a_user_sees_entries_about_itself_and_no_others() {
        let about_nobody = entry(NOON, "x");
        let (u, v) = (Reader::User("u".to_owned()), Reader::User("v".to_owned()));
        for query in ["", "user_id=u", "q=slow"] {
            assert!(filter(query).takes(&u, &sample()), "{query}");
            assert!(!filter(query).takes(&v, &sample()), "{query}");
        }
        assert!(!filter("").takes(&u, &about_nobody));
        assert!(filter("").takes(&Reader::Admin, &about_nobody));
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        let long = "x".repeat(MAX_VALUE + 1);
        let query = format!("level=loud&since=now&until=5&q={long}&order=up&unknown=1");
        let problem = Filter::from_query(&Query::parse(&query)).unwrap_err();
        let fields: Vec<&str> = problem
            .errors
            .iter()
            .map(|error| error.field.as_str())
            .collect();
        assert_eq!(fields, ["level", "since", "until", "q", "order"]);
    }

    #[test]
    fn readers_and_filters_have_cursors_of_their_own() {
        let names = [
            filter("").list_name(&Reader::Admin),
            filter("").list_name(&Reader::User("u".to_owned())),
            filter("").list_name(&Reader::User("v".to_owned())),
            filter("level=warn").list_name(&Reader::Admin),
            filter("service=u").list_name(&Reader::Admin),
            filter("action=u").list_name(&Reader::Admin),
            filter("order=asc").list_name(&Reader::Admin),
        ];
        for (n, name) in names.iter().enumerate() {
            assert!(!names[..n].contains(name), "{name}");
        }
        assert_eq!(
            filter("q=A").list_name(&Reader::Admin),
            filter("q=a").list_name(&Reader::Admin)
        );
    }
}
