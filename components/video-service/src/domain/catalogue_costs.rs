//! What the catalogue asks of the store, and what it makes of slots that nobody uses.
#![allow(clippy::unwrap_used)]

use crate::domain::testing::put;
use futures::executor::block_on;
use spinreel_ledger::{DEAD_AFTER_MS, ROSTER_SCAN};
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
        self.put_of_size(number, 1_000).await
    }

    async fn put_of_size(&self, number: u64, size: u64) -> Calls {
        self.store.take_calls();
        let mut video = stored("ada", &format!("{number}.mp4"));
        video.size = size;
        let id = format!("v-{number}");
        put(&self.store, &self.clock, &id, video).await.unwrap();
        self.store.take_calls()
    }

    async fn remove(&self, number: u64) -> Calls {
        self.store.take_calls();
        let removed = remove(&self.store, &self.clock, &format!("v-{number}"))
            .await
            .unwrap();
        assert!(removed.is_some());
        self.store.take_calls()
    }

    async fn find(&self, number: u64) -> Calls {
        self.store.take_calls();
        let found = find(&self.store, &format!("v-{number}")).await.unwrap();
        assert!(found.is_some());
        self.store.take_calls()
    }

    /// The videos of a page of 10, what it cost, and what came after it.
    async fn page(&self) -> (usize, Calls, Calls) {
        self.store.take_calls();
        let filter = Filter::default();
        let page = page(&self.store, "ada", None, 10, &filter).await.unwrap();
        let calls = self.store.take_calls();
        if page.has_many_empty() {
            bury(&self.store, &self.clock, "ada", &page.empty)
                .await
                .unwrap();
        }
        (page.records.len(), calls, self.store.take_calls())
    }

    fn become_old(&self) {
        self.clock.advance_ms(DEAD_AFTER_MS + 1);
    }
}

fn reads(get: u64) -> Calls {
    Calls {
        get,
        ..Calls::default()
    }
}

const NOTHING: Calls = Calls {
    get: 0,
    set: 0,
    set_many: 0,
    delete: 0,
    delete_many: 0,
    increment: 0,
};

#[test]
fn a_page_costs_the_same_at_10_videos_at_10_000_and_after_10_000_removals() {
    let catalogue = Counted::new();
    block_on(async {
        for number in 1..=10 {
            catalogue.put(number).await;
        }
        // The head, a map of 4,096 slots, a record for each.
        let page = catalogue.page().await;
        assert_eq!(page, (10, reads(1 + 1 + 10), NOTHING));

        for number in 11..=10_000 {
            catalogue.put(number).await;
        }
        // One more: the map above, which there can be from 4,096 slots on, and which does for 16.7 million.
        let page = catalogue.page().await;
        assert_eq!(page, (10, reads(1 + 2 + 10), NOTHING));

        for number in 1..=9_990 {
            catalogue.remove(number).await;
        }
        let page = catalogue.page().await;
        assert_eq!(page, (10, reads(1 + 2 + 10), NOTHING));

        for number in 9_991..=10_000 {
            catalogue.remove(number).await;
        }
        // All empty, and nobody knows yet that none is about to be filled.
        let page = catalogue.page().await;
        let looks = ROSTER_SCAN as u64;
        assert_eq!(page, (0, reads(1 + 2 + looks), reads(3)));

        catalogue.become_old();
        let mut writes = 0;
        for _ in 0..10_000_u64.div_ceil(looks) {
            writes += catalogue.page().await.2.writes();
        }
        // One for each page, and one more at each of the two ends of stretches.
        assert_eq!(writes, 20 + 2);
        assert_eq!(catalogue.page().await, (0, reads(1 + 2), NOTHING));
    });
}

#[test]
fn reading_recording_and_removing_cost_the_same_at_10_videos_and_at_10_000() {
    let catalogue = Counted::new();
    // To find it, and before and after it is written, whether its owner is gone.
    let recorded = Calls {
        get: 3,
        increment: 1,
        set_many: 1,
        ..NOTHING
    };
    // To find it three times, the lock, and whether its owner is gone.
    let changed = Calls {
        get: 3 * 2 + 4 + 1,
        increment: 1,
        set_many: 1,
        ..NOTHING
    };
    // The two to find it, the lock, the two once more, and its neighbours, before and after.
    let removed = |neighbours: u64| Calls {
        get: 2 + 4 + 2 + 2 * neighbours,
        increment: 1,
        delete_many: 1,
        ..NOTHING
    };
    block_on(async {
        for count in [10, 10_000] {
            for number in count / 10..=count {
                // At another time than the one before.
                catalogue.clock.advance_ms(COPY_AGE_MS + 1);
                let cost = catalogue.put(number).await;
                let record = find(&catalogue.store, &format!("v-{number}"))
                    .await
                    .unwrap();
                // One in 64 puts those into the postings.
                if record.unwrap().slot % CHUNK != 0 {
                    assert_eq!(cost, recorded, "{number}");
                }
            }
            assert_eq!(catalogue.find(count - 5).await, reads(2));
            assert_eq!(catalogue.put(count - 5).await, reads(2));
            assert_eq!(catalogue.put_of_size(count - 5, 7).await, changed);
            assert_eq!(catalogue.find(count - 5).await, reads(2));
            assert_eq!(catalogue.remove(count - 5).await, removed(2));
            // The newest: nothing above it.
            assert_eq!(catalogue.remove(count).await, removed(3 + 1));
            for number in count / 10..=count {
                catalogue.put(number).await;
            }
        }
        // Those of one minute.
        for number in 10_001..=10_010 {
            let cost = catalogue.put(number).await;
            let record = find(&catalogue.store, &format!("v-{number}"))
                .await
                .unwrap();
            if record.unwrap().slot % CHUNK != 0 {
                assert_eq!(cost, recorded, "{number}");
            }
        }
        assert_eq!(catalogue.remove(10_005).await, removed(6));
    });
}

