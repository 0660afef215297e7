#![allow(clippy::unwrap_used)]
use futures::executor::block_on;
use spinreel_api::usage::ActionKind;
use spinreel_http::query::Query;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

use super::*;
use crate::domain::testing::{NOON, Stepping, action, playback, reserved, settle, viewed};

const DAY_MS: u64 = 86_400_000;

/// Writes a deletion of so many bytes down.
async fn delete(usage: &Usage<'_, impl Store, ManualClock>, clock: &ManualClock, bytes: u64) {
    let deletion = action(clock, ActionKind::Delete, bytes);
    let settlement = settle(Vec::new(), Some(deletion));
    if usage.settle(&settlement).await.unwrap() {
        usage.seal("u").await.unwrap();
    }
}

/// What `?cursor=` says, for the next page.
fn place(cursor: &str) -> Option<Place> {
    let query = Query::parse(&format!("cursor={cursor}"));
    query.cursor(&actions_list("u")).unwrap()
}

/// The bytes of all actions, read in pages of `limit`.
async fn walk(usage: &Usage<'_, impl Store, ManualClock>, limit: usize) -> Vec<u64> {
    let mut seen = Vec::new();
    let mut from = None;
    loop {
        let page = usage.actions("u", from, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        seen.extend(page.items.iter().map(|action| action.bytes));
        let Some(cursor) = page.next_cursor else {
            return seen;
        };
        from = place(&cursor);
    }
}

#[test]
fn actions_are_listed_newest_first_over_days_before_and_after_sealing() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000_000);
    block_on(async {
        let mut all = Vec::new();
        // Days with many actions, with few, with none, and far from each other.
        for (days, actions) in [(0, 150), (1, 1), (2, 64), (1, 65), (70, 3), (1, 2), (1, 5)] {
            clock.advance_ms(days * DAY_MS);
            for _ in 0..actions {
                all.push(all.len() as u64 + 1);
                delete(&usage, &clock, all.len() as u64).await;
            }
            let expected: Vec<u64> = all.iter().rev().copied().collect();
            for limit in [1, 7, 64, 1_000] {
                assert_eq!(walk(&usage, limit).await, expected, "{limit}");
            }
        }
        let keys = store.keys().len();
        clock.advance_ms(2 * DAY_MS);
        usage.seal("u").await.unwrap();
        assert!(store.keys().len() < keys);
        assert_eq!(walk(&usage, 40).await.len(), all.len());
        let history = history("u").get(&store).await.unwrap().unwrap();
        assert_eq!((history.active.len(), history.rollups.len()), (0, 2));
    });
}

#[test]
fn a_cursor_stays_where_it_is_while_actions_are_added_and_sealed() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000_000);
    block_on(async {
        for bytes in 1..=10 {
            delete(&usage, &clock, bytes).await;
        }
        let page = usage.actions("u", None, 4).await.unwrap();
        let cursor = place(&page.next_cursor.unwrap());
        for bytes in 11..=13 {
            delete(&usage, &clock, bytes).await;
        }
        let bytes = |page: Page<Action>| -> Vec<u64> {
            page.items.iter().map(|action| action.bytes).collect()
        };
        let second = bytes(usage.actions("u", cursor, 4).await.unwrap());
        assert_eq!(second, [6, 5, 4, 3]);
        clock.advance_ms(3 * DAY_MS);
        delete(&usage, &clock, 14).await;
        let second = usage.actions("u", cursor, 4).await.unwrap();
        let third = place(second.next_cursor.as_deref().unwrap());
        assert_eq!(bytes(second), [6, 5, 4, 3]);
        let third = usage.actions("u", third, 4).await.unwrap();
        assert_eq!(third.next_cursor, None);
        assert_eq!(bytes(third), [2, 1]);
    });
}

#[test]
fn a_playback_has_the_bytes_of_all_its_requests_before_and_after_sealing() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000_000);
    block_on(async {
        for viewer in ["a", "b", "a", "c", "b", "a"] {
            reserved(&usage, &viewed(viewer, 10)).await;
        }
        assert_eq!(walk(&usage, 2).await, [10, 20, 30]);
        clock.advance_ms(2 * DAY_MS);
        usage.seal("u").await.unwrap();
        assert_eq!(walk(&usage, 2).await, [10, 20, 30]);
        assert!(!store.keys().iter().any(|key| key.contains("/playback/")));
    });
}

