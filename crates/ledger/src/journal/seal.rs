use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_platform::{Clock, Store};

use super::{Journal, SEAL_AFTER_MS, SEGMENT, Timed};
use crate::LedgerError;
use crate::cell::encode;

impl Journal {
    /// Seals the oldest stretch that is not, if it is old enough; returns whether it did.
    ///
    /// Safe beside readers, writers and other sealers: a stretch that old changes no more, so all that seal it
    /// write the same value.
    pub async fn seal<T: Timed + Serialize + DeserializeOwned>(
        &self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<bool, LedgerError> {
        let marker = self.sealed_marker();
        let dropped = self.dropped(store).await?;
        let mut index = marker.get(store).await?.unwrap_or(0).max(dropped);
        // The marker is written last; a sealer that died before it left a segment to step over.
        while store.get(&self.segment_key(index)).await?.is_some() {
            index += 1;
        }
        let first = index * SEGMENT + 1;
        let last = first + SEGMENT - 1;
        if self.head(store).await? <= last {
            return Ok(false);
        }
        // Numbers are given in order, so an old entry after the stretch means that all of the stretch is at
        // least as old, its empty cells too.
        let old_enough = |entry: &T| clock.now_ms().saturating_sub(entry.at_ms()) > SEAL_AFTER_MS;
        let newer = self.first_filled::<T>(store, last + 1).await?;
        if !newer.as_ref().is_some_and(old_enough) {
            return Ok(false);
        }
        let mut entries = Vec::new();
        for number in first..=last {
            entries.push(self.slots.cell::<T>(number).get(store).await?);
        }
        // An empty cell was never filled, or another sealer has just emptied it: then its segment stands by now,
        // or was even dropped again, and what was read here must not replace it. A stretch that was dropped before it
        // was sealed must not come back under a key that nobody deletes any more.
        if (entries.iter().any(Option::is_none)
            && store.get(&self.segment_key(index)).await?.is_some())
            || self.dropped(store).await? > index
        {
            return Ok(false);
        }
        let key = self.segment_key(index);
        store.set(&key, &encode(&key, &entries)?).await?;
        let cells: Vec<String> = (first..=last).map(|n| self.slots.cell_key(n)).collect();
        store.delete_many(&cells).await?;
        marker.set(store, &(index + 1)).await?;
        Ok(true)
    }

    /// Drops the oldest segment if all of its entries were made before `before_ms` (milliseconds since the Unix
    /// epoch); returns whether it did. Entries that are not sealed stay, however old they are.
    ///
    /// The marker that readers stop at is written first and the segment deleted after, so that no reader finds half
    /// a journal; one call's unfinished deletion is made up for by the next.
    pub async fn drop_before<T: Timed + DeserializeOwned>(
        &self,
        store: &impl Store,
        before_ms: u64,
    ) -> Result<bool, LedgerError> {
        let index = self.dropped(store).await?;
        // Its sealer may still be at work beyond this marker.
        if index >= self.sealed_marker().get(store).await?.unwrap_or(0) {
            return Ok(false);
        }
        let segment = self.segment::<T>(store, index).await?.unwrap_or_default();
        if segment
            .iter()
            .flatten()
            .any(|entry| entry.at_ms() >= before_ms)
        {
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
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;
    use crate::journal::testing::{Entry, Stopping, filled, walk};

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
    fn a_young_stretch_is_not_sealed() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000));
        block_on(async {
            let journal = filled(&store, &clock, 130).await;
            clock.advance_ms(SEAL_AFTER_MS);
            assert!(!journal.seal::<Entry>(&store, &clock).await.unwrap());
        });
    }

    #[test]
    fn a_sealer_that_another_one_overtakes_loses_no_entry() {
        // The slow sealer stands still before its nth call of the store, while the fast one does its work.
        for calls in 0.. {
            let store = MemoryStore::default();
            let (journal, clock) = block_on(old(&store, 130));
            let slow_store = Stopping::before_call(&store, calls);
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
            let dying_store = Stopping::before_call(&store, calls);
            let dying = journal.seal::<Entry>(&dying_store, &clock);
            let finished = dying.now_or_never().is_some();
            block_on(seal_all(&journal, &store, &clock));
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
    fn old_segments_are_dropped_one_a_call_and_readers_stop_there() {
        let store = MemoryStore::default();
        block_on(async {
            let (journal, clock) = old(&store, 64).await;
            for n in 65..=200 {
                let entry = Entry { at: 500_000, n };
                journal.append(&store, &clock, &[entry]).await.unwrap();
            }
            clock.advance_ms(1_000_000);
            seal_all(&journal, &store, &clock).await;
            assert!(journal.drop_before::<Entry>(&store, 500_000).await.unwrap());
            assert!(!journal.drop_before::<Entry>(&store, 500_000).await.unwrap());
            assert_eq!(walk(&journal, &store, 50).await, all(65..=200));
            assert!(!store.keys().contains(&"j/segment/0".to_owned()));
            assert!(journal.drop_before::<Entry>(&store, 500_001).await.unwrap());
            assert!(journal.drop_before::<Entry>(&store, 500_001).await.unwrap());
            // What is not sealed stays.
            assert!(
                !journal
                    .drop_before::<Entry>(&store, u64::MAX)
                    .await
                    .unwrap()
            );
            assert_eq!(walk(&journal, &store, 50).await, all(193..=200));
        });
    }

    #[test]
    fn a_journal_goes_on_after_everything_sealed_was_dropped() {
        let store = MemoryStore::default();
        block_on(async {
            let (journal, clock) = old(&store, 65).await;
            seal_all(&journal, &store, &clock).await;
            assert!(
                journal
                    .drop_before::<Entry>(&store, u64::MAX)
                    .await
                    .unwrap()
            );
            for n in 66..=140 {
                let entry = Entry {
                    at: clock.now_ms(),
                    n,
                };
                journal.append(&store, &clock, &[entry]).await.unwrap();
            }
            clock.advance_ms(1_000_000);
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
            let dying_store = Stopping::before_call(&store, calls);
            let dying = journal.drop_before::<Entry>(&dying_store, u64::MAX);
            let finished = dying.now_or_never().is_some();
            while block_on(journal.drop_before::<Entry>(&store, u64::MAX)).unwrap() {}
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
