use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_platform::Store;

use super::{Journal, SEGMENT};
use crate::LedgerError;

/// What came of a [`Journal::truncate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated {
    /// Entries that were removed.
    pub removed: u64,
    /// Whether there may be more.
    pub more: bool,
}

impl Journal {
    /// Removes the oldest stretch, sealed or not, however young its entries are: one stretch of 64 a call, so that
    /// a journal goes in as many calls as it has stretches. `before` sees each entry before any of them goes, oldest
    /// first, and more than once where a call died.
    ///
    /// What stays is the journal's numbers: its head, since a number that was given twice would be filled twice, and
    /// the markers of what was dropped and sealed, since readers would look for it without them. An entry that is
    /// appended meanwhile stays or goes. One whose writer is still between its number and its cell, or that a sealer
    /// who stood still writes back, can be left under its key; no reader finds it below the marker.
    ///
    /// As in [`drop_oldest`](Self::drop_oldest) the marker is written first, and what one call did not delete after
    /// it, the next one does. Costs five calls of the store where the stretch is sealed, and one more for each entry
    /// where it is not.
    pub async fn truncate<T: DeserializeOwned + Serialize + Clone, E: From<LedgerError>>(
        &self,
        store: &impl Store,
        mut before: impl AsyncFnMut(&T) -> Result<(), E>,
    ) -> Result<Truncated, E> {
        let index = self.dropped(store).await?;
        let head = self.head(store).await?;
        let first = index * SEGMENT + 1;
        let last = first + SEGMENT - 1;
        let mut stretch = (u64::MAX, None);
        let mut removed = 0;
        for position in first..=last.min(head) {
            if let Some(entry) = self.entry(store, &mut stretch, position).await? {
                before(&entry).await?;
                removed += 1;
            }
        }
        let is_whole = head >= last;
        if is_whole {
            let marker = self.dropped_marker();
            marker.set(store, &(index + 1)).await?;
        }
        let mut keys = Vec::new();
        if removed > 0 || is_whole {
            keys.extend(self.keys_of(index));
        }
        if let Some(previous) = index.checked_sub(1) {
            keys.extend(self.keys_of(previous));
        }
        if !keys.is_empty() {
            store.delete_many(&keys).await.map_err(LedgerError::from)?;
        }
        Ok(Truncated {
            removed,
            more: head > last,
        })
    }

    /// Every key that a stretch can have.
    fn keys_of(&self, index: u64) -> impl Iterator<Item = String> + '_ {
        self.cell_keys(index).chain([self.segment_key(index)])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::RefCell;

