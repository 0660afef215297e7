#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};
use spinreel_platform::{Store, StoreError};

use super::map::SPAN;
use super::testing::{fill, given, maps, page, read};
use super::*;

#[test]
fn a_page_has_the_filled_cells_newest_first_and_tells_the_empty_ones() {
    let store = MemoryStore::default();
    block_on(async {
        let roster = given(&store, 6).await;
        fill(&roster, &store, &[1, 2, 4, 5]).await;
        let first = page(&roster, &store, None, 2).await;
        assert_eq!(first.items, [(5, 5), (4, 4)]);
        assert_eq!((first.next, first.empty), (Some(4), vec![6]));
        let second = page(&roster, &store, first.next, 2).await;
        assert_eq!(second.items, [(2, 2), (1, 1)]);
        assert_eq!((second.next, second.empty), (None, vec![3]));
    });
}

#[test]
fn a_page_of_a_roster_without_numbers_is_empty_and_so_is_one_before_its_beginning() {
    let store = MemoryStore::default();
    block_on(async {
        let nothing = RosterPage {
            items: Vec::new(),
            next: None,
            empty: Vec::new(),
        };
        assert_eq!(page(&Roster::new("r"), &store, None, 5).await, nothing);
        let roster = given(&store, 3).await;
        for before in [0, 1] {
            assert_eq!(page(&roster, &store, Some(before), 5).await, nothing);
        }
        let beyond = page(&roster, &store, Some(u64::MAX), 5).await;
        assert_eq!(beyond.empty, [3, 2, 1]);
    });
}

#[test]
fn more_than_so_many_are_those_that_are_not_struck() {
    let store = CountingStore::<MemoryStore>::default();
    block_on(async {
        let head = 2 * SPAN + 10;
        let roster = given(&store, u32::try_from(head).unwrap()).await;
        let more_than = async |most| {
            store.take_calls();
            let more = roster.has_more_than(&store, head, most).await.unwrap();
            (more, store.take_calls().total())
        };
        // Where so many were never given, nothing is read.
        assert_eq!(more_than(head).await, (false, 0));
        assert!(more_than(head - 1).await.0);
        roster
            .bury(&store, &(1..=2 * SPAN + 3).collect::<Vec<_>>())
            .await
            .unwrap();
        assert!(more_than(6).await.0);
        let (more, reads) = more_than(7).await;
        assert!(!more && reads <= 4, "{reads}");
        let few = roster.has_more_than(&store, 2 * SPAN + 4, 1).await;
        assert!(!few.unwrap());
    });
}

#[test]
fn a_page_knows_that_only_dead_numbers_are_left() {
    let store = MemoryStore::default();
    block_on(async {
        let roster = given(&store, 20_000).await;
        fill(&roster, &store, &[19_000]).await;
        roster
            .bury(&store, &(1..19_000).collect::<Vec<_>>())
            .await
            .unwrap();
        let page = page(&roster, &store, Some(19_001), 1).await;
        assert_eq!(page.items, [(19_000, 19_000)]);
        assert_eq!(page.next, None);
    });
}

#[test]
fn what_a_page_leaves_out_counts_as_looked_at() {
    let store = MemoryStore::default();
    block_on(async {
        let roster = given(&store, 600).await;
        let mut looks = 0;
        let look = async |number| -> Result<Found<u64>, LedgerError> {
            looks += 1;
            Ok(if number == 1 {
                Found::Item(number)
            } else {
                Found::Other
            })
        };
        let page = roster.page(&store, None, 5, look).await.unwrap();
        assert_eq!(looks, ROSTER_SCAN);
        assert_eq!((page.items, page.empty), (vec![], vec![]));
        assert_eq!(page.next, Some(600 - ROSTER_SCAN as u64 + 1));
    });
}

#[test]
fn an_error_of_a_look_is_the_error_of_the_page() {
    let store = MemoryStore::default();
    block_on(async {
        let roster = given(&store, 1).await;
        let failure = LedgerError::Store(StoreError::AccessDenied);
        let look = async |_| -> Result<Found<u64>, LedgerError> { Err(failure.clone()) };
        assert_eq!(
            roster.page(&store, None, 5, look).await,
            Err(failure.clone())
        );
    });
}

