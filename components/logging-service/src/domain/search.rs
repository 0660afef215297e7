//! What a reader looks for, made ready for looking.

use spinreel_api::logs::LogEntry;

use super::filter::{Filter, Reader};
use super::index::{Wanted, term};
use super::journal::read;

/// A reader and its filter.
#[derive(Debug, Clone)]
pub struct Search {
    reader: Reader,
    filter: Filter,
    wanted: Wanted,
    /// What the text of an entry must have. It is a member as this service writes it, so that most entries are passed
    /// over without being understood.
    members: Vec<String>,
}

impl Search {
    /// What `reader` may see of what `filter` takes.
    pub fn new(reader: Reader, filter: Filter) -> Self {
        let mut terms = Vec::new();
        let mut members = Vec::new();
        let mut must = |name: &str, value: Option<&str>, term: fn(&str) -> term::Term| {
            if let Some(value) = value {
                terms.push(term(value));
                let value = serde_json::Value::from(value);
                members.push(format!("\"{name}\":{value}"));
            }
        };
        if let Reader::User(id) = &reader {
            must("user_id", Some(id), term::user);
        }
        must("request_id", filter.request_id.as_deref(), term::request);
        must("user_id", filter.user_id.as_deref(), term::user);
        must("action", filter.action.as_deref(), term::action);
        must("service", filter.service.as_deref(), term::service);
        terms.extend(filter.level.and_then(term::level));
        let wanted = Wanted {
            terms,
            since_ms: filter.since.map_or(0, |since| since.as_ms()),
            until_ms: filter.until.map_or(u64::MAX, |until| until.as_ms()),
        };
        Self {
            reader,
            filter,
            wanted,
            members,
        }
    }

    /// What its reader asks for.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What the index can know of it.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// The list's name in cursors.
    pub fn list_name(&self) -> String {
        self.filter.list_name(&self.reader)
    }

    /// The entry with this text, where it is looked for and may be seen.
    pub fn take(&self, text: &str) -> Option<LogEntry> {
        if !self
            .members
            .iter()
            .all(|member| text.contains(member.as_str()))
        {
            return None;
        }
        read(text).filter(|entry| self.filter.takes(&self.reader, entry))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use spinreel_api::logs::Level;

    use super::*;
    use crate::domain::testing::{NOON, entry};

    fn id() -> impl Strategy<Value = Option<String>> {
        prop_oneof![
            Just(None),
            prop_oneof![Just("u"), Just("\"u\""), Just("\\"), Just("é")]
                .prop_map(|id| Some(id.to_owned())),
        ]
    }

    proptest! {
        #[test]
        fn what_is_passed_over_unread_is_what_the_filter_does_not_take(
            (user, request, wanted_user, wanted_request) in (id(), id(), id(), id()),
            reader in prop_oneof![Just(Reader::Admin), Just(Reader::User("u".to_owned()))],
            message in "[a\"u:_id\\\\]{0,12}",
        ) {
            let line = LogEntry { user_id: user, request_id: request, level: Level::Warn, ..entry(NOON, &message) };
            let filter = Filter { user_id: wanted_user, request_id: wanted_request, ..Filter::default() };
            let takes = filter.takes(&reader, &line);
            let search = Search::new(reader, filter);
            let found = search.take(&serde_json::to_string(&line).unwrap());
            prop_assert_eq!(found.is_some(), takes);
            if takes {
                let terms: Vec<_> = term::of(&line).collect();
                prop_assert!(search.wanted().terms.iter().all(|term| terms.contains(term)));
            }
        }
    }
}
