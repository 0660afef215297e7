//! The classes of entries: each has a retention of its own, so that many of one push out none of another.

use spinreel_api::actions::Action;
use spinreel_api::logs::LogEntry;

/// What an entry is, for the retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// An access line. Anybody can cause any number.
    Access,
    /// What happened otherwise: a file, an alert, a fault, and what somebody who is not signed in can cause at little cost
    /// (a failed sign-in), or an honest client causes all the time (a refreshed session).
    Event,
    /// What matters for the security of an account for as long as it is kept: who signed in, whose rights changed.
    Audit,
}

/// A number for each class.
pub type PerClass = [u64; 3];

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Access, Self::Event, Self::Audit];

    /// The class of an entry. An action that this version does not know is an event.
    pub fn of(entry: &LogEntry) -> Self {
        match Action::named(&entry.action) {
            Some(
                Action::UserRegistered
                | Action::UserPasswordChanged
                | Action::PasswordResetIssued
                | Action::PasswordResetCompleted
                | Action::UserRoleChanged
                | Action::UserDisabled
                | Action::UserEnabled
                | Action::UserLimitsChanged
                | Action::UserDeleted
                | Action::UserDeparted
                | Action::SessionCreated
                | Action::SessionRefreshReused
                | Action::SessionEnded
                | Action::SessionEndedAll
                | Action::KeysRotated,
            ) => Self::Audit,
            _ if entry.is_event() => Self::Event,
            _ => Self::Access,
        }
    }

    /// Its place in a [`PerClass`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use spinreel_api::logs::Level;

    use super::*;
    use crate::domain::testing::{NOON, entry};

    #[test]
    fn each_entry_has_the_class_of_its_action() {
        for (action, level, expected) in [
            (Action::Request.as_str(), Level::Info, Class::Access),
            (Action::RequestRefused.as_str(), Level::Info, Class::Access),
            (Action::Request.as_str(), Level::Warn, Class::Event),
            (Action::RequestFailed.as_str(), Level::Error, Class::Event),
            (Action::SessionFailed.as_str(), Level::Warn, Class::Event),
            (Action::SessionRefreshed.as_str(), Level::Info, Class::Event),
            ("of.another_version", Level::Info, Class::Event),
            (Action::SessionCreated.as_str(), Level::Info, Class::Audit),
            (Action::UserRoleChanged.as_str(), Level::Info, Class::Audit),
            (Action::KeysRotated.as_str(), Level::Warn, Class::Audit),
        ] {
            let line = LogEntry {
                action: action.to_owned(),
                level,
                ..entry(NOON, "a line")
            };
            assert_eq!(Class::of(&line), expected, "{action} {level:?}");
        }
        for (place, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), place);
        }
    }
}
