//! Deaths at every call, and many at once.
#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::LocalBoxFuture;
use spinreel_platform::memory::{ManualClock, MemoryStore};

use super::testing::{Does, LONG, Receiver, World, pending_numbers, raise, usage};
use crate::domain::UsageError;
use crate::domain::testing::{NOON, Stepping, alert, interleave};

fn shown(store: &MemoryStore, clock: &ManualClock) -> usize {
    let page = block_on(usage(store, clock).alerts("u", None, 10)).unwrap();
    page.items.len()
}

#[test]
fn an_alert_whose_raiser_died_anywhere_is_delivered_if_it_stands_and_once_when_repeated() {
    for repeated in [false, true] {
        for calls in 0.. {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let receiver = Receiver::new(&clock);
            let world = World::new(&store, &clock, &receiver);
            let dying = Stepping::dying_after(&store, calls);
            let died = usage(&dying, &clock).raise("a", &alert(810)).now_or_never();
            let mut events = world.pass(2_000);
            if repeated {
                raise(&store, &clock, "a");
            }
            events.extend(world.pass(LONG));
            let expected = usize::from(repeated || shown(&store, &clock) == 1);
            assert_eq!(receiver.take().len(), expected, "call {calls}");
            assert_eq!(events.len(), expected, "call {calls}");
            assert!(pending_numbers(&store).is_empty(), "call {calls}");
            if died.is_some() {
                assert_eq!((calls, expected), (9, 1));
                break;
            }
        }
    }
}

#[test]
fn a_deliverer_that_died_anywhere_loses_nothing_and_repeats_under_the_same_id() {
    for does in [Does::Answer(200), Does::Answer(500), Does::KeepWaiting] {
        for calls in 0.. {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let receiver = Receiver::new(&clock);
            raise(&store, &clock, "a");
            receiver.always(does);
            let dying = Stepping::dying_after(&store, calls);
            let dead = World::new(&dying, &clock, &receiver);
            // A step more for the receiver's answer.
            let mut dead_run = Box::pin(async { dead.webhooks().deliver_due().await });
            let mut died = true;
            for _ in 0..2 {
                died = died && (&mut dead_run).now_or_never().is_none();
            }
            drop(dead_run);
            receiver.always(Does::Answer(200));
            World::new(&store, &clock, &receiver).pass(LONG);
            let received = receiver.take();
            let ids: BTreeSet<&str> = received.iter().map(|one| &*one.webhook_id).collect();
            assert_eq!(ids.len(), 1, "call {calls}");
            let failures = usize::from(!matches!(does, Does::Answer(200)));
            assert!(
                (1..=2 + failures).contains(&received.len()),
                "call {calls}: {received:?}"
            );
            assert!(pending_numbers(&store).is_empty(), "call {calls}");
            if !died || calls == 40 {
                assert!(calls > 10, "{calls}");
                break;
            }
        }
    }
}

#[test]
fn deliverers_at_once_send_each_delivery_once() {
    for seed in 0..300 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let receiver = Receiver::new(&clock);
        for id in ["a", "b", "c"] {
            raise(&store, &clock, id);
        }
        let stepping = Stepping::new(&store);
        let worlds = [(); 3].map(|()| World::new(&stepping, &clock, &receiver));
        let calls: Vec<LocalBoxFuture<'_, _>> = worlds
            .iter()
            .map(|world| async { world.webhooks().deliver_due().await }.boxed_local())
            .collect();
        let runs = interleave(seed, calls);
        let mut events: usize = runs
            .iter()
            .map(|run| run.as_ref().unwrap().events.len())
            .sum();
        events += World::new(&store, &clock, &receiver).pass(60_000).len();
        let mut alerts = receiver.take_alerts();
        alerts.sort();
        assert_eq!(alerts, ["a", "b", "c"], "seed {seed}");
        assert_eq!(events, 3, "seed {seed}");
        assert!(pending_numbers(&store).is_empty(), "seed {seed}");
    }
}

#[test]
fn deliverers_at_once_do_not_repeat_what_one_of_them_failed_at() {
    for seed in 0..300 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let receiver = Receiver::new(&clock);
        receiver.always(Does::Answer(500));
        for id in ["a", "b"] {
            raise(&store, &clock, id);
        }
        let stepping = Stepping::new(&store);
        let worlds = [(); 3].map(|()| World::new(&stepping, &clock, &receiver));
        let calls: Vec<LocalBoxFuture<'_, _>> = worlds
            .iter()
            .map(|world| async { world.webhooks().deliver_due().await }.boxed_local())
            .collect();
        interleave(seed, calls);
        let tried = receiver.take_alerts();
        let distinct: BTreeSet<&String> = tried.iter().collect();
        assert_eq!(distinct.len(), tried.len(), "seed {seed}: {tried:?}");
    }
}

