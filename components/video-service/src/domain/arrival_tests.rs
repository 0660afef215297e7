#![allow(clippy::unwrap_used)]
use futures::executor::block_on;
use spinreel_api::internal::Inspection;
use spinreel_api::videos::{Status, Visibility};
use spinreel_ledger::WINDOW_MS;
use spinreel_platform::memory::{ManualClock, MemoryStore};
use spinreel_platform::stepping::{Stepping, die_after};

use super::*;
use crate::domain::catalogue::{page, remove};
use crate::domain::filter::Filter;
use crate::domain::testing::{interleave, stored};

const START: u64 = 1_700_000_000_000;

fn waiting() -> StoredVideo {
    StoredVideo {
        location: String::new(),
        etag: String::new(),
        ..stored("ada", "a.mp4")
    }
}

fn file(location: &str, replaces: Option<&str>) -> AnnounceVideo {
    AnnounceVideo {
        stored: StoredVideo {
            location: location.to_owned(),
            etag: format!("\"{location}\""),
            ..stored("ada", "a.mp4")
        },
        details: None,
        expected: replaces.is_none(),
        replaces: replaces.map(str::to_owned),
        inspection: None,
    }
}

async fn expect_one(store: &impl Store, clock: &ManualClock) {
    let edits = Edits {
        title: Some("A film".to_owned()),
        visibility: Some(Visibility::Public),
        ..Edits::default()
    };
    let put = expect(store, clock, "v-1", waiting(), edits, "7-v-1").await;
    assert_eq!(put.unwrap(), Put::Created);
}

async fn location(store: &impl Store) -> String {
    let record = find(store, "v-1").await.unwrap();
    record.unwrap().stored.location
}

#[test]
fn a_video_waits_for_its_bytes_and_is_ready_when_they_come() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
    block_on(async {
        expect_one(&store, &clock).await;
        let record = find(&store, "v-1").await.unwrap().unwrap();
        assert_eq!(record.status(), Status::Uploading);
        assert_eq!(
            (record.title.as_str(), record.feed_number),
            ("A film", None)
        );
        for _ in 0..2 {
            let arrived = arrive(&store, &clock, "v-1", file("ada.1", None)).await;
            assert_eq!(arrived.unwrap(), Arrival::Known { stale: None });
        }
        let record = find(&store, "v-1").await.unwrap().unwrap();
        assert_eq!(record.status(), Status::Ready);
        assert_eq!((record.title.as_str(), record.upload), ("A film", None));
        assert!(record.feed_number.is_some());
    });
}

#[test]
fn what_was_said_with_the_bytes_counts_where_the_video_is_new() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
    block_on(async {
        let said = |title: &str| AnnounceVideo {
            details: Some(Details {
                title: Some(title.to_owned()),
                tags: Some(vec!["sea".to_owned()]),
                ..Details::default()
            }),
            expected: false,
            ..file("ada.1", None)
        };
        let first = arrive(&store, &clock, "v-1", said("First")).await;
        assert_eq!(first.unwrap(), Arrival::Created);
        arrive(&store, &clock, "v-1", said("Second")).await.unwrap();
        let record = find(&store, "v-1").await.unwrap().unwrap();
        assert_eq!(
            (record.title.as_str(), record.tags),
            ("First", vec!["sea".to_owned()])
        );
    });
}

#[test]
fn what_a_file_is_comes_with_it_and_goes_with_it() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
    let reason = |record: Option<Record>| record.unwrap().unplayable;
    block_on(async {
        let text = AnnounceVideo {
            inspection: Some(Inspection::Unplayable("It is a text.".to_owned())),
            ..file("ada.1", None)
        };
        expect_one(&store, &clock).await;
        arrive(&store, &clock, "v-1", text).await.unwrap();
        let record = find(&store, "v-1").await.unwrap();
        assert_eq!(reason(record), Some("It is a text.".to_owned()));
        let unknown = file("ada.2", Some("ada.1"));
        arrive(&store, &clock, "v-1", unknown).await.unwrap();
        assert_eq!(reason(find(&store, "v-1").await.unwrap()), None);
        let new = AnnounceVideo {
            inspection: Some(Inspection::Unplayable("It is a table.".to_owned())),
            expected: false,
            ..file("ada.3", None)
        };
        arrive(&store, &clock, "v-3", new).await.unwrap();
        let record = find(&store, "v-3").await.unwrap();
        assert_eq!(reason(record), Some("It is a table.".to_owned()));
    });
}

