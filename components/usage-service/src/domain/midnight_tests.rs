//! Midnight in the middle of a transfer: bytes count on the day of their reservation, and no other day hears of them.
#![allow(clippy::unwrap_used)]

use futures::FutureExt;
use futures::executor::block_on;
use spinreel_api::usage::DayUsage;
use spinreel_platform::Clock as _;
use spinreel_platform::memory::{ManualClock, MemoryStore};

use super::testing::{
    Clockwork, NOON, Stepping, bytes_of, give_back, granted, incoming, playback, reserved, settle,
    upload,
};
use super::{Outcome, Usage};

const LIMIT: i64 = 1_000;
const DAY_MS: u64 = 86_400_000;
/// 2023-11-15T00:00:00Z.
const MIDNIGHT: u64 = NOON - NOON % DAY_MS + DAY_MS;
/// How long before midnight it is, and after it when it has struck, in milliseconds.
const MOMENT_MS: u64 = 1_000;

/// A store and a clock that is about to strike.
fn evening() -> (MemoryStore, ManualClock) {
    let clock = ManualClock::at(MIDNIGHT - MOMENT_MS);
    (MemoryStore::default(), clock)
}

/// A store to which midnight comes before call number `strikes_at`; after `calls` calls the caller is dead.
fn clockwork<'a>(
    store: &'a MemoryStore,
    clock: &'a ManualClock,
    strikes_at: u64,
    calls: u64,
) -> Clockwork<'a> {
    let dying = Stepping::dying_after(store, calls);
    Clockwork::new(dying, clock, (strikes_at, 2 * MOMENT_MS))
}

/// What the counters say, both ways together: of the evening, and of the new day.
fn counted(store: &MemoryStore) -> (i64, i64) {
    let sum = |at_ms| {
        let (went_in, went_out) = bytes_of(store, at_ms);
        went_in + went_out
    };
    (sum(MIDNIGHT - 1), sum(MIDNIGHT))
}

/// The evening and the new day as a user sees them.
fn shown(usage: &Usage<'_, MemoryStore, ManualClock>) -> (DayUsage, DayUsage) {
    let days: Vec<DayUsage> = block_on(usage.daily("u", 2)).unwrap();
    assert_eq!(block_on(usage.today("u")).unwrap(), days[0]);
    (days[1].clone(), days[0].clone())
}

#[test]
fn an_upload_over_midnight_counts_in_the_evening_and_gives_back_there() {
    for (taken, moved) in [(900, 600), (900, 900), (0, 5), (900, 0)] {
        let (store, clock) = evening();
        let usage = Usage::new(&store, &clock, LIMIT);
        block_on(async {
            let reservation = reserved(&usage, &incoming(taken)).await;
            clock.advance_ms(2 * MOMENT_MS);
            let settlement = settle(vec![reservation], Some(upload(&clock, moved)));
            usage.settle(&settlement).await.unwrap();
        });
        assert_eq!(counted(&store), (moved as i64, 0), "{taken} {moved}");
        let (evening, today) = shown(&usage);
        assert_eq!((evening.upload_bytes, evening.uploads), (moved, 1));
        assert_eq!((today.total_bytes, today.uploads), (0, 0));
        let listed = block_on(usage.actions("u", None, 10)).unwrap().items;
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (listed[0].bytes, listed[0].at.as_ms()),
            (moved, clock.now_ms())
        );
    }
}

#[test]
fn a_playback_over_midnight_counts_in_the_evening_and_gives_back_there() {
    let (store, clock) = evening();
    let usage = Usage::new(&store, &clock, LIMIT);
    block_on(async {
        let reservation = reserved(&usage, &playback(900)).await;
        clock.advance_ms(2 * MOMENT_MS);
        // Another range of the same viewer is one of the new day, and of a new hour.
        reserved(&usage, &playback(10)).await;
        usage.settle(&give_back(reservation, 600)).await.unwrap();
        let listed = usage.actions("u", None, 10).await.unwrap().items;
        let bytes: Vec<u64> = listed.iter().map(|action| action.bytes).collect();
        assert_eq!(bytes, [10, 600]);
    });
    assert_eq!(counted(&store), (600, 10));
    let (evening, today) = shown(&usage);
    assert_eq!((evening.downloads, today.downloads), (1, 1));
}

