//! Sessions of a few users, for tests.
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use spinreel_platform::memory::{ManualClock, MemoryStore, SeededRandom};

use super::super::rotation::{GRACE_MS, KEPT_MS, RefreshError, refresh};
use super::super::{revocations, sessions};
use super::Granted;

pub(crate) const NOW_MS: u64 = 1_700_000_000_000;
pub(crate) const MONTH_S: u64 = 2_592_000;
pub(crate) const ADA: &str = "0190c0de-0000-7000-8000-000000000001";
pub(crate) const EVE: &str = "0190c0de-0000-7000-8000-000000000002";

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) clock: ManualClock,
    pub(crate) random: SeededRandom,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            store: MemoryStore::default(),
            clock: ManualClock::at(NOW_MS),
            random: SeededRandom::new(3),
        }
    }

    pub(crate) fn begin(&self, user_id: &str) -> Granted {
        let agent = Some("test/1");
        let (store, clock) = (&self.store, &self.clock);
        let session = sessions::begin(store, clock, &self.random, user_id, agent, MONTH_S);
        block_on(session).unwrap()
    }

    pub(crate) fn refresh(&self, token: &str) -> Result<Granted, RefreshError> {
        block_on(refresh(&self.store, &self.clock, token, MONTH_S))
    }

    /// Lets the grace for the last answer end.
    pub(crate) fn later(&self) {
        self.clock.advance_ms(GRACE_MS + 1);
    }

    /// Lets every record of a turn become so old that it may be written over.
    pub(crate) fn much_later(&self) {
        self.clock.advance_ms(KEPT_MS + 1);
    }

    /// Of whom it was noted that a session ended.
    pub(crate) fn revoked(&self) -> Vec<String> {
        let revoked = revocations::after(&self.store, &self.clock, Some(0), 0);
        block_on(revoked).unwrap().user_ids
    }

    pub(crate) fn is_invalid(&self, token: &str) -> bool {
        matches!(self.refresh(token), Err(RefreshError::Invalid))
    }

    pub(crate) fn list(&self, user_id: &str) -> Vec<String> {
        let sessions = block_on(sessions::list(&self.store, &self.clock, user_id)).unwrap();
        sessions
            .into_iter()
            .map(|session| session.id.to_string())
            .collect()
    }

    pub(crate) fn is_live(&self, granted: &Granted) -> bool {
        block_on(sessions::is_live(&self.store, &self.clock, &granted.id)).unwrap()
    }
}
