//! Searches of own lists and of the feed, against a look at every video.
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use spinreel_api::Timestamp;
use spinreel_api::videos::{Status, Visibility};
use spinreel_ledger::WINDOW_MS;
use spinreel_platform::Random as _;
use spinreel_platform::memory::{
    CountingStore, ManualClock, MemoryStore, SeededRandom, StoppingStore,
};
use spinreel_platform::stepping::die_after;

use super::*;
use crate::domain::catalogue::{self, find, remove, update};
use crate::domain::testing::put;
use crate::domain::testing::stored;
use crate::domain::words::Search;

const START: u64 = 1_700_000_000_000;
const WORDS: [&str; 5] = ["ocean", "oceanic", "city", "STRASSE", "\u{6d77}\u{8fb9}"];

async fn add(store: &impl Store, clock: &impl Clock, number: u64) {
    let id = format!("v-{number}");
    let video = stored("ada", &format!("{number}.mp4"));
    put(store, clock, &id, video).await.unwrap();
}

async fn own(store: &impl Store, filter: &Filter) -> Vec<String> {
    let (mut ids, mut below) = (Vec::new(), None);
    loop {
        let page = catalogue::page(store, "ada", below, 3, filter)
            .await
            .unwrap();
        ids.extend(page.records.into_iter().map(|record| record.id));
        below = page.next;
        if below.is_none() {
            return ids;
        }
    }
}

async fn of_feed(store: &impl Store, filter: &Filter) -> Vec<String> {
    let (mut ids, mut below) = (Vec::new(), None);
    loop {
        let page = page(store, below, 3, filter).await.unwrap();
        ids.extend(page.records.into_iter().map(|record| record.id));
        below = page.next;
        if below.is_none() {
            return ids;
        }
    }
}

fn search(text: &str) -> Filter {
    Filter {
        search: Some(Search::read(text)),
        ..Filter::default()
    }
}

fn filters() -> Vec<Filter> {
    let mut filters: Vec<Filter> = [
        "ocean",
        "oceanic",
        "strasse city",
        "oce",
        "\u{6d77}",
        "nothing",
        "12",
    ]
    .map(search)
    .to_vec();
    filters.push(Filter {
        tag: Some("sea".to_owned()),
        ..Filter::default()
    });
    filters.push(Filter {
        status: Some(Status::Deleted),
        ..Filter::default()
    });
    filters.push(Filter {
        published: true,
        ..search("ocean")
    });
    filters
}

/// All searches find what a look at every video finds.
async fn check(store: &impl Store, seed: u64) {
    let everything = Filter {
        any_status: true,
        ..Filter::default()
    };
    let mut all = Vec::new();
    for id in own(store, &everything).await {
        all.push(find(store, &id).await.unwrap().unwrap());
    }
    let mut published: Vec<&Record> = all.iter().filter(|record| record.is_published()).collect();
    published.sort_by_key(|record| std::cmp::Reverse(record.feed_number));
    for filter in filters() {
        let expected: Vec<&str> = all
            .iter()
            .filter(|record| filter.takes(record))
            .map(|record| record.id.as_str())
            .collect();
        assert_eq!(
            own(store, &filter).await,
            expected,
            "seed {seed} {filter:?}"
        );
        if filter.published {
            continue;
        }
        let expected: Vec<&str> = published
            .iter()
            .filter(|record| filter.takes(record))
            .map(|record| record.id.as_str())
            .collect();
        assert_eq!(
            of_feed(store, &filter).await,
            expected,
            "seed {seed} {filter:?}"
        );
    }
}

fn dice(random: &SeededRandom, sides: u64) -> u64 {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    u64::from_le_bytes(bytes) % sides
}

fn change_at_random(random: &SeededRandom, record: &mut Record) {
    match dice(random, 5) {
        0 => record.title = WORDS[dice(random, 5) as usize].to_owned(),
        1 => {
            let words = [dice(random, 5), dice(random, 5)].map(|word| WORDS[word as usize]);
            record.description = words.join(" ");
        }
        2 => record.tags = vec![["Sea", "land"][dice(random, 2) as usize].to_owned()],
        3 => {
            record.visibility = match dice(random, 3) {
                0 => Visibility::Private,
                _ => Visibility::Public,
            }
        }
        _ => {
            record.deleted_at = match record.deleted_at {
                Some(_) => None,
                None => Some(Timestamp::from_ms(START)),
            }
        }
    }
}

