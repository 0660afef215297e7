use serde::{Deserialize, Serialize};
use spinreel_api::Page;
use spinreel_api::usage::Action;
use spinreel_http::query::encode_cursor;
use spinreel_ledger::{SEGMENT, Timed};
use spinreel_platform::{Clock, Store};

use super::{List, Usage, UsageError};

/// An action as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Recorded {
    /// When it was written down: what a caller says in `at` orders nothing.
    recorded_ms: u64,
    action: Action,
}

impl Timed for Recorded {
    fn at_ms(&self) -> u64 {
        self.recorded_ms
    }
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// A page of a user's actions, newest first; `before` is the position that a cursor carries.
    ///
    /// Costs two `get`s, one for each stretch of 64 that it touches and, where the stretch is not sealed, one for each
    /// action and two for each place that was left empty. However long the list is.
    pub async fn actions(
        &self,
        user: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<Action>, UsageError> {
        let page = List::Actions
            .journal(user)
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
                .map(|next| encode_cursor(&List::Actions.name(user), next)),
        })
    }

    /// Writes an action down; returns whether the journal wants to be [sealed](Self::seal).
    pub(super) async fn record(&self, user: &str, action: &Action) -> Result<bool, UsageError> {
        let entry = Recorded {
            recorded_ms: self.clock.now_ms(),
            action: action.clone(),
        };
        let position = List::Actions
            .journal(user)
            .append(self.store, self.clock, &[entry])
            .await?;
        Ok(position.is_multiple_of(SEGMENT))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_api::usage::ActionKind;
    use spinreel_http::query::Query;
    use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

    use super::*;
    use crate::domain::testing::{NOON, action, reserve, settle};

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
            before = query.cursor(&List::Actions.name("u")).unwrap();
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
            usage.seal(List::Actions, "u").await.unwrap();
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
            let cursor = encode_cursor(&List::Actions.name("u"), 2_u64);
            let query = Query::parse(&format!("cursor={cursor}"));
            assert!(query.cursor::<u64>(&List::Actions.name("v")).is_err());
        });
    }

    #[test]
    fn actions_cost_the_same_store_calls_at_10_and_at_10_000() {
        let store = CountingStore::new(MemoryStore::default());
        let clock = ManualClock::at(NOON);
        let usage = Usage::new(&store, &clock, i64::MAX);
        block_on(usage.reserve(&reserve("first", 1))).unwrap();
        let mut number = 0;
        let mut cost_at = async |count: u64| {
            while number < count {
                number += 1;
                let one = action(&clock, ActionKind::Download, 1);
                usage.record("u", &one).await.unwrap();
            }
            store.take_calls();
            let page = usage.actions("u", None, 10).await.unwrap();
            assert_eq!(page.items.len(), 10);
            let listed = store.take_calls();
            let id = format!("t{count}");
            let download = action(&clock, ActionKind::Download, 1);
            usage.reserve(&reserve(&id, 1)).await.unwrap();
            usage.settle(&settle(&id, Some(download))).await.unwrap();
            (listed.reads(), listed.writes(), store.take_calls())
        };
        block_on(async {
            let at_10 = cost_at(10).await;
            // The head, the beginning, a segment that is not there, and one for each action.
            assert_eq!((at_10.0, at_10.1), (13, 0));
            assert_eq!(cost_at(10_000).await, at_10);
        });
    }

    #[test]
    fn sealed_actions_cost_less() {
        let store = CountingStore::new(MemoryStore::default());
        let clock = ManualClock::at(NOON);
        let usage = Usage::new(&store, &clock, i64::MAX);
        block_on(async {
            for bytes in 1..=65 {
                let one = action(&clock, ActionKind::Download, bytes);
                usage.record("u", &one).await.unwrap();
            }
            clock.advance_ms(3_600_000);
            usage.seal(List::Actions, "u").await.unwrap();
            store.take_calls();
            let page = usage.actions("u", Some(65), 50).await.unwrap();
            assert_eq!(page.items.len(), 50);
            // The head, the beginning and the segment.
            assert_eq!(store.calls().total(), 3);
        });
    }
}
