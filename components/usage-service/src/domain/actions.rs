use serde::{Deserialize, Serialize};
use spinreel_api::Page;
use spinreel_api::usage::Action;
use spinreel_http::query::encode_cursor;
use spinreel_ledger::{Journal, SEGMENT, Timed};
use spinreel_platform::{Clock, Store};

use super::{Usage, UsageError};

/// How many stretches are sealed at most when one is full.
const SEALS: usize = 2;

/// An action as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Recorded {
    /// When it was written down: what a caller says in `at` orders nothing.
    recorded_ms: u64,
    action: Action,
}

impl Timed for Recorded {
    fn at_ms(&self) -> u64 {
        self.recorded_ms
    }
}

/// The name of a user's list in cursors.
pub fn actions_list(user: &str) -> String {
    format!("usage/{user}/actions")
}

fn journal(user: &str) -> Journal {
    Journal::new(actions_list(user))
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// A page of a user's actions, newest first; `before` is the position that a cursor carries.
    pub async fn actions(
        &self,
        user: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<Action>, UsageError> {
        let page = journal(user)
            .page(self.store, before, limit, |_: &Recorded| true)
            .await?;
        Ok(Page {
            items: page
                .items
                .into_iter()
                .map(|(_, entry)| entry.action)
                .collect(),
            next_cursor: page
                .next
                .map(|next| encode_cursor(&actions_list(user), next)),
        })
    }

    /// Writes an action down; returns whether the journal wants to be [sealed](Self::seal_actions).
    pub(super) async fn record(&self, user: &str, action: &Action) -> Result<bool, UsageError> {
        let entry = Recorded {
            recorded_ms: self.clock.now_ms(),
            action: action.clone(),
        };
        let position = journal(user)
            .append(self.store, self.clock, &[entry])
            .await?;
        Ok(position.is_multiple_of(SEGMENT))
    }

    /// Seals old stretches of a user's journal, a bounded number of them.
    pub async fn seal_actions(&self, user: &str) -> Result<(), UsageError> {
        for _ in 0..SEALS {
            if !journal(user)
                .seal::<Recorded>(self.store, self.clock)
                .await?
            {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_api::usage::ActionKind;
    use spinreel_http::query::Query;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;
    use crate::domain::testing::{NOON, action, settle};

    async fn walk(usage: &Usage<'_, MemoryStore, ManualClock>, limit: usize) -> Vec<u64> {
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = usage.actions("u", before, limit).await.unwrap();
            seen.extend(page.items.iter().map(|action| action.bytes));
            let Some(cursor) = page.next_cursor else {
                return seen;
            };
            let query = Query::parse(&format!("cursor={cursor}"));
            before = query.cursor(&actions_list("u")).unwrap();
        }
    }

    #[test]
    fn actions_are_listed_newest_first_before_and_after_sealing() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000_000);
        block_on(async {
            let mut full = 0;
            for bytes in 1..=150 {
                let download = action(&clock, ActionKind::Download, bytes);
                let request = settle(&format!("t{bytes}"), Some(download));
                full += usize::from(usage.settle(&request).await.unwrap());
            }
            assert_eq!(full, 2);
            let all: Vec<u64> = (1..=150).rev().collect();
            assert_eq!(walk(&usage, 40).await, all);
            clock.advance_ms(3_600_000);
            let keys = store.keys().len();
            usage.seal_actions("u").await.unwrap();
            assert!(store.keys().len() < keys - 100);
            assert_eq!(walk(&usage, 40).await, all);
        });
    }

    #[test]
    fn a_user_sees_nothing_of_another() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            let upload = action(&clock, ActionKind::Upload, 5);
            usage.settle(&settle("a", Some(upload))).await.unwrap();
            assert_eq!(usage.actions("u", None, 10).await.unwrap().items.len(), 1);
            assert!(usage.actions("v", None, 10).await.unwrap().items.is_empty());
            let cursor = encode_cursor(&actions_list("u"), 2_u64);
            let query = Query::parse(&format!("cursor={cursor}"));
            assert!(query.cursor::<u64>(&actions_list("v")).is_err());
        });
    }
}
