//! The journal of entries.

use serde::{Deserialize, Serialize};
use spinreel_api::Page;
use spinreel_api::logs::LogEntry;
use spinreel_http::query::encode_cursor;
use spinreel_ledger::{Journal, LedgerError, Look, SEAL_AFTER_MS, SEGMENT, Timed};
use spinreel_platform::{Clock, Store};

use super::batch::MAX_AHEAD_MS;
use super::filter::{Filter, Reader};

/// How many stretches are sealed, and how many old ones dropped, at most when one is full.
const TIDY_STEPS: usize = 2;

/// An entry as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// When it arrived: what a service says in `at` orders nothing.
    received_ms: u64,
    entry: LogEntry,
}

impl Timed for Kept {
    fn at_ms(&self) -> u64 {
        self.received_ms
    }
}

/// All entries, for as long as the retention says.
///
/// What it costs, in calls of the store, however many entries there are:
///
/// | | calls |
/// |---|---|
/// | [`append`](Self::append), a batch | 1 `increment`, 1 `set_many` |
/// | [`page`](Self::page), n positions looked at | 2 `get`; for each stretch of 64 that was sealed 1 `get`, for each other one 1 `get` and 1 for each entry |
/// | – the most that one looks at, 4,096 positions, all sealed | 2 + 65 `get` |
/// | [`tidy`](Self::tidy), once in 64 entries | at most 2 stretches sealed, 2 dropped |
#[derive(Debug, Clone)]
pub struct Book<'a, S, C> {
    store: &'a S,
    clock: &'a C,
    retention_ms: Option<u64>,
    journal: Journal,
}

impl<'a, S: Store, C: Clock> Book<'a, S, C> {
    /// On this store and clock; entries are kept for `retention_days`, 0 for ever.
    pub fn new(store: &'a S, clock: &'a C, retention_days: u64) -> Self {
        let retention_ms = (retention_days > 0).then(|| retention_days.saturating_mul(86_400_000));
        Self {
            store,
            clock,
            retention_ms,
            journal: Journal::new("logs/journal"),
        }
    }

    /// Appends entries that were checked; returns whether the journal wants to be [tidied](Self::tidy).
    pub async fn append(&self, entries: Vec<LogEntry>) -> Result<bool, LedgerError> {
        if entries.is_empty() {
            return Ok(false);
        }
        let received_ms = self.clock.now_ms();
        let kept: Vec<Kept> = entries
            .into_iter()
            .map(|entry| Kept { received_ms, entry })
            .collect();
        let last = self.journal.append(self.store, self.clock, &kept).await?;
        let before = last.saturating_sub(kept.len() as u64);
        Ok(before / SEGMENT < last / SEGMENT)
    }

    /// A page of the entries that `filter` takes for `reader`, in the order of their arrival, newest first; `before`
    /// is the position that a cursor carries. A page may be short, or empty, and still have a cursor: one call looks
    /// at a bounded number of entries.
    pub async fn page(
        &self,
        reader: &Reader,
        filter: &Filter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<LogEntry>, LedgerError> {
        let kept_since = self.kept_since();
        // No entry is further ahead of its arrival than that, and arrivals are in order but for slow writers.
        let wanted_since = filter
            .since
            .map_or(0, |since| since.as_ms().saturating_sub(MAX_AHEAD_MS));
        let end = kept_since.max(wanted_since).saturating_sub(SEAL_AFTER_MS);
        let look = |kept: &Kept| {
            if kept.received_ms < end {
                Look::Stop
            } else if kept.received_ms >= kept_since && filter.takes(reader, &kept.entry) {
                Look::Keep
            } else {
                Look::Skip
            }
        };
        let page = self.journal.scan(self.store, before, limit, look).await?;
        let list = filter.list_name(reader);
        Ok(Page {
            items: page.items.into_iter().map(|(_, kept)| kept.entry).collect(),
            next_cursor: page.next.map(|next| encode_cursor(&list, next)),
        })
    }

    /// Seals old stretches of the journal and drops those that are past the retention, a bounded number of each.
    pub async fn tidy(&self) -> Result<(), LedgerError> {
        for _ in 0..TIDY_STEPS {
            if !self.journal.seal::<Kept>(self.store, self.clock).await? {
                break;
            }
        }
        for _ in 0..TIDY_STEPS {
            let dropped = self
                .journal
                .drop_before::<Kept>(self.store, self.kept_since());
            if !dropped.await? {
                break;
            }
        }
        Ok(())
    }

    /// Entries that arrived before this moment are not shown.
    fn kept_since(&self) -> u64 {
        self.retention_ms
            .map_or(0, |retention| self.clock.now_ms().saturating_sub(retention))
    }
}

#[cfg(test)]
#[path = "book_costs.rs"]
mod costs;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_api::Timestamp;
    use spinreel_http::query::Query;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;
    use crate::domain::testing::{NOON, entry};

    const DAY_MS: u64 = 86_400_000;

    async fn say(book: &Book<'_, MemoryStore, ManualClock>, from: usize, to: usize) -> usize {
        let mut full = 0;
        for n in from..=to {
            let line = entry(book.clock.now_ms(), &n.to_string());
            full += usize::from(book.append(vec![line]).await.unwrap());
        }
        full
    }

