#![allow(clippy::unwrap_used)]
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::LocalBoxFuture;
use spinreel_api::usage::{ActionKind, DayUsage};
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore, StoppingStore};

use super::*;
use crate::domain::testing::{
    NOON, Stepping, action, interleave, playback, reserved, settle, uploaded, viewed,
};

const DAY_MS: u64 = 86_400_000;

/// What users see of their past.
async fn seen(usage: &Usage<'_, MemoryStore, ManualClock>) -> (Vec<Action>, Vec<DayUsage>) {
    let actions = usage.actions("u", None, 1_000).await.unwrap();
    assert_eq!(actions.next_cursor, None);
    (actions.items, usage.daily("u", 90).await.unwrap())
}

/// Some days with uploads, playbacks and deletions.
async fn live(usage: &Usage<'_, MemoryStore, ManualClock>, clock: &ManualClock, days: &[usize]) {
    for actions in days {
        for number in 0..*actions {
            match number % 3 {
                0 => uploaded(usage, clock, 5).await,
                1 => {
                    reserved(usage, &viewed(&number.to_string(), 7)).await;
                }
                _ => {
                    reserved(usage, &playback(3)).await;
                    let deletion = action(clock, ActionKind::Delete, 9);
                    let settlement = settle(Vec::new(), Some(deletion));
                    usage.settle(&settlement).await.unwrap();
                }
            }
        }
        clock.advance_ms(DAY_MS);
    }
}

/// The keys of what is sealed: history, rollups, segments.
fn stray(store: &MemoryStore) -> Vec<String> {
    let keys = store.keys().into_iter().filter(|key| {
        !["/history", "/rollup/", "/segment/"]
            .iter()
            .any(|part| key.contains(part))
    });
    keys.collect()
}

#[test]
fn sealing_changes_nothing_that_users_see_and_leaves_few_keys() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000_000);
    block_on(async {
        live(&usage, &clock, &[20, 0, 1, 100, 3]).await;
        clock.advance_ms(DAY_MS);
        let before = seen(&usage).await;
        usage.seal("u").await.unwrap();
        assert_eq!(seen(&usage).await, before);
        assert_eq!(stray(&store), Vec::<String>::new());
        // The history, a rollup or two, and for each day a segment, for one of them three.
        assert!(store.keys().len() <= 3 + 3 + 3, "{:?}", store.keys());
        let keys = store.keys();
        usage.seal("u").await.unwrap();
        assert_eq!(store.keys(), keys);
    });
}

#[test]
fn a_day_is_sealed_when_it_changes_no_more() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000_000);
    block_on(async {
        uploaded(&usage, &clock, 5).await;
        let keys = store.keys();
        // Nineteen hours after noon: seven after midnight.
        clock.set_ms(NOON + 19 * 3_600_000 - 1);
        usage.seal("u").await.unwrap();
        assert_eq!(store.keys(), keys);
        clock.advance_ms(1);
        usage.seal("u").await.unwrap();
        assert_ne!(store.keys(), keys);
    });
}

#[test]
fn a_day_with_many_actions_is_sealed_in_several_goes() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000_000);
    block_on(async {
        let most = (SEGMENTS_AT_ONCE * SEGMENT) as usize;
        live(&usage, &clock, &[2 * most + 10, 4]).await;
        clock.advance_ms(DAY_MS);
        let before = usage.daily("u", 90).await.unwrap();
        let mut goes = 0;
        loop {
            usage.seal("u").await.unwrap();
            goes += 1;
            assert_eq!(usage.daily("u", 90).await.unwrap(), before);
            let page = usage.actions("u", None, 4_000).await.unwrap();
            // Every third upload, and what comes with it: one playback of the day is many requests.
            assert_eq!(
                page.items.len() as u64,
                before
                    .iter()
                    .map(|day| day.uploads + day.downloads + day.deletions)
                    .sum::<u64>()
            );
            if history("u")
                .get(&store)
                .await
                .unwrap()
                .unwrap()
                .active
                .is_empty()
            {
                break;
            }
        }
        assert_eq!(goes, 3);
        assert_eq!(stray(&store), Vec::<String>::new());
    });
}