#[test]
fn searches_find_what_a_look_at_every_video_finds_whatever_is_indexed() {
    for seed in 1..=30 {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
        let random = SeededRandom::new(seed);
        block_on(async {
            let mut count = 0;
            for step in 0..150 {
                clock.advance_ms(dice(&random, 400_000));
                let id = format!("v-{}", 1 + dice(&random, count.max(1)));
                match dice(&random, 10) {
                    0..=1 => {
                        count += 1;
                        add(&store, &clock, count).await;
                    }
                    2 => {
                        remove(&store, &clock, &id).await.unwrap();
                    }
                    3 => catalogue::index(&store, &clock, "ada").await.unwrap(),
                    4 => index(&store, &clock).await.unwrap(),
                    _ => {
                        let change = |record: &mut Record| change_at_random(&random, record);
                        update(&store, &clock, &id, change).await.unwrap();
                    }
                }
                if step % 30 == 29 {
                    check(&store, seed).await;
                }
            }
        });
    }
}

#[test]
fn an_index_that_died_anywhere_loses_nothing() {
    for calls in (0..).step_by(7) {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(START));
        let later = ManualClock::at(START + 10 * WINDOW_MS);
        block_on(async {
            for number in 1..=12 {
                add(&store, &clock, number).await;
                let random = SeededRandom::new(number);
                for _ in 0..4 {
                    let id = format!("v-{number}");
                    let change = |record: &mut Record| change_at_random(&random, record);
                    update(&store, &clock, &id, change).await.unwrap();
                }
            }
        });
        let dying = StoppingStore::dying_before_call(&store, calls);
        let work = async {
            catalogue::index(&dying, &clock, "ada").await.unwrap();
            index(&dying, &clock).await.unwrap();
        };
        let finished = die_after(1, work).is_some();
        block_on(async {
            check(&store, calls).await;
            catalogue::index(&store, &later, "ada").await.unwrap();
            index(&store, &later).await.unwrap();
            check(&store, calls).await;
        });
        if finished {
            assert!(calls > 40);
            return;
        }
    }
}

/// What a page of ten costs: own by word, by tag, of the feed, and of the feed by word.
async fn costs(store: &CountingStore) -> [u64; 4] {
    let tag = Filter {
        tag: Some("sea".to_owned()),
        ..Filter::default()
    };
    let mut costs = [0; 4];
    store.take_calls();
    let own = catalogue::page(store, "ada", None, 10, &search("ocean")).await;
    assert_eq!(own.unwrap().records.len(), 10);
    costs[0] = store.take_calls().total();
    let own = catalogue::page(store, "ada", None, 10, &tag).await;
    assert_eq!(own.unwrap().records.len(), 10);
    costs[1] = store.take_calls().total();
    let all = page(store, None, 10, &Filter::default()).await;
    assert_eq!(all.unwrap().records.len(), 10);
    costs[2] = store.take_calls().total();
    let found = page(store, None, 10, &search("ocean")).await;
    assert_eq!(found.unwrap().records.len(), 10);
    costs[3] = store.take_calls().total();
    costs
}

#[test]
fn a_page_costs_the_same_at_128_videos_and_at_8_192() {
    let (store, clock) = (
        CountingStore::new(MemoryStore::default()),
        ManualClock::at(START),
    );
    block_on(async {
        let mut measured = Vec::new();
        for number in 1..=8_192 {
            add(&store, &clock, number).await;
            let id = format!("v-{number}");
            update(&store, &clock, &id, |record| {
                record.visibility = Visibility::Public;
                record.title = ["Ocean", "City"][number as usize % 2].to_owned();
                record.tags = vec![["Sea", "Land"][number as usize % 2].to_owned()];
            })
            .await
            .unwrap();
            if number == 128 || number == 8_192 {
                measured.push(costs(&store).await);
            }
        }
        for (few, many) in measured[0].iter().zip(measured[1]) {
            // Two more levels of maps and leaves.
            assert!(many <= few + 4, "{measured:?}");
        }
        assert_eq!(own(&store, &search("nothing")).await, [""; 0]);
    });
}
