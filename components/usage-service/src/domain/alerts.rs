use serde::{Deserialize, Serialize};
use spinreel_api::Page;
use spinreel_api::alerts::{Alert, RaiseAlert};
use spinreel_http::query::encode_cursor;
use spinreel_ledger::{Cell, Journal, SEGMENT, Timed, claim};
use spinreel_platform::{Clock, Store};

use super::webhook::{Delivery, due_mark, forget_key, is_late, queue, write_down};
use super::{Usage, UsageError};

/// How many stretches are sealed at most when one is full.
const SEALS: usize = 2;

/// An alert as the journal keeps it. It counts if its id's [`place`] is where it stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Recorded {
    /// When it was written down: what a caller says in `at` orders nothing.
    recorded_ms: u64,
    alert: Alert,
    /// The number of its delivery, where there was a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery: Option<u64>,
}

impl Timed for Recorded {
    fn at_ms(&self) -> u64 {
        self.recorded_ms
    }
}

/// What came of a [`Usage::raise`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised {
    /// Whether this call is the one to tell of the alert: true for one of all calls with its id.
    pub first: bool,
    /// Whether the list of alerts wants to be [sealed](Usage::seal_alerts).
    pub full: bool,
}

/// Where the entry of an id stands in the user's journal. Ids may have slashes, so they end their keys.
pub(super) fn place(user: &str, id: &str) -> Cell<u64> {
    Cell::new(format!("usage/{user}/alert/{id}"))
}

/// The name of a user's list of alerts: in cursors, and what its keys begin with.
pub fn alerts_list(user: &str) -> String {
    format!("usage/{user}/alerts")
}

pub(super) fn alerts_journal(user: &str) -> Journal {
    Journal::new(alerts_list(user))
}

