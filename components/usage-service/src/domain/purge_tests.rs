#![allow(clippy::unwrap_used)]
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::LocalBoxFuture;
use spinreel_api::usage::ActionKind;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore, StoppingStore};

use super::*;
use crate::domain::Outcome;
use crate::domain::testing::{
    NOON, Stepping, action, alert, give_back, incoming, interleave, outgoing, playback, reserved,
    settle, uploaded, viewed,
};

const DAY_MS: u64 = 86_400_000;

/// Purges `u` until it is done; how many things went, in how many calls.
async fn purge_all(usage: &Usage<'_, impl Store, ManualClock>) -> (u64, u64) {
    let (mut removed, mut calls) = (0, 0);
    loop {
        let purged = usage.purge("u").await.unwrap();
        removed += purged.removed;
        calls += 1;
        assert!(calls < 1_000, "never done");
        if purged.done {
            return (removed, calls);
        }
    }
}

/// The keys of `u` that are more than the tombstone, the numbers of alerts, and a lock whose holder died.
fn left(store: &MemoryStore) -> Vec<String> {
    let numbers = ["limit", "alerts/head", "alerts/first", "alerts/sealed"];
    let numbers = numbers.map(|name| format!("usage/u/{name}"));
    let keys = store.keys().into_iter();
    keys.filter(|key| !numbers.contains(key) && !key.starts_with("usage/u/sealing/"))
        .collect()
}

async fn use_it(usage: &Usage<'_, impl Store, ManualClock>, clock: &ManualClock, alerted: u64) {
    for _ in 0..5 {
        uploaded(usage, clock, 7).await;
    }
    for viewer in ["a", "b", "a"] {
        reserved(usage, &viewed(viewer, 10)).await;
    }
    let deletion = action(clock, ActionKind::Delete, 7);
    usage
        .settle(&settle(Vec::new(), Some(deletion)))
        .await
        .unwrap();
    usage.reserve(&incoming(5_000)).await.unwrap();
    let failed = reserved(usage, &incoming(10)).await;
    usage.settle(&give_back(failed, 0)).await.unwrap();
    let id = format!("a/{alerted}");
    usage.raise(&id, &alert(810)).await.unwrap();
}

#[test]
fn of_a_user_with_a_history_nothing_is_left_but_numbers() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        usage.set_limit("u", Some(2_000)).await.unwrap();
        for day in 0..200 {
            use_it(&usage, &clock, day).await;
            if day % 50 < 45 {
                usage.seal("u").await.unwrap();
            }
            clock.advance_ms(DAY_MS);
        }
        let (removed, calls) = purge_all(&usage).await;
        // 1,600 actions, 200 alerts, and 200 days and a little more.
        assert!((2_000..2_400).contains(&removed), "{removed}");
        assert!((4..50).contains(&calls), "{calls}");
        assert_eq!(left(&store), Vec::<String>::new());
        assert!(usage.actions("u", None, 10).await.unwrap().items.is_empty());
        assert!(usage.alerts("u", None, 10).await.unwrap().items.is_empty());
        assert_eq!(purge_all(&usage).await, (0, 1));
    });
}

#[test]
fn of_a_user_who_did_nothing_there_is_nothing_to_remove() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    assert_eq!(block_on(purge_all(&usage)), (0, 1));
    assert_eq!(store.keys(), ["usage/u/limit"]);
}

#[test]
fn nobody_elses_things_go() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        use_it(&usage, &clock, 0).await;
        let before = store.keys();
        usage.purge("v").await.unwrap();
        let mut after = store.keys();
        after.retain(|key| key != "usage/v/limit");
        assert_eq!(after, before);
    });
}

#[test]
fn counters_of_what_only_failed_go_too() {
    for days_later in [0, 60, 3_000] {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            // Before the first action, between two, and after the last.
            for _ in 0..3 {
                reserved(&usage, &outgoing(1)).await;
                clock.advance_ms(50 * DAY_MS);
                uploaded(&usage, &clock, 1).await;
                clock.advance_ms(DAY_MS);
            }
            reserved(&usage, &incoming(1)).await;
            clock.advance_ms(days_later * DAY_MS);
            purge_all(&usage).await;
            assert_eq!(left(&store), Vec::<String>::new());
        });
    }
}

