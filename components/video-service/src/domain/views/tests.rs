#![allow(clippy::unwrap_used)]
use std::net::{IpAddr, Ipv4Addr};

use futures::executor::block_on;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore, SeededRandom};

use super::*;
use crate::domain::catalogue::remove;
use crate::domain::testing::put;
use crate::domain::testing::{PoliteStore, interleave, stored};

/// An hour before midnight UTC.
const EVENING: u64 = 1_700_002_800_000;
const HOUR_MS: u64 = 3_600_000;

struct House<S> {
    store: S,
    clock: ManualClock,
    random: SeededRandom,
}

impl<S: Store + Default> House<S> {
    fn new() -> Self {
        let house = Self {
            store: S::default(),
            clock: ManualClock::at(EVENING),
            random: SeededRandom::new(1),
        };
        for id in ["v-1", "v-2"] {
            block_on(put(&house.store, &house.clock, id, stored("ada", id))).unwrap();
        }
        house
    }

    async fn count(&self, id: &str, viewer: &str) -> Option<Counted> {
        count(&self.store, &self.clock, &self.random, id, viewer)
            .await
            .unwrap()
    }

    /// As a request with what follows it.
    async fn view(&self, id: &str, viewer: &str) {
        if let Some(counted) = self.count(id, viewer).await {
            let is_new_day = counted.is_new_day;
            confirm(&self.store, &self.clock, counted).await.unwrap();
            if is_new_day {
                fold(&self.store, &self.clock, id).await.unwrap();
            }
        }
    }

    async fn total(&self, id: &str) -> Total {
        let record = find(&self.store, id).await.unwrap().unwrap();
        total(&self.store, &self.clock, &record).await.unwrap()
    }

    async fn listed(&self, id: &str) -> u64 {
        find(&self.store, id).await.unwrap().unwrap().views
    }
}

#[test]
fn a_viewer_counts_once_a_day_and_few_are_counted_exactly() {
    let house = House::<MemoryStore>::new();
    block_on(async {
        assert_eq!(house.total("v-1").await.views, 0);
        for viewers in 1..=10_u64 {
            for _ in 0..3 {
                house.view("v-1", &format!("viewer {viewers}")).await;
            }
            assert_eq!(house.total("v-1").await.views, viewers);
        }
        assert_eq!(house.total("v-2").await.views, 0);
        house.clock.advance_ms(HOUR_MS);
        house.view("v-1", "viewer 1").await;
        assert_eq!(house.total("v-1").await.views, 11);
    });
}

#[test]
fn a_list_shows_the_days_that_are_over_once_somebody_has_looked() {
    let house = House::<MemoryStore>::new();
    block_on(async {
        for viewer in ["a", "b"] {
            house.view("v-1", viewer).await;
            house.view("v-2", viewer).await;
        }
        assert_eq!(house.listed("v-1").await, 0);
        assert!(!house.total("v-1").await.is_unfolded);
        house.clock.advance_ms(HOUR_MS);
        house.view("v-1", "a").await;
        assert_eq!(
            (house.listed("v-1").await, house.total("v-1").await.views),
            (2, 3)
        );
        let unfolded = Total {
            views: 2,
            is_unfolded: true,
        };
        assert_eq!(house.total("v-2").await, unfolded);
        for _ in 0..2 {
            fold(&house.store, &house.clock, "v-2").await.unwrap();
            assert_eq!(house.listed("v-2").await, 2);
        }
        assert!(!house.total("v-2").await.is_unfolded);
    });
}

#[test]
fn of_two_viewers_at_once_none_is_lost() {
    for schedule in 0..512 {
        let house = House::<PoliteStore>::new();
        block_on(house.view("v-1", "before"));
        let both = interleave(schedule, house.count("v-1", "a"), house.count("v-1", "b"));
        // Both have written when the first one looks again.
        for counted in [both.0, both.1] {
            let counted = counted.unwrap();
            block_on(confirm(&house.store, &house.clock, counted)).unwrap();
        }
        let views = block_on(house.total("v-1")).views;
        assert_eq!(views, 3, "schedule {schedule:b}");
    }
}

