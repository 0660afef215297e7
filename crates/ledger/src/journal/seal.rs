use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_platform::{Clock, Store};

use super::{Journal, SEAL_AFTER_MS, SEGMENT, Timed};
use crate::LedgerError;
use crate::cell::encode;

impl Journal {
    /// Seals the oldest stretch that is not, if it changes no more; returns whether it did.
    ///
    /// A stretch whose cells are all filled changes no more, however young it is. One with an empty cell may have a
    /// writer that is still at work, so it must be older than any writer can be.
    ///
    /// Safe beside readers, writers and other sealers: all that seal a stretch write the same value.
    pub async fn seal<T: Timed + Serialize + DeserializeOwned>(
        &self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<bool, LedgerError> {
        let mut index = self.sealed(store).await?;
        // The cells are deleted and the marker is written last; a sealer that died before it left that to do.
        while store.get(&self.segment_key(index)).await?.is_some() {
            self.finish_sealing(store, index).await?;
            index += 1;
        }
        let first = index * SEGMENT + 1;
        let last = first + SEGMENT - 1;
        if self.head(store).await? < last {
            return Ok(false);
        }
        let mut entries = Vec::new();
        let mut is_whole = true;
        for number in first..=last {
            let entry = self.slots.cell::<T>(number).get(store).await?;
            if entry.is_none() && is_whole {
                is_whole = false;
                // Numbers are given in order, so an old entry after the stretch means that all of the stretch is at
                // least as old, its empty cells too.
                let newer = self.first_filled::<T>(store, last + 1).await?;
                let age_ms = newer.map(|newer| clock.now_ms().saturating_sub(newer.at_ms()));
                if age_ms.is_none_or(|age_ms| age_ms <= SEAL_AFTER_MS) {
                    return Ok(false);
                }
            }
            entries.push(entry);
        }
        // An empty cell was never filled, or another sealer has just emptied it: then its segment stands by now,
        // or was even dropped again, and what was read here must not replace it. A stretch that was dropped before it
        // was sealed must not come back under a key that nobody deletes any more.
        if (!is_whole && store.get(&self.segment_key(index)).await?.is_some())
            || self.dropped(store).await? > index
        {
            return Ok(false);
        }
        let key = self.segment_key(index);
        store.set(&key, &encode(&key, &entries)?).await?;
        self.finish_sealing(store, index).await?;
        Ok(true)
    }

    /// What is left to do when a stretch's segment stands.
    async fn finish_sealing(&self, store: &impl Store, index: u64) -> Result<(), LedgerError> {
        let first = index * SEGMENT + 1;
        let cells: Vec<String> = (first..first + SEGMENT)
            .map(|number| self.slots.cell_key(number))
            .collect();
        store.delete_many(&cells).await?;
        self.sealed_marker().set(store, &(index + 1)).await
    }

    /// Drops the oldest segment; returns whether there was one. Entries that are not sealed stay.
    ///
    /// The marker that readers stop at is written first and the segment deleted after, so that no reader finds half
    /// a journal; one call's unfinished deletion is made up for by the next.
    pub async fn drop_oldest(&self, store: &impl Store) -> Result<bool, LedgerError> {
        let index = self.dropped(store).await?;
        // Its sealer may still be at work beyond this marker.
        if index >= self.sealed_marker().get(store).await?.unwrap_or(0) {
            return Ok(false);
        }
        self.dropped_marker().set(store, &(index + 1)).await?;
        let mut keys = vec![self.segment_key(index)];
        keys.extend(
            index
                .checked_sub(1)
                .map(|previous| self.segment_key(previous)),
        );
        store.delete_many(&keys).await?;
        Ok(true)
    }

    /// The entry at `from`, or the first one after it where that cell never appeared.
    async fn first_filled<T: Serialize + DeserializeOwned>(
        &self,
        store: &impl Store,
        from: u64,
    ) -> Result<Option<T>, LedgerError> {
        let end = self.head(store).await?.min(from + SEGMENT);
        for number in from..=end {
            if let Some(entry) = self.slots.cell(number).get(store).await? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt;
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore, StoppingStore};

    use super::*;
    use crate::journal::testing::{Entry, filled, walk};

    /// A journal of `count` entries that were made at 1 s, and a clock that stands at 1,000 s.
    async fn old(store: &MemoryStore, count: u64) -> (Journal, ManualClock) {
        let clock = ManualClock::at(1_000);
        let journal = filled(store, &clock, count).await;
        clock.advance_ms(999_000);
        (journal, clock)
    }

    async fn seal_all(journal: &Journal, store: &MemoryStore, clock: &ManualClock) {
        while journal.seal::<Entry>(store, clock).await.unwrap() {}
    }

    fn all(entries: std::ops::RangeInclusive<u64>) -> Vec<u64> {
        entries.rev().collect()
    }

    #[test]
    fn sealing_changes_nothing_for_readers_and_leaves_one_key_per_stretch() {
        let store = MemoryStore::default();
        block_on(async {
            let (journal, clock) = old(&store, 130).await;
            let keys = store.keys().len();
            assert!(journal.seal::<Entry>(&store, &clock).await.unwrap());
            assert!(journal.seal::<Entry>(&store, &clock).await.unwrap());
            assert!(!journal.seal::<Entry>(&store, &clock).await.unwrap());
            assert_eq!(walk(&journal, &store, 50).await, all(1..=130));
            assert_eq!(store.keys().len(), keys - 128 + 2 + 1);
        });
    }

    #[test]
    fn a_stretch_that_is_full_is_sealed_at_once_and_one_that_is_not_is_never() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000));
        block_on(async {
            let journal = filled(&store, &clock, 127).await;
            assert!(journal.seal::<Entry>(&store, &clock).await.unwrap());
            clock.advance_ms(2 * SEAL_AFTER_MS);
            assert!(!journal.seal::<Entry>(&store, &clock).await.unwrap());
        });
    }

    #[test]
    fn a_stretch_with_an_empty_cell_is_sealed_when_no_writer_can_be_left() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000));
        block_on(async {
            let journal = filled(&store, &clock, 60).await;
            crate::Slots::new("j").allocate(&store, 1).await.unwrap();
            for n in 62..=70 {
                let entry = Entry { at: 1_000, n };
                journal.append(&store, &clock, &[entry]).await.unwrap();
            }
            clock.advance_ms(SEAL_AFTER_MS);
            assert!(!journal.seal::<Entry>(&store, &clock).await.unwrap());
            clock.advance_ms(1);
            assert!(journal.seal::<Entry>(&store, &clock).await.unwrap());
            let left: Vec<u64> = (1..=70).rev().filter(|n| *n != 61).collect();
            assert_eq!(walk(&journal, &store, 50).await, left);
        });
    }

    #[test]
    fn a_sealer_that_another_one_overtakes_loses_no_entry() {
        // The slow sealer stands still before its nth call of the store, while the fast one does its work.
        for calls in 0.. {
            let store = MemoryStore::default();
            let (journal, clock) = block_on(old(&store, 130));
            let slow_store = StoppingStore::before_call(&store, calls);
            let mut slow = Box::pin(journal.seal::<Entry>(&slow_store, &clock));
            let finished = (&mut slow).now_or_never().is_some();
            block_on(seal_all(&journal, &store, &clock));
            if !finished {
                block_on(slow).unwrap();
            }
            assert_eq!(
                block_on(walk(&journal, &store, 50)),
                all(1..=130),
                "at call {calls}"
            );
            if finished {
                return;
            }
        }
    }

    #[test]
    fn a_sealer_that_died_anywhere_leaves_a_journal_that_can_be_sealed() {
        for calls in 0.. {
            let store = MemoryStore::default();
            let (journal, clock) = block_on(old(&store, 130));
            let dying_store = StoppingStore::before_call(&store, calls);
            let dying = journal.seal::<Entry>(&dying_store, &clock);
            let finished = dying.now_or_never().is_some();
            block_on(seal_all(&journal, &store, &clock));
            assert_eq!(
                block_on(walk(&journal, &store, 50)),
                all(1..=130),
                "at call {calls}"
            );
            // Two segments, two cells, the head and the marker.
            assert_eq!(store.keys().len(), 2 + 2 + 2, "at call {calls}");
            if finished {
                return;
            }
        }
    }

    #[test]
    fn segments_are_dropped_one_a_call_from_the_oldest_and_readers_stop_there() {
        let store = MemoryStore::default();
        block_on(async {
            let (journal, clock) = old(&store, 200).await;
            seal_all(&journal, &store, &clock).await;
            assert!(journal.drop_oldest(&store).await.unwrap());
            assert_eq!(walk(&journal, &store, 50).await, all(65..=200));
            assert!(!store.keys().contains(&"j/segment/0".to_owned()));
            assert!(journal.drop_oldest(&store).await.unwrap());
            assert!(journal.drop_oldest(&store).await.unwrap());
            // What is not sealed stays.
            assert!(!journal.drop_oldest(&store).await.unwrap());
            assert_eq!(walk(&journal, &store, 50).await, all(193..=200));
        });
    }

    #[test]
    fn a_journal_goes_on_after_everything_sealed_was_dropped() {
        let store = MemoryStore::default();
        block_on(async {
            let (journal, clock) = old(&store, 65).await;
            seal_all(&journal, &store, &clock).await;
            assert!(journal.drop_oldest(&store).await.unwrap());
            for n in 66..=140 {
                let entry = Entry {
                    at: clock.now_ms(),
                    n,
                };
                journal.append(&store, &clock, &[entry]).await.unwrap();
            }
            seal_all(&journal, &store, &clock).await;
            assert_eq!(walk(&journal, &store, 50).await, all(65..=140));
            assert!(store.keys().contains(&"j/segment/1".to_owned()));
        });
    }

    #[test]
    fn a_drop_that_died_anywhere_is_made_up_for_by_the_next_ones() {
        for calls in 0.. {
            let store = MemoryStore::default();
            let (journal, clock) = block_on(old(&store, 200));
            block_on(seal_all(&journal, &store, &clock));
            let dying_store = StoppingStore::before_call(&store, calls);
            let dying = journal.drop_oldest(&dying_store);
            let finished = dying.now_or_never().is_some();
            while block_on(journal.drop_oldest(&store)).unwrap() {}
            assert_eq!(
                block_on(walk(&journal, &store, 50)),
                all(193..=200),
                "at call {calls}"
            );
            let segments = store
                .keys()
                .iter()
                .filter(|key| key.contains("segment"))
                .count();
            assert_eq!(segments, 0, "at call {calls}");
            if finished {
                return;
            }
        }
    }
}
