#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use futures::executor::block_on;
use proptest::prelude::*;
use spinreel_platform::memory::{Calls, CountingStore, MemoryStore};

use super::*;

fn postings() -> Postings {
    Postings::new("p")
}

async fn apply(store: &impl Store, edits: &Edits) {
    let pairs = postings().edit(store, edits).await.unwrap();
    store.set_many(&pairs).await.unwrap();
}

fn edits(term: &str, numbers: impl IntoIterator<Item = u64>, has: bool) -> Edits {
    let numbers = numbers.into_iter().map(|number| (number, has)).collect();
    Edits::from([(term.to_owned(), numbers)])
}

async fn all(store: &impl Store, terms: &[&str], before: u64) -> Vec<u64> {
    let postings = postings();
    let terms = terms.iter().map(|term| (*term).to_owned()).collect();
    let mut walk = postings.walk(store, terms, before);
    let mut numbers = Vec::new();
    while let Some(number) = walk.next().await.unwrap() {
        numbers.push(number);
    }
    numbers
}

/// Numbers that lie together, and far from each other.
fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![
        1..100_u64,
        4_000..4_200_u64,
        1..1_000_000_u64,
        REGION - 50..REGION + 50,
        Just(3 * REGION),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_walk_gives_what_has_all_terms(
        steps in prop::collection::vec((0..3_usize, prop::collection::vec((numbers(), any::<bool>()), 1..60)), 1..8),
        before in prop_oneof![Just(u64::MAX), numbers()],
    ) {
        let store = MemoryStore::default();
        let names = ["a", "b", "c"];
        let mut sets = [(); 3].map(|()| BTreeSet::new());
        block_on(async {
            for (term, step) in steps {
                let step: BTreeMap<u64, bool> = step.into_iter().collect();
                for (number, has) in &step {
                    match has {
                        true => sets[term].insert(*number),
                        false => sets[term].remove(number),
                    };
                }
                apply(&store, &Edits::from([(names[term].to_owned(), step)])).await;
            }
            for (chosen, terms) in [(vec![0], vec!["a"]), (vec![0, 1], vec!["a", "b"]), (vec![0, 1, 2], vec!["a", "b", "c"])] {
                let expected: Vec<u64> = sets[0]
                    .iter()
                    .rev()
                    .copied()
                    .filter(|number| *number < before && chosen.iter().all(|index: &usize| sets[*index].contains(number)))
                    .collect();
                prop_assert_eq!(all(&store, &terms, before.min(4 * REGION)).await, expected);
            }
            Ok(())
        })?;
    }
}

#[test]
fn a_page_costs_the_same_among_ten_numbers_and_a_million() {
    let store = CountingStore::new(MemoryStore::default());
    block_on(async {
        apply(&store, &edits("rare", [5, 70_000, 900_000], true)).await;
        apply(&store, &edits("common", 1..=1_000_000, true)).await;
        store.take_calls();
        let terms = vec!["common".to_owned()];
        let postings = postings();
        let mut walk = postings.walk(&store, terms, 1_000_001);
        for number in (999_991..=1_000_000).rev() {
            assert_eq!(walk.next().await.unwrap(), Some(number));
        }
        // The root and a leaf.
        assert_eq!(store.take_calls().total(), 2);
        assert_eq!(
            all(&store, &["rare", "common"], 1_000_001).await,
            [900_000, 70_000, 5]
        );
        // Both roots, and three leaves of the one that has many.
        assert_eq!(store.take_calls().total(), 2 + 3);
        assert_eq!(all(&store, &["rare", "nothing"], 1_000_001).await, [0; 0]);
        assert_eq!(store.take_calls().total(), 2);
    });
}

#[test]
fn many_terms_are_stored_with_one_call() {
    let store = CountingStore::new(MemoryStore::default());
    block_on(async {
        let numbers = BTreeMap::from([(7, true)]);
        let many = (0..100).map(|term| (format!("t{term}"), numbers.clone()));
        apply(&store, &many.collect()).await;
        let expected = Calls {
            get: 100,
            set_many: 1,
            ..Calls::default()
        };
        assert_eq!(store.take_calls(), expected);
    });
}

#[test]
fn what_holds_already_is_not_stored_again() {
    let store = MemoryStore::default();
    block_on(async {
        apply(&store, &edits("a", [1, 2], true)).await;
        for same in [edits("a", [2], true), edits("a", [9], false)] {
            assert_eq!(postings().edit(&store, &same).await.unwrap(), []);
        }
    });
}

#[test]
fn bytes_that_are_no_postings_are_an_error() {
    for bytes in [&b""[..], b"\x00", b"\x01abc", b"\x09", &[2; 600]] {
        let store = MemoryStore::default();
        block_on(async {
            store.set("p/a/0", bytes).await.unwrap();
            let postings = postings();
            let mut walk = postings.walk(&store, vec!["a".to_owned()], 10);
            assert!(walk.next().await.is_err(), "{bytes:?}");
        });
    }
}

/// Far enough apart that a leaf has some hundreds.
fn spread(count: u64, step: u64) -> impl Iterator<Item = u64> {
    (1..=count).map(move |number| number * step)
}

