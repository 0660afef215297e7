#![allow(clippy::unwrap_used)]
use futures::executor::block_on;
use http::header::IF_NONE_MATCH;
use spinreel_platform::memory::{ManualClock, MemoryStore};

use super::*;
use crate::domain::catalogue::{find, put};
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
