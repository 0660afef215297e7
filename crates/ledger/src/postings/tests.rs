#![allow(clippy::unwrap_used)]

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
