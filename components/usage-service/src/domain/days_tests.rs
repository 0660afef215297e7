#![allow(clippy::unwrap_used)]
use futures::executor::block_on;
use proptest::prelude::*;
use spinreel_api::usage::ActionKind;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

use super::*;
use crate::domain::testing::{
    NOON, action, incoming, outgoing, playback, reserved, settle, uploaded,
};

#[test]
fn a_percentage_has_two_decimals() {
    assert_eq!(percentage(10_485_760, 52_428_800), 20.0);
    assert_eq!(percentage(1, 3), 33.33);
    assert_eq!(percentage(2, 3), 66.67);
    assert_eq!(percentage(150, 100), 150.0);
    assert_eq!(percentage(0, 100), 0.0);
    assert_eq!(percentage(0, 0), 100.0);
}

#[test]
fn a_day_shows_what_was_moved_and_is_reserved_and_how_often() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        uploaded(&usage, &clock, 300).await;
        for bytes in [20, 5] {
            reserved(&usage, &playback(bytes)).await;
        }
        reserved(&usage, &outgoing(100)).await;
        let deletion = action(&clock, ActionKind::Delete, 300);
        usage
            .settle(&settle(Vec::new(), Some(deletion)))
            .await
            .unwrap();
        let today = usage.today("u").await.unwrap();
        assert_eq!((today.upload_bytes, today.download_bytes), (300, 125));
        assert_eq!((today.total_bytes, today.limit_bytes), (425, 1_000));
        assert_eq!((today.uploads, today.downloads, today.deletions), (1, 1, 1));
        assert_eq!(today.percentage, 42.5);
        assert_eq!(usage.today("v").await.unwrap().total_bytes, 0);
    });
}

#[test]
fn days_are_listed_from_today_backwards_sealed_or_not() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        uploaded(&usage, &clock, 300).await;
        clock.advance_ms(DAY_MS);
        reserved(&usage, &playback(40)).await;
        clock.advance_ms(DAY_MS);
        // What never came to anything is shown while it may.
        reserved(&usage, &incoming(7)).await;
        assert_eq!(usage.daily("u", 1).await.unwrap()[0].total_bytes, 7);
        clock.advance_ms(2 * DAY_MS);
        let before = usage.daily("u", 7).await.unwrap();
        let dates: Vec<String> = before.iter().map(|day| day.date.to_string()).collect();
        assert_eq!(dates[0], "2023-11-18");
        assert_eq!(dates[6], "2023-11-12");
        let bytes: Vec<u64> = before.iter().map(|day| day.total_bytes).collect();
        assert_eq!(bytes, [0, 0, 0, 40, 300, 0, 0]);
        let numbers = before.iter().map(|day| (day.uploads, day.downloads));
        assert_eq!(
            numbers.collect::<Vec<_>>(),
            [(0, 0), (0, 0), (0, 0), (0, 1), (1, 0), (0, 0), (0, 0)]
        );
        usage.seal("u").await.unwrap();
        let past = history("u").get(&store).await.unwrap().unwrap();
        assert_eq!(past.active, []);
        assert_eq!(usage.daily("u", 7).await.unwrap(), before);
    });
}

#[test]
fn there_is_no_day_before_the_epoch() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(0));
    let usage = Usage::new(&store, &clock, 1_000);
    assert_eq!(block_on(usage.daily("u", 30)).unwrap().len(), 1);
}

#[test]
fn many_days_cost_few_reads() {
    let store = CountingStore::new(MemoryStore::default());
    let clock = ManualClock::at(NOON);
    let usage = Usage::new(&store, &clock, 1_000);
    block_on(async {
        for _ in 0..100 {
            clock.advance_ms(DAY_MS);
            uploaded(&usage, &clock, 10).await;
            usage.seal("u").await.unwrap();
        }
        store.take_calls();
        usage.today("u").await.unwrap();
        let calls = store.take_calls();
        assert_eq!((calls.reads(), calls.writes()), (4, 0));
        for (days, most) in [(1, 6), (2, 9), (7, 11), (30, 34), (90, 94)] {
            let listed = usage.daily("u", days).await.unwrap();
            assert!(listed.iter().all(|day| day.total_bytes == 10));
            let calls = store.take_calls();
            assert!(calls.reads() <= most, "{days} days: {calls:?}");
            // The limit, the history, today and yesterday, and two rollups or three.
            assert!(calls.reads() <= 11, "{days} days: {calls:?}");
            assert_eq!(calls.writes(), 0);
        }
    });
}

proptest! {
    #[test]
    fn a_percentage_never_has_more_than_two_decimals(bytes in 0..1_u64 << 50, limit in 1..1_u64 << 40) {
        let text = percentage(bytes, limit).to_string();
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        prop_assert!(decimals <= 2, "{}", text);
    }
}
