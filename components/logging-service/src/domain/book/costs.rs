//! What the log asks of the store.
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use spinreel_api::Timestamp;
use spinreel_ledger::SEGMENT;
use spinreel_platform::memory::{Calls, CountingStore, ManualClock};

use super::*;
use crate::domain::filter::Filter;
use crate::domain::testing::{FOR_EVER, NOON, all, entry};

type Counted<'a> = Book<'a, CountingStore, ManualClock>;

/// Appends entries one by one, a second apart, each of a request of its own and about a user of many, and tidies when the journal wants
/// it; returns the calls of the dearest tidying.
async fn say(book: &Counted<'_>, from: u64, to: u64) -> u64 {
    let mut dearest = 0;
    for n in from..=to {
        book.clock.advance_ms(1_000);
        let line = LogEntry {
            user_id: Some(format!("user-{}", n % 5_000)),
            request_id: Some(format!("request-{n}")),
            ..entry(book.clock.now_ms(), "a line")
        };
        if book.append(&[line]).await.unwrap() {
            book.store.take_calls();
            book.tidy().await.unwrap();
            dearest = dearest.max(book.store.take_calls().total());
        }
    }
    dearest
}

/// How many entries a page of 10 has, and what it cost.
async fn page(book: &Counted<'_>, filter: Filter) -> (usize, Calls) {
    book.store.take_calls();
    let found = book.page(&all(filter), None, 10).await.unwrap();
    (found.items.len(), book.store.take_calls())
}

fn reads(get: u64) -> Calls {
    Calls {
        get,
        ..Calls::default()
    }
}

fn of_request(n: u64) -> Filter {
    Filter {
        request_id: Some(format!("request-{n}")),
        ..Filter::default()
    }
}

fn of_user(n: u64) -> Filter {
    Filter {
        user_id: Some(format!("user-{n}")),
        ..Filter::default()
    }
}

/// An hour that was over two hours before `now_ms`.
fn an_hour(now_ms: u64) -> Filter {
    Filter {
        since: Some(Timestamp::from_ms(now_ms - 3 * 3_600_000)),
        until: Some(Timestamp::from_ms(now_ms - 2 * 3_600_000)),
        ..Filter::default()
    }
}

#[test]
fn the_newest_page_costs_the_same_at_100_and_at_100_000_entries() {
    let (store, clock) = (CountingStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        say(&book, 1, 100).await;
        // The head, the beginning, the segment that is not there yet, and 36 cells beyond the sealed stretch.
        let costs = (10, reads(2 + 1 + 36));
        assert_eq!(page(&book, Filter::default()).await, costs);
        say(&book, 101, 64 * 1_562 + 36).await;
        assert_eq!(page(&book, Filter::default()).await, costs);
    });
}

#[test]
fn what_is_looked_for_by_user_request_or_time_is_found_in_few_reads_however_many_entries_there_are()
{
    let (store, clock) = (CountingStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    let mut said = 0;
    // The ends, the levels, the cells that are not sealed.
    let fixed = 3 + 1 + SEGMENT;
    for (entries, levels) in [(15_000, 4), (150_000, 6)] {
        block_on(say(&book, said + 1, entries));
        said = entries;
        // Of each level three runs at most are not merged yet, and a tidier may be one step behind.
        let index = 4 * levels;
        block_on(async {
            for n in [1, 700, entries / 2, entries - 7_000, entries] {
                let (found, calls) = page(&book, of_request(n)).await;
                assert_eq!(found, 1, "{n} of {entries}");
                assert!(
                    calls.get <= fixed + index + 1,
                    "{n} of {entries}: {calls:?}"
                );
                assert_eq!(calls.writes(), 0);
            }
            let (found, calls) = page(&book, of_request(0)).await;
            assert_eq!(found, 0);
            assert!(calls.get <= fixed + index, "{calls:?}");
            // One of a user's entries in each of the segments that have any: 3 of 15,000, the newest 10 of the others.
            let (found, calls) = page(&book, of_user(17)).await;
            assert_eq!(found, 10.min(entries as usize / 5_000));
            assert!(calls.get <= fixed + index + 10, "{calls:?}");
            let (found, calls) = page(&book, an_hour(clock.now_ms())).await;
            assert_eq!(found, 10);
            // Two nodes of zones, of which each may change once; the segment.
            assert!(calls.get <= fixed + 4 + 1, "{calls:?}");
        });
    }
}

#[test]
fn a_batch_costs_two_calls_and_tidying_a_bounded_number_however_many_entries_there_are() {
    let (store, clock) = (CountingStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        let batch = vec![entry(clock.now_ms(), "a line"); 50];
        store.take_calls();
        book.append(&batch).await.unwrap();
        let calls = store.take_calls();
        assert_eq!((calls.increment, calls.set_many, calls.total()), (1, 1, 2));
        let dearest = say(&book, 1, 40_000).await;
        // A stretch is sealed by 64 cells and 8 calls, and put in the index and the metrics by 10; a look whether there is
        // another one takes 6. Beside each, 4 pages are merged by 6 calls. The rest is the lock, the ends, and what is old.
        assert!(dearest <= 20 + (64 + 8) + 10 + 6 + 8 * 6, "{dearest}");
    });
}

#[test]
fn a_million_entries_of_a_batch_each_have_fewer_than_20_000_keys() {
    // Keys grow with the number of segments alone, so a tenth shows it.
    let (store, clock) = (CountingStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(say(&book, 1, 100_000));
    let keys = store.inner().keys().len();
    assert!(keys < 2_000, "{keys}");
}
