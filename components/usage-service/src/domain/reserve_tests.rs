#![allow(clippy::unwrap_used)]
use futures::FutureExt;
use futures::executor::block_on;
use proptest::prelude::*;
use spinreel_api::usage::ActionKind;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

use super::*;
use crate::domain::testing::{
    NOON, Stepping, bytes_of, give_back, granted, incoming, interleave, outgoing, playback,
    reserved, viewed,
};

#[test]
fn the_limit_is_for_both_ways_and_can_be_reached_and_not_passed() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 100);
    block_on(async {
        for (request, is_granted) in [
            (incoming(60), true),
            (outgoing(41), false),
            (outgoing(u64::MAX), false),
            (outgoing(30), true),
            (incoming(11), false),
            (incoming(10), true),
            (incoming(1), false),
            (outgoing(0), true),
        ] {
            let outcome = usage.reserve(&request).await.unwrap();
            assert_eq!(outcome != Outcome::Refused, is_granted, "{request:?}");
        }
        assert_eq!(bytes_of(&store, NOON), (70, 30));
    });
}

#[test]
fn another_day_has_a_limit_of_its_own() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 100);
    block_on(async {
        let first = reserved(&usage, &incoming(100)).await;
        clock.advance_ms(86_400_000);
        let second = reserved(&usage, &incoming(100)).await;
        assert_eq!(second.day, first.day.next());
    });
}

#[test]
fn reservations_cost_as_many_calls_as_they_say() {
    let store = CountingStore::new(MemoryStore::default());
    let clock = ManualClock::at(NOON);
    let usage = Usage::new(&store, &clock, 100);
    block_on(async {
        for (request, reads, writes) in [
            (incoming(10), 4, 1),
            (outgoing(10), 4, 1),
            (playback(10), 7, 4),
            (playback(10), 5, 2),
            (viewed("another", 10), 7, 4),
            (incoming(51), 3, 0),
        ] {
            store.take_calls();
            usage.reserve(&request).await.unwrap();
            let calls = store.take_calls();
            assert_eq!(
                (calls.reads(), calls.writes()),
                (reads, writes),
                "{request:?}"
            );
        }
    });
}

#[test]
fn a_viewer_of_a_video_is_one_playback_for_an_hour_of_the_clock() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    let other_kind = |kind| {
        let mut request = playback(1);
        request.playback.as_mut().unwrap().kind = kind;
        request
    };
    let mut other_video = playback(1);
    other_video.playback.as_mut().unwrap().video_id = "another".to_owned();
    block_on(async {
        for (minutes, request, playbacks) in [
            (0, playback(10), 1),
            (59, playback(5), 1),
            (0, viewed("another", 7), 2),
            (0, other_kind(ActionKind::Download), 3),
            (0, other_kind(ActionKind::Stream), 3),
            (0, other_video.clone(), 4),
            (1, playback(2), 5),
            (0, playback(2), 5),
        ] {
            clock.advance_ms(minutes * 60_000);
            reserved(&usage, &request).await;
            assert_eq!(usage.today("u").await.unwrap().downloads, playbacks);
        }
        let actions = usage.actions("u", None, 10).await.unwrap().items;
        let bytes: Vec<u64> = actions.iter().map(|action| action.bytes).collect();
        assert_eq!(bytes, [4, 1, 1, 7, 16]);
        assert_eq!(actions[4].at.as_ms(), NOON);
        assert_eq!(actions[2].action, ActionKind::Download);
    });
}

#[test]
fn a_playback_of_which_nothing_was_sent_is_begun_once() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        for _ in 0..3 {
            let reservation = reserved(&usage, &playback(10)).await;
            usage.settle(&give_back(reservation, 0)).await.unwrap();
        }
        let actions = usage.actions("u", None, 10).await.unwrap().items;
        assert_eq!((actions.len(), actions[0].bytes), (1, 0));
        reserved(&usage, &playback(10)).await;
        let actions = usage.actions("u", None, 10).await.unwrap().items;
        assert_eq!((actions.len(), actions[0].bytes), (1, 10));
    });
}

#[test]
fn first_requests_of_a_playback_at_once_make_one_action() {
    for seed in 0..500 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let stepping = Stepping::new(&store);
        let usage = Usage::new(&stepping, &clock, 1_000);
        // The same number of bytes, too.
        let requests = [playback(10), playback(10), playback(3), viewed("w", 10)];
        let calls = requests
            .iter()
            .map(|request| granted(&usage, request).boxed_local())
            .collect();
        interleave(seed, calls);
        let usage = Usage::new(&store, &clock, 1_000);
        let actions = block_on(usage.actions("u", None, 10)).unwrap().items;
        let mut bytes: Vec<u64> = actions.iter().map(|action| action.bytes).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, [10, 23], "seed {seed}");
        let today = block_on(usage.today("u")).unwrap();
        assert_eq!((today.downloads, today.download_bytes), (2, 33));
    }
}

#[test]
fn of_a_kind_that_a_day_is_full_of_no_more_are_written_down() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        let day = Timestamp::from_ms(NOON).day();
        let tally = DayKeys::new("u", day).tally();
        tally.add(&store, ((1 << 18) - 4_097) << 18).await.unwrap();
        for viewer in ["a", "b", "c"] {
            reserved(&usage, &viewed(viewer, 1)).await;
        }
        let today = usage.today("u").await.unwrap();
        assert_eq!(today.downloads, (1 << 18) - 4_096);
        assert_eq!((today.uploads, today.download_bytes), (0, 3));
    });
}

#[test]
fn a_reservation_that_died_anywhere_leaves_too_much_and_never_too_little() {
    for calls in 0.. {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let dying = Stepping::dying_after(&store, calls);
        let dead = Usage::new(&dying, &clock, 100);
        let died = dead.reserve(&playback(40)).now_or_never().is_none();
        let usage = Usage::new(&store, &clock, 100);
        block_on(reserved(&usage, &playback(40)));
        let today = block_on(usage.today("u")).unwrap();
        assert!([40, 80].contains(&today.download_bytes), "call {calls}");
        // A playback whose first request died before its action is written down has none.
        let actions = block_on(usage.actions("u", None, 10)).unwrap().items;
        assert!(actions.len() <= 1 && today.downloads <= 1, "call {calls}");
        if !died {
            assert_eq!((actions.len(), actions[0].bytes), (1, 80));
            break;
        }
    }
}

proptest! {
    #[test]
    fn reservations_at_once_never_pass_the_limit_together_either_way(
        amounts in prop::collection::vec((1..60_u64, any::<bool>()), 2..8),
        seed in any::<u64>(),
    ) {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let stepping = Stepping::new(&store);
        let usage = Usage::new(&stepping, &clock, 100);
        let requests: Vec<Reserve> = amounts
            .iter()
            .map(|(bytes, comes_in)| if *comes_in { incoming(*bytes) } else { outgoing(*bytes) })
            .collect();
        let calls = requests.iter().map(|one| usage.reserve(one).boxed_local()).collect();
        let outcomes = interleave(seed, calls);
        let granted = |direction: Direction| -> i64 {
            let granted = outcomes.iter().zip(&requests).filter(|(outcome, request)| {
                request.direction == direction && **outcome != Ok(Outcome::Refused)
            });
            granted.map(|(_, request)| request.bytes as i64).sum()
        };
        let (went_in, went_out) = (granted(Direction::In), granted(Direction::Out));
        prop_assert!(went_in + went_out <= 100);
        prop_assert_eq!(bytes_of(&store, NOON), (went_in, went_out));
    }
}