#[test]
fn the_first_two_viewers_of_a_day_have_one_salt() {
    for schedule in 0..512 {
        let house = House::<PoliteStore>::new();
        interleave(schedule, house.view("v-1", "a"), house.view("v-2", "a"));
        block_on(async {
            house.view("v-1", "a").await;
            house.view("v-2", "a").await;
            let views = [
                house.total("v-1").await.views,
                house.total("v-2").await.views,
            ];
            assert_eq!(views, [1, 1], "schedule {schedule:b}");
        });
    }
}

#[test]
fn a_view_is_one_write_and_one_that_is_known_is_none() {
    let house = House::<CountingStore<MemoryStore>>::new();
    block_on(async {
        house.store.take_calls();
        house.view("v-1", "a").await;
        // The lock, the salt, the lock again, and the view.
        assert_eq!(house.store.take_calls().writes(), 4);
        house.view("v-1", "b").await;
        assert_eq!(house.store.take_calls().writes(), 1);
        assert!(house.count("v-1", "b").await.is_none());
        let calls = house.store.take_calls();
        assert_eq!((calls.reads(), calls.writes()), (2, 0));
    });
}

#[test]
fn the_salt_of_a_day_is_gone_after_it() {
    let house = House::<MemoryStore>::new();
    let salt = || block_on(house.store.get("videos/view-salt")).unwrap();
    let today = || Timestamp::from_ms(house.clock.now_ms()).day();
    block_on(house.view("v-1", "a"));
    let first = salt();
    block_on(forget_old_salt(&house.store, today())).unwrap();
    assert_eq!(salt(), first);
    house.clock.advance_ms(HOUR_MS);
    block_on(house.view("v-1", "a"));
    assert!(salt().is_some() && salt() != first);
    house.clock.advance_ms(24 * HOUR_MS);
    block_on(forget_old_salt(&house.store, today())).unwrap();
    assert_eq!(salt(), None);
}

#[test]
fn the_store_has_nothing_that_names_a_viewer() {
    let house = House::<MemoryStore>::new();
    let address = Person::Address(Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))));
    let viewers = [
        viewer(Person::User("0190c0de"), Some("agent")),
        viewer(address, Some("Mozilla/5.0")),
        viewer(address, None),
    ];
    block_on(async {
        for viewer in &viewers {
            house.view("v-1", viewer).await;
        }
        assert_eq!(house.total("v-1").await.views, 3);
        for key in house.store.keys() {
            let value = house.store.get(&key).await.unwrap().unwrap();
            let text = format!("{key}{}", String::from_utf8_lossy(&value));
            for word in ["0190c0de", "192.0.2.1", "Mozilla", "agent"] {
                assert!(!text.contains(word), "{key} names {word}");
            }
        }
    });
}

#[test]
fn a_video_that_ends_leaves_no_views() {
    let house = House::<MemoryStore>::new();
    block_on(async {
        house.view("v-1", "a").await;
        let late = house.count("v-1", "b").await.unwrap();
        remove(&house.store, &house.clock, "v-1").await.unwrap();
        assert!(house.store.get(&key("v-1")).await.unwrap().is_none());
        confirm(&house.store, &house.clock, late).await.unwrap();
        assert!(house.store.get(&key("v-1")).await.unwrap().is_none());
    });
}

#[test]
fn what_is_stored_comes_back_and_nothing_else_is_read() {
    let mut views = Views::none(Timestamp::from_ms(EVENING).day());
    views.before = u64::MAX;
    for number in 0..20_000_u64 {
        views.sketch.add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
    let bytes = to_bytes(&views).unwrap();
    assert!(bytes.len() <= 2_048, "{} bytes", bytes.len());
    assert_eq!(from_bytes("", &bytes), Ok(views));
    for length in 0..bytes.len() {
        assert!(from_bytes("", &bytes[..length]).is_err(), "{length}");
    }
}
