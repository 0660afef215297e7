#![allow(clippy::unwrap_used)]
use futures::FutureExt;
use futures::executor::block_on;
use spinreel_api::Timestamp;
use spinreel_http::query::Query;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

use super::*;
use crate::domain::list::actions_list;
use crate::domain::testing::{NOON, Stepping, alert, interleave};

const FIRST: Raised = Raised {
    first: true,
    full: false,
};
const REPEATED: Raised = Raised {
    first: false,
    full: false,
};

/// The ids of all alerts of `u`, read in pages of `limit`.
async fn ids(usage: &Usage<'_, MemoryStore, ManualClock>, limit: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = usage.alerts("u", before, limit).await.unwrap();
        assert!(page.items.len() <= limit);
        seen.extend(page.items.into_iter().map(|alert| alert.id));
        let Some(cursor) = page.next_cursor else {
            return seen;
        };
        let query = Query::parse(&format!("cursor={cursor}"));
        before = query.cursor(&alerts_list("u")).unwrap();
    }
}

#[test]
fn an_alert_is_shown_as_it_was_told() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        assert_eq!(usage.raise("a/1", &alert(810)).await.unwrap(), FIRST);
        let page = usage.alerts("u", None, 10).await.unwrap();
        let expected = serde_json::json!({
            "items": [{
                "id": "a/1",
                "kind": "storage",
                "threshold_percent": 80,
                "used_bytes": 810,
                "limit_bytes": 1_000,
                "at": Timestamp::from_ms(NOON),
            }],
            "next_cursor": null,
        });
        assert_eq!(serde_json::to_value(&page).unwrap(), expected);
        assert!(usage.alerts("v", None, 10).await.unwrap().items.is_empty());
    });
}

#[test]
fn of_repeated_alerts_the_first_counts() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        assert_eq!(usage.raise("a", &alert(810)).await.unwrap(), FIRST);
        clock.advance_ms(30 * 86_400_000);
        assert_eq!(usage.raise("a", &alert(990)).await.unwrap(), REPEATED);
        let page = usage.alerts("u", None, 10).await.unwrap();
        assert_eq!(page.items.len(), 1);
        assert_eq!(page.items[0].used_bytes, 810);
    });
}

#[test]
fn users_have_ids_of_their_own() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        for user in ["u", "v"] {
            let request = RaiseAlert {
                user_id: user.to_owned(),
                ..alert(810)
            };
            assert_eq!(usage.raise("a", &request).await.unwrap(), FIRST);
            let page = usage.alerts(user, None, 10).await.unwrap();
            assert_eq!(page.items.len(), 1);
        }
        let cursor = encode_cursor(&alerts_list("u"), 2_u64);
        let query = Query::parse(&format!("cursor={cursor}"));
        assert!(query.cursor::<u64>(&alerts_list("v")).is_err());
        assert!(query.cursor::<u64>(&actions_list("u")).is_err());
    });
}

#[test]
fn alerts_are_listed_newest_first_before_and_after_sealing() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        let mut full = 0;
        for number in 1..=150 {
            let raised = usage.raise(&number.to_string(), &alert(810)).await.unwrap();
            full += usize::from(raised.full);
        }
        assert_eq!(full, 2);
        let all: Vec<String> = (1..=150).rev().map(|number| number.to_string()).collect();
        assert_eq!(ids(&usage, 40).await, all);
        clock.advance_ms(3_600_000);
        let keys = store.keys().len();
        usage.seal_alerts("u").await.unwrap();
        assert!(store.keys().len() < keys - 100);
        assert_eq!(ids(&usage, 40).await, all);
        // Sealed or not, a repeated alert is known as one.
        assert_eq!(usage.raise("1", &alert(810)).await.unwrap(), REPEATED);
        assert_eq!(ids(&usage, 40).await, all);
    });
}

