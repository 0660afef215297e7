#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use futures::executor::block_on;
use spinreel_api::Timestamp;
use spinreel_api::internal::Attachment;
use spinreel_api::videos::Visibility;
use spinreel_ledger::WINDOW_MS;
use spinreel_platform::memory::{ManualClock, MemoryStore, StoppingStore};
use spinreel_platform::stepping::{die_after, step};

use super::*;
use crate::domain::catalogue::{page, update};
use crate::domain::feed;
use crate::domain::filter::Filter;
use crate::domain::record::Caption;
use crate::domain::testing::put;
use crate::domain::testing::{PoliteStore, interleave, stored};

const START: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 86_400_000;

/// The files that are there.
#[derive(Default)]
struct FakeFiles {
    there: RefCell<BTreeSet<String>>,
    refuses: Cell<bool>,
}

impl Files for FakeFiles {
    type Error = &'static str;
    async fn delete(&self, owner: &str, location: &str) -> Result<(), &'static str> {
        step().await;
        assert_eq!(owner, "ada");
        if self.refuses.get() {
            return Err("no");
        }
        self.there.borrow_mut().remove(location);
        Ok(())
    }

    async fn end_upload(&self, owner: &str, upload: &str) -> Result<(), &'static str> {
        self.delete(owner, upload).await
    }
}

fn attachment(location: &str) -> Attachment {
    Attachment {
        location: location.to_owned(),
        size: 10,
        etag: "\"a\"".to_owned(),
        content_type: "image/png".to_owned(),
    }
}

/// A public video with all the files that one can have.
async fn rich_video(store: &impl Store, clock: &ManualClock) -> FakeFiles {
    let mut video = stored("ada", "a.mp4");
    video.location = "bytes".to_owned();
    put(store, clock, "v-1", video).await.unwrap();
    update(store, clock, "v-1", |record| {
        record.visibility = Visibility::Public;
        record.poster = Some(attachment("poster"));
        record.index = Some(attachment("index"));
        record.captions = ["de", "en"]
            .map(|lang| Caption {
                lang: lang.to_owned(),
                attachment: attachment(lang),
            })
            .to_vec();
    })
    .await
    .unwrap();
    let files = FakeFiles::default();
    let there = ["bytes", "poster", "index", "de", "en"].map(str::to_owned);
    files.there.borrow_mut().extend(there);
    files
}

async fn trash(store: &impl Store, clock: &impl Clock) -> Option<Record> {
    let now_ms = clock.now_ms();
    let trashed = update(store, clock, "v-1", |record| {
        record.deleted_at = Some(Timestamp::from_ms(now_ms));
        record.ends_at = Some(Timestamp::from_ms(now_ms + 7 * DAY_MS));
    });
    trashed.await.unwrap()
}

async fn restore(store: &impl Store, clock: &impl Clock) -> Option<Record> {
    let restored = update(store, clock, "v-1", |record| {
        (record.deleted_at, record.ends_at) = (None, None);
    });
    restored.await.unwrap()
}

async fn end(store: &impl Store, clock: &impl Clock, files: &FakeFiles) {
    let begun = begin(store, clock, "v-1", |_| Ok::<(), ()>(())).await;
    if let Some(Ok(record)) = begun.unwrap() {
        finish(store, clock, files, &record).await.unwrap();
    }
}

async fn sweep_once(store: &impl Store, clock: &impl Clock, files: &FakeFiles) -> SweptVideos {
    sweep(store, clock, files, |_| ()).await.unwrap()
}

async fn in_feed(store: &impl Store, clock: &impl Clock) -> usize {
    let filter = Filter {
        now_ms: clock.now_ms(),
        ..Filter::default()
    };
    let page = feed::page(store, None, 10, &filter).await.unwrap();
    page.records.len()
}

async fn listed(store: &impl Store, filter: Filter) -> usize {
    let page = page(store, "ada", None, 10, &filter).await.unwrap();
    page.records.len()
}

/// Nothing is left of the video.
async fn assert_ended(store: &impl Store, clock: &impl Clock, files: &FakeFiles, when: &str) {
    assert_eq!(find(store, "v-1").await.unwrap(), None, "{when}");
    assert!(files.there.borrow().is_empty(), "{when}");
    assert_eq!(in_feed(store, clock).await, 0, "{when}");
    let any = Filter {
        any_status: true,
        ..Filter::default()
    };
    assert_eq!(listed(store, any).await, 0, "{when}");
}

#[test]
fn a_trashed_video_is_in_no_list_but_its_own_until_it_is_restored() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
    block_on(async {
        rich_video(&store, &clock).await;
        assert_eq!(in_feed(&store, &clock).await, 1);
        trash(&store, &clock).await.unwrap();
        assert_eq!(in_feed(&store, &clock).await, 0);
        assert_eq!(listed(&store, Filter::default()).await, 0);
        let trashed = || Filter {
            status: Some(spinreel_api::videos::Status::Deleted),
            ..Filter::default()
        };
        assert_eq!(listed(&store, trashed()).await, 1);
        let over = Filter {
            now_ms: START + 8 * DAY_MS,
            ..trashed()
        };
        assert_eq!(listed(&store, over).await, 0);
        let restored = restore(&store, &clock).await.unwrap();
        assert_eq!(
            (restored.trash_entry, restored.feed_number),
            (None, Some(2))
        );
        assert_eq!(in_feed(&store, &clock).await, 1);
        assert_eq!(listed(&store, Filter::default()).await, 1);
    });
}

