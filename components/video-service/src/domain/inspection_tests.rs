#![allow(clippy::unwrap_used)]

use std::cell::Cell;

use futures::executor::block_on;
use spinreel_api::videos::{Status, Visibility};
use spinreel_ledger::WINDOW_MS;
use spinreel_platform::memory::{ManualClock, MemoryStore, StoppingStore};
use spinreel_platform::stepping::die_after;

use super::*;
use crate::domain::testing::put;
use crate::domain::testing::{PoliteStore, interleave, stored};

const NOW_MS: u64 = 1_700_000_000_200;

fn now() -> ManualClock {
    ManualClock::at(NOW_MS)
}

/// A storage that has a film under every location, after it was asked for it some times in vain.
struct Films {
    film: Bytes,
    missing: Cell<u32>,
    reads: Cell<u32>,
}

impl Films {
    fn new(film: &'static [u8]) -> Self {
        Self {
            film: Bytes::from_static(film),
            missing: Cell::new(0),
            reads: Cell::new(0),
        }
    }
}

impl Contents for Films {
    type Error = ReadError;

    async fn read(
        &self,
        owner: &str,
        location: &str,
        offset: u64,
        length: u64,
    ) -> Result<Option<Bytes>, ReadError> {
        assert_eq!((owner, location), ("ada", "ada-1"));
        self.reads.set(self.reads.get() + 1);
        if self.missing.get() > 0 {
            self.missing.set(self.missing.get() - 1);
            return Ok(None);
        }
        self.film.clone().read_at(offset, length).await.map(Some)
    }
}

/// A film of one grey picture, H.264 in MP4.
const FILM: &[u8] = include_bytes!("../../../../tests/fixtures/clip.mp4");

async fn recorded(store: &impl Store, size: usize) {
    let mut stored = stored("ada", "a.mp4");
    stored.size = size as u64;
    put(store, &now(), "v-1", stored).await.unwrap();
}

fn record(store: &impl Store) -> Record {
    block_on(find(store, "v-1")).unwrap().unwrap()
}

#[test]
fn a_film_gets_its_media_also_where_storage_enters_it_late() {
    for missing in [0, 1, PAUSES] {
        let (store, films) = (MemoryStore::default(), Films::new(FILM));
        films.missing.set(missing);
        block_on(recorded(&store, FILM.len()));
        assert!(is_missing(&record(&store)));
        block_on(inspect_file(&store, &now(), &films, "v-1")).unwrap();
        let record = record(&store);
        let media = record.media.clone().unwrap();
        assert_eq!(
            (media.container.as_str(), record.status()),
            ("mp4", Status::Ready)
        );
        assert!(media.duration_ms > 0 && media.width > 0);
        assert!(!is_missing(&record) && record.unplayable.is_none());
        // Once is enough.
        films.reads.set(0);
        block_on(inspect_file(&store, &now(), &films, "v-1")).unwrap();
        assert_eq!(films.reads.get(), 0);
    }
}

#[test]
fn what_is_no_film_is_unplayable_with_a_reason_after_one_read() {
    let store = MemoryStore::default();
    let films = Films::new(&[7; 100_000]);
    block_on(recorded(&store, 100_000));
    block_on(inspect_file(&store, &now(), &films, "v-1")).unwrap();
    let video = record(&store).to_video();
    assert_eq!(video.status, Status::Unplayable);
    let reason = "The file is not an MP4, QuickTime, WebM or Matroska file.";
    assert_eq!(video.unplayable_reason.as_deref(), Some(reason));
    assert_eq!((video.media, films.reads.get()), (None, 1));
}

#[test]
fn a_file_that_cannot_be_read_is_left_for_the_next_request() {
    let (store, films) = (MemoryStore::default(), Films::new(FILM));
    films.missing.set(PAUSES + 1);
    block_on(recorded(&store, FILM.len()));
    let before = record(&store);
    let failed = block_on(inspect_file(&store, &now(), &films, "v-1"));
    assert!(
        matches!(failed, Err(InspectionError::Read(_))),
        "{failed:?}"
    );
    assert_eq!(record(&store), before);
    assert!(!is_due(&before, NOW_MS + LEFT_ALONE_MS));
    assert!(is_due(&before, NOW_MS + LEFT_ALONE_MS + 1));
}

#[test]
fn an_inspection_that_died_anywhere_is_made_up_for() {
    for calls in 0.. {
        let (store, films) = (MemoryStore::default(), Films::new(FILM));
        block_on(recorded(&store, FILM.len()));
        let dying = StoppingStore::dying_before_call(&store, calls);
        let clock = now();
        let finished = die_after(1, inspect_file(&dying, &clock, &films, "v-1")).is_some();
        let found = record(&store);
        let later = NOW_MS + 10 * WINDOW_MS;
        assert!(
            found.media.is_some() || is_due(&found, later),
            "after {calls} calls"
        );
        block_on(inspect_file(&store, &ManualClock::at(later), &films, "v-1")).unwrap();
        assert!(record(&store).media.is_some());
        if finished {
            assert!(calls > 10);
            return;
        }
    }
}

#[test]
fn a_change_beside_an_inspection_holds_with_it() {
    for schedule in 0..2_000 {
        let (store, films) = (PoliteStore::default(), Films::new(FILM));
        block_on(recorded(&store.0, FILM.len()));
        let clock = now();
        let change = update(&store, &clock, "v-1", |record| {
            record.visibility = Visibility::Unlisted;
        });
        let (inspected, changed) = interleave(
            schedule,
            inspect_file(&store, &clock, &films, "v-1"),
            change,
        );
        inspected.unwrap();
        changed.unwrap();
        let record = record(&store.0);
        assert!(record.media.is_some(), "schedule {schedule}");
        assert_eq!(record.visibility, Visibility::Unlisted);
    }
}