#[test]
fn rare_terms_have_one_key_and_frequent_ones_one_for_hundreds_of_numbers() {
    let store = MemoryStore::default();
    block_on(async {
        let mut keys = 0;
        // 500, 2,500, 50,000 and 1,000,000 of a million.
        for (step, most) in [(2_000, 3), (400, 12), (20, 110), (1, 250)] {
            // As they come, some at a time.
            let numbers: Vec<u64> = spread(1_000_000 / step, step).collect();
            for some in numbers.chunks(1_000) {
                apply(
                    &store,
                    &edits(&step.to_string(), some.iter().copied(), true),
                )
                .await;
            }
            let before = std::mem::replace(&mut keys, store.keys().len());
            assert!(keys - before <= most, "{step}: {}", keys - before);
            let mut found = all(&store, &[&step.to_string()], 2_000_000).await;
            found.reverse();
            assert_eq!(found, numbers, "{step}");
        }
        for key in store.keys() {
            let value = store.get(&key).await.unwrap().unwrap();
            assert!(value.len() <= 1_024, "{key}");
        }
    });
}

#[test]
fn an_edit_that_died_anywhere_loses_nothing_and_is_made_up_for() {
    let base = || edits("a", spread(3_000, 10), true);
    let more = edits("a", (5_000..9_000).filter(|number| number % 10 > 0), true);
    for first in [base(), edits("a", spread(100, 10), true)] {
        for written in 0..40 {
            let store = MemoryStore::default();
            block_on(async {
                apply(&store, &first).await;
                let mut known = all(&store, &["a"], 100_000).await;
                let mut pairs = postings().edit(&store, &more).await.unwrap();
                pairs.truncate(written);
                store.set_many(&pairs).await.unwrap();
                let found: BTreeSet<u64> = all(&store, &["a"], 100_000).await.into_iter().collect();
                assert!(
                    known.iter().all(|number| found.contains(number)),
                    "{written}"
                );
                apply(&store, &more).await;
                known.extend(more["a"].keys());
                known.sort_by_key(|number| std::cmp::Reverse(*number));
                known.dedup();
                assert_eq!(all(&store, &["a"], 100_000).await, known, "{written}");
            });
        }
    }
}

#[test]
fn a_walk_beside_an_edit_that_divides_leaves_finds_all_that_were_there() {
    for steps in (0..3_000).step_by(97) {
        let store = MemoryStore::default();
        block_on(async {
            apply(&store, &edits("a", spread(3_000, 10), true)).await;
            let known = all(&store, &["a"], 100_000).await;
            let postings = postings();
            let mut walk = postings.walk(&store, vec!["a".to_owned()], 100_000);
            let mut found = Vec::new();
            while let Some(number) = walk.next().await.unwrap() {
                found.push(number);
                if found.len() == steps {
                    let more = (1..30_000).filter(|number| number % 10 == 3);
                    apply(&store, &edits("a", more, true)).await;
                }
            }
            found.retain(|number| number % 10 == 0);
            assert_eq!(found, known, "after {steps}");
        });
    }
}

#[test]
fn all_keys_of_a_term_are_named_and_what_was_emptied_is_read_no_more() {
    let store = CountingStore::new(MemoryStore::default());
    block_on(async {
        apply(&store, &edits("a", spread(3_000, 10), true)).await;
        apply(&store, &edits("a", spread(2_900, 10), false)).await;
        store.take_calls();
        let found = all(&store, &["a"], 100_000).await;
        assert_eq!((found.len(), found.last()), (100, Some(&29_010)));
        assert!(store.take_calls().total() <= 3);
        let mut keys = postings().keys_of(&store, "a", 1).await.unwrap();
        assert_eq!(keys.last().map(String::as_str), Some("p/a/0"));
        keys.sort();
        assert_eq!(keys, store.inner().keys());
    });
}

#[test]
fn a_walk_of_terms_that_are_never_together_ends_and_another_one_goes_on() {
    let store = CountingStore::new(MemoryStore::default());
    block_on(async {
        // The even numbers, the odd ones, and one that has both.
        for (term, odd) in [("even", 0), ("odd", 1)] {
            let numbers = (1..=1_500_000).filter(|number| number % 2 == odd || *number == 3);
            for some in numbers.collect::<Vec<u64>>().chunks(50_000) {
                apply(&store, &edits(term, some.iter().copied(), true)).await;
            }
        }
        let (postings, mut before, mut walks) = (postings(), 1_500_001, 0);
        loop {
            store.take_calls();
            let terms = vec!["even".to_owned(), "odd".to_owned()];
            let mut walk = postings.walk(&store, terms, before);
            let found = walk.next().await.unwrap();
            walks += 1;
            assert!(store.take_calls().total() <= 2 + 256);
            if !walk.is_spent() {
                assert_eq!((found, walks > 2), (Some(3), true));
                return;
            }
            // The number itself was not looked at.
            let next = found.unwrap() + 1;
            assert!(next < before);
            before = next;
        }
    });
}