#[test]
fn a_file_for_a_video_that_is_gone_is_not_wanted_and_brings_none_back() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
    block_on(async {
        expect_one(&store, &clock).await;
        remove(&store, &clock, "v-1").await.unwrap();
        for announced in [file("ada.1", None), file("ada.2", Some("ada.1"))] {
            let arrived = arrive(&store, &clock, "v-1", announced).await;
            assert_eq!(arrived.unwrap(), Arrival::Unwanted);
        }
        assert_eq!(find(&store, "v-1").await.unwrap(), None);
        expect_one(&store, &clock).await;
        update(&store, &clock, "v-1", |record| record.ending = true)
            .await
            .unwrap();
        let arrived = arrive(&store, &clock, "v-1", file("ada.1", None)).await;
        assert_eq!(arrived.unwrap(), Arrival::Unwanted);
    });
}

#[test]
fn only_the_file_that_takes_the_place_of_the_one_that_is_there_does() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
    block_on(async {
        expect_one(&store, &clock).await;
        arrive(&store, &clock, "v-1", file("ada.1", None))
            .await
            .unwrap();
        note_upload(&store, &clock, "v-1", "9-x").await.unwrap();
        update(&store, &clock, "v-1", |record| {
            record.unplayable = Some("no film".to_owned());
            record.index = Some(Attachment {
                location: "ada.5".to_owned(),
                size: 1,
                etag: "\"i\"".to_owned(),
                content_type: "application/octet-stream".to_owned(),
            });
        })
        .await
        .unwrap();
        let arrived = arrive(&store, &clock, "v-1", file("ada.2", Some("ada.1"))).await;
        let Arrival::Known { stale: Some(stale) } = arrived.unwrap() else {
            panic!("the index of the old bytes is of no use");
        };
        assert_eq!(stale.location, "ada.5");
        let record = find(&store, "v-1").await.unwrap().unwrap();
        assert_eq!(
            (record.status(), record.index, record.upload),
            (Status::Ready, None, None)
        );
        // What is late, or is told again, changes nothing.
        for late in [file("ada.1", None), file("ada.1", Some("ada.0"))] {
            arrive(&store, &clock, "v-1", late).await.unwrap();
            assert_eq!(location(&store).await, "ada.2");
        }
        arrive(&store, &clock, "v-1", file("ada.3", Some("ada.2")))
            .await
            .unwrap();
        arrive(&store, &clock, "v-1", file("ada.2", Some("ada.1")))
            .await
            .unwrap();
        assert_eq!(location(&store).await, "ada.3");
    });
}

#[test]
fn a_creation_and_an_arrival_that_die_are_made_up_for() {
    for steps in 0..100 {
        let store = MemoryStore::default();
        let clock = ManualClock::at(START);
        let dying = Stepping(&store);
        let done = die_after(steps, async {
            expect_one(&dying, &clock).await;
            arrive(&dying, &clock, "v-1", file("ada.1", None))
                .await
                .unwrap();
        });
        block_on(async {
            // Nobody can have the lock any more that one who died took.
            let later = ManualClock::at(START + 10 * WINDOW_MS);
            let again = arrive(&store, &later, "v-1", file("ada.1", None))
                .await
                .unwrap();
            let is_there = again != Arrival::Unwanted;
            let listed = page(&store, "ada", None, 10, &Filter::default())
                .await
                .unwrap();
            assert_eq!(
                listed.records.len(),
                usize::from(is_there),
                "after {steps} steps"
            );
            if is_there {
                assert_eq!(location(&store).await, "ada.1");
            }
        });
        if done.is_some() {
            assert!(steps > 5, "it has steps");
            return;
        }
    }
    panic!("it takes more steps");
}

#[test]
fn two_replacements_at_once_leave_one_file_however_they_interleave() {
    for schedule in 0..1 << 10 {
        let store = Stepping(MemoryStore::default());
        let clock = ManualClock::at(START);
        block_on(async {
            expect_one(&store.0, &clock).await;
            arrive(&store.0, &clock, "v-1", file("ada.1", None))
                .await
                .unwrap();
        });
        let (one, two) = interleave(
            schedule,
            arrive(&store, &clock, "v-1", file("ada.2", Some("ada.1"))),
            arrive(&store, &clock, "v-1", file("ada.3", Some("ada.2"))),
        );
        one.unwrap();
        two.unwrap();
        let last = block_on(location(&store.0));
        assert!(
            last == "ada.2" || last == "ada.3",
            "{schedule:010b}: {last}"
        );
    }
}
