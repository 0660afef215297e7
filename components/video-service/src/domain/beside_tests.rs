#![allow(clippy::unwrap_used)]
use futures::executor::block_on;
use http::header::IF_NONE_MATCH;
use std::cell::RefCell;
use std::collections::BTreeMap;

use futures::FutureExt as _;
use spinreel_platform::memory::{ManualClock, MemoryStore, StoppingStore};

use super::*;
use crate::domain::catalogue::find;
use crate::domain::testing::put;
use crate::domain::testing::{PoliteStore, interleave, stored};

fn clock() -> ManualClock {
    ManualClock::at(1_700_000_000_000)
}

fn file(location: &str) -> Attachment {
    Attachment {
        location: location.to_owned(),
        size: 5,
        etag: format!("\"{location}\""),
        content_type: "text/vtt".to_owned(),
    }
}

async fn with_video(store: &impl Store) {
    put(store, &clock(), "v-1", stored("ada", "a.mp4"))
        .await
        .unwrap();
}

async fn record(store: &impl Store) -> Record {
    find(store, "v-1").await.unwrap().unwrap()
}

#[test]
fn a_file_takes_the_place_of_the_one_before_it() {
    let store = MemoryStore::default();
    block_on(async {
        with_video(&store).await;
        let now = clock();
        for which in [Which::Poster, Which::Captions("en")] {
            let replace = async |file| replace(&store, &clock(), "v-1", which, file).await;
            assert_eq!(replace(Some(file("one"))).await, Ok(None));
            assert_eq!(replace(Some(file("two"))).await, Ok(Some(file("one"))));
            assert_eq!(which.of(&record(&store).await), Some(&file("two")));
            assert_eq!(replace(None).await, Ok(Some(file("two"))));
            assert_eq!(which.of(&record(&store).await), None);
            assert_eq!(replace(None).await, Ok(None));
        }
        let nobodys = replace(&store, &now, "v-2", Which::Poster, Some(file("one")));
        assert_eq!(nobodys.await, Err(ReplaceError::NoVideo));
    });
}

#[test]
fn captions_are_listed_by_language_and_are_a_hundred_at_most() {
    let store = MemoryStore::default();
    block_on(async {
        with_video(&store).await;
        let now = clock();
        for number in (0..MAX_CAPTIONS).rev() {
            let lang = format!("x-{number:03}");
            let which = Which::Captions(&lang);
            replace(&store, &clock(), "v-1", which, Some(file(&lang)))
                .await
                .unwrap();
        }
        let one_more = replace(&store, &now, "v-1", Which::Captions("en"), Some(file("en")));
        assert_eq!(one_more.await, Err(ReplaceError::TooMany(TooMany)));
        let known = Which::Captions("x-007");
        replace(&store, &clock(), "v-1", known, Some(file("new")))
            .await
            .unwrap();
        let langs: Vec<String> = record(&store)
            .await
            .captions
            .into_iter()
            .map(|caption| caption.lang)
            .collect();
        assert_eq!(langs.len(), MAX_CAPTIONS);
        assert!(langs.is_sorted());
    });
}

#[test]
fn of_two_that_replace_a_file_at_once_each_is_told_of_another_one_before_it() {
    for schedule in 0..256 {
        let store = PoliteStore::default();
        let clock = clock();
        block_on(with_video(&store));
        let one = replace(&store, &clock, "v-1", Which::Poster, Some(file("one")));
        let two = replace(&store, &clock, "v-1", Which::Poster, Some(file("two")));
        let (one, two) = interleave(schedule, one, two);
        let stays = block_on(record(&store)).poster.unwrap().location;
        // Who was told that another one is busy has not replaced anything.
        let mut gone: Vec<String> = [one.clone(), two.clone()]
            .into_iter()
            .filter_map(|result| Some(result.ok()??.location))
            .collect();
        gone.push(stays);
        gone.sort();
        let done = usize::from(one.is_ok()) + usize::from(two.is_ok());
        assert_eq!(gone.len(), done, "schedule {schedule:b}: {one:?} {two:?}");
        gone.dedup();
        assert_eq!(gone.len(), done, "schedule {schedule:b}: {one:?} {two:?}");
    }
}