#[test]
fn sealing_costs_three_writes_and_a_look_one_read() {
    let store = CountingStore::new(MemoryStore::default());
    let clock = ManualClock::at(NOON);
    let usage = Usage::new(&store, &clock, 1_000_000);
    block_on(async {
        for _ in 0..10 {
            uploaded(&usage, &clock, 5).await;
        }
        store.take_calls();
        usage.seal("u").await.unwrap();
        assert_eq!((store.calls().reads(), store.take_calls().writes()), (1, 0));
        clock.advance_ms(2 * DAY_MS);
        usage.seal("u").await.unwrap();
        let calls = store.take_calls();
        assert_eq!(calls.writes(), 3);
        assert!(calls.reads() <= 64 + 10, "{calls:?}");
    });
}

#[test]
fn sealing_that_died_anywhere_loses_nothing_and_is_made_up_for() {
    for calls in 0.. {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000_000);
        block_on(live(&usage, &clock, &[20, 2]));
        clock.advance_ms(DAY_MS);
        let before = block_on(seen(&usage));
        // Also between any two keys that are written or deleted together.
        let dying = StoppingStore::dying_before_call(&store, calls);
        let died = Usage::new(&dying, &clock, 1_000_000)
            .seal("u")
            .now_or_never()
            .is_none();
        assert_eq!(block_on(seen(&usage)), before, "call {calls}");
        // The lock of the dead ends with its time; there are two days now, so that there is something to do.
        clock.advance_ms(DAY_MS);
        block_on(uploaded(&usage, &clock, 1));
        clock.advance_ms(2 * DAY_MS);
        block_on(usage.seal("u")).unwrap();
        let (actions, _) = block_on(seen(&usage));
        assert_eq!(actions[1..], before.0, "call {calls}");
        let left: Vec<String> = stray(&store)
            .into_iter()
            .filter(|key| !key.contains("/sealing/"))
            .collect();
        assert_eq!(left, Vec::<String>::new(), "call {calls}");
        if !died {
            break;
        }
    }
}

#[test]
fn sealers_at_once_beside_actions_of_the_day_lose_nothing() {
    for seed in 0..100 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000_000);
        block_on(live(&usage, &clock, &[6, 2]));
        clock.advance_ms(DAY_MS);
        let (before, _) = block_on(seen(&usage));
        let stepping = Stepping::new(&store);
        let at_once = Usage::new(&stepping, &clock, 1_000_000);
        let mut calls: Vec<LocalBoxFuture<'_, ()>> = Vec::new();
        for _ in 0..3 {
            calls.push(at_once.seal("u").map(Result::unwrap).boxed_local());
        }
        for _ in 0..2 {
            calls.push(uploaded(&at_once, &clock, 1).boxed_local());
        }
        interleave(seed, calls);
        // An action of the day brings it back where it was lost.
        block_on(uploaded(&usage, &clock, 1));
        let (actions, days) = block_on(seen(&usage));
        assert_eq!(actions[3..], before, "seed {seed}");
        assert_eq!(days[0].uploads, 3, "seed {seed}");
        clock.advance_ms(2 * DAY_MS);
        block_on(usage.seal("u")).unwrap();
        assert_eq!(block_on(seen(&usage)).0, actions, "seed {seed}");
        assert_eq!(stray(&store), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn a_reader_beside_a_sealer_sees_all_there_is() {
    for seed in 0..200 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000_000);
        block_on(live(&usage, &clock, &[6, 2]));
        clock.advance_ms(DAY_MS);
        let (before, days) = block_on(seen(&usage));
        let stepping = Stepping::new(&store);
        let at_once = Usage::new(&stepping, &clock, 1_000_000);
        let sealer = at_once.seal("u").map(|done| {
            done.unwrap();
            None
        });
        let reader = async {
            let page = at_once.actions("u", None, 100).await.unwrap();
            Some((page.items, at_once.daily("u", 90).await.unwrap()))
        };
        let seen = interleave(seed, vec![sealer.boxed_local(), reader.boxed_local()]);
        assert_eq!(seen[1], Some((before, days)), "seed {seed}");
    }
}

#[test]
fn what_an_old_history_brings_back_is_not_sealed_anew() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000_000);
    block_on(async {
        live(&usage, &clock, &[70, 2]).await;
        clock.advance_ms(DAY_MS);
        let before = seen(&usage).await;
        let old = history("u").get(&store).await.unwrap().unwrap();
        usage.seal("u").await.unwrap();
        history("u").set(&store, &old).await.unwrap();
        assert_eq!(seen(&usage).await, before);
        usage.seal("u").await.unwrap();
        assert_eq!(seen(&usage).await, before);
        assert_eq!(stray(&store), Vec::<String>::new());
    });
}
