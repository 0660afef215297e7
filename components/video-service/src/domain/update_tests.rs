#![allow(clippy::unwrap_used)]

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use spinreel_ledger::Lease;
use spinreel_platform::memory::{ManualClock, MemoryStore, StoppingStore};
use spinreel_platform::stepping::{self, Stepping, die_after};

use super::*;
use crate::domain::catalogue::remove;
use crate::domain::testing::put;
use crate::domain::testing::{PoliteStore, stored};

fn now() -> ManualClock {
    ManualClock::at(1_700_000_000_000)
}

/// When nobody can have the lock any more that one who died took.
fn later() -> ManualClock {
    ManualClock::at(1_700_000_000_000 + Lease::SHORT.longest_ms())
}

async fn one_video(store: &impl Store) {
    put(store, &now(), "v-1", stored("ada", "a.mp4"))
        .await
        .unwrap();
}

async fn tag_or_not(
    store: &impl Store,
    clock: &impl Clock,
    word: &str,
) -> Result<Option<Record>, UpdateError> {
    let word = word.to_owned();
    update(store, clock, "v-1", |record| record.tags.push(word)).await
}

async fn tag(store: &impl Store, clock: &impl Clock, word: &str) -> Option<Record> {
    tag_or_not(store, clock, word).await.unwrap()
}

#[test]
fn what_is_changed_is_found_and_a_video_that_is_not_there_is_not_changed() {
    let store = MemoryStore::default();
    block_on(async {
        assert_eq!(tag(&store, &now(), "sea").await, None);
        one_video(&store).await;
        let changed = tag(&store, &now(), "sea").await.unwrap();
        assert_eq!(changed.tags, ["sea"]);
        assert_eq!(find(&store, "v-1").await.unwrap(), Some(changed));
    });
}

#[test]
fn a_change_that_refuses_and_one_of_nothing_write_nothing_and_keep_nobody_waiting() {
    let store = MemoryStore::default();
    block_on(async {
        one_video(&store).await;
        let keys = store.keys();
        let clock = now();
        let refused = try_update(&store, &clock, "v-1", |record| {
            record.tags.push("sea".to_owned());
            Err("no")
        });
        assert_eq!(refused.await, Ok(Some(Err("no"))));
        assert!(
            update(&store, &now(), "v-1", |_| ())
                .await
                .unwrap()
                .is_some()
        );
        assert_eq!(store.keys(), keys);
        assert!(tag(&store, &now(), "sea").await.is_some());
    });
}

#[test]
fn sixteen_changes_at_once_all_hold_in_whatever_order() {
    for seed in 0..300 {
        let store = PoliteStore::default();
        block_on(one_video(&store.0));
        let clock = now();
        let callers: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = (0..16)
            .map(|number| -> Pin<Box<dyn Future<Output = ()> + '_>> {
                let (store, clock) = (&store, &clock);
                Box::pin(async move {
                    // One that is told to come again does.
                    let word = number.to_string();
                    let change = |record: &mut Record| record.tags.push(word.clone());
                    while update(store, clock, "v-1", change).await.is_err() {}
                })
            })
            .collect();
        stepping::interleave(seed, callers, || ());
        let record = block_on(find(&store.0, "v-1")).unwrap().unwrap();
        let mut words = record.tags;
        words.sort_by_key(|word| word.parse::<u32>().unwrap());
        let all: Vec<String> = (0..16).map(|number: u32| number.to_string()).collect();
        assert_eq!(words, all, "seed {seed}");
    }
}

#[test]
fn a_change_that_died_anywhere_holds_or_does_not_and_the_next_one_goes_on() {
    for calls in 0.. {
        let store = MemoryStore::default();
        block_on(one_video(&store));
        // This one writes key by key.
        let dying = StoppingStore::dying_before_call(&store, calls);
        let finished = die_after(1, tag(&dying, &now(), "sea")).is_some();
        block_on(async {
            let record = tag(&store, &later(), "land").await.unwrap();
            let known = record.tags == ["sea", "land"] || record.tags == ["land"];
            assert!(known, "after {calls} calls: {:?}", record.tags);
            assert_eq!(find(&store, "v-1").await.unwrap(), Some(record));
        });
        if finished {
            assert!(calls > 9);
            return;
        }
    }
}

#[test]
fn a_change_that_was_slow_and_comes_back_after_its_lease_changes_nothing() {
    let mut refused = 0;
    for calls in 0.. {
        let store = MemoryStore::default();
        block_on(one_video(&store));
        let clock = now();
        // All that one write brings is there together, or not.
        let polite = Stepping(&store);
        let mut slow = Box::pin(tag_or_not(&polite, &clock, "slow"));
        let mut context = Context::from_waker(Waker::noop());
        let mut result = Poll::Pending;
        for _ in 0..=calls {
            result = slow.as_mut().poll(&mut context);
            if result.is_ready() {
                break;
            }
        }
        if result.is_ready() {
            assert!(refused > 5, "{refused}");
            return;
        }
        clock.advance_ms(Lease::SHORT.longest_ms());
        block_on(tag(&store, &clock, "quick")).unwrap();
        // The slow one goes on. Where it had the lock it is told that it was too late; else it takes it now.
        let slow = block_on(slow);
        let record = block_on(find(&store, "v-1")).unwrap().unwrap();
        match slow {
            Ok(_) => assert_eq!(record.tags.len(), 2, "after {calls} calls"),
            Err(_) => {
                refused += 1;
                assert_eq!(record.tags, ["quick"], "after {calls} calls");
            }
        }
    }
}

#[test]
fn a_change_beside_a_removal_brings_nothing_back() {
    for seed in 0..2_000 {
        let store = PoliteStore::default();
        block_on(one_video(&store.0));
        let clock = now();
        let callers: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = vec![
            Box::pin(async { drop(tag(&store, &clock, "sea").await) }),
            Box::pin(async { drop(remove(&store, &clock, "v-1").await.unwrap()) }),
            Box::pin(async { drop(tag(&store, &clock, "land").await) }),
        ];
        stepping::interleave(seed, callers, || ());
        block_on(async {
            assert_eq!(find(&store.0, "v-1").await.unwrap(), None, "seed {seed}");
            let slot = list_of("ada")
                .cell::<Record>(1)
                .get(&store.0)
                .await
                .unwrap();
            assert_eq!(slot, None, "seed {seed}");
        });
    }
}

#[test]
fn the_keys_of_locks_that_are_over_do_not_pile_up() {
    let store = MemoryStore::default();
    block_on(async {
        one_video(&store).await;
        let keys = store.keys().len();
        for _ in 0..100 {
            tag(&store, &now(), "sea").await.unwrap();
            assert!(store.keys().len() <= keys + 1 + 17);
        }
    });
}
