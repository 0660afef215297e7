//! Others that bury, readers that are overtaken, and crashes anywhere.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use futures::FutureExt;
use futures::executor::block_on;
use proptest::prelude::*;
use spinreel_platform::Store;
use spinreel_platform::memory::MemoryStore;

use super::map::SPAN;
use super::testing::{fill, given, maps, page, read};
use super::*;
use spinreel_platform::memory::StoppingStore;

/// Two stretches, then some.
const GIVEN: u64 = 2 * SPAN + 10;
const LIVING: [u64; 2] = [2 * SPAN + 1, 2 * SPAN + 5];

/// What is dead already, and what two bury at once.
struct Race {
    before: Vec<RangeInclusive<u64>>,
    slow: Vec<u64>,
    fast: Vec<u64>,
}

fn races() -> [Race; 4] {
    let all = |range: RangeInclusive<u64>| range.collect::<Vec<u64>>();
    [
        // In one stretch, far from full.
        Race {
            before: vec![100..=200],
            slow: vec![7, 8],
            fast: vec![9, 4_000],
        },
        // The fast one makes the stretch full with what the slow one has still to strike.
        Race {
            before: vec![3..=SPAN],
            slow: vec![1],
            fast: vec![1, 2],
        },
        // Each needs the other to make it full.
        Race {
            before: vec![3..=SPAN],
            slow: vec![1],
            fast: vec![2],
        },
        // Two stretches become full under one map.
        Race {
            before: vec![2..=SPAN, SPAN + 2..=2 * SPAN],
            slow: all(1..=1),
            fast: all(SPAN + 1..=SPAN + 1),
        },
    ]
}

/// A roster where `race` is about to begin.
async fn prepared(store: &MemoryStore, race: &Race) -> Roster {
    let roster = given(store, GIVEN as u32).await;
    fill(&roster, store, &LIVING).await;
    for range in &race.before {
        let dead: Vec<u64> = range.clone().collect();
        roster.bury(store, &dead).await.unwrap();
    }
    roster
}

/// Checks that the living are all there, that nothing but `lost` came back from the dead, and that it can be buried again.
async fn check(roster: &Roster, store: &MemoryStore, lost: &BTreeSet<u64>, at: &str) {
    let (filled, empty) = read(roster, store, 50).await;
    assert_eq!(
        filled,
        LIVING.iter().rev().copied().collect::<Vec<_>>(),
        "{at}"
    );
    assert!(empty.is_subset(lost), "{at}");
    roster.bury(store, &Vec::from_iter(empty)).await.unwrap();
    let (filled, empty) = read(roster, store, 50).await;
    assert_eq!((filled.len(), empty.len()), (2, 0), "{at}");
}

/// The numbers that were never buried, and are empty.
fn unburied(race: &Race) -> BTreeSet<u64> {
    (1..=GIVEN)
        .filter(|number| !race.before.iter().any(|range| range.contains(number)))
        .filter(|number| !LIVING.contains(number))
        .collect()
}

#[test]
fn one_that_buries_and_is_overtaken_by_another_loses_no_living_number() {
    for (number, race) in races().iter().enumerate() {
        // The slow one stands still before its nth call of the store, while the fast one does its work.
        for calls in 0.. {
            let store = MemoryStore::default();
            let roster = block_on(prepared(&store, race));
            let slow_store = StoppingStore::before_call(&store, calls);
            let mut slow = Box::pin(roster.bury(&slow_store, &race.slow));
            let finished = (&mut slow).now_or_never().is_some();
            block_on(roster.bury(&store, &race.fast)).unwrap();
            if !finished {
                block_on(slow).unwrap();
            }
            let mut lost = unburied(race);
            if number == 3 {
                // A whole stretch can be forgotten where two are struck from one map at once.
                lost.extend(1..=2 * SPAN);
            }
            block_on(check(
                &roster,
                &store,
                &lost,
                &format!("race {number}, call {calls}"),
            ));
            if finished {
                break;
            }
        }
    }
}

#[test]
fn one_that_buries_and_dies_anywhere_leaves_what_others_can_finish() {
    for (number, race) in races().iter().enumerate() {
        for calls in 0.. {
            let store = MemoryStore::default();
            let roster = block_on(prepared(&store, race));
            let dying_store = StoppingStore::before_call(&store, calls);
            let both = [&race.slow[..], &race.fast[..]].concat();
            let finished = roster.bury(&dying_store, &both).now_or_never().is_some();
            let at = format!("race {number}, call {calls}");
            block_on(check(&roster, &store, &unburied(race), &at));
            if finished {
                break;
            }
        }
    }
}

