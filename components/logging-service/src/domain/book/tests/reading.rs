//! Pages and exports.
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use spinreel_api::Timestamp;

use super::*;
use crate::domain::batch::MAX_AHEAD_MS;
use crate::domain::filter::Order;
use crate::domain::testing::{FOR_EVER, NOON};

#[test]
fn entries_are_listed_newest_first_before_and_after_tidying() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        assert_eq!(say(&book, 1, 150).await, 2);
        let expected: Vec<usize> = (1..=150).rev().collect();
        assert_eq!(walk(&book, Filter::default(), 40).await, expected);
        book.tidy().await.unwrap();
        assert!(store.keys().len() < 40, "{:?}", store.keys());
        assert_eq!(walk(&book, Filter::default(), 40).await, expected);
        let upwards = Filter {
            order: Order::Asc,
            ..Filter::default()
        };
        let expected: Vec<usize> = (1..=150).collect();
        assert_eq!(walk(&book, upwards, 40).await, expected);
    });
}

#[test]
fn a_batch_that_steps_over_the_end_of_a_stretch_wants_tidying() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        // 8 entries a cell.
        let batch = |cells: usize| vec![entry(NOON, "1"); 8 * cells];
        assert!(!book.append(&batch(0)).await.unwrap());
        assert!(!book.append(&batch(63)).await.unwrap());
        assert!(book.append(&batch(2)).await.unwrap());
        assert!(!book.append(&batch(62)).await.unwrap());
        assert!(book.append(&batch(1)).await.unwrap());
    });
}

#[test]
fn a_request_is_told_in_the_order_of_its_times_whatever_the_order_of_arrival() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    let line = |at_ms: u64, n: usize| LogEntry {
        request_id: Some("r".to_owned()),
        ..entry(at_ms, &n.to_string())
    };
    block_on(async {
        book.append(&[line(NOON + 4, 4), line(NOON + 5, 5)])
            .await
            .unwrap();
        book.append(&[line(NOON + 1, 1), line(NOON + 6, 6)])
            .await
            .unwrap();
        book.append(&[line(NOON + 2, 2), line(NOON + 2, 3)])
            .await
            .unwrap();
        let of_request = |order| Filter {
            request_id: Some("r".to_owned()),
            order,
            ..Filter::default()
        };
        let told = walk(&book, of_request(Order::Asc), 50).await;
        assert_eq!(told, [1, 2, 3, 4, 5, 6]);
        let told = walk(&book, of_request(Order::Desc), 50).await;
        assert_eq!(told, [6, 5, 4, 3, 2, 1]);
    });
}

#[test]
fn an_entry_that_was_ahead_of_its_arrival_is_found_by_its_own_time() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        let ahead = NOON + MAX_AHEAD_MS;
        book.append(&[entry(ahead, "1")]).await.unwrap();
        let filter = Filter {
            since: Some(Timestamp::from_ms(ahead)),
            ..Filter::default()
        };
        assert_eq!(walk(&book, filter, 5).await, [1]);
    });
}

#[test]
fn an_export_has_all_that_was_there_when_it_began_oldest_first() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        say(&book, 1, 500).await;
        book.tidy().await.unwrap();
        let mut export = Export::begin(&book, all(Filter::default())).await.unwrap();
        say(&book, 501, 510).await;
        let mut seen = Vec::new();
        while let Some(entries) = export.next(&book).await.unwrap() {
            seen.extend(entries.into_iter().map(|entry| entry.message));
        }
        let expected: Vec<String> = (1..=500).map(|n| n.to_string()).collect();
        assert_eq!(seen, expected);
    });
}
