#![allow(clippy::unwrap_used)]
use futures::FutureExt;
use futures::executor::block_on;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

use super::*;
use crate::domain::testing::{
    NOON, Stepping, action, bytes_of, give_back, incoming, playback, reserved, settle, upload,
};

#[test]
fn what_was_not_moved_is_given_back_and_what_was_moved_beyond_is_added() {
    for (taken, moved) in [(100, 30), (100, 100), (100, 0), (0, 40), (100, 250)] {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            let reservation = reserved(&usage, &incoming(taken)).await;
            let settlement = settle(vec![reservation], Some(upload(&clock, moved)));
            usage.settle(&settlement).await.unwrap();
            assert_eq!(bytes_of(&store, NOON), (moved as i64, 0), "{taken} {moved}");
            let today = usage.today("u").await.unwrap();
            assert_eq!((today.upload_bytes, today.uploads), (moved, 1));
        });
    }
}

#[test]
fn several_reservations_pay_in_their_order() {
    for (moved, kept) in [
        (110, [40, 40, 30]),
        (120, [40, 40, 40]),
        (80, [40, 40, 0]),
        (30, [30, 0, 0]),
        // More than was reserved never happens, and is not given away if it does.
        (130, [40, 40, 50]),
    ] {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            let mut reservations = Vec::new();
            for day in 0..3 {
                // Within six hours of the end of the first day.
                clock.set_ms(NOON + day * 86_400_000);
                reservations.push(reserved(&usage, &incoming(40)).await);
            }
            clock.set_ms(NOON);
            let settlement = settle(reservations, Some(upload(&clock, moved)));
            usage.settle(&settlement).await.unwrap();
        });
        let days = [0, 1, 2].map(|day| bytes_of(&store, NOON + day * 86_400_000).0);
        assert_eq!(days, kept, "{moved}");
    }
}

#[test]
fn a_transfer_that_came_to_nothing_gives_all_back_and_leaves_no_action() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        let reservation = reserved(&usage, &incoming(100)).await;
        usage.settle(&give_back(reservation, 0)).await.unwrap();
        assert_eq!(bytes_of(&store, NOON), (0, 0));
        assert_eq!(usage.today("u").await.unwrap().uploads, 0);
        assert!(usage.actions("u", None, 10).await.unwrap().items.is_empty());
    });
}

#[test]
fn a_range_that_was_cut_off_costs_what_was_sent_of_it() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        reserved(&usage, &playback(100)).await;
        let reservation = reserved(&usage, &playback(200)).await;
        usage.settle(&give_back(reservation, 50)).await.unwrap();
        assert_eq!(bytes_of(&store, NOON), (0, 150));
        let actions = usage.actions("u", None, 10).await.unwrap().items;
        assert_eq!((actions.len(), actions[0].bytes), (1, 150));
    });
}

#[test]
fn a_deletion_is_written_down_and_costs_no_bandwidth() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        let deletion = action(&clock, ActionKind::Delete, 5_000);
        let settlement = settle(Vec::new(), Some(deletion.clone()));
        usage.settle(&settlement).await.unwrap();
        assert_eq!(bytes_of(&store, NOON), (0, 0));
        let today = usage.today("u").await.unwrap();
        assert_eq!((today.deletions, today.total_bytes), (1, 0));
        let page = usage.actions("u", None, 10).await.unwrap();
        assert_eq!(page.items, [deletion]);
    });
}

#[test]
fn bytes_without_a_reservation_are_counted() {
    for (kind, counted) in [
        (ActionKind::Upload, (400, 0)),
        (ActionKind::Stream, (0, 400)),
    ] {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        let settlement = settle(Vec::new(), Some(action(&clock, kind, 400)));
        block_on(usage.settle(&settlement)).unwrap();
        assert_eq!(bytes_of(&store, NOON), counted);
    }
}

#[test]
fn settlements_cost_as_many_calls_as_they_say() {
    let store = CountingStore::new(MemoryStore::default());
    let clock = ManualClock::at(NOON);
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        let exact = reserved(&usage, &incoming(10)).await;
        let too_much = reserved(&usage, &incoming(20)).await;
        let failed = reserved(&usage, &incoming(20)).await;
        let range = reserved(&usage, &playback(20)).await;
        let deletion = action(&clock, ActionKind::Delete, 10);
        for (what, settlement, reads, writes) in [
            (
                "upload",
                settle(vec![exact], Some(upload(&clock, 10))),
                3,
                2,
            ),
            (
                "estimate",
                settle(vec![too_much], Some(upload(&clock, 10))),
                3,
                3,
            ),
            ("failure", give_back(failed, 0), 1, 1),
            ("deletion", settle(Vec::new(), Some(deletion)), 3, 2),
            ("cut off", give_back(range, 5), 1, 2),
        ] {
            store.take_calls();
            usage.settle(&settlement).await.unwrap();
            let calls = store.take_calls();
            assert_eq!((calls.reads(), calls.writes()), (reads, writes), "{what}");
        }
    });
}