#[test]
fn a_file_goes_out_with_its_tag_and_does_nothing() {
    let mut record = Record::new("v-1", 1, stored("ada", "a.mp4"));
    let file = file("tag");
    let Answer::Whole(headers) = answer(&record, &file, &HeaderMap::new()) else {
        panic!("no condition");
    };
    for (name, value) in [
        ("etag", "\"tag\""),
        ("cache-control", "private, no-cache"),
        ("content-type", "text/vtt; charset=utf-8"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("content-length", "5"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    record.visibility = Visibility::Public;
    let mut request = HeaderMap::new();
    request.insert(IF_NONE_MATCH, HeaderValue::from_static("\"tag\""));
    let Answer::NotModified(headers) = answer(&record, &file, &request) else {
        panic!("it is known");
    };
    assert_eq!(headers["cache-control"], "no-cache");
    assert!(!headers.contains_key("content-type"));
}

/// storage-service: locations, and the ids that they were attached under.
#[derive(Default)]
struct Shelf(RefCell<BTreeMap<String, String>>);

impl Shelf {
    /// Keeps a file under an id.
    fn attach(&self, id: &str) -> Attachment {
        let location = format!("ada.{id}");
        self.0.borrow_mut().insert(location.clone(), id.to_owned());
        Attachment {
            etag: format!("\"{id}.1\""),
            ..file(&location)
        }
    }

    fn locations(&self) -> Vec<String> {
        self.0.borrow().keys().cloned().collect()
    }
}

impl Files for Shelf {
    type Error = String;

    async fn delete(&self, _: &str, location: &str) -> Result<(), String> {
        self.0.borrow_mut().remove(location);
        Ok(())
    }

    async fn end_upload(&self, _: &str, _: &str) -> Result<(), String> {
        Ok(())
    }
}

impl Attachments for Shelf {
    async fn delete_attached(&self, _: &str, id: &str) -> Result<(), String> {
        self.0.borrow_mut().retain(|_, attached| attached != id);
        Ok(())
    }
}

/// What a request does that puts a poster, or takes it away.
async fn change(store: &impl Store, clock: &impl Clock, shelf: &Shelf, new: Option<&str>) {
    let record = record(store).await;
    let _ = note(store, clock, &record, Which::Poster, new).await;
    let file = new.map(|id| shelf.attach(id));
    let Ok(before) = replace(store, clock, "v-1", Which::Poster, file).await else {
        return;
    };
    // A call that the one that dies makes, too.
    let _ = store.get("a key").await;
    if let Some(before) = before {
        let _ = shelf.delete("ada", &before.location).await;
    }
}

#[test]
fn a_change_that_died_before_any_call_leaves_no_file_that_nobody_names() {
    for new in [Some("two"), None] {
        let (mut finished, mut calls) = (false, 0);
        while !finished {
            let (store, clock, shelf) = (MemoryStore::default(), clock(), Shelf::default());
            block_on(with_video(&store));
            block_on(change(&store, &clock, &shelf, Some("one")));
            {
                let dying = StoppingStore::dying_before_call(&store, calls);
                finished = change(&dying, &clock, &shelf, new).now_or_never().is_some();
            }
            block_on(async {
                sweep(&store, &clock, &shelf).await.unwrap();
                clock.advance_ms(2 * LEFT_ALONE_MS);
                let swept = sweep(&store, &clock, &shelf).await.unwrap();
                assert_eq!((swept.pending, swept.more), (0, false), "at call {calls}");
                let poster = record(&store).await.poster;
                let named: Vec<String> = poster.into_iter().map(|file| file.location).collect();
                assert_eq!(shelf.locations(), named, "{new:?} at call {calls}");
            });
            calls += 1;
        }
        assert!(calls > 10, "a change has more calls than {calls}");
    }
}

#[test]
fn a_sweep_leaves_a_change_alone_that_may_go_on() {
    let (store, clock, shelf) = (MemoryStore::default(), clock(), Shelf::default());
    block_on(async {
        with_video(&store).await;
        note(
            &store,
            &clock,
            &record(&store).await,
            Which::Poster,
            Some("one"),
        )
        .await
        .unwrap();
        shelf.attach("one");
        clock.advance_ms(LEFT_ALONE_MS - 1);
        sweep(&store, &clock, &shelf).await.unwrap();
        assert_eq!(shelf.locations().len(), 1);
        clock.advance_ms(1);
        sweep(&store, &clock, &shelf).await.unwrap();
        assert!(shelf.locations().is_empty());
    });
}