#[test]
fn a_stretch_that_is_dead_needs_no_key_and_is_not_begun_anew() {
    let store = MemoryStore::default();
    block_on(async {
        let roster = given(&store, 2 * SPAN as u32).await;
        fill(&roster, &store, &[SPAN + 1]).await;
        let stretch: Vec<u64> = (1..=SPAN).collect();
        roster.bury(&store, &stretch[1..]).await.unwrap();
        assert_eq!(maps(&store), 1);
        roster.bury(&store, &stretch[..1]).await.unwrap();
        let keys = store.keys();
        assert!(keys.contains(&"r/dead/1/0".to_owned()), "{keys:?}");
        assert_eq!(maps(&store), 1);
        roster.bury(&store, &stretch[5..9]).await.unwrap();
        assert_eq!(store.keys(), keys);
        assert_eq!(read(&roster, &store, 1).await.0, [SPAN + 1]);
        assert!(
            page(&roster, &store, Some(SPAN + 1), 1)
                .await
                .empty
                .is_empty()
        );
    });
}

#[test]
fn millions_of_dead_numbers_are_one_bit_of_the_highest_level() {
    let store = MemoryStore::default();
    block_on(async {
        let last = SPAN * SPAN + 10;
        let roster = given(&store, last as u32).await;
        fill(&roster, &store, &[3, last]).await;
        for stretch in 0..SPAN {
            let first = stretch * SPAN + 1;
            let dead: Vec<u64> = (first..first + SPAN).filter(|n| *n != 3).collect();
            roster.bury(&store, &dead).await.unwrap();
        }
        let store = CountingStore::new(store);
        let (filled, empty) = read(&roster, &store, 50).await;
        assert_eq!(filled, [last, 3]);
        assert_eq!(empty, (last - 9..last).collect());
        // The head, eleven cells, two stretches at three levels but for the one map above both.
        assert_eq!(store.calls().get, 1 + 11 + 5);

        roster.cell::<u64>(3).delete(&store).await.unwrap();
        roster.bury(&store, &[3]).await.unwrap();
        assert_eq!(maps(store.inner()), 1);
        store.take_calls();
        assert_eq!(read(&roster, &store, 50).await.0, [last]);
        assert_eq!(store.calls().get, 1 + 10 + 3);
    });
}

#[test]
fn number_0_was_never_given_and_burying_it_changes_nothing() {
    let store = MemoryStore::default();
    block_on(async {
        let roster = given(&store, 3).await;
        roster.bury(&store, &[0]).await.unwrap();
        roster.bury(&store, &[]).await.unwrap();
        assert_eq!(store.keys(), ["r/head"]);
    });
}

#[test]
fn a_map_that_cannot_be_read_costs_reads_and_is_written_anew() {
    let store = MemoryStore::default();
    block_on(async {
        let roster = given(&store, 9).await;
        fill(&roster, &store, &[7]).await;
        store.set("r/dead/0/0", b"\xff\xff\xff").await.unwrap();
        let (filled, empty) = read(&roster, &store, 50).await;
        assert_eq!((filled, empty.len()), (vec![7], 8));
        roster.bury(&store, &Vec::from_iter(empty)).await.unwrap();
        let (filled, empty) = read(&roster, &store, 50).await;
        assert_eq!((filled, empty.len()), (vec![7], 0));
    });
}

#[test]
fn a_writer_that_stood_still_gets_numbers_that_are_young() {
    /// A store whose first calls take long.
    struct Slow<'a>(&'a MemoryStore, &'a ManualClock, std::cell::Cell<u64>);
    impl Store for Slow<'_> {
        async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.get(key).await
        }
        async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
            self.0.set(key, value).await
        }
        async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
            self.0.set_many(pairs).await
        }
        async fn delete(&self, key: &str) -> Result<(), StoreError> {
            self.0.delete(key).await
        }
        async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
            self.0.delete_many(keys).await
        }
        async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
            self.1.advance_ms(self.2.take());
            self.0.increment(key, delta).await
        }
    }
    let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000));
    let roster = Roster::new("r");
    for (delay, last) in [(0, 2), (DEAD_AFTER_MS / 2, 4), (DEAD_AFTER_MS / 2 + 1, 8)] {
        let slow = Slow(&store, &clock, std::cell::Cell::new(delay));
        let given = block_on(roster.allocate_timely(&slow, &clock, 2));
        assert_eq!(given, Ok(last), "after {delay} ms");
    }
}

mod costs {
    use super::*;

    /// The calls of a page of 50, which has `items` items; all but reads are 0.
    async fn page_costs(roster: &Roster, store: &CountingStore, items: usize) -> u64 {
        store.take_calls();
        let page = page(roster, store, None, 50).await;
        assert_eq!(page.items.len(), items);
        let calls = store.take_calls();
        assert_eq!(calls.writes(), 0);
        calls.get
    }

