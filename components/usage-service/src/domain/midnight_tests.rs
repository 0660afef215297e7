//! Midnight in the middle of a transfer: bytes count on the day of their reservation, and no other day hears of them.
#![allow(clippy::unwrap_used)]

use futures::FutureExt;
use futures::executor::block_on;
use spinreel_api::internal::{Direction, Part, Reserve, Settle};
use spinreel_api::usage::{Action, ActionKind, DayUsage};
use spinreel_platform::Clock as _;
use spinreel_platform::memory::{ManualClock, MemoryStore};

use super::testing::{Clockwork, NOON, Stepping, action, bytes_of, reserve, settle, upload};
use super::{EXPIRES_AFTER_MS, Reservation, Usage};

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

/// A reservation and an action of each direction.
fn both(clock: &ManualClock, reserved: u64, used: u64) -> [(Reserve, Action); 2] {
    let out = Reserve {
        direction: Direction::Out,
        ..reserve("a", reserved)
    };
    [
        (reserve("a", reserved), upload(clock, used)),
        (out, action(clock, ActionKind::Stream, used)),
    ]
}

/// What the limit of the evening and what that of the new day are held against.
fn counted(store: &MemoryStore) -> (i64, i64) {
    (bytes_of(store, MIDNIGHT - 1), bytes_of(store, MIDNIGHT))
}

/// The bytes that a user sees of the evening, and of the new day.
fn shown(usage: &Usage<'_, MemoryStore, ManualClock>) -> (u64, u64) {
    let days: Vec<DayUsage> = block_on(usage.daily("u", 2)).unwrap();
    assert_eq!(block_on(usage.today("u")).unwrap(), days[0]);
    (days[1].total_bytes, days[0].total_bytes)
}

/// The uploads and downloads that a user sees of the evening, and of the new day.
fn numbers(usage: &Usage<'_, MemoryStore, ManualClock>) -> ((u64, u64), (u64, u64)) {
    let days = block_on(usage.daily("u", 2)).unwrap();
    let of = |day: &DayUsage| (day.uploads, day.downloads);
    (of(&days[1]), of(&days[0]))
}

#[test]
fn a_transfer_over_midnight_counts_in_the_evening_and_gives_back_there() {
    for (reserved, used) in [(900, 600), (900, 900), (0, 5), (100, 250), (900, 0)] {
        for way in 0..2 {
            let (store, clock) = evening();
            let usage = Usage::new(&store, &clock, LIMIT);
            block_on(async {
                let (request, _) = &both(&clock, reserved, used)[way];
                usage.reserve(request).await.unwrap();
                clock.advance_ms(2 * MOMENT_MS);
                let (_, action) = &both(&clock, reserved, used)[way];
                let settlement = settle("a", Some(action.clone()));
                for _ in 0..2 {
                    usage.settle(&settlement).await.unwrap();
                }
            });
            assert_eq!(counted(&store), (used as i64, 0), "{reserved} {used}");
            assert_eq!(shown(&usage), (used, 0), "{reserved} {used}");
            let one = [(1, 0), (0, 1)][way];
            assert_eq!(numbers(&usage), (one, (0, 0)));
            let listed = block_on(usage.actions("u", None, 10)).unwrap().items;
            assert_eq!(listed.len(), 1);
            assert_eq!(
                (listed[0].bytes, listed[0].at.as_ms()),
                (used, clock.now_ms())
            );
        }
    }
}

#[test]
fn the_new_day_has_all_of_its_limit_and_no_more() {
    let (store, clock) = evening();
    let usage = Usage::new(&store, &clock, LIMIT);
    block_on(async {
        usage.reserve(&reserve("late", 900)).await.unwrap();
        let refused = usage.reserve(&reserve("too late", 101)).await.unwrap();
        assert_eq!(refused, Reservation::Refused);
        clock.advance_ms(2 * MOMENT_MS);
        let granted = usage.reserve(&reserve("early", 1_000)).await.unwrap();
        assert_eq!(granted, Reservation::Granted);
        // Whatever becomes of the one from the evening, used up or given back, makes the new day no longer.
        let late = settle("late", Some(upload(&clock, 300)));
        usage.settle(&late).await.unwrap();
        let refused = usage.reserve(&reserve("more", 1)).await.unwrap();
        assert_eq!(refused, Reservation::Refused);
        assert_eq!(counted(&store), (300, 1_000));
    });
}

