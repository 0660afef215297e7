use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_platform::{Clock, Store};

use super::{Journal, SEAL_AFTER_MS, SEGMENT, Timed};
use crate::cell::encode;
use crate::{Cell, LedgerError};

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
        Ok(self.seal_many::<T>(store, clock, 1).await? > 0)
    }

    /// As [`seal`](Self::seal), for the `at_most` oldest of them, with as many writes as for one: two. Returns how many.
    pub async fn seal_many<T: Timed + Serialize + DeserializeOwned>(
        &self,
        store: &impl Store,
        clock: &impl Clock,
        at_most: usize,
    ) -> Result<usize, LedgerError> {
        let first = self.first_unsealed(store).await?;
        let head = self.head(store).await?;
        let (mut pairs, mut cells) = (Vec::new(), Vec::new());
        for index in (first..).take(at_most) {
            if head < (index + 1) * SEGMENT {
                break;
            }
            let Some(entries) = self.unchanging::<T>(store, clock, index).await? else {
                break;
            };
            let key = self.segment_key(index);
            let value = encode(&key, &entries)?;
            pairs.push((key, value));
            cells.extend(self.cell_keys(index));
        }
        let sealed = pairs.len();
        // A stretch that was dropped before it was sealed must not come back under a key that nobody deletes any more.
        if sealed == 0 || self.dropped(store).await? > first {
            return Ok(0);
        }
        // The marker is the last, also where the provider does not write together.
        pairs.push(self.sealed_marker().pair(&(first + sealed as u64))?);
        store.set_many(&pairs).await?;
        store.delete_many(&cells).await?;
        Ok(sealed)
    }

    /// The first stretch without a segment. What a sealer that died left undone of those before it is done.
    async fn first_unsealed(&self, store: &impl Store) -> Result<u64, LedgerError> {
        let sealed = self.sealed(store).await?;
        let mut cells = Vec::new();
        // Cells are deleted from the first to the last, so the last one tells whether all are.
        let mut index = sealed;
        while let Some(before) = index.checked_sub(1)
            && store
                .get(&self.slots.cell_key(index * SEGMENT))
                .await?
                .is_some()
            && store.get(&self.segment_key(before)).await?.is_some()
        {
            cells.extend(self.cell_keys(before));
            index = before;
        }
        index = sealed;
        while store.get(&self.segment_key(index)).await?.is_some() {
            cells.extend(self.cell_keys(index));
            index += 1;
        }
        if !cells.is_empty() {
            store.delete_many(&cells).await?;
        }
        if index > sealed {
            self.sealed_marker().set(store, &index).await?;
        }
        Ok(index)
    }

    /// The cells of a stretch, where they change no more.
    async fn unchanging<T: Timed + Serialize + DeserializeOwned>(
        &self,
        store: &impl Store,
        clock: &impl Clock,
        index: u64,
    ) -> Result<Option<Vec<Option<T>>>, LedgerError> {
        let mut entries = Vec::new();
        let mut is_whole = true;
        for key in self.cell_keys(index) {
            let entry = Cell::<T>::new(key).get(store).await?;
            if entry.is_none() && is_whole {
                is_whole = false;
                // Numbers are given in order, so an old entry after the stretch means that all of the stretch is at
                // least as old, its empty cells too.
                let newer = self
                    .first_filled::<T>(store, (index + 1) * SEGMENT + 1)
                    .await?;
                let age_ms = newer.map(|newer| clock.now_ms().abs_diff(newer.at_ms()));
                if age_ms.is_none_or(|age_ms| age_ms <= SEAL_AFTER_MS) {
                    return Ok(None);
                }
            }
            entries.push(entry);
        }
        // An empty cell was never filled, or another sealer has just emptied it: then its segment stands by now,
        // or was even dropped again, and what was read here must not replace it.
        let is_taken = !is_whole && store.get(&self.segment_key(index)).await?.is_some();
        Ok((!is_taken).then_some(entries))
    }

    /// The keys of a stretch's cells.
    pub(super) fn cell_keys(&self, index: u64) -> impl Iterator<Item = String> + '_ {
        let first = index * SEGMENT + 1;
        (first..first + SEGMENT).map(|number| self.slots.cell_key(number))
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
    use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore, StoppingStore};

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

    #[test]
    fn many_stretches_are_sealed_by_two_writes_and_a_look() {
        let store = CountingStore::new(MemoryStore::default());
        block_on(async {
            let (journal, clock) = old(store.inner(), 64 * 5 + 10).await;
            store.take_calls();
            let sealed = journal.seal_many::<Entry>(&store, &clock, 3).await.unwrap();
            let calls = store.take_calls();
            assert_eq!((sealed, calls.writes()), (3, 2));
            assert_eq!(calls.reads(), 3 * 64 + 2 + 1 + 1 + 1);
            let sealed = journal.seal_many::<Entry>(&store, &clock, 9).await.unwrap();
            assert_eq!((sealed, store.take_calls().writes()), (2, 2));
            let sealed = journal.seal_many::<Entry>(&store, &clock, 9).await.unwrap();
            assert_eq!((sealed, store.take_calls().writes()), (0, 0));
            assert_eq!(walk(&journal, store.inner(), 50).await, all(1..=330));
        });
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
            let mut slow = Box::pin(journal.seal_many::<Entry>(&slow_store, &clock, 2));
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
            let dying = journal.seal_many::<Entry>(&dying_store, &clock, 2);
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