#[test]
fn a_settlement_that_died_anywhere_never_leaves_less_than_was_moved() {
    for (taken, moved) in [(100, 30), (100, 100), (0, 40)] {
        for calls in 0.. {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let usage = Usage::new(&store, &clock, 1_000);
            let reservation = block_on(reserved(&usage, &incoming(taken)));
            let dying = Stepping::dying_after(&store, calls);
            let settlement = settle(vec![reservation], Some(upload(&clock, moved)));
            let dead = Usage::new(&dying, &clock, 1_000);
            let died = dead.settle(&settlement).now_or_never().is_none();
            let (counted, _) = bytes_of(&store, NOON);
            // Nothing is reserved for what has no reservation: its bytes come before anything that tells of them.
            let seen = block_on(usage.actions("u", None, 10)).unwrap().items;
            let told = seen.iter().map(|action| action.bytes).max().unwrap_or(0);
            assert!(counted >= told as i64, "{taken} {moved} call {calls}");
            assert!([taken.max(moved) as i64, moved as i64, taken as i64].contains(&counted));
            if !died {
                assert_eq!((counted, seen.len()), (moved as i64, 1));
                break;
            }
        }
    }
}

#[test]
fn a_day_that_is_over_for_long_changes_no_more() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        let reservations = [
            reserved(&usage, &incoming(100)).await,
            reserved(&usage, &incoming(100)).await,
        ];
        // A moment before eighteen hours are over, and a moment after.
        clock.set_ms(NOON + 18 * 3_600_000 - 1);
        let settlement = settle(vec![reservations[0].clone()], Some(upload(&clock, 60)));
        usage.settle(&settlement).await.unwrap();
        assert_eq!(bytes_of(&store, NOON), (160, 0));
        clock.advance_ms(1);
        let settlement = settle(vec![reservations[1].clone()], Some(upload(&clock, 60)));
        usage.settle(&settlement).await.unwrap();
        assert_eq!(bytes_of(&store, NOON), (160, 0));
        // It is an upload of the new day.
        let days = usage.daily("u", 2).await.unwrap();
        assert_eq!((days[1].uploads, days[0].uploads), (1, 1));
    });
}

#[test]
fn the_bytes_of_a_day_without_an_action_of_its_own_are_not_forgotten() {
    for sealed in [false, true] {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            let mut reservations = vec![reserved(&usage, &incoming(100)).await];
            clock.advance_ms(86_400_000);
            reservations.push(reserved(&usage, &incoming(50)).await);
            let settlement = settle(reservations, Some(upload(&clock, 150)));
            usage.settle(&settlement).await.unwrap();
            clock.advance_ms(3 * 86_400_000);
            if sealed {
                usage.seal("u").await.unwrap();
            }
            let days = usage.daily("u", 5).await.unwrap();
            let bytes: Vec<u64> = days.iter().map(|day| day.upload_bytes).collect();
            assert_eq!(bytes, [0, 0, 0, 50, 100]);
            let actions = usage.actions("u", None, 10).await.unwrap();
            assert_eq!((actions.items.len(), actions.next_cursor), (1, None));
        });
    }
}

#[test]
fn the_bytes_of_a_day_that_was_sealed_without_them_stay_as_they_were_sealed() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        let early = reserved(&usage, &incoming(100)).await;
        let other = settle(Vec::new(), Some(action(&clock, ActionKind::Delete, 1)));
        usage.settle(&other).await.unwrap();
        clock.advance_ms(2 * 86_400_000);
        usage.seal("u").await.unwrap();
        let late = reserved(&usage, &incoming(50)).await;
        let settlement = settle(vec![early, late], Some(upload(&clock, 120)));
        usage.settle(&settlement).await.unwrap();
        let days = usage.daily("u", 3).await.unwrap();
        let bytes: Vec<u64> = days.iter().map(|day| day.upload_bytes).collect();
        assert_eq!(bytes, [20, 0, 100]);
        assert_eq!((days[0].uploads, days[2].deletions), (1, 1));
    });
}