    async fn walk(
        book: &Book<'_, MemoryStore, ManualClock>,
        filter: &Filter,
        limit: usize,
    ) -> Vec<usize> {
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = book
                .page(&Reader::Admin, filter, before, limit)
                .await
                .unwrap();
            seen.extend(
                page.items
                    .iter()
                    .map(|entry| entry.message.parse::<usize>().unwrap()),
            );
            let Some(cursor) = page.next_cursor else {
                return seen;
            };
            let query = Query::parse(&format!("cursor={cursor}"));
            before = query.cursor(&filter.list_name(&Reader::Admin)).unwrap();
        }
    }

    #[test]
    fn entries_are_listed_newest_first_before_and_after_tidying() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, 30);
        block_on(async {
            assert_eq!(say(&book, 1, 150).await, 2);
            let all: Vec<usize> = (1..=150).rev().collect();
            assert_eq!(walk(&book, &Filter::default(), 40).await, all);
            clock.advance_ms(SEAL_AFTER_MS + 1);
            book.tidy().await.unwrap();
            assert!(store.keys().len() < 40);
            assert_eq!(walk(&book, &Filter::default(), 40).await, all);
        });
    }

    #[test]
    fn a_batch_that_steps_over_the_end_of_a_stretch_wants_tidying() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, 30);
        block_on(async {
            let batch = |count: usize| vec![entry(NOON, "1"); count];
            assert!(!book.append(batch(0)).await.unwrap());
            assert!(!book.append(batch(63)).await.unwrap());
            assert!(book.append(batch(2)).await.unwrap());
            assert!(!book.append(batch(62)).await.unwrap());
            assert!(book.append(batch(1)).await.unwrap());
        });
    }

    #[test]
    fn a_filter_holds_over_all_pages() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, 30);
        block_on(async {
            say(&book, 1, 120).await;
            let filter = Filter {
                q: Some("7".to_owned()),
                ..Filter::default()
            };
            let expected: Vec<usize> = (1..=120)
                .rev()
                .filter(|n| n.to_string().contains('7'))
                .collect();
            assert_eq!(walk(&book, &filter, 3).await, expected);
        });
    }

    #[test]
    fn a_search_since_a_moment_ends_there() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, 0);
        block_on(async {
            say(&book, 1, 5_000).await;
            clock.advance_ms(DAY_MS);
            let filter = Filter {
                since: Some(Timestamp::from_ms(clock.now_ms())),
                ..Filter::default()
            };
            say(&book, 5_001, 5_002).await;
            let page = book.page(&Reader::Admin, &filter, None, 50).await.unwrap();
            assert_eq!(page.items.len(), 2);
            assert_eq!(page.next_cursor, None);
        });
    }

    #[test]
    fn an_entry_that_was_ahead_of_its_arrival_is_found_by_its_own_time() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, 0);
        block_on(async {
            let ahead = NOON + MAX_AHEAD_MS;
            book.append(vec![entry(ahead, "1")]).await.unwrap();
            let filter = Filter {
                since: Some(Timestamp::from_ms(ahead)),
                ..Filter::default()
            };
            assert_eq!(walk(&book, &filter, 5).await, [1]);
        });
    }

    #[test]
    fn old_entries_are_not_shown_and_their_stretches_are_dropped() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, 30);
        block_on(async {
            say(&book, 1, 100).await;
            clock.advance_ms(29 * DAY_MS);
            say(&book, 101, 200).await;
            assert_eq!(walk(&book, &Filter::default(), 50).await.len(), 200);
            clock.advance_ms(2 * DAY_MS);
            let young: Vec<usize> = (101..=200).rev().collect();
            assert_eq!(walk(&book, &Filter::default(), 50).await, young);
            for _ in 0..5 {
                book.tidy().await.unwrap();
            }
            assert!(!store.keys().contains(&"logs/journal/segment/0".to_owned()));
            // The second stretch has young entries too.
            assert!(store.keys().contains(&"logs/journal/segment/1".to_owned()));
            assert_eq!(walk(&book, &Filter::default(), 50).await, young);
        });
    }

    #[test]
    fn without_a_retention_nothing_is_ever_dropped() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, 0);
        block_on(async {
            say(&book, 1, 130).await;
            clock.advance_ms(10_000 * DAY_MS);
            book.tidy().await.unwrap();
            assert_eq!(walk(&book, &Filter::default(), 50).await.len(), 130);
        });
    }

    #[test]
    fn a_sealed_stretch_of_the_largest_entries_fits_the_smallest_store() {
        use crate::domain::text::{MAX_ENTRY, cut, size};
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, 0);
        block_on(async {
            let mut largest = entry(NOON, &"\"".repeat(8_000));
            cut(&mut largest);
            largest
                .message
                .extend(std::iter::repeat_n('x', MAX_ENTRY - size(&largest)));
            book.append(vec![largest; 65]).await.unwrap();
            clock.advance_ms(SEAL_AFTER_MS + 1);
            book.tidy().await.unwrap();
            let segment = store.get("logs/journal/segment/0").await.unwrap().unwrap();
            assert!(segment.len() < 1_000_000, "{}", segment.len());
        });
    }
}
