#![allow(clippy::unwrap_used)]

use std::pin::Pin;

use futures::executor::block_on;
use spinreel_ledger::{ROSTER_SCAN, WINDOW_MS};
use spinreel_platform::memory::{ManualClock, MemoryStore, StoppingStore};
use spinreel_platform::stepping::{self, die_after};

use super::*;
use crate::domain::testing::{PoliteStore, interleave, stored};
use crate::domain::words::Search;

/// The time of all that does not say otherwise.
fn now() -> ManualClock {
    ManualClock::at(1_700_000_000_000)
}

async fn put(store: &impl Store, id: &str, stored: StoredVideo) -> Result<Put, PutError> {
    crate::domain::testing::put(store, &now(), id, stored).await
}

async fn remove(store: &impl Store, id: &str) -> Result<Option<Record>, UpdateError> {
    super::remove(store, &now(), id).await
}

/// As [`remove`], when nobody can have the lock any more that one who died took.
async fn remove_later(store: &impl Store, id: &str) -> Result<Option<Record>, UpdateError> {
    let later = ManualClock::at(1_700_000_000_000 + 10 * WINDOW_MS);
    super::remove(store, &later, id).await
}

async fn page(
    store: &impl Store,
    below: Option<u64>,
    limit: usize,
    filter: &Filter,
) -> Result<VideoPage, LedgerError> {
    super::page(store, "ada", below, limit, filter).await
}

async fn put_ten(store: &MemoryStore) {
    for number in 1..=10 {
        let video = stored("ada", &format!("{number}.mp4"));
        put(store, &format!("v-{number}"), video).await.unwrap();
    }
}

async fn page_of(
    store: &impl Store,
    below: Option<u64>,
    limit: usize,
) -> (Vec<String>, Option<u64>) {
    let page = page(store, below, limit, &Filter::default()).await.unwrap();
    let ids = page.records.into_iter().map(|record| record.id).collect();
    (ids, page.next)
}

async fn all(store: &impl Store) -> Vec<String> {
    let mut ids = Vec::new();
    let mut below = None;
    loop {
        let (more, next) = page_of(store, below, 3).await;
        ids.extend(more);
        match next {
            Some(_) => below = next,
            None => return ids,
        }
    }
}

#[test]
fn a_list_is_read_page_by_page_from_the_newest() {
    let store = MemoryStore::default();
    block_on(async {
        put_ten(&store).await;
        let (ids, next) = page_of(&store, None, 4).await;
        assert_eq!(ids, ["v-10", "v-9", "v-8", "v-7"]);
        let (ids, next) = page_of(&store, next, 4).await;
        assert_eq!(ids, ["v-6", "v-5", "v-4", "v-3"]);
        let (ids, next) = page_of(&store, next, 4).await;
        assert_eq!(ids, ["v-2", "v-1"]);
        assert_eq!(next, None);
    });
}

#[test]
fn a_full_last_page_has_no_next_one() {
    let store = MemoryStore::default();
    block_on(async {
        put_ten(&store).await;
        let (ids, next) = page_of(&store, None, 10).await;
        assert_eq!((ids.len(), next), (10, None));
    });
}

#[test]
fn a_cursor_stays_good_while_videos_come_and_go() {
    let store = MemoryStore::default();
    block_on(async {
        put_ten(&store).await;
        let (_, next) = page_of(&store, None, 4).await;
        remove(&store, "v-7").await.unwrap();
        remove(&store, "v-6").await.unwrap();
        remove(&store, "v-4").await.unwrap();
        put(&store, "v-11", stored("ada", "11.mp4")).await.unwrap();
        let (ids, _) = page_of(&store, next, 4).await;
        assert_eq!(ids, ["v-5", "v-3", "v-2", "v-1"]);
    });
}

#[test]
fn a_list_of_nothing_and_one_whose_videos_are_all_gone_are_empty() {
    let store = MemoryStore::default();
    block_on(async {
        assert_eq!(page_of(&store, None, 5).await, (Vec::new(), None));
        put_ten(&store).await;
        for number in 1..=10 {
            remove(&store, &format!("v-{number}")).await.unwrap();
        }
        assert_eq!(page_of(&store, None, 5).await, (Vec::new(), None));
    });
}

