#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use futures::FutureExt as _;
use futures::executor::block_on;
use spinreel_platform::Clock as _;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};
use spinreel_webhook::schedule::LONGEST_PAUSE_MS;

use super::message::webhook_id;
use super::queue::LIFETIME_MS;
use super::testing::{Does, LONG, Receiver, SECRET, World, pending_numbers, raise, usage};
use super::{Endpoint, Event, Outcome};
use crate::domain::Usage;
use crate::domain::testing::{NOON, alert};

#[test]
fn an_alert_is_delivered_once_and_then_a_look_costs_one_read() {
    let store = CountingStore::new(MemoryStore::default());
    let clock = ManualClock::at(NOON);
    let receiver = Receiver::new(&clock);
    let world = World::new(&store, &clock, &receiver);
    raise(&store, &clock, "a.1");
    let delivered = Event {
        webhook_id: webhook_id("u", "a.1"),
        alert_id: "a.1".to_owned(),
        attempts: 1,
        outcome: Outcome::Delivered { status: 200 },
    };
    let run = world.deliver();
    assert_eq!((run.events, run.more), (vec![delivered], false));
    let received = receiver.take();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].uri, "http://receiver.test/hooks");
    assert_eq!(received[0].webhook_id, webhook_id("u", "a.1"));
    assert_eq!(received[0].timestamp, NOON / 1_000);
    store.take_calls();
    assert!(world.deliver().events.is_empty());
    let calls = store.take_calls();
    assert_eq!((calls.reads(), calls.total()), (1, 1));
    raise(&store, &clock, "a.1");
    assert!(world.pass(LONG).is_empty());
    assert!(receiver.take().is_empty());
    assert!(pending_numbers(store.inner()).is_empty());
}

#[test]
fn without_a_webhook_nothing_is_written_down_for_one() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    block_on(Usage::new(&store, &clock, 1_000).raise("a", &alert(810))).unwrap();
    assert!(store.keys().iter().all(|key| !key.contains("webhook")));
}

#[test]
fn while_one_looks_others_cost_a_read_until_it_must_be_dead() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let receiver = Receiver::new(&clock);
    raise(&store, &clock, "a");
    receiver.next([Does::KeepWaiting]);
    let world = World::new(&store, &clock, &receiver);
    let mut slow = Box::pin(async { world.webhooks().deliver_due().await });
    assert!((&mut slow).now_or_never().is_none());
    let counting = CountingStore::new(&store);
    let other = World::new(&counting, &clock, &receiver);
    other.deliver();
    assert_eq!(counting.take_calls().total(), 1);
    clock.advance_ms(30_000);
    other.deliver();
    assert!(counting.take_calls().total() > 1);
}

#[test]
fn a_receiver_that_is_down_is_tried_again_and_then_has_it() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let receiver = Receiver::new(&clock);
    let world = World::new(&store, &clock, &receiver);
    raise(&store, &clock, "a");
    receiver.next([Does::BeUnreachable, Does::Answer(503), Does::Redirect]);
    let events = world.pass(60_000);
    let attempts: Vec<u32> = events.iter().map(|event| event.attempts).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    for (event, expected) in events.iter().zip([
        "the peer cannot be reached: ConnectionRefused",
        "the receiver answered 503",
        "the receiver answered 307",
    ]) {
        let Outcome::Failed { reason, .. } = &event.outcome else {
            panic!("{event:?}");
        };
        assert_eq!(reason, expected);
    }
    assert_eq!(events[3].outcome, Outcome::Delivered { status: 200 });
    // Nothing went to where the redirect pointed, and each attempt is signed for its own time.
    let received = receiver.take();
    assert!(
        received
            .iter()
            .all(|one| one.uri == "http://receiver.test/hooks")
    );
    let times: BTreeSet<u64> = received.iter().map(|one| one.timestamp).collect();
    assert_eq!((received.len(), times.len()), (3, 3));
}