#[test]
fn a_purge_that_died_anywhere_is_made_up_for_by_the_next_ones() {
    for calls in 0.. {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            usage.set_limit("u", Some(900)).await.unwrap();
            use_it(&usage, &clock, 0).await;
            clock.advance_ms(2 * DAY_MS);
            usage.seal("u").await.unwrap();
            use_it(&usage, &clock, 1).await;
        });
        let dying = StoppingStore::dying_before_call(&store, calls);
        let dead = Usage::new(&dying, &clock, 1_000);
        let died = dead.purge("u").now_or_never().is_none();
        // The lock of the dead ends with its time.
        clock.advance_ms(600_000);
        block_on(purge_all(&usage));
        assert_eq!(left(&store), Vec::<String>::new(), "call {calls}");
        if !died {
            return;
        }
    }
}

#[test]
fn what_a_dead_sealer_left_goes_too() {
    for calls in 0.. {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(use_it(&usage, &clock, 0));
        clock.advance_ms(2 * DAY_MS);
        let dying = StoppingStore::dying_before_call(&store, calls);
        let dead = Usage::new(&dying, &clock, 1_000);
        let died = dead.seal("u").now_or_never().is_none();
        clock.advance_ms(600_000);
        block_on(purge_all(&usage));
        assert_eq!(left(&store), Vec::<String>::new(), "call {calls}");
        if !died {
            return;
        }
    }
}

#[test]
fn a_purge_costs_the_same_however_much_there_is() {
    let store = CountingStore::new(MemoryStore::default());
    let clock = ManualClock::at(NOON);
    let usage = Usage::new(&store, &clock, i64::MAX);
    block_on(async {
        for _ in 0..5_000 {
            uploaded(&usage, &clock, 1).await;
        }
        store.take_calls();
        assert!(!usage.purge("u").await.unwrap().done);
        let first = store.take_calls();
        assert!(first.total() < 2_200, "{first:?}");
        assert!(!usage.purge("u").await.unwrap().done);
        let second = store.take_calls();
        assert!(first.total().abs_diff(second.total()) <= 2, "{second:?}");
    });
}

#[test]
fn purges_beside_transfers_leave_nothing_once_they_are_over() {
    for seed in 0..300 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let stepping = Stepping::new(&store);
        let usage = Usage::new(&stepping, &clock, 1_000);
        let raised = alert(810);
        let play = playback(10);
        let upload = async {
            // The purge may have been first.
            let outcome = usage.reserve(&incoming(10)).await.unwrap();
            if let Outcome::Granted(granted) = outcome {
                let action = action(&clock, ActionKind::Upload, 10);
                let settlement = settle(vec![granted.reservation], Some(action));
                usage.settle(&settlement).await.unwrap();
            }
        };
        let calls: Vec<LocalBoxFuture<'_, ()>> = vec![
            upload.boxed_local(),
            usage
                .reserve(&play)
                .map(|done| {
                    done.unwrap();
                })
                .boxed_local(),
            usage
                .raise("x", &raised)
                .map(|done| {
                    done.unwrap();
                })
                .boxed_local(),
            usage
                .purge("u")
                .map(|done| {
                    done.unwrap();
                })
                .boxed_local(),
            usage
                .purge("u")
                .map(|done| {
                    done.unwrap();
                })
                .boxed_local(),
        ];
        interleave(seed, calls);
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(purge_all(&usage));
        let left = left(&store);
        // What was caught half-written: an alert before its place, an action before its cell.
        let may_be_left = |key: &String| {
            ["usage/u/alert-told/x", "usage/u/alert/x"].contains(&key.as_str())
                || key.starts_with("usage/u/2023-11-14/action/")
                || key.starts_with("usage/u/playback/")
        };
        assert!(left.iter().all(may_be_left), "seed {seed}: {left:?}");
    }
}
