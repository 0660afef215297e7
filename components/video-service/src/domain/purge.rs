//! Removing all videos of an owner.

use spinreel_api::internal::Purged;
use spinreel_ledger::{Found, LedgerError};
use spinreel_platform::{Clock, Store};

use super::catalogue::{place_key, slot_key};
use super::feed;
use super::indexing::{keys_of, watermark};
use super::listed::{bury_owner, dead, forget_watermarks, list_of, record_at};
use super::owner_lock::state_keys;
use super::record::Record;
use super::views;

/// How many videos go at most in one call.
const PAGE: usize = 64;
/// How many keys of postings one call deletes with the videos.
const MOST_KEYS: usize = 4_096;
/// How many pages without a video one call looks at.
const EMPTY_PAGES: usize = 16;

/// Removes a part of an owner's videos, newest first. It is done when the list is empty.
///
/// A call that died anywhere is made up for by the next one. What stays are a tombstone, which whoever records a video late
/// meets, the number of the list's last slot and the maps of the dead ones. A slot must not be given twice: a place that
/// comes late would name the record of another video. A slot that was given and not filled yet is not known here; who fills
/// it sees the tombstone then, and takes its video back.
///
/// Costs 1 `get` (and the first time a write) for the tombstone, 1 `get` for each video and for each empty slot between them, one for the head and one or two for each stretch of
/// 4,096 slots, 1 for each of their terms, and 2 writes for each call that removes something (and what a [`Roster`](spinreel_ledger::Roster) needs
/// where a stretch begins or ends), 1 more for the last.
pub async fn purge(
    store: &impl Store,
    clock: &impl Clock,
    owner: &str,
) -> Result<Purged, LedgerError> {
    // Before anything is looked for.
    bury_owner(store, clock, owner).await?;
    let list = list_of(owner);
    let look = async |slot| -> Result<Found<Record>, LedgerError> {
        let record = record_at(store, &list, slot).await?;
        Ok(record.map_or(Found::Nothing, Found::Item))
    };
    let indexed = watermark(store, owner).await?;
    let mut below = None;
    for _ in 0..EMPTY_PAGES {
        let page = list.page(store, below, PAGE, &look).await?;
        let (mut gone, mut published) = (Vec::new(), Vec::new());
        let records = page.items.iter().map(|(_, record)| record);
        let in_postings = records.filter(|record| record.slot <= indexed);
        // A term has as many keys as the list is long, so one call could be too long.
        let mut keys = keys_of(store, owner, in_postings).await?;
        while keys.len() > MOST_KEYS {
            let first: Vec<String> = keys.drain(..MOST_KEYS).collect();
            store.delete_many(&first).await?;
        }
        for (slot, record) in &page.items {
            gone.push(*slot);
            published.extend(record.feed_number);
            keys.extend(record.feed_number.map(feed::cell_key));
            // The slot goes after the place: a purge that is repeated begins there.
            keys.push(place_key(&record.id));
            keys.push(views::key(&record.id));
            keys.push(slot_key(&list, *slot));
        }
        if !keys.is_empty() {
            store.delete_many(&keys).await?;
        }
        if !page.empty.is_empty() {
            gone.extend(dead(store, clock, owner, &page.empty).await?);
        }
        list.bury(store, &gone).await?;
        if !published.is_empty() {
            feed::feed().bury(store, &published).await?;
        }
        let done = page.next.is_none();
        if done {
            forget_watermarks(store, owner).await?;
            let keys = state_keys(store, owner).await?;
            if !keys.is_empty() {
                store.delete_many(&keys).await?;
            }
        }
        if done || !page.items.is_empty() {
            return Ok(Purged {
                removed: page.items.len() as u64,
                done,
            });
        }
        below = page.next;
    }
    Ok(Purged {
        removed: 0,
        done: false,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_platform::memory::{
        Calls, CountingStore, ManualClock, MemoryStore, StoppingStore,
    };
    use spinreel_platform::stepping::die_after;

    use super::*;
    use crate::domain::catalogue::{Put, page, remove};
    use crate::domain::filter::Filter;
    use crate::domain::testing::put;
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
        let page = page(store, owner, None, 500, &filter).await;
        page.unwrap().records.len()
    }

    /// What is left besides the tombstones, the numbers of the lists and the maps of the dead ones.
    fn left(store: &MemoryStore) -> Vec<String> {
        let stays = |key: &String| {
            key.ends_with("/gone") || key.ends_with("/list/head") || key.contains("/list/dead/")
        };
        let keys = store.keys().into_iter();
        keys.filter(|key| !stays(key)).collect()
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
            // A slot and a place for each, and the watermark.
            assert_eq!(left(&store).len(), 3 + 3 + 1);
        });
    }

    #[test]
    fn slots_that_two_gave_one_video_both_go() {
        let store = MemoryStore::default();
        block_on(async {
            put_some(&store, "ada", 1..=1).await;
            let list = list_of("ada");
            let twin = record_at(&store, &list, 1).await.unwrap().unwrap();
            let slot = list.allocate(&store, 1).await.unwrap();
            list.cell(slot).set(&store, &twin).await.unwrap();
            assert!(purge(&store, &now(), "ada").await.unwrap().done);
            assert_eq!(left(&store), Vec::<String>::new());
        });
    }

    #[test]
    fn slots_that_are_empty_and_young_are_passed_over() {
        let (store, clock) = (CountingStore::new(MemoryStore::default()), now());
        block_on(async {
            put_some(&store, "ada", 1..=1).await;
            list_of("ada").allocate(&store, 2_000).await.unwrap();
            let purged = purge(&store, &clock, "ada").await.unwrap();
            assert_eq!((purged.removed, purged.done), (1, true));
            // Those may yet be filled.
            let video = stored("ada", "late.mp4");
            let late = Record::new("late", 1_500, video);
            list_of("ada").cell(1_500).set(&store, &late).await.unwrap();
            assert_eq!(purge(&store, &clock, "ada").await.unwrap().removed, 1);
        });
    }

    #[test]
    fn a_purge_that_died_anywhere_is_made_up_for_by_the_next_ones() {
        for calls in 0.. {
            let store = MemoryStore::default();
            block_on(put_some(&store, "ada", 1..=5));
            block_on(remove(&store, &now(), "ada-2")).unwrap();
            // This one writes and deletes key by key.
            let dying = StoppingStore::dying_before_call(&store, calls);
            let finished = die_after(1, purge(&dying, &now(), "ada")).is_some();
            assert!(block_on(purge(&store, &now(), "ada")).unwrap().done);
            assert_eq!(left(&store), Vec::<String>::new(), "after {calls} calls");
            assert_eq!(block_on(listed(&store, "ada")), 0);
            if finished {
                assert!(calls > 10);
                return;
            }
        }
    }

    #[test]
    fn nothing_is_recorded_any_more_for_an_owner_who_is_gone() {
        let store = MemoryStore::default();
        block_on(async {
            put_some(&store, "ada", 1..=1).await;
            for owner in ["ada", "nobody"] {
                while !purge(&store, &now(), owner).await.unwrap().done {}
                let before = store.keys();
                for id in ["late-1", "ada-1"] {
                    let video = stored(owner, "late.mp4");
                    let late = put(&store, &now(), id, video).await;
                    assert_eq!(late, Ok(Put::OwnerGone), "{owner} {id}");
                }
                assert_eq!(store.keys(), before);
            }
            put_some(&store, "bob", 1..=1).await;
            assert_eq!(listed(&store, "bob").await, 1);
        });
    }

    #[test]
    fn a_purge_beside_a_removal_or_a_new_video_loses_neither_list_nor_video() {
        for schedule in 0..1 << 10 {
            let store = PoliteStore::default();
            block_on(put_some(&store.0, "ada", 1..=2));
            let clock = now();
            let (purged, removed) = interleave(
                schedule,
                purge(&store, &now(), "ada"),
                remove(&store, &clock, "ada-1"),
            );
            assert!(purged.is_ok() && removed.is_ok());
            // One that saw a video go may have to look again.
            assert!(block_on(purge(&store.0, &now(), "ada")).unwrap().done);
            assert_eq!(left(&store.0), Vec::<String>::new(), "{schedule:010b}");

            let video = stored("ada", "3.mp4");
            let (purged, recorded) = interleave(
                schedule,
                purge(&store, &clock, "ada"),
                put(&store, &clock, "ada-3", video),
            );
            assert!(purged.is_ok() && recorded.is_ok());
            // Whoever was first: the purge found it, or it saw the tombstone.
            block_on(async {
                assert_eq!(listed(&store.0, "ada").await, 0, "{schedule:010b}");
                let again = purge(&store.0, &clock, "ada").await.unwrap();
                assert_eq!((again.removed, again.done), (0, true));
                assert_eq!(left(&store.0), Vec::<String>::new(), "{schedule:010b}");
            });
        }
    }

    #[test]
    fn a_call_costs_the_same_however_many_videos_there_are() {
        let store = CountingStore::new(MemoryStore::default());
        block_on(async {
            put_some(&store, "ada", 1..=1_000).await;
            store.take_calls();
            // A word of each video that is in the postings (up to slot 960), and the one that all have.
            let (words_first, words_second) = (24 + 1, 64 + 1);
            let expected = Calls {
                // The head, the map and the slots, the slot that tells that there are more needs no look; the map
                // once more, and the two above it, to strike them.
                // The watermark of the postings. And the tombstone, which the first call writes.
                get: 1 + 1 + 64 + 3 + 1 + 1 + words_first,
                set: 2,
                delete_many: 1,
                ..Calls::default()
            };
            purge(&store, &now(), "ada").await.unwrap();
            assert_eq!(store.take_calls(), expected);
            purge(&store, &now(), "ada").await.unwrap();
            let second = store.take_calls();
            assert_eq!(
                second,
                Calls {
                    get: expected.get - 2 - words_first + words_second,
                    set: 1,
                    ..expected
                }
            );
        });
    }
}