#[test]
fn a_cursor_beyond_the_list_begins_at_its_newest() {
    let store = MemoryStore::default();
    block_on(async {
        put_ten(&store).await;
        let (ids, _) = page_of(&store, Some(u64::MAX), 1).await;
        assert_eq!(ids, ["v-10"]);
        assert_eq!(page_of(&store, Some(0), 5).await, (Vec::new(), None));
        assert_eq!(page_of(&store, Some(1), 5).await, (Vec::new(), None));
    });
}

#[test]
fn a_page_ends_early_where_a_list_has_a_long_gap() {
    let store = MemoryStore::default();
    block_on(async {
        put(&store, "v-1", stored("ada", "1.mp4")).await.unwrap();
        list_of("ada").allocate(&store, 1_000).await.unwrap();
        let (ids, next) = page_of(&store, None, 5).await;
        assert_eq!((ids.len(), next), (0, Some(1_001 - ROSTER_SCAN as u64 + 1)));
        assert_eq!(all(&store).await, ["v-1"]);
    });
}

#[test]
fn a_filter_leaves_out_and_does_not_shorten_the_list() {
    let store = MemoryStore::default();
    block_on(async {
        put_ten(&store).await;
        let filter = Filter {
            search: Some(Search::read("10 mp4")),
            ..Filter::default()
        };
        let page = page(&store, None, 2, &filter).await.unwrap();
        let ids: Vec<_> = page
            .records
            .iter()
            .map(|record| record.id.as_str())
            .collect();
        assert_eq!(ids, ["v-10"]);
    });
}

#[test]
fn nobody_lists_the_videos_of_others() {
    let store = MemoryStore::default();
    block_on(async {
        put(&store, "v-1", stored("bob", "1.mp4")).await.unwrap();
        assert!(all(&store).await.is_empty());
    });
}

#[test]
fn recording_a_video_again_changes_nothing_but_what_the_storage_says() {
    let store = MemoryStore::default();
    block_on(async {
        assert_eq!(
            put(&store, "v-1", stored("ada", "a.mp4")).await,
            Ok(Put::Created)
        );
        let keys = store.keys();
        let before = find(&store, "v-1").await.unwrap().unwrap();
        assert_eq!(
            put(&store, "v-1", stored("ada", "a.mp4")).await,
            Ok(Put::Known)
        );
        assert_eq!(find(&store, "v-1").await.unwrap().unwrap(), before);

        let mut changed = stored("ada", "a.mp4");
        changed.size = 5;
        assert_eq!(put(&store, "v-1", changed.clone()).await, Ok(Put::Known));
        let after = find(&store, "v-1").await.unwrap().unwrap();
        assert_eq!(after.stored, changed);
        assert_eq!((after.slot, after.title), (before.slot, before.title));
        // The state of the owner's changes, and the lock of the first one.
        assert_eq!(store.keys().len(), keys.len() + 2);
    });
}

#[test]
fn a_video_does_not_change_hands() {
    let store = MemoryStore::default();
    block_on(async {
        put(&store, "v-1", stored("ada", "a.mp4")).await.unwrap();
        assert_eq!(
            put(&store, "v-1", stored("bob", "a.mp4")).await,
            Err(PutError::OtherOwner)
        );
        assert_eq!(all(&store).await, ["v-1"]);
    });
}

#[test]
fn a_place_whose_slot_is_empty_or_anothers_is_absent_and_recording_begins_anew() {
    let store = MemoryStore::default();
    block_on(async {
        let ada = || stored("ada", "a.mp4");
        put(&store, "v-1", ada()).await.unwrap();
        put(&store, "v-2", ada()).await.unwrap();
        let place = |slot| Place {
            owner: "ada".to_owned(),
            slot,
        };
        for slot in [2, 7] {
            place_cell("v-1").set(&store, &place(slot)).await.unwrap();
            assert_eq!(find(&store, "v-1").await.unwrap(), None);
            assert_eq!(remove(&store, "v-1").await.unwrap(), None);
            assert!(find(&store, "v-2").await.unwrap().is_some());
        }
        assert_eq!(put(&store, "v-1", ada()).await, Ok(Put::Created));
        assert_eq!(find(&store, "v-1").await.unwrap().unwrap().slot, 3);
        assert_eq!(all(&store).await, ["v-1", "v-2"]);
    });
}

