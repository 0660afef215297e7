//! What the catalogue asks of the store, and what it makes of slots that nobody uses.
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use spinreel_ledger::DEAD_AFTER_MS;
use spinreel_platform::memory::{Calls, CountingStore, ManualClock};

use super::*;
use crate::domain::testing::stored;

/// A catalogue of one user, its store's calls counted.
struct Counted {
    store: CountingStore,
    clock: ManualClock,
}

impl Counted {
    fn new() -> Self {
        Self {
            store: CountingStore::default(),
            clock: ManualClock::at(1_700_000_000_000),
        }
    }

    async fn put(&self, number: u64) -> Calls {
        self.store.take_calls();
        let video = stored("ada", &format!("{number}.mp4"));
        let id = format!("v-{number}");
        put(&self.store, &self.clock, &id, video).await.unwrap();
        self.store.take_calls()
    }

    async fn remove(&self, number: u64) -> Calls {
        self.store.take_calls();
        let removed = remove(&self.store, &format!("v-{number}")).await.unwrap();
        assert!(removed.is_some());
        self.store.take_calls()
    }

    /// The videos of a page of 10 and what it cost.
    async fn page(&self) -> (usize, Calls) {
        self.store.take_calls();
        let filter = Filter::default();
        let page = page(&self.store, &self.clock, "ada", None, 10, &filter)
            .await
            .unwrap();
        (page.records.len(), self.store.take_calls())
    }
}

fn reads(get: u64) -> Calls {
    Calls {
        get,
        ..Calls::default()
    }
}

#[test]
fn a_page_costs_the_same_at_10_videos_at_10_000_and_after_10_000_removals() {
    let catalogue = Counted::new();
    block_on(async {
        for number in 1..=10 {
            catalogue.put(number).await;
        }
        // The head, a map of 4,096 slots, an entry and a record for each.
        assert_eq!(catalogue.page().await, (10, reads(1 + 1 + 20)));

        for number in 11..=10_000 {
            catalogue.put(number).await;
        }
        // One more: the map above, which there can be from 4,096 slots on, and which does for 16.7 million.
        assert_eq!(catalogue.page().await, (10, reads(1 + 2 + 20)));

        for number in 1..=9_990 {
            catalogue.remove(number).await;
        }
        assert_eq!(catalogue.page().await, (10, reads(1 + 2 + 20)));

        for number in 9_991..=10_000 {
            catalogue.remove(number).await;
        }
        assert_eq!(catalogue.page().await, (0, reads(1 + 2)));
    });
}

#[test]
fn a_page_of_the_oldest_steps_over_10_000_removed_videos() {
    let catalogue = Counted::new();
    block_on(async {
        for number in 1..=10_010 {
            catalogue.put(number).await;
        }
        for number in 11..=10_010 {
            catalogue.remove(number).await;
        }
        // The maps: that of the newest slot, that of the oldest, and the one above.
        assert_eq!(catalogue.page().await, (10, reads(1 + 3 + 20)));
        assert_eq!(catalogue.store.inner().keys().len(), 10 + 10 + 1 + 3);
    });
}

#[test]
fn recording_and_removing_cost_the_same_however_many_videos_there_are() {
    let catalogue = Counted::new();
    let recorded = Calls {
        get: 1,
        increment: 1,
        set_many: 1,
        ..Calls::default()
    };
    let removed = Calls {
        get: 2,
        set: 1,
        delete_many: 1,
        ..Calls::default()
    };
    block_on(async {
        for number in 1..=5_000 {
            assert_eq!(catalogue.put(number).await, recorded, "{number}");
        }
        for number in 1..=5_000 {
            let calls = catalogue.remove(number).await;
            match number {
                // The first of a stretch asks the maps above.
                1 | 4_097 => assert!(calls.total() <= removed.total() + 2),
                // The last of one puts it into the map above.
                4_096 => assert!(calls.total() <= removed.total() + 3),
                _ => assert_eq!(calls, removed, "{number}"),
            }
        }
    });
}

#[test]
fn slots_whose_burial_was_lost_are_buried_by_the_reader_of_a_page_when_they_are_old() {
    let catalogue = Counted::new();
    block_on(async {
        for number in 1..=40 {
            catalogue.put(number).await;
        }
        for number in 1..=30 {
            catalogue.remove(number).await;
        }
        let map = "videos/ada/list/dead/0/0";
        catalogue.store.delete(map).await.unwrap();
        catalogue.clock.advance_ms(DEAD_AFTER_MS);
        let (count, calls) = catalogue.page().await;
        assert_eq!((count, calls), (10, reads(1 + 1 + 20)));
        for number in 32..=40 {
            catalogue.remove(number).await;
        }
        catalogue.store.delete(map).await.unwrap();

        // Not old enough by a millisecond: who knows whether somebody is about to fill them.
        let (count, calls) = catalogue.page().await;
        assert_eq!((count, calls), (1, reads(1 + 1 + 9 + 2 + 30)));
        catalogue.clock.advance_ms(1);
        let (count, calls) = catalogue.page().await;
        assert_eq!((count, calls.set), (1, 1));
        // Those above the only video are not known to be old.
        let (count, calls) = catalogue.page().await;
        assert_eq!((count, calls), (1, reads(1 + 1 + 9 + 2)));
    });
}

#[test]
fn an_entry_that_stands_for_nothing_is_deleted_when_it_is_old_and_not_before() {
    let catalogue = Counted::new();
    let (store, clock) = (&catalogue.store, &catalogue.clock);
    block_on(async {
        catalogue.put(1).await;
        // One that recorded the video at the same time and whose record was overwritten.
        let list = list_of("ada");
        list.allocate(store, 1).await.unwrap();
        let entry = Entry {
            id: "v-1".to_owned(),
            recorded_ms: clock.now_ms(),
        };
        list.cell(2).set(store, &entry).await.unwrap();
        // One that died between the entry and the record.
        list.allocate(store, 1).await.unwrap();
        let orphan = Entry {
            id: "v-3".to_owned(),
            ..entry
        };
        list.cell(3).set(store, &orphan).await.unwrap();

        clock.advance_ms(DEAD_AFTER_MS);
        let keys = store.inner().keys();
        assert_eq!(catalogue.page().await.0, 1);
        assert_eq!(store.inner().keys(), keys);
        clock.advance_ms(1);
        assert_eq!(catalogue.page().await.0, 1);
        assert_eq!(
            store.inner().keys(),
            [
                "videos/ada/list/1",
                "videos/ada/list/dead/0/0",
                "videos/ada/list/head",
                "videos/video/v-1"
            ]
        );
        assert_eq!(catalogue.page().await, (1, reads(1 + 1 + 2)));
    });
}