#[test]
fn an_alert_whose_caller_died_anywhere_is_shown_once_when_repeated_and_never_lost() {
    for later_ms in [0, 3_600_000] {
        for calls in 0.. {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let usage = Usage::new(&store, &clock, 1_000);
            block_on(usage.raise("before", &alert(810))).unwrap();
            let dying = Stepping::dying_after(&store, calls);
            let dead = Usage::new(&dying, &clock, 1_000);
            let outcome = dead.raise("a", &alert(820)).now_or_never();
            let shown = block_on(ids(&usage, 10));
            assert!(shown.len() <= 2, "call {calls}: {shown:?}");
            clock.advance_ms(later_ms);
            let repeated = block_on(usage.raise("a", &alert(820))).unwrap();
            // Who was answered is told of it once: by the dead, who got as far as the claim, or by the living.
            assert_eq!(repeated.first, outcome.is_none(), "call {calls}");
            assert_eq!(block_on(ids(&usage, 10)), ["a", "before"], "call {calls}");
            assert_eq!(block_on(usage.raise("a", &alert(820))).unwrap(), REPEATED);
            assert_eq!(block_on(ids(&usage, 10)), ["a", "before"], "call {calls}");
            if let Some(outcome) = outcome {
                assert_eq!(outcome.unwrap(), FIRST);
                assert_eq!(calls, 6);
                break;
            }
        }
    }
}

#[test]
fn alerts_with_one_id_at_once_are_shown_once_and_told_of_once() {
    for seed in 0..300 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let stepping = Stepping::new(&store);
        let at_once = Usage::new(&stepping, &clock, 1_000);
        let request = alert(810);
        let calls = (0..4)
            .map(|_| at_once.raise("a", &request).boxed_local())
            .collect();
        let outcomes = interleave(seed, calls);
        let told = outcomes
            .iter()
            .filter(|outcome| outcome.as_ref().unwrap().first);
        assert_eq!(told.count(), 1, "seed {seed}");
        let usage = Usage::new(&store, &clock, 1_000);
        assert_eq!(block_on(ids(&usage, 1)), ["a"], "seed {seed}");
    }
}

#[test]
fn an_alert_is_shown_from_the_moment_that_any_call_with_its_id_was_answered() {
    for calls in 0..6 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let stepping = Stepping::new(&store);
        let slow = Usage::new(&stepping, &clock, 1_000);
        let request = alert(810);
        let mut slow_call = slow.raise("a", &request).boxed_local();
        for _ in 0..=calls {
            assert!((&mut slow_call).now_or_never().is_none());
        }
        let usage = Usage::new(&store, &clock, 1_000);
        let mut told = usize::from(block_on(usage.raise("a", &request)).unwrap().first);
        assert_eq!(block_on(ids(&usage, 10)), ["a"], "call {calls}");
        let slow_outcome = block_on(slow_call).unwrap();
        told += usize::from(slow_outcome.first);
        assert_eq!(block_on(ids(&usage, 10)), ["a"], "call {calls}");
        assert_eq!(told, 1, "call {calls}");
    }
}

#[test]
fn alerts_cost_the_same_store_calls_at_10_and_at_10_000() {
    let store = CountingStore::new(MemoryStore::default());
    let clock = ManualClock::at(NOON);
    let usage = Usage::new(&store, &clock, 1_000);
    let mut number = 0;
    let mut cost_at = async |count: u64| {
        while number < count {
            number += 1;
            usage.raise(&number.to_string(), &alert(810)).await.unwrap();
        }
        store.take_calls();
        let page = usage.alerts("u", None, 10).await.unwrap();
        assert_eq!(page.items.len(), 10);
        let listed = store.take_calls();
        usage.raise("1", &alert(810)).await.unwrap();
        (listed.reads(), listed.writes(), store.take_calls().total())
    };
    block_on(async {
        // The head, the beginning, a segment that is not there, and two for each alert.
        assert_eq!(cost_at(10).await, (23, 0, 3));
        assert_eq!(cost_at(10_000).await, (23, 0, 3));
    });
}
