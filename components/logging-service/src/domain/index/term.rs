//! What entries can be found by.

use spinreel_api::logs::{Level, LogEntry};

/// A user, a request, an action, a service, or a level and those above it, as 32 bits of a checksum. Two that share their
/// bits cost a reader a look at entries that it does not want, and nothing else.
pub type Term = u32;

/// Entries about this user.
pub fn user(id: &str) -> Term {
    hash("user=", id)
}

/// Entries of this request.
pub fn request(id: &str) -> Term {
    hash("request=", id)
}

/// Entries of this action.
pub fn action(name: &str) -> Term {
    hash("action=", name)
}

/// Entries of this service.
pub fn service(id: &str) -> Term {
    hash("service=", id)
}

/// Entries of this level and of those above it; `None` where that is all.
pub fn level(level: Level) -> Option<Term> {
    let name = match level {
        Level::Debug => return None,
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    Some(hash("level=", name))
}

/// All terms of an entry.
pub fn of(entry: &LogEntry) -> impl Iterator<Item = Term> {
    let levels = [Level::Info, Level::Warn, Level::Error];
    let levels = levels
        .into_iter()
        .filter(|at_least| *at_least <= entry.level);
    (entry.user_id.as_deref().map(user).into_iter())
        .chain(entry.request_id.as_deref().map(request))
        .chain([action(&entry.action), service(&entry.service)])
        .chain(levels.filter_map(level))
}

/// CRC-32C is fast in a component, and spreads what differs in a few characters.
fn hash(kind: &str, value: &str) -> Term {
    crc32c::crc32c_append(crc32c::crc32c(kind.as_bytes()), value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{NOON, entry};

    #[test]
    fn an_entry_is_found_by_each_of_its_parts_and_by_the_levels_up_to_its_own() {
        let line = LogEntry {
            level: Level::Warn,
            user_id: Some("u".to_owned()),
            request_id: Some("u".to_owned()),
            ..entry(NOON, "x")
        };
        let terms: Vec<Term> = of(&line).collect();
        for term in [
            user("u"),
            request("u"),
            action("test"),
            service("video-service"),
        ] {
            assert!(terms.contains(&term));
        }
        let has = |wanted| level(wanted).is_none_or(|term| terms.contains(&term));
        let found = [Level::Debug, Level::Info, Level::Warn, Level::Error].map(has);
        assert_eq!(found, [true, true, true, false]);
        assert_eq!(terms.len(), 6);
    }
}
