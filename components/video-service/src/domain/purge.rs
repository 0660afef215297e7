//! Removing all videos of an owner.

use spinreel_api::internal::Purged;
use spinreel_ledger::{Found, LedgerError};
use spinreel_platform::{Clock, Store};

use super::catalogue::{find, forget, list_of};
use super::listed::{Entry, Reading};
use super::record::Record;

/// How many videos go at most in one call.
const PAGE: usize = 64;

/// Removes a part of an owner's videos, newest first. It is done when the list is empty.
///
/// Each goes as in [`remove`](super::catalogue::remove), so that the list is right at any moment, and a call that died
/// anywhere is made up for by the next one. An entry without its record may be one whose record is just being written,
/// and so it is waited for; when it is too old for that, it goes.
///
/// What stays are the number of the list's last slot and the maps of the dead ones. A slot must not be given twice:
/// a record that comes late would be taken for the video of another. A slot that was given and not filled yet is not
/// known here; storage-service tells of a video while its upload goes on, and so it has to be done first.
///
/// Costs 2 `get` for each video and what its removal costs, one for the head and one or two for each stretch of 4,096
/// slots.
pub async fn purge(
    store: &impl Store,
    clock: &impl Clock,
    owner: &str,
) -> Result<Purged, LedgerError> {
    let list = list_of(owner);
    let mut reading = Reading::at(clock.now_ms());
    let mut waits = false;
    let look = async |number| -> Result<Found<Record>, LedgerError> {
        let Some(entry) = list.cell::<Entry>(number).get(store).await? else {
            return Ok(Found::Nothing);
        };
        let record = find(store, &entry.id)
            .await?
            .filter(|record| record.slot == number && record.stored.owner == owner);
        let is_old = reading.saw(number, &entry, record.is_some());
        waits |= record.is_none() && !is_old;
        Ok(record.map_or(Found::Nothing, Found::Item))
    };
    let page = list.page(store, None, PAGE, look).await?;
    for (_, record) in &page.items {
        forget(store, record).await?;
    }
    reading.bury(store, &list, &page.empty).await?;
    Ok(Purged {
        removed: page.items.len() as u64,
        done: page.next.is_none() && !waits,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::task::{Context, Poll, Waker};

    use futures::executor::block_on;
    use spinreel_ledger::DEAD_AFTER_MS;
    use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

    use super::*;
    use crate::domain::catalogue::{page, put, remove};
    use crate::domain::filter::Filter;
    use crate::domain::testing::{PoliteStore, interleave, stored};

    fn now() -> ManualClock {
        ManualClock::at(1_700_000_000_000)
    }

    async fn put_some(store: &impl Store, owner: &str, numbers: std::ops::RangeInclusive<u64>) {
        for number in numbers {
            let video = stored(owner, &format!("{number}.mp4"));
            let id = format!("{owner}-{number}");
            put(store, &now(), &id, video).await.unwrap();
        }
    }

    async fn listed(store: &impl Store, owner: &str) -> usize {
        let filter = Filter::default();
        let page = page(store, &now(), owner, None, 500, &filter).await;
        page.unwrap().records.len()
    }

    /// What is left besides the numbers of the lists.
    fn left(store: &MemoryStore) -> Vec<String> {
        let keys = store.keys().into_iter();
        keys.filter(|key| !key.ends_with("/list/head") && !key.contains("/list/dead/"))
            .collect()
    }

    #[test]
    fn an_owners_videos_go_page_by_page_and_nobody_elses() {
        let store = MemoryStore::default();
        block_on(async {
            put_some(&store, "ada", 1..=150).await;
            put_some(&store, "bob", 1..=3).await;
            for (removed, done, stay) in [(64, false, 86), (64, false, 22), (22, true, 0)] {
                let purged = purge(&store, &now(), "ada").await.unwrap();
                assert_eq!(purged, Purged { removed, done });
                assert_eq!(listed(&store, "ada").await, stay);
            }
            let done = Purged {
                removed: 0,
                done: true,
            };
            assert_eq!(purge(&store, &now(), "ada").await.unwrap(), done);
            assert_eq!(purge(&store, &now(), "nobody").await.unwrap(), done);
            assert_eq!(listed(&store, "bob").await, 3);
            assert_eq!(left(&store).len(), 6);
        });
    }

    #[test]
    fn an_entry_without_its_record_is_waited_for_and_goes_in_its_time() {
        let (store, clock) = (MemoryStore::default(), now());
        block_on(async {
            put_some(&store, "ada", 1..=2).await;
            store.delete("videos/video/ada-2").await.unwrap();
            let purged = purge(&store, &clock, "ada").await.unwrap();
            assert_eq!((purged.removed, purged.done), (1, false));
            clock.advance_ms(DEAD_AFTER_MS + 1);
            assert!(purge(&store, &clock, "ada").await.unwrap().done);
            assert_eq!(left(&store), Vec::<String>::new());
        });
    }

    #[test]
    fn a_purge_that_died_anywhere_is_made_up_for_by_the_next_ones() {
        for steps in 0.. {
            let (store, clock) = (PoliteStore::default(), now());
            block_on(put_some(&store.0, "ada", 1..=5));
            let finished = {
                let mut dying = Box::pin(purge(&store, &clock, "ada"));
                let mut context = Context::from_waker(Waker::noop());
                let mut polls = (0..=steps).map(|_| dying.as_mut().poll(&mut context));
                polls.any(|poll| matches!(poll, Poll::Ready(_)))
            };
            block_on(async {
                clock.advance_ms(DEAD_AFTER_MS + 1);
                assert!(purge(&store.0, &clock, "ada").await.unwrap().done);
                assert_eq!(left(&store.0), Vec::<String>::new(), "after {steps} steps");
            });
            if finished {
                return;
            }
        }
    }

    #[test]
    fn a_purge_beside_a_removal_or_a_new_video_loses_neither_list_nor_video() {
        for schedule in 0..1 << 10 {
            let store = PoliteStore::default();
            block_on(put_some(&store.0, "ada", 1..=2));
            let (purged, removed) = interleave(
                schedule,
                purge(&store, &now(), "ada"),
                remove(&store, "ada-1"),
            );
            assert!(purged.is_ok() && removed.is_ok());
            // One that saw a video go may have to look again.
            assert!(block_on(purge(&store.0, &now(), "ada")).unwrap().done);
            assert_eq!(left(&store.0), Vec::<String>::new(), "{schedule:010b}");

            let clock = now();
            let video = stored("ada", "3.mp4");
            let (purged, put) = interleave(
                schedule,
                purge(&store, &clock, "ada"),
                put(&store, &clock, "ada-3", video),
            );
            assert!(purged.is_ok() && put.is_ok());
            block_on(async {
                let stays = listed(&store.0, "ada").await;
                let again = purge(&store.0, &clock, "ada").await.unwrap();
                assert_eq!((again.removed, again.done), (stays as u64, true));
                assert_eq!(left(&store.0), Vec::<String>::new(), "{schedule:010b}");
            });
        }
    }

    #[test]
    fn a_page_costs_the_same_however_many_videos_there_are() {
        let store = CountingStore::new(MemoryStore::default());
        block_on(async {
            put_some(&store, "ada", 1..=1_000).await;
            store.take_calls();
            purge(&store, &now(), "ada").await.unwrap();
            let first = store.take_calls();
            // Each costs its entry, its record and the map; the walk costs the head and the map.
            assert!(first.reads() <= 3 * 64 + 6, "{first:?}");
            purge(&store, &now(), "ada").await.unwrap();
            let second = store.take_calls();
            assert!(second.reads() <= first.reads(), "{second:?}");
        });
    }
}
