//! What is kept, and what tidiers that die leave.
#![allow(clippy::unwrap_used)]

use futures::FutureExt as _;
use futures::executor::block_on;
use spinreel_platform::memory::StoppingStore;

use super::*;
use crate::domain::testing::{FOR_EVER, NOON};

#[test]
fn old_entries_are_not_shown_and_their_stretches_are_dropped_whole() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let retention = Retention {
        days: 30,
        entries: [0, 0, 0],
    };
    let book = Book::new(&store, &clock, retention);
    block_on(async {
        say(&book, 1, 100).await;
        book.tidy().await.unwrap();
        clock.advance_ms(29 * DAY_MS);
        say(&book, 101, 200).await;
        assert_eq!(walk(&book, Filter::default(), 50).await.len(), 200);
        clock.advance_ms(2 * DAY_MS);
        let young: Vec<usize> = (101..=200).rev().collect();
        assert_eq!(walk(&book, Filter::default(), 50).await, young);
        book.tidy().await.unwrap();
        assert!(!store.keys().contains(&"logs/journal/segment/0".to_owned()));
        // The second stretch has young entries too.
        assert!(store.keys().contains(&"logs/journal/segment/1".to_owned()));
        assert_eq!(walk(&book, Filter::default(), 50).await, young);
    });
}

#[test]
fn no_more_stretches_are_kept_than_hold_as_many_entries_as_shall_be_kept() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let retention = Retention {
        days: 0,
        entries: [0, 1_000, 0],
    };
    let book = Book::new(&store, &clock, retention);
    block_on(async {
        let mut most_keys = 0;
        for n in 1..=20_000 {
            if say(&book, n, n).await > 0 {
                book.tidy().await.unwrap();
                most_keys = most_keys.max(store.keys().len());
            }
        }
        let shown = walk(&book, Filter::default(), 200).await;
        assert!(
            (1_000..1_000 + 64).contains(&shown.len()),
            "{}",
            shown.len()
        );
        assert_eq!(shown[0], 20_000);
        assert!(shown.is_sorted_by(|a, b| *a == b + 1));
        // Nothing of what was dropped stays in the index either.
        assert!(most_keys < 64 + 16 + 40, "{most_keys}");
    });
}

#[test]
fn without_a_retention_nothing_is_ever_dropped() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        say(&book, 1, 130).await;
        clock.advance_ms(10_000 * DAY_MS);
        book.tidy().await.unwrap();
        assert_eq!(walk(&book, Filter::default(), 50).await.len(), 130);
    });
}

#[test]
fn a_sealed_stretch_of_the_largest_entries_fits_the_smallest_store() {
    use crate::domain::text::{MAX_ENTRY, cut, size};
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        let mut largest = entry(NOON, &"\"".repeat(8_000));
        cut(&mut largest);
        let missing = MAX_ENTRY - size(&largest);
        largest.message.extend(std::iter::repeat_n('x', missing));
        book.append(&vec![largest; 64]).await.unwrap();
        book.tidy().await.unwrap();
        let segment = store.get("logs/journal/segment/0").await.unwrap().unwrap();
        assert!(segment.len() < 1_000_000, "{}", segment.len());
    });
}

#[test]
fn a_tidier_that_died_anywhere_is_made_up_for_by_the_next_and_nothing_is_dropped_twice() {
    let retention = Retention {
        days: 30,
        entries: [0, 300, 0],
    };
    for calls in 0.. {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, retention);
        block_on(async {
            for n in 1..=64 * 19 {
                if say(&book, n, n).await > 0 && n < 64 * 17 {
                    book.tidy().await.unwrap();
                }
            }
        });
        let dying_store = StoppingStore::before_call(&store, calls);
        let dying = Book::new(&dying_store, &clock, retention);
        let finished = dying.tidy().now_or_never().is_some();
        clock.advance_ms(AFTER_A_DEATH_MS);
        for _ in 0..4 {
            block_on(book.tidy()).unwrap();
        }
        let shown = block_on(walk(&book, Filter::default(), 200));
        let expected: Vec<usize> = (64 * 14 + 1..=64 * 19).rev().collect();
        assert_eq!(shown, expected, "at call {calls}");
        let left = store.keys();
        let segments = left.iter().filter(|key| key.contains("/segment/"));
        // The next drop deletes a segment that was dropped and whose key stands yet.
        assert!(segments.count() <= 6, "at call {calls}: {left:?}");
        // A lock whose holder died leaves a key that means nothing.
        assert!(left.len() <= 6 + 13, "at call {calls}: {left:?}");
        if finished {
            return;
        }
    }
}

#[test]
fn the_metrics_count_every_line_once_and_outlive_what_is_dropped() {
    let retention = Retention {
        days: 0,
        entries: [0, 100, 0],
    };
    for calls in 0.. {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, retention);
        let counted = async || {
            let text = book.metrics().await.unwrap().render("1");
            let line = text.lines().find_map(|line| {
                line.strip_prefix("spinreel_log_entries_total")?
                    .split_once("} ")
            });
            line.map_or(0, |(_, number)| number.parse::<usize>().unwrap())
        };
        block_on(async {
            assert_eq!(counted().await, 0);
            say(&book, 1, 70).await;
            assert_eq!(counted().await, 70);
            for n in 71..=500 {
                if say(&book, n, n).await > 0 && n < 400 {
                    book.tidy().await.unwrap();
                }
            }
            assert_eq!(counted().await, 500);
        });
        let dying_store = StoppingStore::before_call(&store, calls);
        let dying = Book::new(&dying_store, &clock, retention);
        let finished = dying.tidy().now_or_never().is_some();
        assert_eq!(block_on(counted()), 500, "at call {calls}");
        clock.advance_ms(AFTER_A_DEATH_MS);
        for _ in 0..4 {
            block_on(book.tidy()).unwrap();
            assert_eq!(block_on(counted()), 500, "at call {calls}");
        }
        assert!(block_on(walk(&book, Filter::default(), 200)).len() < 200);
        if finished {
            return;
        }
    }
}