#[test]
fn a_receiver_that_asks_for_a_pause_gets_it_up_to_an_hour() {
    for (asked, expected_s) in [
        ("120", 120),
        ("Tue, 14 Nov 2023 12:10:00 GMT", 600),
        ("7200", 3_600),
        ("99999999999999999999", 5),
    ] {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let receiver = Receiver::new(&clock);
        let world = World::new(&store, &clock, &receiver);
        raise(&store, &clock, "a");
        receiver.next([Does::AskFor(asked)]);
        world.pass(3_700_000);
        let received = receiver.take();
        assert_eq!(received.len(), 2, "{asked}");
        let pause_s = received[1].timestamp - received[0].timestamp;
        assert!(pause_s.abs_diff(expected_s) <= 3, "{asked}: {pause_s}");
    }
}

#[test]
fn after_a_day_of_failures_it_is_given_up_once() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let receiver = Receiver::new(&clock);
    let world = World::new(&store, &clock, &receiver);
    receiver.always(Does::Answer(500));
    raise(&store, &clock, "a");
    let events = world.pass(LIFETIME_MS + 3 * LONGEST_PAUSE_MS);
    let (last, failed) = events.split_last().unwrap();
    let reason = "the receiver answered 500".to_owned();
    assert_eq!(last.outcome, Outcome::GaveUp { reason });
    assert_eq!(last.attempts as usize, events.len());
    assert!(
        failed
            .iter()
            .all(|event| matches!(event.outcome, Outcome::Failed { .. }))
    );
    let received = receiver.take();
    assert_eq!(received.len(), events.len());
    let took_s = received.last().unwrap().timestamp - NOON / 1_000;
    assert!((86_400..86_410).contains(&took_s), "{took_s}");
    assert!(pending_numbers(&store).is_empty());
}

#[test]
fn where_nobody_came_by_for_days_it_is_tried_once_more_before_it_is_given_up() {
    for (status, expected) in [(200, 1), (500, 0)] {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let receiver = Receiver::new(&clock);
        let world = World::new(&store, &clock, &receiver);
        receiver.next([Does::Answer(500), Does::Answer(status)]);
        raise(&store, &clock, "a");
        world.deliver();
        clock.advance_ms(3 * LIFETIME_MS);
        let run = world.deliver();
        let delivered = run
            .events
            .iter()
            .filter(|event| matches!(event.outcome, Outcome::Delivered { .. }));
        assert_eq!((run.events.len(), delivered.count()), (1, expected));
        assert!(pending_numbers(&store).is_empty());
    }
}

#[test]
fn a_receiver_that_is_gone_gets_nothing_more_until_another_one_is_configured() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let receiver = Receiver::new(&clock);
    let world = World::new(&store, &clock, &receiver);
    for id in ["a", "b", "c"] {
        raise(&store, &clock, id);
    }
    receiver.next([Does::Answer(200), Does::Answer(410)]);
    let outcomes = |events: Vec<Event>| -> Vec<(String, Outcome)> {
        let outcomes = events.into_iter();
        outcomes
            .map(|event| (event.alert_id, event.outcome))
            .collect()
    };
    assert_eq!(
        outcomes(world.pass(10_000)),
        [
            ("a".to_owned(), Outcome::Delivered { status: 200 }),
            ("b".to_owned(), Outcome::Gone),
            ("c".to_owned(), Outcome::Dropped),
        ]
    );
    assert_eq!(receiver.take_alerts(), ["a", "b"]);
    raise(&store, &clock, "d");
    let dropped = [("d".to_owned(), Outcome::Dropped)];
    assert_eq!(outcomes(world.pass(10_000)), dropped);
    assert!(receiver.take().is_empty());

    let other = World {
        endpoint: Endpoint::new("http://receiver.test", "/other", SECRET).unwrap(),
        ..World::new(&store, &clock, &receiver)
    };
    for (world, id, uri) in [
        (&other, "e", "http://receiver.test/other"),
        (&world, "f", "http://receiver.test/hooks"),
    ] {
        raise(&store, &clock, id);
        world.pass(10_000);
        let received = receiver.take();
        assert_eq!(received.len(), 1);
        assert_eq!((&*received[0].uri, &*received[0].alert_id), (uri, id));
    }
}