#[test]
fn a_reader_that_is_overtaken_by_one_that_buries_sees_every_living_number() {
    for (number, race) in races().iter().enumerate() {
        for calls in 0.. {
            let store = MemoryStore::default();
            let roster = block_on(prepared(&store, race));
            let slow_store = StoppingStore::before_call(&store, calls);
            let mut slow = Box::pin(page(&roster, &slow_store, None, 50));
            let early = (&mut slow).now_or_never();
            let finished = early.is_some();
            block_on(roster.bury(&store, &race.slow)).unwrap();
            block_on(roster.bury(&store, &race.fast)).unwrap();
            let read = early.unwrap_or_else(|| block_on(slow));
            let filled: Vec<u64> = read.items.iter().map(|(number, _)| *number).collect();
            assert_eq!(
                filled,
                [LIVING[1], LIVING[0]],
                "race {number}, call {calls}"
            );
            if finished {
                break;
            }
        }
    }
}

#[test]
fn an_old_map_that_comes_back_below_a_dead_stretch_is_never_read() {
    let store = MemoryStore::default();
    block_on(async {
        let roster = given(&store, GIVEN as u32).await;
        roster
            .bury(&store, &(1..SPAN).collect::<Vec<_>>())
            .await
            .unwrap();
        let old = store.get("r/dead/0/0").await.unwrap().unwrap();
        roster.bury(&store, &[SPAN]).await.unwrap();
        store.set("r/dead/0/0", &old).await.unwrap();
        assert!(
            page(&roster, &store, Some(SPAN + 1), 50)
                .await
                .empty
                .is_empty()
        );
        // And whoever buries there again takes it away.
        roster.bury(&store, &[SPAN]).await.unwrap();
        assert_eq!(maps(&store), 1);
    });
}

/// Something that happens to a roster.
#[derive(Debug, Clone)]
enum Step {
    /// Numbers are given, and the last `fill` of them filled.
    Give { count: u32, fill: u64 },
    /// Filled cells of a range are emptied and the whole range buried; the one that does it dies before a call.
    Bury { from: u64, count: u64, dies_at: u64 },
    /// A slow writer overwrites a map with what it once was.
    Overwrite { map: usize, version: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1..1_500_u32, 0..20_u64).prop_map(|(count, fill)| Step::Give { count, fill }),
        // Small ones and ones that make stretches full; most of them live on.
        4 => (0..9_000_u64, prop_oneof![1..10_u64, 3_000..9_000_u64], prop_oneof![0..12_u64, Just(u64::MAX)])
            .prop_map(|(from, count, dies_at)| Step::Bury { from, count, dies_at }),
        1 => (any::<usize>(), any::<usize>())
            .prop_map(|(map, version)| Step::Overwrite { map, version }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_the_filled_cells_are_what_is_read(steps in prop::collection::vec(step(), 1..24)) {
        let store = MemoryStore::default();
        let roster = Roster::new("r");
        let mut living = BTreeSet::new();
        let mut head = 0;
        let mut versions: Vec<(String, Vec<u8>)> = Vec::new();
        for step in steps {
            match step {
                Step::Give { count, fill: filled } => {
                    head = block_on(roster.allocate(&store, count)).unwrap();
                    let numbers: Vec<u64> = (head - u64::from(count) + 1..=head).rev().take(filled as usize).collect();
                    block_on(fill(&roster, &store, &numbers));
                    living.extend(numbers);
                }
                Step::Bury { from, count, dies_at } => {
                    let dead: Vec<u64> = (from..from + count).filter(|number| (1..=head).contains(number)).collect();
                    for number in &dead {
                        if living.remove(number) {
                            block_on(roster.cell::<u64>(*number).delete(&store)).unwrap();
                        }
                    }
                    let dying = StoppingStore::before_call(&store, dies_at);
                    let _ = roster.bury(&dying, &dead).now_or_never();
                }
                Step::Overwrite { map, version } => {
                    let keys: BTreeSet<&String> = versions.iter().map(|(key, _)| key).collect();
                    if let Some(key) = keys.iter().nth(map % keys.len().max(1)) {
                        let of_key: Vec<_> = versions.iter().filter(|(other, _)| other == *key).collect();
                        let (key, value) = of_key[version % of_key.len()];
                        block_on(store.set(key, value)).unwrap();
                    }
                }
            }
            for key in store.keys().into_iter().filter(|key| key.contains("/dead/")) {
                let value = block_on(store.get(&key)).unwrap().unwrap();
                if !versions.contains(&(key.clone(), value.clone())) {
                    versions.push((key, value));
                }
            }
            let (filled, empty) = block_on(read(&roster, &store, 50));
            prop_assert_eq!(filled, living.iter().rev().copied().collect::<Vec<_>>());
            prop_assert!(empty.is_disjoint(&living));
        }
        // Nothing is lost for ever: what is empty can be buried, and is not looked at again.
        let (_, empty) = block_on(read(&roster, &store, 50));
        block_on(roster.bury(&store, &Vec::from_iter(empty))).unwrap();
        prop_assert_eq!(block_on(read(&roster, &store, 50)).1.len(), 0);
    }
}