    /// A roster that has `living` cells filled and all others of its `given` numbers buried.
    async fn aged(store: &CountingStore, count: u32, living: &[u64]) -> Roster {
        let roster = given(store, count).await;
        fill(&roster, store, living).await;
        let dead: Vec<u64> = (1..=u64::from(count))
            .filter(|number| !living.contains(number))
            .collect();
        roster.bury(store, &dead).await.unwrap();
        roster
    }

    #[test]
    fn a_page_costs_the_same_however_many_living_are_below_it() {
        for count in [50, 4_000] {
            let store = CountingStore::<MemoryStore>::default();
            block_on(async {
                let all: Vec<u64> = (1..=count).collect();
                let roster = aged(&store, count as u32, &all).await;
                assert_eq!(page_costs(&roster, &store, 50).await, 52);
            });
        }
    }

    #[test]
    fn a_page_of_ten_living_among_a_million_dead_costs_less_than_one_of_fifty_living() {
        const DEAD: u32 = 1_000_000;
        let spread: Vec<u64> = (1..=10).map(|n| n * 90_000).collect();
        let together: Vec<u64> = (500_001..=500_010).collect();
        for (living, expected) in [(spread, 23), (together, 14)] {
            let store = CountingStore::<MemoryStore>::default();
            block_on(async {
                let roster = aged(&store, DEAD + 10, &living).await;
                assert_eq!(page_costs(&roster, &store, 10).await, expected);
                // The keys: the head, the living, a map above and one for each stretch that is not all dead.
                let expected = 1 + 10 + (expected - 1 - 10);
                assert_eq!(store.inner().keys().len() as u64, expected);
            });
        }
    }

    #[test]
    fn a_lazy_walk_reads_a_map_only_after_an_empty_number() {
        let two_stretches = SPAN as u32 + 100;
        let all: Vec<u64> = (1..=u64::from(two_stretches)).collect();
        let few = [5, 6, SPAN - 1, SPAN + 99];
        // A number in vain in the first stretch that the walk comes to, and a map for each, with that above both.
        for (living, in_vain, maps) in [(&all[..], 0, 0), (&few, 1, 3)] {
            let store = CountingStore::<MemoryStore>::default();
            block_on(async {
                let roster = aged(&store, two_stretches, living).await;
                store.take_calls();
                let mut walk = roster.walk(&store, None, u64::from(two_stretches)).lazy();
                let (mut found, mut empty) = (Vec::new(), 0);
                while let Some(number) = walk.next().await.unwrap() {
                    if living.contains(&number) {
                        found.push(number);
                    } else {
                        walk.was_empty();
                        empty += 1;
                    }
                }
                found.reverse();
                assert_eq!(found, living);
                assert_eq!((empty, store.take_calls().get), (in_vain, maps));
            });
        }
    }

    #[test]
    fn giving_many_numbers_costs_one_call() {
        let store = CountingStore::<MemoryStore>::default();
        block_on(given(&store, 1_000_000));
        assert_eq!((store.calls().increment, store.calls().total()), (1, 1));
    }

    #[test]
    fn burying_costs_a_read_and_a_write_whatever_was_buried_before() {
        let store = CountingStore::<MemoryStore>::default();
        block_on(async {
            let roster = given(&store, 2 * SPAN as u32).await;
            let costs = async |numbers: &[u64]| {
                store.take_calls();
                roster.bury(&store, numbers).await.unwrap();
                let calls = store.take_calls();
                (calls.get, calls.set, calls.delete_many, calls.total())
            };
            assert_eq!(costs(&[1]).await, (3, 1, 0, 4));
            for number in 2..SPAN {
                assert_eq!(costs(&[number]).await, (1, 1, 0, 2), "{number}");
            }
            // The last living one of the first stretch of all.
            assert_eq!(costs(&[SPAN]).await, (3, 1, 1, 5));
            assert_eq!(costs(&[SPAN]).await, (2, 0, 0, 2));

            let next: Vec<u64> = (SPAN + 1..2 * SPAN).collect();
            assert_eq!(costs(&next).await, (3, 1, 0, 4));
            assert_eq!(costs(&next).await, (1, 0, 0, 1));
            assert_eq!(costs(&[2 * SPAN]).await, (2, 1, 1, 4));
        });
    }
}