#[test]
fn a_video_that_could_not_be_recorded_to_the_end_is_absent_or_there_and_the_next_attempt_helps() {
    let ada = || stored("ada", "a.mp4");
    for calls in 0.. {
        let store = MemoryStore::default();
        // This one writes key by key.
        let dying = StoppingStore::dying_before_call(&store, calls);
        let finished = die_after(1, put(&dying, "v-1", ada())).is_some();
        block_on(async {
            // What is listed is found.
            let listed = all(&store).await;
            let found = find(&store, "v-1").await.unwrap();
            assert_eq!(listed.len(), found.iter().count(), "after {calls} calls");
            put(&store, "v-1", ada()).await.unwrap();
            assert_eq!(all(&store).await, ["v-1"], "after {calls} calls");
            assert!(find(&store, "v-1").await.unwrap().is_some());
        });
        if finished {
            assert_eq!(calls, 7);
            return;
        }
    }
}

#[test]
fn a_removal_that_died_anywhere_is_made_up_for_by_the_next_one() {
    for calls in 0.. {
        let store = MemoryStore::default();
        block_on(async {
            put_ten(&store).await;
            put_twice(&store, "v-11").await;
        });
        let dying = StoppingStore::dying_before_call(&store, calls);
        let finished = die_after(1, remove(&dying, "v-11")).is_some();
        block_on(async {
            remove_later(&store, "v-11").await.unwrap();
            assert_eq!(find(&store, "v-11").await.unwrap(), None);
            assert_eq!(all(&store).await.len(), 10, "after {calls} calls");
        });
        if finished {
            assert!(calls > 8);
            return;
        }
    }
}

/// Records `id` twice: by one that stops before it writes, and three slots later by one that does not know of it.
async fn put_twice(store: &MemoryStore, id: &str) {
    let stopping = StoppingStore::before_call(store, 2);
    let mut slow = Box::pin(put(&stopping, id, stored("ada", "twice.mp4")));
    assert!(die_after(1, slow.as_mut()).is_none());
    list_of("ada").allocate(store, 2).await.unwrap();
    put(store, id, stored("ada", "twice.mp4")).await.unwrap();
    slow.await.unwrap();
}

#[test]
fn a_video_that_two_recorded_is_on_a_page_once_and_goes_with_both_its_slots() {
    let store = MemoryStore::default();
    block_on(async {
        put_ten(&store).await;
        put_twice(&store, "v-11").await;
        let (ids, _) = page_of(&store, None, 2).await;
        assert_eq!(ids, ["v-11"]);
        let (ids, _) = page_of(&store, None, 3).await;
        assert_eq!(ids, ["v-11", "v-10"]);
        // The one that can be changed is the one that is shown.
        let found = find(&store, "v-11").await.unwrap().unwrap();
        let filter = Filter::default();
        let page = page(&store, None, 3, &filter).await.unwrap();
        assert_eq!(page.records[0], found);

        remove(&store, "v-11").await.unwrap();
        assert_eq!(page_of(&store, None, 1).await.0, ["v-10"]);
    });
}

#[test]
fn a_video_that_two_recorded_is_not_shown_where_only_the_other_record_fits_the_filter() {
    let store = MemoryStore::default();
    block_on(async {
        put_twice(&store, "v-1").await;
        let mut renamed = stored("ada", "renamed.mp4");
        renamed.filename = "renamed.mp4".to_owned();
        let found = find(&store, "v-1").await.unwrap().unwrap();
        let titled = Record {
            title: "renamed.mp4".to_owned(),
            stored: renamed,
            ..found
        };
        let cell = list_of("ada").cell(titled.slot);
        cell.set(&store, &titled).await.unwrap();
        for (text, count) in [("twice", 0), ("renamed", 1)] {
            let filter = Filter {
                search: Some(Search::read(text)),
                ..Filter::default()
            };
            let page = page(&store, None, 5, &filter).await.unwrap();
            assert_eq!(page.records.len(), count, "{text}");
        }
    });
}