#[test]
fn wherever_midnight_falls_in_a_reservation_one_day_has_its_bytes() {
    let mut struck = 0;
    for strikes_at in 0.. {
        let (store, clock) = evening();
        let striking = clockwork(&store, &clock, strikes_at, u64::MAX);
        let granted = block_on(Usage::new(&striking, &clock, LIMIT).reserve(&reserve("a", 700)));
        assert_eq!(granted.unwrap(), Reservation::Granted);
        if !striking.has_moved() {
            break;
        }
        struck += 1;
        let held = counted(&store);
        assert!(
            [(700, 0), (0, 700)].contains(&held),
            "{strikes_at}: {held:?}"
        );
        let usage = Usage::new(&store, &clock, LIMIT);
        let used = settle("a", Some(upload(&clock, 400)));
        block_on(usage.settle(&used)).unwrap();
        let (evening, morning) = counted(&store);
        assert_eq!((evening, morning), (held.0 / 7 * 4, held.1 / 7 * 4));
        assert_eq!(shown(&usage), (evening as u64, morning as u64));
    }
    assert!(struck >= 9, "{struck}");
}

#[test]
fn a_reservation_that_died_at_midnight_is_made_up_for_and_never_counts_too_little() {
    let (mut struck, mut died) = (0, 0);
    for strikes_at in 0..10 {
        for calls in 0..10 {
            let (store, clock) = evening();
            let striking = clockwork(&store, &clock, strikes_at, calls);
            let dead = Usage::new(&striking, &clock, LIMIT);
            let request = reserve("a", 700);
            died += u64::from(dead.reserve(&request).now_or_never().is_none());
            struck += u64::from(striking.has_moved());
            // The caller again, when the dead one has been given up.
            clock.advance_ms(60_000 + 2 * MOMENT_MS);
            let usage = Usage::new(&store, &clock, LIMIT);
            let outcome = block_on(usage.reserve(&request)).unwrap();
            assert_eq!(outcome, Reservation::Granted, "{strikes_at} {calls}");
            let used = settle("a", Some(upload(&clock, 400)));
            block_on(usage.settle(&used)).unwrap();
            let (evening, morning) = shown(&usage);
            assert_eq!(evening + morning, 400, "{strikes_at} {calls}");
            let held = counted(&store);
            assert!(held.0 >= evening as i64 && held.1 >= morning as i64);
            // What the dead one took can be lost to one day only, and never to a day after.
            assert!(held.0 + held.1 <= 1_100, "{strikes_at} {calls}: {held:?}");
            clock.advance_ms(DAY_MS);
            let next = block_on(usage.reserve(&reserve("b", 1_000))).unwrap();
            assert_eq!(next, Reservation::Granted, "{strikes_at} {calls}");
        }
    }
    assert!(struck >= 40 && died >= 80, "{struck} {died}");
}

#[test]
fn a_settlement_that_died_at_midnight_leaves_the_new_day_alone() {
    let (mut struck, mut died) = (0, 0);
    for (reserved, used) in [(700, 400), (100, 250)] {
        for strikes_at in 0..14 {
            for calls in 0..14 {
                let (store, clock) = evening();
                let usage = Usage::new(&store, &clock, LIMIT);
                block_on(usage.reserve(&reserve("a", reserved))).unwrap();
                let striking = clockwork(&store, &clock, strikes_at, calls);
                let request = settle("a", Some(upload(&clock, used)));
                let dead = Usage::new(&striking, &clock, LIMIT);
                died += u64::from(dead.settle(&request).now_or_never().is_none());
                struck += u64::from(striking.has_moved());
                // The caller again, and the sweep: on the new day.
                clock.advance_ms(2 * MOMENT_MS);
                block_on(usage.settle(&request)).unwrap();
                for _ in 0..3 {
                    clock.advance_ms(EXPIRES_AFTER_MS);
                    block_on(usage.sweep("u")).unwrap();
                }
                let (evening, morning) = counted(&store);
                assert_eq!(morning, 0, "{strikes_at} {calls}");
                let possible = used as i64..=(reserved.max(used) + used) as i64;
                assert!(
                    possible.contains(&evening),
                    "{strikes_at} {calls}: {evening}"
                );
                let (seen, seen_today) = shown(&usage);
                assert!([0, used].contains(&seen) && seen_today == 0);
            }
        }
    }
    assert!(struck >= 100 && died >= 200, "{struck} {died}");
}