#[test]
fn the_new_day_has_all_of_its_limit_and_no_more() {
    let (store, clock) = evening();
    let usage = Usage::new(&store, &clock, LIMIT);
    block_on(async {
        let late = reserved(&usage, &incoming(900)).await;
        let refused = usage.reserve(&incoming(101)).await.unwrap();
        assert_eq!(refused, Outcome::Refused);
        clock.advance_ms(2 * MOMENT_MS);
        reserved(&usage, &incoming(1_000)).await;
        // Whatever becomes of the one from the evening, used up or given back, makes the new day no longer.
        let settlement = settle(vec![late], Some(upload(&clock, 300)));
        usage.settle(&settlement).await.unwrap();
        let refused = usage.reserve(&incoming(1)).await.unwrap();
        assert_eq!(refused, Outcome::Refused);
        assert_eq!(counted(&store), (300, 1_000));
    });
}

#[test]
fn wherever_midnight_falls_in_a_reservation_one_day_has_its_bytes() {
    for request in [incoming(700), playback(700)] {
        let mut struck = 0;
        for strikes_at in 0.. {
            let (store, clock) = evening();
            let striking = clockwork(&store, &clock, strikes_at, u64::MAX);
            let reservation = block_on(reserved(&Usage::new(&striking, &clock, LIMIT), &request));
            if !striking.has_moved() {
                break;
            }
            struck += 1;
            assert_eq!(counted(&store), (700, 0), "{strikes_at}");
            let usage = Usage::new(&store, &clock, LIMIT);
            block_on(usage.settle(&give_back(reservation, 400))).unwrap();
            assert_eq!(counted(&store), (400, 0), "{strikes_at}");
        }
        assert!(struck >= 5, "{struck}");
    }
}

#[test]
fn a_settlement_that_died_at_midnight_leaves_the_new_day_alone_and_the_evening_not_too_low() {
    let (mut struck, mut died) = (0, 0);
    for moved in [400, 700] {
        for strikes_at in 0..8 {
            for calls in 0..8 {
                let (store, clock) = evening();
                let usage = Usage::new(&store, &clock, LIMIT);
                let reservation = block_on(reserved(&usage, &incoming(700)));
                let striking = clockwork(&store, &clock, strikes_at, calls);
                let settlement = settle(vec![reservation], Some(upload(&clock, moved)));
                let dead = Usage::new(&striking, &clock, LIMIT);
                died += u64::from(dead.settle(&settlement).now_or_never().is_none());
                struck += u64::from(striking.has_moved());
                let (evening, morning) = counted(&store);
                assert_eq!(morning, 0, "{strikes_at} {calls}");
                assert!(
                    [moved as i64, 700].contains(&evening),
                    "{strikes_at} {calls}"
                );
                // And the day after has all of its limit.
                clock.advance_ms(DAY_MS);
                block_on(granted(&usage, &incoming(1_000)));
            }
        }
    }
    assert!(struck >= 40 && died >= 50, "{struck} {died}");
}

#[test]
fn an_upload_that_reserved_on_both_days_pays_on_both() {
    let (store, clock) = evening();
    let usage = Usage::new(&store, &clock, LIMIT);
    block_on(async {
        let mut reservations = vec![
            reserved(&usage, &incoming(400)).await,
            reserved(&usage, &incoming(400)).await,
        ];
        clock.advance_ms(2 * MOMENT_MS);
        reservations.push(reserved(&usage, &incoming(400)).await);
        let settlement = settle(reservations, Some(upload(&clock, 1_150)));
        usage.settle(&settlement).await.unwrap();
        assert_eq!(counted(&store), (800, 350));
        let listed = usage.actions("u", None, 10).await.unwrap().items;
        let bytes: Vec<u64> = listed.iter().map(|action| action.bytes).collect();
        assert_eq!(bytes, [1_150]);
        // What it moved after midnight is gone from the new day's limit, and nothing else.
        let refused = usage.reserve(&incoming(651)).await.unwrap();
        assert_eq!(refused, Outcome::Refused);
    });
    let (evening, today) = shown(&usage);
    assert_eq!((evening.total_bytes, today.total_bytes), (800, 350));
    assert_eq!((evening.uploads, today.uploads), (0, 1));
}

#[test]
fn a_crossing_in_the_evening_is_told_of_that_day_and_the_new_day_has_its_own() {
    let (store, clock) = evening();
    let usage = Usage::new(&store, &clock, LIMIT);
    block_on(async {
        for (bytes, id) in [(900, "bandwidth-2023-11-14"), (800, "bandwidth-2023-11-15")] {
            let granted = granted(&usage, &incoming(bytes)).await;
            clock.advance_ms(2 * MOMENT_MS);
            let nearing = granted.nearing.unwrap();
            let crossing = usage.report("u", nearing).await.unwrap().unwrap();
            assert_eq!(
                (crossing.id.as_str(), crossing.alert.used_bytes),
                (id, bytes)
            );
        }
        assert_eq!(usage.alerts("u", None, 10).await.unwrap().items.len(), 2);
    });
}
