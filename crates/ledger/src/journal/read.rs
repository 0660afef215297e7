use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_platform::Store;

use super::{Journal, SEGMENT, offset_in_segment, segment_of};
use crate::LedgerError;

/// The most positions that one page looks at, however few entries it keeps.
pub const JOURNAL_SCAN: u64 = 4_096;

/// A page of a journal, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalPage<T> {
    /// Entries with their positions.
    pub items: Vec<(u64, T)>,
    /// Where the next page begins (pass it as `before`); `None` at the journal's beginning.
    pub next: Option<u64>,
}

/// What a reader does with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It belongs on the page.
    Keep,
    /// It does not.
    Skip,
    /// It does not, and nor does anything older.
    Stop,
}

/// The stretch that a reader is in: its index, and its segment where it is sealed.
pub(super) type Stretch<T> = (u64, Option<Vec<Option<T>>>);

impl Journal {
    /// At most `limit` entries that `keep` accepts, from before position `before` (the newest where `None`)
    /// downwards. At most [`JOURNAL_SCAN`] positions are looked at: a page may be short, or empty, and still
    /// have a `next`.
    pub async fn page<T: DeserializeOwned + Serialize + Clone>(
        &self,
        store: &impl Store,
        before: Option<u64>,
        limit: usize,
        mut keep: impl FnMut(&T) -> bool,
    ) -> Result<JournalPage<T>, LedgerError> {
        let look = |entry: &T| if keep(entry) { Look::Keep } else { Look::Skip };
        self.scan(store, before, limit, look).await
    }

    /// As [`page`](Self::page), where the reader knows when to stop: a page that stopped has no `next`.
    pub async fn scan<T: DeserializeOwned + Serialize + Clone>(
        &self,
        store: &impl Store,
        before: Option<u64>,
        limit: usize,
        mut look: impl FnMut(&T) -> Look,
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
            if let Some(entry) = self.entry(store, &mut stretch, position).await? {
                match look(&entry) {
                    Look::Keep => items.push((position, entry)),
                    Look::Skip => {}
                    Look::Stop => return Ok(JournalPage { items, next: None }),
                }
            }
            position -= 1;
        }
        Ok(JournalPage {
            items,
            next: (position > beginning).then_some(position + 1),
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
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

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

    #[test]
    fn a_reader_that_stops_gets_what_it_kept_and_no_next_page() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000));
        block_on(async {
            let journal = filled(&store, &clock, 20).await;
            let look = |entry: &Entry| match entry.n {
                19.. => Look::Keep,
                17 => Look::Stop,
                _ => Look::Skip,
            };
            let page = journal.scan(&store, None, 5, look).await.unwrap();
            let kept: Vec<u64> = page.items.iter().map(|(position, _)| *position).collect();
            assert_eq!(kept, [20, 19]);
            assert_eq!(page.next, None);
        });
    }
}