    use futures::FutureExt;
    use futures::executor::block_on;
    use spinreel_platform::Clock;
    use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore, StoppingStore};

    use super::*;
    use crate::journal::testing::{Entry, filled, walk};

    async fn truncate(journal: &Journal, store: &impl Store) -> Result<Truncated, LedgerError> {
        let before = async |_: &Entry| Ok(());
        journal.truncate(store, before).await
    }

    /// Truncates to the end; how many entries went, and how many calls it took.
    async fn truncate_all(journal: &Journal, store: &impl Store) -> (u64, u64) {
        let (mut removed, mut calls) = (0, 0);
        loop {
            let truncated = truncate(journal, store).await.unwrap();
            removed += truncated.removed;
            calls += 1;
            if !truncated.more {
                return (removed, calls);
            }
        }
    }

    /// A journal whose first `sealed` stretches are sealed, of `count` entries.
    async fn partly_sealed(store: &MemoryStore, sealed: usize, count: u64) -> Journal {
        let clock = ManualClock::at(1_000);
        let journal = filled(store, &clock, count).await;
        clock.advance_ms(999_000);
        for _ in 0..sealed {
            assert!(journal.seal::<Entry>(store, &clock).await.unwrap());
        }
        journal
    }

    /// The keys that hold no entry.
    fn is_number(key: &str) -> bool {
        ["j/head", "j/first", "j/sealed"].contains(&key)
    }

    #[test]
    fn a_journal_goes_stretch_by_stretch_from_its_oldest_sealed_or_not() {
        let store = MemoryStore::default();
        block_on(async {
            let journal = partly_sealed(&store, 1, 200).await;
            let seen = RefCell::new(Vec::new());
            let before = async |entry: &Entry| {
                seen.borrow_mut().push(entry.n);
                Ok::<_, LedgerError>(())
            };
            let first = journal.truncate(&store, before).await.unwrap();
            assert_eq!((first.removed, first.more), (64, true));
            assert_eq!(*seen.borrow(), (1..=64).collect::<Vec<_>>());
            let left: Vec<u64> = (65..=200).rev().collect();
            assert_eq!(walk(&journal, &store, 50).await, left);
            assert_eq!(truncate_all(&journal, &store).await, (136, 3));
            assert!(walk(&journal, &store, 50).await.is_empty());
            assert!(store.keys().iter().all(|key| is_number(key)));
        });
    }

    #[test]
    fn an_empty_journal_and_one_that_ends_with_a_stretch_are_done_at_once() {
        let store = MemoryStore::default();
        block_on(async {
            assert_eq!(truncate_all(&Journal::new("j"), &store).await, (0, 1));
            assert!(store.keys().is_empty());
            let journal = partly_sealed(&store, 0, 64).await;
            assert_eq!(truncate_all(&journal, &store).await, (64, 1));
            assert_eq!(truncate_all(&journal, &store).await, (0, 1));
        });
    }

    #[test]
    fn a_journal_goes_on_after_everything_was_removed() {
        let store = MemoryStore::default();
        block_on(async {
            let journal = partly_sealed(&store, 1, 70).await;
            truncate_all(&journal, &store).await;
            let clock = ManualClock::at(2_000_000);
            for n in 71..=200 {
                let entry = Entry {
                    at: clock.now_ms(),
                    n,
                };
                journal.append(&store, &clock, &[entry]).await.unwrap();
            }
            clock.advance_ms(1_000_000);
            while journal.seal::<Entry>(&store, &clock).await.unwrap() {}
            let expected: Vec<u64> = (71..=200).rev().collect();
            assert_eq!(walk(&journal, &store, 50).await, expected);
        });
    }

    #[test]
    fn what_is_refused_before_it_goes_stays() {
        let store = MemoryStore::default();
        block_on(async {
            let journal = partly_sealed(&store, 0, 70).await;
            let before = async |entry: &Entry| match entry.n {
                3 => Err(LedgerError::Corrupt {
                    key: "k".to_owned(),
                    reason: "r".to_owned(),
                }),
                _ => Ok(()),
            };
            assert!(journal.truncate(&store, before).await.is_err());
            assert_eq!(walk(&journal, &store, 50).await.len(), 70);
        });
    }

    #[test]
    fn a_truncation_that_died_anywhere_is_made_up_for_by_the_next_ones() {
        for sealed in [0, 1, 2] {
            for calls in 0.. {
                let store = MemoryStore::default();
                let journal = block_on(partly_sealed(&store, sealed, 150));
                let dying_store = StoppingStore::before_call(&store, calls);
                let finished = truncate(&journal, &dying_store).now_or_never().is_some();
                block_on(truncate_all(&journal, &store));
                let left = store.keys().into_iter().filter(|key| !is_number(key));
                assert_eq!(left.count(), 0, "{sealed} sealed, at call {calls}");
                if finished {
                    break;
                }
            }
        }
    }

    #[test]
    fn a_sealer_that_stands_still_meanwhile_brings_nothing_back_for_readers() {
        for calls in 0.. {
            let store = MemoryStore::default();
            let journal = block_on(partly_sealed(&store, 0, 150));
            let clock = ManualClock::at(1_000_000);
            let slow_store = StoppingStore::before_call(&store, calls);
            let mut slow = Box::pin(journal.seal::<Entry>(&slow_store, &clock));
            let finished = (&mut slow).now_or_never().is_some();
            block_on(truncate_all(&journal, &store));
            if !finished {
                block_on(slow).unwrap();
            }
            let left = block_on(walk(&journal, &store, 50));
            assert!(left.is_empty(), "at call {calls}: {left:?}");
            if finished {
                return;
            }
        }
    }

    #[test]
    fn a_sealed_stretch_costs_five_calls_and_one_that_is_not_one_more_for_each_entry() {
        let store = CountingStore::new(MemoryStore::default());
        block_on(async {
            let journal = partly_sealed(store.inner(), 1, 150).await;
            truncate(&journal, &store).await.unwrap();
            assert_eq!(store.take_calls().total(), 5);
            truncate(&journal, &store).await.unwrap();
            assert_eq!(store.take_calls().total(), 5 + 64);
        });
    }
}