#[test]
fn the_sweep_ends_what_was_long_enough_in_the_trash_and_nothing_else() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
    block_on(async {
        let files = rich_video(&store, &clock).await;
        // Many that were restored stand before it in the queue.
        for _ in 0..40 {
            trash(&store, &clock).await.unwrap();
            restore(&store, &clock).await.unwrap();
        }
        trash(&store, &clock).await.unwrap();
        for _ in 0..5 {
            assert_eq!(sweep_once(&store, &clock, &files).await.ended, 0);
        }
        assert!(!sweep_once(&store, &clock, &files).await.more);
        clock.advance_ms(7 * DAY_MS - 1);
        assert_eq!(sweep_once(&store, &clock, &files).await.ended, 0);
        clock.advance_ms(1);
        files.refuses.set(true);
        let refused = sweep_once(&store, &clock, &files).await;
        assert_eq!((refused.ended, refused.pending), (0, 1));
        files.refuses.set(false);
        assert_eq!(sweep_once(&store, &clock, &files).await.ended, 1);
        assert_ended(&store, &clock, &files, "after the sweep").await;
        clock.advance_ms(10 * WINDOW_MS);
        assert_eq!(
            sweep_once(&store, &clock, &files).await,
            SweptVideos::default()
        );
        // What is left of the queues is where they stand.
        let left = store.keys();
        assert!(
            !left.iter().any(|key| {
                let entry = key.rsplit('/').next().unwrap().parse::<u64>().is_ok();
                entry && (key.starts_with("videos/trash/") || key.starts_with("videos/endings/"))
            }),
            "{left:?}"
        );
    });
}

#[test]
fn moving_to_the_trash_and_back_may_die_anywhere() {
    for calls in 0.. {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
        let later = ManualClock::at(START + 10 * WINDOW_MS);
        block_on(rich_video(&store, &clock));
        let dying = StoppingStore::dying_before_call(&store, calls);
        let work = async {
            trash(&dying, &clock).await;
            restore(&dying, &clock).await;
        };
        let finished = die_after(1, work).is_some();
        block_on(async {
            // Whoever is not told of the trash does not find the video in the feed, and the other way round.
            let record = find(&store, "v-1").await.unwrap().unwrap();
            if record.status() == spinreel_api::videos::Status::Deleted {
                assert_eq!(in_feed(&store, &clock).await, 0, "after {calls} calls");
            }
            trash(&store, &later).await.unwrap();
            assert_eq!(in_feed(&store, &later).await, 0, "after {calls} calls");
            restore(&store, &later).await.unwrap();
            assert_eq!(in_feed(&store, &later).await, 1, "after {calls} calls");
            assert_eq!(listed(&store, Filter::default()).await, 1);
        });
        if finished {
            assert!(calls > 25);
            return;
        }
    }
}

#[test]
fn an_end_that_died_anywhere_is_made_up_for_by_the_sweep_and_by_the_next_look() {
    for is_sweep in [true, false] {
        for calls in 0.. {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
            let later = ManualClock::at(START + 10 * WINDOW_MS);
            let files = block_on(rich_video(&store, &clock));
            let dying = StoppingStore::dying_before_call(&store, calls);
            // One step for each file that is deleted, one more that never ends.
            let finished = die_after(6, end(&dying, &clock, &files)).is_some();
            let when = format!("after {calls} calls");
            block_on(async {
                let begun = find(&store, "v-1")
                    .await
                    .unwrap()
                    .is_none_or(|record| record.ending);
                if !begun {
                    end(&store, &later, &files).await;
                } else if is_sweep {
                    sweep_once(&store, &later, &files).await;
                } else {
                    end_if_over(&store, &later, &files, "v-1").await.unwrap();
                }
                assert_ended(&store, &later, &files, &when).await;
            });
            if finished {
                assert!(calls > 20);
                break;
            }
        }
    }
}

#[test]
fn an_end_beside_a_change_or_another_end_leaves_nothing() {
    for schedule in 0..1 << 10 {
        let (store, clock) = (PoliteStore::default(), ManualClock::at(START));
        let files = block_on(rich_video(&store.0, &clock));
        interleave(
            schedule,
            end(&store, &clock, &files),
            end(&store, &clock, &files),
        );
        block_on(assert_ended(&store.0, &clock, &files, "two ends"));

        let store = PoliteStore::default();
        let files = block_on(rich_video(&store.0, &clock));
        interleave(schedule, end(&store, &clock, &files), async {
            drop(trash(&store, &clock).await);
        });
        block_on(assert_ended(
            &store.0,
            &clock,
            &files,
            "an end and the trash",
        ));
    }
}