#[test]
fn a_clock_that_is_set_back_delays_nothing_for_long() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let receiver = Receiver::new(&clock);
    raise(&store, &clock, "a");
    receiver.always(Does::Answer(500));
    World::new(&store, &clock, &receiver).pass(3_600_000);
    receiver.take();
    // A month earlier.
    let clock = ManualClock::at(NOON - 30 * LIFETIME_MS);
    let receiver = Receiver::new(&clock);
    let world = World::new(&store, &clock, &receiver);
    raise(&store, &clock, "b");
    receiver.next([Does::Answer(500)]);
    let events = world.pass(2 * LONGEST_PAUSE_MS);
    let mut alerts = receiver.take_alerts();
    alerts.sort();
    alerts.dedup();
    assert_eq!(alerts, ["a", "b"]);
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(pending_numbers(&store).is_empty());
}

#[test]
fn a_day_after_a_clock_was_set_back_it_is_given_up() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    raise(&store, &clock, "a");
    let clock = ManualClock::at(NOON - 30 * LIFETIME_MS);
    let receiver = Receiver::new(&clock);
    receiver.always(Does::Answer(500));
    let events = World::new(&store, &clock, &receiver).pass(LIFETIME_MS + LONG);
    let given_up = events
        .iter()
        .filter(|event| matches!(event.outcome, Outcome::GaveUp { .. }));
    assert_eq!(given_up.count(), 1);
}

#[test]
fn a_look_sends_a_few_stops_at_a_failure_and_takes_half_a_minute_at_most() {
    let store = CountingStore::new(MemoryStore::default());
    let clock = ManualClock::at(NOON);
    let receiver = Receiver::new(&clock);
    let world = World::new(&store, &clock, &receiver);
    for number in 0..1_000 {
        raise(&store, &clock, &format!("a{number}"));
    }
    store.take_calls();
    let run = world.deliver();
    let calls = store.take_calls();
    assert_eq!((run.events.len(), run.more), (4, true));
    assert!(calls.total() < 330, "{calls:?}");
    receiver.next([Does::Answer(200), Does::Answer(500)]);
    let run = world.deliver();
    assert_eq!((run.events.len(), run.more), (2, false));
    assert!(world.deliver().events.is_empty());
    clock.advance_ms(5_000);
    receiver.always(Does::TakeLong(10_000));
    let began = clock.now_ms();
    let run = world.deliver();
    assert_eq!((run.events.len(), run.more), (2, true));
    assert_eq!(clock.now_ms() - began, 20_000);
    receiver.always(Does::Answer(200));
    world.pass(LONGEST_PAUSE_MS);
    let distinct: BTreeSet<String> = receiver.take_alerts().into_iter().collect();
    assert_eq!(distinct.len(), 1_000);
    assert!(pending_numbers(store.inner()).is_empty());
}

#[test]
fn a_sweep_while_nobody_else_is_at_work_waits_for_nobody() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let receiver = Receiver::new(&clock);
    let world = World::new(&store, &clock, &receiver);
    raise(&store, &clock, "a");
    receiver.next([Does::KeepWaiting]);
    let mut dead = Box::pin(async { world.webhooks().deliver_due().await });
    for _ in 0..3 {
        assert!((&mut dead).now_or_never().is_none());
    }
    drop(dead);
    assert!(world.deliver().events.is_empty());
    let mut webhooks = world.webhooks();
    webhooks.offline = true;
    let run = block_on(webhooks.deliver_due()).unwrap();
    assert_eq!(run.events[0].outcome, Outcome::Delivered { status: 200 });
}

#[test]
fn nothing_of_a_user_who_is_gone_is_sent_or_kept() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let receiver = Receiver::new(&clock);
    let world = World::new(&store, &clock, &receiver);
    receiver.always(Does::Answer(500));
    for id in ["a", "b"] {
        raise(&store, &clock, id);
        world.deliver();
    }
    assert_eq!(pending_numbers(&store).len(), 2);
    receiver.take();
    let purged = block_on(usage(&store, &clock).purge("u")).unwrap();
    assert!(purged.done);
    assert!(pending_numbers(&store).is_empty());
    assert!(world.pass(LONG).is_empty());
    assert!(receiver.take().is_empty());
}