#[test]
fn an_alert_that_is_raised_beside_looks_is_delivered_within_a_minute() {
    for seed in 0..500 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let receiver = Receiver::new(&clock);
        raise(&store, &clock, "before");
        let stepping = Stepping::new(&store);
        let worlds = [(); 2].map(|()| World::new(&stepping, &clock, &receiver));
        let raiser = usage(&stepping, &clock);
        let request = alert(810);
        let mut calls: Vec<LocalBoxFuture<'_, ()>> = vec![
            async {
                raiser.raise("a", &request).await.unwrap();
            }
            .boxed_local(),
        ];
        calls.extend(worlds.iter().map(|world| {
            async {
                world.webhooks().deliver_due().await.unwrap();
            }
            .boxed_local()
        }));
        interleave(seed, calls);
        World::new(&store, &clock, &receiver).pass(60_000);
        let mut alerts = receiver.take_alerts();
        alerts.sort();
        assert_eq!(alerts, ["a", "before"], "seed {seed}");
    }
}

#[test]
fn raisers_of_one_alert_at_once_have_it_delivered_once() {
    for seed in 0..300 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let receiver = Receiver::new(&clock);
        let stepping = Stepping::new(&store);
        let raiser = usage(&stepping, &clock);
        let request = alert(810);
        let world = World::new(&stepping, &clock, &receiver);
        let mut calls: Vec<LocalBoxFuture<'_, Result<(), UsageError>>> = (0..3)
            .map(|_| async { raiser.raise("a", &request).await.map(drop) }.boxed_local())
            .collect();
        calls.push(async { Ok(world.webhooks().deliver_due().await.map(drop)?) }.boxed_local());
        interleave(seed, calls);
        World::new(&store, &clock, &receiver).pass(LONG);
        // Of entries that take each other's place, one may be sent before the next one counts.
        let received = receiver.take();
        let ids: BTreeSet<&str> = received.iter().map(|one| &*one.webhook_id).collect();
        assert_eq!(ids.len(), 1, "seed {seed}");
        assert!(received.len() <= 2, "seed {seed}");
        assert!(pending_numbers(&store).is_empty(), "seed {seed}");
    }
}

#[test]
fn a_deliverer_that_died_after_a_410_has_not_forgotten_it() {
    for calls in 0..60 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let receiver = Receiver::new(&clock);
        raise(&store, &clock, "a");
        receiver.always(Does::Answer(410));
        let dying = Stepping::dying_after(&store, calls);
        let dead = World::new(&dying, &clock, &receiver);
        let mut dead_run = Box::pin(async { dead.webhooks().deliver_due().await });
        for _ in 0..2 {
            if (&mut dead_run).now_or_never().is_some() {
                break;
            }
        }
        drop(dead_run);
        World::new(&store, &clock, &receiver).pass(LONG);
        assert!((1..=2).contains(&receiver.take().len()), "call {calls}");
        assert!(pending_numbers(&store).is_empty(), "call {calls}");
        raise(&store, &clock, "b");
        World::new(&store, &clock, &receiver).pass(LONG);
        assert!(receiver.take().is_empty(), "call {calls}");
    }
}

#[test]
fn what_fails_while_its_user_goes_is_not_kept() {
    for seed in 0..500 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let receiver = Receiver::new(&clock);
        receiver.always(Does::Answer(500));
        raise(&store, &clock, "a");
        let stepping = Stepping::new(&store);
        let world = World::new(&stepping, &clock, &receiver);
        let going = usage(&stepping, &clock);
        let calls: Vec<LocalBoxFuture<'_, ()>> = vec![
            async { world.webhooks().deliver_due().await.map(drop).unwrap() }.boxed_local(),
            going
                .purge("u")
                .map(|purged| assert!(purged.is_ok()))
                .boxed_local(),
        ];
        interleave(seed, calls);
        assert!(pending_numbers(&store).is_empty(), "seed {seed}");
        receiver.take();
        World::new(&store, &clock, &receiver).pass(LONG);
        assert!(receiver.take().is_empty(), "seed {seed}");
    }
}
