use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_platform::Store;

use super::Journal;
use crate::LedgerError;
use crate::cell::encode;

impl Journal {
    /// Makes of each entry of a sealed stretch what `change` makes of it, and `None` for nothing: the others keep their
    /// positions. A stretch that is not sealed, or was dropped, stays as it is. Costs two `get`s and a `set`.
    ///
    /// One at a time, and nobody drops meanwhile: that is for the caller's lock to see to. Readers find the stretch as it
    /// was or as it is.
    pub async fn rewrite<T: DeserializeOwned + Serialize>(
        &self,
        store: &impl Store,
        index: u64,
        mut change: impl FnMut(T) -> Option<T>,
    ) -> Result<(), LedgerError> {
        let Some(entries) = self.segment::<T>(store, index).await? else {
            return Ok(());
        };
        let mut entries: Vec<Option<T>> = entries
            .into_iter()
            .map(|entry| entry.and_then(&mut change))
            .collect();
        // A segment may be shorter than its stretch: what is beyond its end is not there.
        while entries.pop_if(|entry| entry.is_none()).is_some() {}
        // What was dropped must not come back under a key that nobody deletes any more.
        if self.dropped(store).await? > index {
            return Ok(());
        }
        let key = self.segment_key(index);
        store.set(&key, &encode(&key, &entries)?).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

    use super::*;
    use crate::journal::testing::{Entry, filled, walk};

    async fn sealed(store: &MemoryStore) -> Journal {
        let clock = ManualClock::at(1_000);
        let journal = filled(store, &clock, 140).await;
        while journal.seal::<Entry>(store, &clock).await.unwrap() {}
        journal
    }

    #[test]
    fn what_stays_keeps_its_position_for_every_reader() {
        let store = CountingStore::new(MemoryStore::default());
        block_on(async {
            let journal = sealed(store.inner()).await;
            let third = |entry: Entry| entry.n.is_multiple_of(3).then_some(entry);
            store.take_calls();
            journal.rewrite(&store, 1, third).await.unwrap();
            let calls = store.take_calls();
            assert_eq!((calls.get, calls.set, calls.total()), (2, 1, 3));
            let left: Vec<u64> = (1..=140)
                .rev()
                .filter(|n| !(65..=128).contains(n) || n % 3 == 0)
                .collect();
            assert_eq!(walk(&journal, store.inner(), 7).await, left);
            let stretch = journal.stretch::<Entry>(&store, 1, 1..=140).await.unwrap();
            assert!(stretch.iter().all(|(position, entry)| *position == entry.n));
            assert_eq!(stretch.len(), 21);
        });
    }

    #[test]
    fn a_stretch_of_which_nothing_stays_is_empty_and_is_dropped_like_any_other() {
        let store = MemoryStore::default();
        block_on(async {
            let journal = sealed(&store).await;
            journal.rewrite(&store, 0, |_: Entry| None).await.unwrap();
            let value = store.get("j/segment/0").await.unwrap();
            assert_eq!(value.as_deref(), Some(&b"[]"[..]));
            assert_eq!(walk(&journal, &store, 50).await.len(), 76);
            assert!(journal.drop_oldest(&store).await.unwrap());
            // Neither what was dropped nor what is not sealed is written.
            for index in [0, 2] {
                journal
                    .rewrite(&store, index, |_: Entry| None)
                    .await
                    .unwrap();
                assert!(!store.keys().contains(&format!("j/segment/{index}")));
            }
            assert_eq!(walk(&journal, &store, 50).await.len(), 76);
        });
    }
}
