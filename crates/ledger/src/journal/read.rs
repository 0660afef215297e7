use std::ops::RangeInclusive;

use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_platform::Store;

use super::{Journal, SEGMENT, offset_in_segment, segment_of};
use crate::LedgerError;

/// The most positions that one page looks at, however few entries it keeps.
const JOURNAL_SCAN: u64 = 4_096;

/// A page of a journal, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalPage<T> {
    /// Entries with their positions.
    pub items: Vec<(u64, T)>,
    /// Where the next page begins (pass it as `before`); `None` at the journal's beginning.
    pub next: Option<u64>,
}

/// The stretch that a reader is in: its index, and its segment where it is sealed.
pub(super) type Stretch<T> = (u64, Option<Vec<Option<T>>>);

impl Journal {
    /// At most `limit` entries that `keep` accepts, from before position `before` (the newest where `None`)
    /// downwards. At most 4,096 positions are looked at: a page may be short, or empty, and still
    /// have a `next`.
    pub async fn page<T: DeserializeOwned + Serialize + Clone>(
        &self,
        store: &impl Store,
        before: Option<u64>,
        limit: usize,
        mut keep: impl FnMut(&T) -> bool,
    ) -> Result<JournalPage<T>, LedgerError> {
        let newest = match before {
            Some(before) => before.saturating_sub(1).min(self.head(store).await?),
            None => self.head(store).await?,
        };
        let beginning = self.dropped(store).await? * SEGMENT;
        let oldest = newest.saturating_sub(JOURNAL_SCAN).max(beginning);
        let mut items = Vec::new();
        let mut stretch: Stretch<T> = (u64::MAX, None);
        let mut position = newest;
        while position > oldest && items.len() < limit {
            if let Some(entry) = self.entry(store, &mut stretch, position).await?
                && keep(&entry)
            {
                items.push((position, entry));
            }
            position -= 1;
        }
        Ok(JournalPage {
            items,
            next: (position > beginning).then_some(position + 1),
        })
    }

    /// The entries of the stretch with this index, sealed or not, whose positions are in `wanted`, with these positions,
    /// oldest first. Costs a `get` where it is sealed, else a `get` and one for each position.
    pub async fn stretch<T: DeserializeOwned + Serialize>(
        &self,
        store: &impl Store,
        index: u64,
        wanted: RangeInclusive<u64>,
    ) -> Result<Vec<(u64, T)>, LedgerError> {
        let first = index * SEGMENT + 1;
        let wanted = (*wanted.start()).max(first)..=(*wanted.end()).min(first + SEGMENT - 1);
        let mut sealed = self.segment::<T>(store, index).await?;
        let mut entries = Vec::new();
        if sealed.is_none() {
            for position in wanted.clone() {
                match self.slots.cell::<T>(position).get(store).await? {
                    Some(entry) => entries.push((position, entry)),
                    // The stretch may have been sealed since its segment was looked for.
                    None => sealed = self.segment(store, index).await?,
                }
                if sealed.is_some() {
                    break;
                }
            }
        }
        Ok(match sealed {
            None => entries,
            Some(sealed) => (first..)
                .zip(sealed)
                .filter(|(position, _)| wanted.contains(position))
                .filter_map(|(position, entry)| Some((position, entry?)))
                .collect(),
        })
    }

    /// The entry at `position`; `stretch` remembers the segment from one position to the next.
    pub(super) async fn entry<T: DeserializeOwned + Serialize + Clone>(
        &self,
        store: &impl Store,
        stretch: &mut Stretch<T>,
        position: u64,
    ) -> Result<Option<T>, LedgerError> {
        let index = segment_of(position);
        if stretch.0 != index {
            *stretch = (index, self.segment(store, index).await?);
        }
        if stretch.1.is_none() {
            if let Some(entry) = self.slots.cell::<T>(position).get(store).await? {
                return Ok(Some(entry));
            }
            // The stretch may have been sealed since its segment was looked for.
            stretch.1 = self.segment(store, index).await?;
        }
        let sealed = stretch.1.as_ref();
        Ok(sealed.and_then(|entries| entries.get(offset_in_segment(position))?.clone()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt;
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore, StoppingStore};

    use super::*;
    use crate::Slots;
    use crate::journal::testing::{Entry, filled, walk};

    #[test]
    fn pages_cover_every_entry_once_newest_first() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000));
        block_on(async {
            let journal = filled(&store, &clock, 200).await;
            let seen = walk(&journal, &store, 7).await;
            assert_eq!(seen, (1..=200).rev().collect::<Vec<_>>());
        });
    }

    #[test]
    fn a_cell_that_never_appeared_is_skipped() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000));
        block_on(async {
            let journal = filled(&store, &clock, 2).await;
            Slots::new("j").allocate(&store, 1).await.unwrap();
            let entry = Entry { at: 0, n: 4 };
            journal.append(&store, &clock, &[entry]).await.unwrap();
            assert_eq!(walk(&journal, &store, 10).await, [4, 2, 1]);
        });
    }

    #[test]
    fn a_stretch_is_the_same_sealed_or_not_and_while_it_is_being_sealed() {
        for calls in 0.. {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000));
            let journal = block_on(filled(&store, &clock, 130));
            let slow_store = StoppingStore::before_call(&store, calls);
            let mut slow = Box::pin(journal.stretch::<Entry>(&slow_store, 1, 70..=200));
            let finished = (&mut slow).now_or_never();
            while block_on(journal.seal::<Entry>(&store, &clock)).unwrap() {}
            let is_over = finished.is_some();
            let read = finished.unwrap_or_else(|| block_on(slow)).unwrap();
            let positions: Vec<u64> = read.iter().map(|(position, _)| *position).collect();
            assert_eq!(positions, (70..=128).collect::<Vec<_>>(), "at call {calls}");
            assert!(read.iter().all(|(position, entry)| *position == entry.n));
            if is_over {
                return;
            }
        }
    }

    #[test]
    fn a_page_with_a_filter_ends_after_a_bounded_scan() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000));
        block_on(async {
            let journal = filled(&store, &clock, JOURNAL_SCAN + 10).await;
            let third = |entry: &Entry| entry.n == 3;
            let page = journal.page(&store, None, 5, third).await.unwrap();
            assert!(page.items.is_empty());
            let page = journal.page(&store, page.next, 5, third).await.unwrap();
            assert_eq!(page.items.len(), 1);
            assert_eq!(page.next, None);
        });
    }
}
