//! What the journal of entries asks of the store.
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use spinreel_api::Timestamp;
use spinreel_ledger::JOURNAL_SCAN;
use spinreel_platform::memory::{Calls, CountingStore, ManualClock};

use super::*;
use crate::domain::testing::{NOON, entry};

type Counted<'a> = Book<'a, CountingStore, ManualClock>;

fn book<'a>(store: &'a CountingStore, clock: &'a ManualClock) -> Counted<'a> {
    Book::new(store, clock, 30)
}

/// Appends entries about `user` one by one, a second apart, and tidies when the journal wants it.
async fn say(book: &Counted<'_>, count: usize, user: &str) {
    for _ in 0..count {
        book.clock.advance_ms(1_000);
        let mut line = entry(book.clock.now_ms(), "a line");
        line.user_id = Some(user.to_owned());
        if book.append(vec![line]).await.unwrap() {
            book.tidy().await.unwrap();
        }
    }
}

/// How many entries a page of 10 has, and what it cost.
async fn page(book: &Counted<'_>, reader: &Reader, filter: &Filter) -> (usize, Calls) {
    book.store.take_calls();
    let page = book.page(reader, filter, None, 10).await.unwrap();
    (page.items.len(), book.store.take_calls())
}

fn reads(get: u64) -> Calls {
    Calls {
        get,
        ..Calls::default()
    }
}

#[test]
fn a_page_costs_the_same_at_10_and_at_10_000_entries_sealed_or_not() {
    let (store, clock) = (CountingStore::default(), ManualClock::at(NOON));
    let book = book(&store, &clock);
    block_on(async {
        say(&book, 10, "ada").await;
        // The head, the beginning, the segment that is not there yet, the entries.
        let costs = (10, reads(2 + 1 + 10));
        assert_eq!(page(&book, &Reader::Admin, &Filter::default()).await, costs);
        say(&book, 9_990, "ada").await;
        assert_eq!(page(&book, &Reader::Admin, &Filter::default()).await, costs);
        // Deep in the past ten entries are one read.
        let all = Filter::default();
        store.take_calls();
        let page = book.page(&Reader::Admin, &all, Some(4_990), 10).await;
        assert_eq!(page.unwrap().items.len(), 10);
        assert_eq!(store.take_calls(), reads(2 + 1));
    });
}

#[test]
fn one_users_few_entries_among_the_many_of_others_cost_a_bounded_number_of_reads_a_page() {
    let (store, clock) = (CountingStore::default(), ManualClock::at(NOON));
    let book = book(&store, &clock);
    let reader = Reader::User("ada".to_owned());
    block_on(async {
        say(&book, 10, "ada").await;
        for count in [5_000, 20_000] {
            say(&book, count, "bob").await;
            let (items, calls) = page(&book, &reader, &Filter::default()).await;
            assert_eq!(items, 0);
            // Sealed stretches are a read each; those of the last ten minutes are one for each entry.
            let young = SEAL_AFTER_MS / 1_000 + 2 * SEGMENT;
            assert!(
                calls.get <= 2 + JOURNAL_SCAN / SEGMENT + 1 + young,
                "{calls:?}"
            );
            assert_eq!(calls.writes(), 0);
        }
    });
}

#[test]
fn a_search_since_a_moment_reads_no_further_than_that() {
    let (store, clock) = (CountingStore::default(), ManualClock::at(NOON));
    let book = book(&store, &clock);
    block_on(async {
        say(&book, 10_000, "bob").await;
        clock.advance_ms(86_400_000);
        say(&book, 3, "bob").await;
        let filter = Filter {
            since: Some(Timestamp::from_ms(clock.now_ms() - 3_600_000)),
            ..Filter::default()
        };
        // The head, the beginning, a segment that is not there yet, three entries, and the first that is too old.
        assert_eq!(
            page(&book, &Reader::Admin, &filter).await,
            (3, reads(2 + 1 + 4))
        );
    });
}

#[test]
fn a_batch_costs_two_calls_and_tidying_a_bounded_number_however_many_entries_there_are() {
    let (store, clock) = (CountingStore::default(), ManualClock::at(NOON));
    let book = book(&store, &clock);
    block_on(async {
        let mut dearest = 0;
        for round in 0..200 {
            store.take_calls();
            let batch = vec![entry(clock.now_ms(), "a line"); 50];
            let full = book.append(batch).await.unwrap();
            let calls = store.take_calls();
            assert_eq!((calls.increment, calls.set_many, calls.total()), (1, 1, 2));
            if full {
                book.tidy().await.unwrap();
                let calls = store.take_calls().total();
                if round < 100 {
                    dearest = calls.max(dearest);
                } else {
                    assert!(calls <= dearest, "round {round}: {calls} of {dearest}");
                }
            }
            clock.advance_ms(60_000);
        }
        assert!(dearest <= 2 * (SEGMENT + 12) + 2 * 4, "{dearest}");
    });
}
