use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use spinreel_platform::{Clock, Store};

use crate::{Cell, LedgerError};

/// How long after its last sign of life an operation is left alone, in milliseconds.
pub const LEASE_MS: u64 = 120_000;
/// The most numbers that one [look](Intents::look) goes through.
pub const LOOK_PAGE: u64 = 256;
/// How often requests look in passing, in milliseconds.
const LOOK_EVERY_MS: u64 = 30_000;

/// Whom to take for dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Those whose lease is over.
    Leases,
    /// All: the caller vouches that nobody else is at work.
    Offline,
}

/// Operations that are going on, each under a number of its own.
///
/// An operation takes a number, writes down under it what it is about to do, and deletes that when it is done. Numbers
/// come from elsewhere and in order; a number's intent is written within half a lease of its being given, or never.
/// So below some mark all operations are over, and whoever looks for abandoned ones begins there: the cost of a look is
/// bounded by the operations of the last minutes, however many there ever were.
#[derive(Debug, Clone)]
pub struct Intents {
    prefix: String,
}

/// Up to where all operations are over. A hint: an older one costs reads, never an operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// No number up to this one has an intent, or ever will.
    pub over: u64,
    /// No number up to this one gets an intent any more: it has one, or is over.
    aged: u64,
    /// The highest number that had been given at `head_ms`: half a lease later all of them have their intents.
    head: u64,
    /// Milliseconds since the Unix epoch.
    head_ms: u64,
    /// The last look, in milliseconds since the Unix epoch.
    looked_ms: u64,
}

impl Mark {
    /// Whether the operation of a number that has no intent is over: it will get none.
    pub fn is_over(&self, number: u64, now_ms: u64, patience: Patience) -> bool {
        number <= self.over.max(self.aged)
            || patience == Patience::Offline
            || (number <= self.head && self.head_ms + LEASE_MS <= now_ms)
    }
}

/// What a look found.
#[derive(Debug, Clone)]
pub struct Open<T> {
    /// The intents that are there, oldest first, whether abandoned or not.
    pub intents: Vec<(u64, T)>,
    /// The last number that this look came to.
    pub last: u64,
    /// Whether there are numbers that this look did not come to.
    pub more: bool,
}

impl Intents {
    /// The intents under `prefix`.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// The intent of a number.
    pub fn cell<T: Serialize + DeserializeOwned>(&self, number: u64) -> Cell<T> {
        Cell::new(format!("{}/{number}", self.prefix))
    }

    /// How far operations are over.
    pub async fn mark(&self, store: &impl Store) -> Result<Mark, LedgerError> {
        Ok(self.mark_cell().get(store).await?.unwrap_or_default())
    }

    /// Whether it is time for a look in passing.
    pub fn is_due(&self, mark: &Mark, clock: &impl Clock) -> bool {
        clock.now_ms() >= mark.looked_ms + LOOK_EVERY_MS
    }

    /// The oldest intents after `after` (the mark where that is higher) among the numbers up to `head`; moves the mark
    /// on where it can.
    pub async fn look<T: Serialize + DeserializeOwned>(
        &self,
        store: &impl Store,
        clock: &impl Clock,
        head: u64,
        after: u64,
        patience: Patience,
    ) -> Result<Open<T>, LedgerError> {
        let mut mark = self.mark(store).await?;
        let now_ms = clock.now_ms();
        let first = mark.over.max(after) + 1;
        let last = head.min(first + LOOK_PAGE - 1);
        let mut intents = Vec::new();
        let mut over = mark.over;
        for number in first..=last {
            match self.cell(number).get(store).await? {
                Some(intent) => intents.push((number, intent)),
                None if over + 1 == number && mark.is_over(number, now_ms, patience) => {
                    over = number;
                }
                None => {}
            }
        }
        mark.over = over;
        mark.looked_ms = now_ms;
        if mark.head_ms + LEASE_MS <= now_ms {
            mark.aged = mark.aged.max(mark.head);
        }
        if over >= mark.head || mark.head_ms + LEASE_MS <= now_ms {
            (mark.head, mark.head_ms) = (head, now_ms);
        }
        self.mark_cell().set(store, &mark).await?;
        Ok(Open {
            intents,
            last,
            more: last < head,
        })
    }

    fn mark_cell(&self) -> Cell<Mark> {
        Cell::new(format!("{}/mark", self.prefix))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;

    async fn look(
        store: &MemoryStore,
        clock: &ManualClock,
        head: u64,
        patience: Patience,
    ) -> Vec<u64> {
        let intents = Intents::new("i");
        let open: Open<String> = intents.look(store, clock, head, 0, patience).await.unwrap();
        open.intents.into_iter().map(|(number, _)| number).collect()
    }

    async fn write(store: &MemoryStore, number: u64) {
        let cell = Intents::new("i").cell(number);
        cell.set(store, &"work".to_owned()).await.unwrap();
    }

    async fn over(store: &MemoryStore) -> u64 {
        Intents::new("i").mark(store).await.unwrap().over
    }

    #[test]
    fn a_number_without_an_intent_is_passed_only_when_it_can_get_none_any_more() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000_000));
        block_on(async {
            assert!(look(&store, &clock, 3, Patience::Leases).await.is_empty());
            assert_eq!(over(&store).await, 0);
            // Number 2 was given before and is written down only now.
            write(&store, 2).await;
            clock.advance_ms(LEASE_MS);
            assert_eq!(look(&store, &clock, 5, Patience::Leases).await, [2]);
            assert_eq!(over(&store).await, 1);
            Intents::new("i")
                .cell::<String>(2)
                .delete(&store)
                .await
                .unwrap();
            assert!(look(&store, &clock, 5, Patience::Leases).await.is_empty());
            // 3 was given long enough ago, 4 and 5 were seen a moment ago.
            assert_eq!(over(&store).await, 3);
        });
    }

    #[test]
    fn offline_all_that_is_not_written_down_is_over() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000_000));
        block_on(async {
            write(&store, 3).await;
            assert_eq!(look(&store, &clock, 5, Patience::Offline).await, [3]);
            assert_eq!(over(&store).await, 2);
        });
    }

    #[test]
    fn a_look_is_bounded_and_the_next_one_goes_on() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000_000));
        block_on(async {
            let head = LOOK_PAGE + 10;
            write(&store, head).await;
            assert!(
                look(&store, &clock, head, Patience::Offline)
                    .await
                    .is_empty()
            );
            assert_eq!(over(&store).await, LOOK_PAGE);
            assert_eq!(look(&store, &clock, head, Patience::Offline).await, [head]);
        });
    }
}