#[test]
fn a_reader_writes_nothing_below_8_dead_slots_and_once_for_8() {
    let catalogue = Counted::new();
    let buries = Calls {
        // The watermarks and the map.
        get: 3 + 1,
        set: 1,
        ..NOTHING
    };
    block_on(async {
        for number in 1..=810 {
            catalogue.put(number).await;
        }
        catalogue.become_old();
        let mut removed = 0;
        for number in (11..=810).rev() {
            catalogue.remove(number).await;
            removed += 1;
            let (count, calls, after) = catalogue.page().await;
            assert_eq!((count, calls.writes()), (10, 0));
            assert!(calls.reads() <= 1 + 1 + 10 + 8, "{calls:?}");
            match removed {
                // The first in a stretch asks the maps above.
                8 => assert_eq!(after, Calls { get: 6, ..buries }),
                _ if removed % 8 == 0 => assert_eq!(after, buries, "{removed}"),
                _ => assert_eq!(after, NOTHING, "{removed}"),
            }
        }
        assert_eq!(catalogue.page().await, (10, reads(1 + 1 + 10), NOTHING));
        // A slot and a place for each, the head, the map, a watermark.
        let mut keys = catalogue.store.inner().keys();
        // And the postings, with the state and the locks of those who wrote them.
        keys.retain(|key| {
            !["/terms/", "/state", "/lock/"]
                .iter()
                .any(|part| key.contains(part))
        });
        assert_eq!(keys.len(), 10 + 10 + 1 + 1 + 1);
    });
}

#[test]
fn a_slot_that_may_yet_be_filled_is_not_struck() {
    let catalogue = Counted::new();
    let (store, clock) = (&catalogue.store, &catalogue.clock);
    block_on(async {
        catalogue.put(1).await;
        // Given to somebody who is slow, the last of twenty.
        let slow = list_of("ada").allocate(store, 20).await.unwrap();
        catalogue.put(2).await;
        clock.advance_ms(DEAD_AFTER_MS);
        let (count, _, after) = catalogue.page().await;
        assert_eq!((count, after), (2, reads(3)));

        let late = Record::new("v-3", slow, stored("ada", "3.mp4"));
        let cell = list_of("ada").cell(slow);
        cell.set(store, &late).await.unwrap();
        assert_eq!(catalogue.page().await.0, 3);

        // A millisecond later it would have been too late.
        clock.advance_ms(1);
        let (count, calls, after) = catalogue.page().await;
        assert_eq!((count, calls, after.set), (3, reads(1 + 1 + 3 + 19), 1));
        assert_eq!(catalogue.page().await, (3, reads(1 + 1 + 3), NOTHING));
    });
}

#[test]
fn seven_dead_slots_among_others_that_may_be_filled_are_left_to_a_later_reader() {
    let catalogue = Counted::new();
    let list = list_of("ada");
    block_on(async {
        catalogue.put(1).await;
        list.allocate(&catalogue.store, 7).await.unwrap();
        catalogue.put(2).await;
        list.allocate(&catalogue.store, 3).await.unwrap();
        catalogue.become_old();
        assert_eq!(catalogue.page().await, (2, reads(1 + 1 + 2 + 10), reads(3)));
    });
}

#[test]
fn slots_above_the_newest_watermark_wait_for_the_next_one() {
    let catalogue = Counted::new();
    block_on(async {
        catalogue.put(1).await;
        list_of("ada").allocate(&catalogue.store, 9).await.unwrap();
        catalogue.become_old();
        assert_eq!(catalogue.page().await.2, reads(3));
        catalogue.put(2).await;
        assert_eq!(catalogue.page().await.2, reads(3));
        catalogue.become_old();
        assert_eq!(catalogue.page().await.2.set, 1);
    });
}