#[test]
fn a_user_sees_nothing_of_another() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        delete(&usage, &clock, 5).await;
        delete(&usage, &clock, 6).await;
        assert_eq!(usage.actions("u", None, 10).await.unwrap().items.len(), 2);
        assert!(usage.actions("v", None, 10).await.unwrap().items.is_empty());
        let page = usage.actions("u", None, 1).await.unwrap();
        let cursor = page.next_cursor.unwrap();
        let query = Query::parse(&format!("cursor={cursor}"));
        assert!(query.cursor::<Place>(&actions_list("v")).is_err());
    });
}

#[test]
fn an_action_whose_cell_was_never_written_is_stepped_over() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        delete(&usage, &clock, 1).await;
        // The look for the tombstone, the tally, and no further.
        let dying = Stepping::dying_after(&store, 3);
        let dead = Usage::new(&dying, &clock, 1_000);
        let lost = settle(Vec::new(), Some(action(&clock, ActionKind::Delete, 2)));
        assert!(futures::FutureExt::now_or_never(dead.settle(&lost)).is_none());
        delete(&usage, &clock, 3).await;
        assert_eq!(walk(&usage, 10).await, [3, 1]);
        clock.advance_ms(2 * DAY_MS);
        usage.seal("u").await.unwrap();
        assert_eq!(walk(&usage, 10).await, [3, 1]);
        assert_eq!(usage.daily("u", 3).await.unwrap()[2].deletions, 3);
    });
}

#[test]
fn a_day_that_a_late_writer_took_out_of_the_history_is_found_by_the_next_one() {
    for later in 1..4 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            delete(&usage, &clock, 1).await;
            let late = history("u").get(&store).await.unwrap().unwrap();
            clock.advance_ms(DAY_MS);
            delete(&usage, &clock, 2).await;
            // Whoever read it before midnight writes it now.
            history("u").set(&store, &late).await.unwrap();
            assert_eq!(walk(&usage, 10).await, [2, 1]);
            clock.advance_ms(later * DAY_MS);
            delete(&usage, &clock, 3).await;
            assert_eq!(walk(&usage, 10).await, [3, 2, 1], "{later}");
            clock.advance_ms(3 * DAY_MS);
            usage.seal("u").await.unwrap();
            assert_eq!(walk(&usage, 10).await, [3, 2, 1], "{later}");
        });
    }
}

#[test]
fn a_page_of_todays_actions_costs_two_reads_more_than_it_has_actions_at_10_and_at_10_000() {
    let store = CountingStore::new(MemoryStore::default());
    let clock = ManualClock::at(NOON);
    let usage = Usage::new(&store, &clock, i64::MAX);
    block_on(async {
        let mut number = 0;
        for count in [10, 10_000] {
            while number < count {
                number += 1;
                delete(&usage, &clock, number).await;
            }
            store.take_calls();
            let page = usage.actions("u", None, 10).await.unwrap();
            assert_eq!(page.items.len(), 10);
            let calls = store.take_calls();
            assert_eq!((calls.reads(), calls.writes()), (12, 0));
            if let Some(cursor) = page.next_cursor {
                usage.actions("u", place(&cursor), 10).await.unwrap();
                assert_eq!(store.take_calls().reads(), 11);
            }
            delete(&usage, &clock, 1).await;
            number += 1;
            assert_eq!(store.take_calls().writes(), 2);
        }
    });
}

#[test]
fn a_playback_of_an_open_day_costs_a_read_more_and_sealed_actions_cost_less() {
    let store = CountingStore::new(MemoryStore::default());
    let clock = ManualClock::at(NOON);
    let usage = Usage::new(&store, &clock, i64::MAX);
    block_on(async {
        for number in 0..50 {
            reserved(&usage, &viewed(&number.to_string(), 1)).await;
        }
        reserved(&usage, &playback(1)).await;
        store.take_calls();
        assert_eq!(usage.actions("u", None, 50).await.unwrap().items.len(), 50);
        assert_eq!(store.take_calls().total(), 102);
        clock.advance_ms(2 * DAY_MS);
        usage.seal("u").await.unwrap();
        store.take_calls();
        assert_eq!(usage.actions("u", None, 50).await.unwrap().items.len(), 50);
        // The history, the rollup and the segment.
        assert_eq!(store.take_calls().total(), 3);
    });
}