/// The right to tell of an alert.
fn telling(user: &str, id: &str) -> String {
    format!("usage/{user}/alert-told/{id}")
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Writes an alert down. Of repeated calls with one id the first counts, whatever the others say.
    ///
    /// The order of writes: the entry, the delivery where there is a webhook, its id's place, the claim to tell of it. An
    /// entry counts only once its place is written, and a place is written only when its entry and its delivery stand.
    /// So a crash anywhere is made up for by the next call with the id, at once: before the place, it appends a new
    /// entry and the old one never counts, nor is its delivery sent; after it, it has only the claim left. Of calls at
    /// once each may append, and the last place written stays: one counts.
    ///
    /// A caller that dies after the claim has told nobody; the alert stands all the same, and is delivered. Costs a `get`
    /// and four writes the first time, with a webhook seven; a `get` and a write when repeated.
    pub async fn raise(&self, id: &str, request: &RaiseAlert) -> Result<Raised, UsageError> {
        let user = &request.user_id;
        let mut full = false;
        if place(user, id).get(self.store).await?.is_none() {
            let alert = Alert {
                id: id.to_owned(),
                kind: request.kind,
                threshold_percent: request.threshold_percent,
                used_bytes: request.used_bytes,
                limit_bytes: request.limit_bytes,
                at: request.at,
            };
            let position = match self.webhook {
                true => self.write_down_with_delivery(user, alert).await?,
                false => self.write_down(user, alert, None).await?,
            };
            place(user, id).set(self.store, &position).await?;
            full = position.is_multiple_of(SEGMENT);
            if self.webhook {
                // Only now is the delivery one that is sent. Without this it would be found, but later.
                due_mark().set(self.store, &self.clock.now_ms()).await?;
            }
        }
        let first = claim(self.store, &telling(user, id)).await?;
        Ok(Raised { first, full })
    }

    /// Appends an alert's entry; gives its position.
    async fn write_down(
        &self,
        user: &str,
        alert: Alert,
        delivery: Option<u64>,
    ) -> Result<u64, UsageError> {
        let entry = Recorded {
            recorded_ms: self.clock.now_ms(),
            alert,
            delivery,
        };
        let journal = alerts_journal(user);
        Ok(journal.append(self.store, self.clock, &[entry]).await?)
    }

    /// Appends an alert's entry and writes its delivery down, in this order: what names a user can be found by
    /// [`purge`](Self::purge). Who stands still in between begins again, as its number, or its delivery, is taken for that
    /// of a dead one some time.
    async fn write_down_with_delivery(&self, user: &str, alert: Alert) -> Result<u64, UsageError> {
        loop {
            let number = queue().allocate_timely(self.store, self.clock, 1).await?;
            let since_ms = self.clock.now_ms();
            let position = self.write_down(user, alert.clone(), Some(number)).await?;
            if is_late(self.clock, since_ms) {
                continue;
            }
            let delivery = Delivery::new(user, alert.clone(), position, since_ms);
            write_down(self.store, number, &delivery).await?;
            if !is_late(self.clock, since_ms) {
                return Ok(position);
            }
        }
    }

    /// Whether an alert of this id stands.
    pub(super) async fn has_alert(&self, user: &str, id: &str) -> Result<bool, UsageError> {
        Ok(place(user, id).get(self.store).await?.is_some())
    }

    /// Removes what an alert has beside its entry, its delivery with it: before the entry goes, which alone tells its id.
    pub(super) async fn forget_alert(
        &self,
        user: &str,
        entry: &Recorded,
    ) -> Result<(), UsageError> {
        let id = &entry.alert.id;
        let mut keys = vec![place(user, id).key().to_owned(), telling(user, id)];
        keys.extend(entry.delivery.map(forget_key));
        Ok(self.store.delete_many(&keys).await?)
    }

    /// A page of a user's alerts, newest first; `before` is the position that a cursor carries. Entries that do not
    /// count make the page shorter than `limit`.
    ///
    /// Costs two `get`s, one for each stretch of 64 that it touches, one for each entry that is not sealed, and one for each
    /// entry, sealed or not, for its place: of two entries with one id only that tells which of them counts.
    pub async fn alerts(
        &self,
        user: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<Alert>, UsageError> {
        let page = alerts_journal(user)
            .page(self.store, before, limit, |_: &Recorded| true)
            .await?;
        let mut items = Vec::with_capacity(page.items.len());
        for (position, entry) in page.items {
            if place(user, &entry.alert.id).get(self.store).await? == Some(position) {
                items.push(entry.alert);
            }
        }
        Ok(Page {
            items,
            next_cursor: page
                .next
                .map(|next| encode_cursor(&alerts_list(user), next)),
        })
    }

    /// Seals old stretches of a user's alerts, a bounded number of them.
    pub async fn seal_alerts(&self, user: &str) -> Result<(), UsageError> {
        let journal = alerts_journal(user);
        for _ in 0..SEALS {
            if !journal.seal::<Recorded>(self.store, self.clock).await? {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt;
    use futures::executor::block_on;
    use spinreel_api::Timestamp;
    use spinreel_http::query::Query;
    use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

    use super::*;
    use crate::domain::list::actions_list;
    use crate::domain::testing::{NOON, Stepping, alert, interleave};

    const FIRST: Raised = Raised {
        first: true,
        full: false,
    };
    const REPEATED: Raised = Raised {
        first: false,
        full: false,
    };

    /// The ids of all alerts of `u`, read in pages of `limit`.
    async fn ids(usage: &Usage<'_, MemoryStore, ManualClock>, limit: usize) -> Vec<String> {
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = usage.alerts("u", before, limit).await.unwrap();
            assert!(page.items.len() <= limit);
            seen.extend(page.items.into_iter().map(|alert| alert.id));
            let Some(cursor) = page.next_cursor else {
                return seen;
            };
            let query = Query::parse(&format!("cursor={cursor}"));
            before = query.cursor(&alerts_list("u")).unwrap();
        }
    }

    #[test]
    fn an_alert_is_shown_as_it_was_told() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            assert_eq!(usage.raise("a/1", &alert(810)).await.unwrap(), FIRST);
            let page = usage.alerts("u", None, 10).await.unwrap();
            let expected = serde_json::json!({
                "items": [{
                    "id": "a/1",
                    "kind": "storage",
                    "threshold_percent": 80,
                    "used_bytes": 810,
                    "limit_bytes": 1_000,
                    "at": Timestamp::from_ms(NOON),
                }],
                "next_cursor": null,
            });
            assert_eq!(serde_json::to_value(&page).unwrap(), expected);
            assert!(usage.alerts("v", None, 10).await.unwrap().items.is_empty());
        });
    }

    #[test]
    fn of_repeated_alerts_the_first_counts() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            assert_eq!(usage.raise("a", &alert(810)).await.unwrap(), FIRST);
            clock.advance_ms(30 * 86_400_000);
            assert_eq!(usage.raise("a", &alert(990)).await.unwrap(), REPEATED);
            let page = usage.alerts("u", None, 10).await.unwrap();
            assert_eq!(page.items.len(), 1);
            assert_eq!(page.items[0].used_bytes, 810);
        });
    }

    #[test]
    fn users_have_ids_of_their_own() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            for user in ["u", "v"] {
                let request = RaiseAlert {
                    user_id: user.to_owned(),
                    ..alert(810)
                };
                assert_eq!(usage.raise("a", &request).await.unwrap(), FIRST);
                let page = usage.alerts(user, None, 10).await.unwrap();
                assert_eq!(page.items.len(), 1);
            }
            let cursor = encode_cursor(&alerts_list("u"), 2_u64);
            let query = Query::parse(&format!("cursor={cursor}"));
            assert!(query.cursor::<u64>(&alerts_list("v")).is_err());
            assert!(query.cursor::<u64>(&actions_list("u")).is_err());
        });
    }

    #[test]
    fn alerts_are_listed_newest_first_before_and_after_sealing() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            let mut full = 0;
            for number in 1..=150 {
                let raised = usage.raise(&number.to_string(), &alert(810)).await.unwrap();
                full += usize::from(raised.full);
            }
            assert_eq!(full, 2);
            let all: Vec<String> = (1..=150).rev().map(|number| number.to_string()).collect();
            assert_eq!(ids(&usage, 40).await, all);
            clock.advance_ms(3_600_000);
            let keys = store.keys().len();
            usage.seal_alerts("u").await.unwrap();
            assert!(store.keys().len() < keys - 100);
            assert_eq!(ids(&usage, 40).await, all);
            // Sealed or not, a repeated alert is known as one.
            assert_eq!(usage.raise("1", &alert(810)).await.unwrap(), REPEATED);
            assert_eq!(ids(&usage, 40).await, all);
        });
    }

    #[test]
    fn an_alert_whose_caller_died_anywhere_is_shown_once_when_repeated_and_never_lost() {
        for later_ms in [0, 3_600_000] {
            for calls in 0.. {
                let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
                let usage = Usage::new(&store, &clock, 1_000);
                block_on(usage.raise("before", &alert(810))).unwrap();
                let dying = Stepping::dying_after(&store, calls);
                let dead = Usage::new(&dying, &clock, 1_000);
                let outcome = dead.raise("a", &alert(820)).now_or_never();
                let shown = block_on(ids(&usage, 10));
                assert!(shown.len() <= 2, "call {calls}: {shown:?}");
                clock.advance_ms(later_ms);
                let repeated = block_on(usage.raise("a", &alert(820))).unwrap();
                // Who was answered is told of it once: by the dead, who got as far as the claim, or by the living.
                assert_eq!(repeated.first, outcome.is_none(), "call {calls}");
                assert_eq!(block_on(ids(&usage, 10)), ["a", "before"], "call {calls}");
                assert_eq!(block_on(usage.raise("a", &alert(820))).unwrap(), REPEATED);
                assert_eq!(block_on(ids(&usage, 10)), ["a", "before"], "call {calls}");
                if let Some(outcome) = outcome {
                    assert_eq!(outcome.unwrap(), FIRST);
                    assert_eq!(calls, 5);
                    break;
                }
            }
        }
    }

    #[test]
    fn alerts_with_one_id_at_once_are_shown_once_and_told_of_once() {
        for seed in 0..300 {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let stepping = Stepping::new(&store);
            let at_once = Usage::new(&stepping, &clock, 1_000);
            let request = alert(810);
            let calls = (0..4)
                .map(|_| at_once.raise("a", &request).boxed_local())
                .collect();
            let outcomes = interleave(seed, calls);
            let told = outcomes
                .iter()
                .filter(|outcome| outcome.as_ref().unwrap().first);
            assert_eq!(told.count(), 1, "seed {seed}");
            let usage = Usage::new(&store, &clock, 1_000);
            assert_eq!(block_on(ids(&usage, 1)), ["a"], "seed {seed}");
        }
    }

    #[test]
    fn an_alert_is_shown_from_the_moment_that_any_call_with_its_id_was_answered() {
        for calls in 0..5 {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let stepping = Stepping::new(&store);
            let slow = Usage::new(&stepping, &clock, 1_000);
            let request = alert(810);
            let mut slow_call = slow.raise("a", &request).boxed_local();
            for _ in 0..=calls {
                assert!((&mut slow_call).now_or_never().is_none());
            }
            let usage = Usage::new(&store, &clock, 1_000);
            let mut told = usize::from(block_on(usage.raise("a", &request)).unwrap().first);
            assert_eq!(block_on(ids(&usage, 10)), ["a"], "call {calls}");
            let slow_outcome = block_on(slow_call).unwrap();
            told += usize::from(slow_outcome.first);
            assert_eq!(block_on(ids(&usage, 10)), ["a"], "call {calls}");
            assert_eq!(told, 1, "call {calls}");
        }
    }

    #[test]
    fn alerts_cost_the_same_store_calls_at_10_and_at_10_000() {
        let store = CountingStore::new(MemoryStore::default());
        let clock = ManualClock::at(NOON);
        let usage = Usage::new(&store, &clock, 1_000);
        let mut number = 0;
        let mut cost_at = async |count: u64| {
            while number < count {
                number += 1;
                usage.raise(&number.to_string(), &alert(810)).await.unwrap();
            }
            store.take_calls();
            let page = usage.alerts("u", None, 10).await.unwrap();
            assert_eq!(page.items.len(), 10);
            let listed = store.take_calls();
            usage.raise("1", &alert(810)).await.unwrap();
            (listed.reads(), listed.writes(), store.take_calls().total())
        };
        block_on(async {
            // The head, the beginning, a segment that is not there, and two for each alert.
            assert_eq!(cost_at(10).await, (23, 0, 2));
            assert_eq!(cost_at(10_000).await, (23, 0, 2));
        });
    }
}