#[test]
fn a_video_that_a_late_message_brought_back_goes_when_its_removal_is_repeated() {
    let store = MemoryStore::default();
    block_on(async {
        put(&store, "v-1", stored("ada", "a.mp4")).await.unwrap();
        remove(&store, "v-1").await.unwrap();
        let keys = store.keys();
        put(&store, "v-1", stored("ada", "a.mp4")).await.unwrap();
        assert_eq!(all(&store).await, ["v-1"]);
        assert!(remove(&store, "v-1").await.unwrap().is_some());
        assert_eq!(find(&store, "v-1").await.unwrap(), None);
        assert!(all(&store).await.is_empty());
        assert_eq!(store.keys(), keys);
    });
}

#[test]
fn a_removal_and_a_late_message_at_once_leave_nothing_once_the_removal_is_repeated() {
    for schedule in 0..1 << 10 {
        let store = PoliteStore::default();
        block_on(put(&store.0, "v-1", stored("ada", "a.mp4"))).unwrap();
        let mut late = stored("ada", "a.mp4");
        late.size = 7;
        let (removed, _) = interleave(schedule, remove(&store, "v-1"), put(&store, "v-1", late));
        removed.unwrap();
        block_on(async {
            remove(&store.0, "v-1").await.unwrap();
            assert_eq!(find(&store.0, "v-1").await.unwrap(), None);
            assert!(all(&store.0).await.is_empty(), "schedule {schedule:010b}");
        });
    }
}

#[test]
fn a_removed_video_leaves_no_key_but_those_of_the_list() {
    let store = MemoryStore::default();
    block_on(async {
        put(&store, "v-1", stored("ada", "a.mp4")).await.unwrap();
        let removed = remove(&store, "v-1").await.unwrap().unwrap();
        assert_eq!(removed.id, "v-1");
        assert_eq!(remove(&store, "v-1").await.unwrap(), None);
        let watermark = store.keys().pop().unwrap();
        assert!(watermark.starts_with("videos/ada/watermark/"));
        assert_eq!(store.keys(), ["videos/ada/list/head", &watermark]);
    });
}

#[test]
fn two_that_record_a_video_at_once_leave_one_entry_whatever_the_order() {
    for schedule in 0..1 << 8 {
        let store = PoliteStore::default();
        let (first, second) = interleave(
            schedule,
            put(&store, "v-1", stored("ada", "a.mp4")),
            put(&store, "v-1", stored("ada", "a.mp4")),
        );
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(block_on(all(&store.0)), ["v-1"], "schedule {schedule:08b}");
    }
}

#[test]
fn two_that_record_a_video_beside_one_that_removes_it_leave_nothing_once_the_removal_is_repeated() {
    let ada = || stored("ada", "a.mp4");
    for seed in 0..5_000 {
        let store = PoliteStore::default();
        let callers: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = vec![
            Box::pin(async { assert!(put(&store, "v-1", ada()).await.is_ok()) }),
            Box::pin(async { assert!(put(&store, "v-1", ada()).await.is_ok()) }),
            Box::pin(async { assert!(remove(&store, "v-1").await.is_ok()) }),
            Box::pin(async { assert!(put(&store, "v-2", ada()).await.is_ok()) }),
        ];
        stepping::interleave(seed, callers, || ());
        block_on(async {
            remove(&store.0, "v-1").await.unwrap();
            assert_eq!(find(&store.0, "v-1").await.unwrap(), None, "seed {seed}");
            assert_eq!(all(&store.0).await, ["v-2"], "seed {seed}");
        });
    }
}

#[test]
fn two_videos_recorded_at_once_are_both_listed_whatever_the_order() {
    for schedule in 0..1 << 8 {
        let store = PoliteStore::default();
        let (first, second) = interleave(
            schedule,
            put(&store, "v-1", stored("ada", "a.mp4")),
            put(&store, "v-2", stored("ada", "b.mp4")),
        );
        assert!(first.is_ok() && second.is_ok());
        let mut ids = block_on(all(&store.0));
        ids.sort();
        assert_eq!(ids, ["v-1", "v-2"], "schedule {schedule:08b}");
    }
}

#[test]
fn a_list_read_while_a_video_goes_has_the_video_or_has_it_not() {
    for schedule in 0..1 << 10 {
        let store = PoliteStore::default();
        block_on(put_ten(&store.0));
        let (removed, listed) = interleave(schedule, remove(&store, "v-5"), all(&store));
        assert!(removed.unwrap().is_some());
        let others = listed.iter().filter(|id| *id != "v-5").count();
        assert_eq!(others, 9, "schedule {schedule:010b}");
    }
}