#[test]
fn what_died_in_the_evening_is_given_back_there_wherever_the_sweep_of_the_morning_dies() {
    for calls in 0.. {
        let (store, clock) = evening();
        let usage = Usage::new(&store, &clock, LIMIT);
        block_on(usage.reserve(&reserve("a", 700))).unwrap();
        clock.advance_ms(EXPIRES_AFTER_MS);
        let granted = block_on(usage.reserve(&reserve("b", 1_000))).unwrap();
        assert_eq!(granted, Reservation::Granted);
        let dying = Stepping::dying_after(&store, calls);
        let dead = Usage::new(&dying, &clock, LIMIT);
        let died = dead.sweep("u").now_or_never().is_none();
        block_on(usage.sweep("u")).unwrap();
        let (evening, morning) = counted(&store);
        assert!([0, 700].contains(&evening), "call {calls}: {evening}");
        assert_eq!(morning, 1_000, "call {calls}");
        assert_eq!(shown(&usage), (0, 0));
        // It was not dead after all.
        block_on(usage.settle(&settle("a", Some(upload(&clock, 400))))).unwrap();
        let (late, morning) = counted(&store);
        assert!(late >= 400 && morning == 1_000, "call {calls}: {late}");
        assert_eq!(shown(&usage), (400, 0));
        if !died {
            assert_eq!((evening, late), (0, 400));
            break;
        }
    }
}

/// A settlement of a transfer that moved `bytes` of an upload of `size`.
fn part(clock: &ManualClock, id: &str, size: u64, bytes: u64, last: bool) -> Settle {
    Settle {
        part: Some(Part { bytes, last }),
        ..settle(id, Some(upload(clock, size)))
    }
}

#[test]
fn an_upload_that_reserved_on_both_days_pays_on_both() {
    let (store, clock) = evening();
    let usage = Usage::new(&store, &clock, LIMIT);
    block_on(async {
        for id in ["a", "b"] {
            usage.reserve(&reserve(id, 400)).await.unwrap();
        }
        clock.advance_ms(2 * MOMENT_MS);
        usage.reserve(&reserve("c", 400)).await.unwrap();
        let settlements = [
            part(&clock, "a", 1_150, 400, false),
            part(&clock, "b", 1_150, 400, false),
            part(&clock, "c", 1_150, 350, true),
        ];
        for settlement in &settlements {
            assert_eq!(usage.actions("u", None, 10).await.unwrap().items, []);
            assert_eq!(usage.today("u").await.unwrap().uploads, 0);
            usage.settle(settlement).await.unwrap();
        }
        for settlement in &settlements {
            usage.settle(settlement).await.unwrap();
        }
        assert_eq!(counted(&store), (800, 350));
        let listed = usage.actions("u", None, 10).await.unwrap().items;
        let bytes: Vec<u64> = listed.iter().map(|action| action.bytes).collect();
        assert_eq!(bytes, [1_150]);
        // What it moved after midnight is gone from the new day's limit, and nothing else.
        let refused = usage.reserve(&reserve("d", 651)).await.unwrap();
        assert_eq!(refused, Reservation::Refused);
        let granted = usage.reserve(&reserve("d", 650)).await.unwrap();
        assert_eq!(granted, Reservation::Granted);
    });
    assert_eq!(shown(&usage), (800, 350));
    assert_eq!(numbers(&usage), ((0, 0), (1, 0)));
}

#[test]
fn a_crossing_in_the_evening_alerts_nobody_after_midnight_and_the_new_day_has_its_own() {
    let (store, clock) = evening();
    let usage = Usage::new(&store, &clock, LIMIT);
    block_on(async {
        usage.reserve(&reserve("a", 900)).await.unwrap();
        clock.advance_ms(2 * MOMENT_MS);
        let late = settle("a", Some(upload(&clock, 900)));
        usage.settle(&late).await.unwrap();
        assert_eq!(usage.report_today("u").await.unwrap(), None);
        usage.reserve(&reserve("b", 800)).await.unwrap();
        let own = settle("b", Some(upload(&clock, 800)));
        usage.settle(&own).await.unwrap();
        let crossing = usage.report_today("u").await.unwrap().unwrap();
        assert_eq!(crossing.id, "bandwidth-2023-11-15");
        assert_eq!(crossing.alert.used_bytes, 800);
        let alerts = usage.alerts("u", None, 10).await.unwrap().items;
        assert_eq!(alerts.len(), 1);
    });
}
