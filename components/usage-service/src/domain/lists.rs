use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_ledger::{Journal, Timed};
use spinreel_platform::{Clock, Store};

use super::{Usage, UsageError, actions, alerts};

/// How many stretches are sealed at most when one is full.
const SEALS: usize = 2;

/// A list of a user's that only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// What the user did.
    Actions,
    /// What the user was alerted to.
    Alerts,
}

impl List {
    /// The name of a user's list: in cursors, and what its keys begin with.
    pub fn name(self, user: &str) -> String {
        match self {
            Self::Actions => format!("usage/{user}/actions"),
            Self::Alerts => format!("usage/{user}/alerts"),
        }
    }

    pub(super) fn journal(self, user: &str) -> Journal {
        Journal::new(self.name(user))
    }
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Seals old stretches of a user's list, a bounded number of them.
    pub async fn seal(&self, list: List, user: &str) -> Result<(), UsageError> {
        let journal = list.journal(user);
        match list {
            List::Actions => self.seal_entries::<actions::Recorded>(&journal).await,
            List::Alerts => self.seal_entries::<alerts::Recorded>(&journal).await,
        }
    }

    async fn seal_entries<T: Timed + Serialize + DeserializeOwned>(
        &self,
        journal: &Journal,
    ) -> Result<(), UsageError> {
        for _ in 0..SEALS {
            if !journal.seal::<T>(self.store, self.clock).await? {
                break;
            }
        }
        Ok(())
    }
}
