#![allow(clippy::unwrap_used)]
use futures::FutureExt as _;
use futures::executor::block_on;
use proptest::prelude::*;
use spinreel_api::Timestamp;
use spinreel_api::logs::Level;
use spinreel_platform::memory::{ManualClock, MemoryStore, StoppingStore};

use super::*;
use crate::domain::batch::MAX_AHEAD_MS;
use crate::domain::filter::{Filter, Order, Reader};
use crate::domain::search::Search;
use crate::domain::testing::{FOR_EVER, NOON, all, entry};

const DAY_MS: u64 = 86_400_000;
/// Longer than a lock whose holder died is in anybody's way, in milliseconds.
const AFTER_A_DEATH_MS: u64 = 200_000;

async fn say(book: &Book<'_, MemoryStore, ManualClock>, from: usize, to: usize) -> usize {
    let mut full = 0;
    for n in from..=to {
        let line = entry(book.clock.now_ms(), &n.to_string());
        full += usize::from(book.append(&[line]).await.unwrap());
    }
    full
}

/// The positions and entries of all pages, in their order.
async fn pages<S: Store>(
    book: &Book<'_, S, ManualClock>,
    search: &Search,
    limit: usize,
) -> Vec<Vec<(Position, LogEntry)>> {
    let (mut pages, mut from) = (Vec::new(), None);
    loop {
        let found = book.page(search, from, limit).await.unwrap();
        assert!(found.items.len() <= limit);
        pages.push(found.items);
        if found.next.is_none() {
            return pages;
        }
        assert_ne!(found.next, from, "a page that leads nowhere");
        from = found.next;
    }
}

/// The numbers in the messages of all pages, in their order.
async fn walk<S: Store>(
    book: &Book<'_, S, ManualClock>,
    filter: Filter,
    limit: usize,
) -> Vec<usize> {
    let pages = pages(book, &all(filter), limit).await;
    let entries = pages.into_iter().flatten();
    entries
        .map(|(_, entry)| entry.message.parse().unwrap())
        .collect()
}

#[test]
fn entries_are_listed_newest_first_before_and_after_tidying() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        assert_eq!(say(&book, 1, 150).await, 2);
        let expected: Vec<usize> = (1..=150).rev().collect();
        assert_eq!(walk(&book, Filter::default(), 40).await, expected);
        book.tidy().await.unwrap();
        assert!(store.keys().len() < 40, "{:?}", store.keys());
        assert_eq!(walk(&book, Filter::default(), 40).await, expected);
        let upwards = Filter {
            order: Order::Asc,
            ..Filter::default()
        };
        let expected: Vec<usize> = (1..=150).collect();
        assert_eq!(walk(&book, upwards, 40).await, expected);
    });
}

#[test]
fn a_batch_that_steps_over_the_end_of_a_stretch_wants_tidying() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        // 8 entries a cell.
        let batch = |cells: usize| vec![entry(NOON, "1"); 8 * cells];
        assert!(!book.append(&batch(0)).await.unwrap());
        assert!(!book.append(&batch(63)).await.unwrap());
        assert!(book.append(&batch(2)).await.unwrap());
        assert!(!book.append(&batch(62)).await.unwrap());
        assert!(book.append(&batch(1)).await.unwrap());
    });
}

#[test]
fn a_request_is_told_in_the_order_of_its_times_whatever_the_order_of_arrival() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    let line = |at_ms: u64, n: usize| LogEntry {
        request_id: Some("r".to_owned()),
        ..entry(at_ms, &n.to_string())
    };
    block_on(async {
        book.append(&[line(NOON + 4, 4), line(NOON + 5, 5)])
            .await
            .unwrap();
        book.append(&[line(NOON + 1, 1), line(NOON + 6, 6)])
            .await
            .unwrap();
        book.append(&[line(NOON + 2, 2), line(NOON + 2, 3)])
            .await
            .unwrap();
        let of_request = |order| Filter {
            request_id: Some("r".to_owned()),
            order,
            ..Filter::default()
        };
        let told = walk(&book, of_request(Order::Asc), 50).await;
        assert_eq!(told, [1, 2, 3, 4, 5, 6]);
        let told = walk(&book, of_request(Order::Desc), 50).await;
        assert_eq!(told, [6, 5, 4, 3, 2, 1]);
    });
}

#[test]
fn an_entry_that_was_ahead_of_its_arrival_is_found_by_its_own_time() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        let ahead = NOON + MAX_AHEAD_MS;
        book.append(&[entry(ahead, "1")]).await.unwrap();
        let filter = Filter {
            since: Some(Timestamp::from_ms(ahead)),
            ..Filter::default()
        };
        assert_eq!(walk(&book, filter, 5).await, [1]);
    });
}

#[test]
fn old_entries_are_not_shown_and_their_stretches_are_dropped_whole() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let retention = Retention {
        days: 30,
        entries: 0,
    };
    let book = Book::new(&store, &clock, retention);
    block_on(async {
        say(&book, 1, 100).await;
        book.tidy().await.unwrap();
        clock.advance_ms(29 * DAY_MS);
        say(&book, 101, 200).await;
        assert_eq!(walk(&book, Filter::default(), 50).await.len(), 200);
        clock.advance_ms(2 * DAY_MS);
        let young: Vec<usize> = (101..=200).rev().collect();
        assert_eq!(walk(&book, Filter::default(), 50).await, young);
        book.tidy().await.unwrap();
        assert!(!store.keys().contains(&"logs/journal/segment/0".to_owned()));
        // The second stretch has young entries too.
        assert!(store.keys().contains(&"logs/journal/segment/1".to_owned()));
        assert_eq!(walk(&book, Filter::default(), 50).await, young);
    });
}

#[test]
fn no_more_stretches_are_kept_than_hold_as_many_entries_as_shall_be_kept() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let retention = Retention {
        days: 0,
        entries: 1_000,
    };
    let book = Book::new(&store, &clock, retention);
    block_on(async {
        let mut most_keys = 0;
        for n in 1..=20_000 {
            if say(&book, n, n).await > 0 {
                book.tidy().await.unwrap();
                most_keys = most_keys.max(store.keys().len());
            }
        }
        let shown = walk(&book, Filter::default(), 200).await;
        assert!(
            (1_000..1_000 + 64).contains(&shown.len()),
            "{}",
            shown.len()
        );
        assert_eq!(shown[0], 20_000);
        assert!(shown.is_sorted_by(|a, b| *a == b + 1));
        // Nothing of what was dropped stays in the index either.
        assert!(most_keys < 64 + 16 + 40, "{most_keys}");
    });
}

#[test]
fn without_a_retention_nothing_is_ever_dropped() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        say(&book, 1, 130).await;
        clock.advance_ms(10_000 * DAY_MS);
        book.tidy().await.unwrap();
        assert_eq!(walk(&book, Filter::default(), 50).await.len(), 130);
    });
}

#[test]
fn a_sealed_stretch_of_the_largest_entries_fits_the_smallest_store() {
    use crate::domain::text::{MAX_ENTRY, cut, size};
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        let mut largest = entry(NOON, &"\"".repeat(8_000));
        cut(&mut largest);
        let missing = MAX_ENTRY - size(&largest);
        largest.message.extend(std::iter::repeat_n('x', missing));
        book.append(&vec![largest; 64]).await.unwrap();
        book.tidy().await.unwrap();
        let segment = store.get("logs/journal/segment/0").await.unwrap().unwrap();
        assert!(segment.len() < 1_000_000, "{}", segment.len());
    });
}

/// What happens to the log in a test.
#[derive(Debug, Clone)]
enum Event {
    /// A batch: for each entry a user, a request, a level, and how far its time is from its arrival.
    Batch(Vec<(u8, u16, Level, i64)>),
    Tidy,
    /// A tidier dies before this call of the store.
    DyingTidier(u64),
    /// Time goes by, or the clock is set back.
    Clock(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let level = prop_oneof![
        20 => Just(Level::Info), 5 => Just(Level::Debug), 1 => Just(Level::Warn), 1 => Just(Level::Error)
    ];
    let late = prop_oneof![30 => Just(0_i64), 5 => -5_000..5_000_i64, 1 => -500_000_000..0_i64];
    // Few users have most of the entries, and few requests more than some.
    let user = prop_oneof![5 => 0..2_u8, 2 => 2..40_u8, 1 => Just(255)];
    let line = (user, 0..3_000_u16, level, late);
    prop_oneof![
        60 => prop::collection::vec(line.clone(), 1..3).prop_map(Event::Batch),
        3 => prop::collection::vec(line, 1..80).prop_map(Event::Batch),
        4 => Just(Event::Tidy),
        1 => (0..90_u64).prop_map(Event::DyingTidier),
        4 => (0..3_600_000_i64).prop_map(Event::Clock),
        1 => (-600_000..0_i64).prop_map(Event::Clock),
    ]
}

fn lines(batch: &[(u8, u16, Level, i64)], now_ms: u64, from: usize) -> Vec<LogEntry> {
    let numbered = (from..).zip(batch);
    let line = |(n, (user, request, level, late)): (usize, &(u8, u16, Level, i64))| LogEntry {
        level: *level,
        user_id: (*user < 255).then(|| format!("user-{user}")),
        request_id: Some(format!("request-{request}")),
        ..entry(now_ms.saturating_add_signed(*late), &n.to_string())
    };
    numbered.map(line).collect()
}

fn filters() -> impl Strategy<Value = (Reader, Filter)> {
    let user = prop_oneof![Just(0_u8), Just(1), 2..42_u8].prop_map(|user| format!("user-{user}"));
    let request = (0..3_100_u16).prop_map(|request| format!("request-{request}"));
    let level = prop_oneof![Just(Level::Debug), Just(Level::Warn), Just(Level::Error)];
    let time =
        (0..200_000_000_u64).prop_map(|later_ms| Timestamp::from_ms(NOON - 100_000_000 + later_ms));
    let reader = prop_oneof![
        3 => Just(Reader::Admin),
        1 => user.clone().prop_map(Reader::User)
    ];
    let parts = (
        prop::option::weighted(0.3, user),
        prop::option::weighted(0.3, request),
        prop::option::weighted(0.3, level),
        prop::option::weighted(0.3, time.clone()),
        prop::option::weighted(0.3, time),
        any::<bool>(),
    );
    (reader, parts).prop_map(|(reader, (user_id, request_id, level, since, until, up))| {
        let filter = Filter {
            user_id,
            request_id,
            level,
            since,
            until,
            order: if up { Order::Asc } else { Order::Desc },
            ..Filter::default()
        };
        (reader, filter)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn whatever_happens_readers_find_what_a_list_of_all_entries_has(
        events in prop::collection::vec(event(), 1_000..4_000),
        searches in prop::collection::vec((filters(), 1..60_usize), 20),
    ) {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, FOR_EVER);
        let mut said: Vec<LogEntry> = Vec::new();
        let mut now_ms = NOON;
        for event in events {
            match event {
                Event::Batch(batch) => {
                    let batch = lines(&batch, now_ms, said.len());
                    if block_on(book.append(&batch)).unwrap() {
                        block_on(book.tidy()).unwrap();
                    }
                    said.extend(batch);
                }
                Event::Tidy => block_on(book.tidy()).unwrap(),
                Event::DyingTidier(calls) => {
                    let dying = StoppingStore::before_call(&store, calls);
                    let _ = Book::new(&dying, &clock, FOR_EVER).tidy().now_or_never();
                }
                Event::Clock(by_ms) => {
                    now_ms = now_ms.saturating_add_signed(by_ms);
                    clock.set_ms(now_ms);
                }
            }
        }
        for tidied in [false, true] {
            if tidied {
                clock.advance_ms(AFTER_A_DEATH_MS);
                (0..50).for_each(|_| block_on(book.tidy()).unwrap());
            }
            for ((reader, filter), limit) in &searches {
                let up = filter.order == Order::Asc;
                let search = Search::new(reader.clone(), filter.clone());
                let pages = block_on(pages(&book, &search, *limit));
                for page in &pages {
                    let in_order = page.is_sorted_by(|(_, a), (_, b)| if up { a.at <= b.at } else { a.at >= b.at });
                    prop_assert!(in_order);
                }
                let mut found: Vec<(Position, LogEntry)> = pages.into_iter().flatten().collect();
                found.sort_by_key(|(position, _)| *position);
                let found: Vec<&LogEntry> = found.iter().map(|(_, entry)| entry).collect();
                let expected: Vec<&LogEntry> = said.iter().filter(|entry| filter.takes(reader, entry)).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}

#[test]
fn a_tidier_that_died_anywhere_is_made_up_for_by_the_next_and_nothing_is_dropped_twice() {
    let retention = Retention {
        days: 30,
        entries: 300,
    };
    for calls in 0.. {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, retention);
        block_on(async {
            for n in 1..=64 * 19 {
                if say(&book, n, n).await > 0 && n < 64 * 17 {
                    book.tidy().await.unwrap();
                }
            }
        });
        let dying_store = StoppingStore::before_call(&store, calls);
        let dying = Book::new(&dying_store, &clock, retention);
        let finished = dying.tidy().now_or_never().is_some();
        clock.advance_ms(AFTER_A_DEATH_MS);
        for _ in 0..4 {
            block_on(book.tidy()).unwrap();
        }
        let shown = block_on(walk(&book, Filter::default(), 200));
        let expected: Vec<usize> = (64 * 14 + 1..=64 * 19).rev().collect();
        assert_eq!(shown, expected, "at call {calls}");
        let left = store.keys();
        let segments = left.iter().filter(|key| key.contains("/segment/"));
        // The next drop deletes a segment that was dropped and whose key stands yet.
        assert!(segments.count() <= 6, "at call {calls}: {left:?}");
        // A lock whose holder died leaves a key that means nothing.
        assert!(left.len() <= 6 + 13, "at call {calls}: {left:?}");
        if finished {
            return;
        }
    }
}

#[test]
fn an_export_has_all_that_was_there_when_it_began_oldest_first() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        say(&book, 1, 500).await;
        book.tidy().await.unwrap();
        let mut export = Export::begin(&book, all(Filter::default())).await.unwrap();
        say(&book, 501, 510).await;
        let mut seen = Vec::new();
        while let Some(entries) = export.next(&book).await.unwrap() {
            seen.extend(entries.into_iter().map(|entry| entry.message));
        }
        let expected: Vec<String> = (1..=500).map(|n| n.to_string()).collect();
        assert_eq!(seen, expected);
    });
}

#[test]
fn the_metrics_count_every_line_once_and_outlive_what_is_dropped() {
    let retention = Retention {
        days: 0,
        entries: 100,
    };
    for calls in 0.. {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, retention);
        let counted = async || {
            let text = book.metrics().await.unwrap().render("1");
            let line = text.lines().find_map(|line| {
                line.strip_prefix("spinreel_log_entries_total")?
                    .split_once("} ")
            });
            line.map_or(0, |(_, number)| number.parse::<usize>().unwrap())
        };
        block_on(async {
            assert_eq!(counted().await, 0);
            say(&book, 1, 70).await;
            assert_eq!(counted().await, 70);
            for n in 71..=500 {
                if say(&book, n, n).await > 0 && n < 400 {
                    book.tidy().await.unwrap();
                }
            }
            assert_eq!(counted().await, 500);
        });
        let dying_store = StoppingStore::before_call(&store, calls);
        let dying = Book::new(&dying_store, &clock, retention);
        let finished = dying.tidy().now_or_never().is_some();
        assert_eq!(block_on(counted()), 500, "at call {calls}");
        clock.advance_ms(AFTER_A_DEATH_MS);
        for _ in 0..4 {
            block_on(book.tidy()).unwrap();
            assert_eq!(block_on(counted()), 500, "at call {calls}");
        }
        assert!(block_on(walk(&book, Filter::default(), 200)).len() < 200);
        if finished {
            return;
        }
    }
}

/// What a tail sees until there is nothing more at once.
async fn follow(
    tail: &mut Tail,
    book: &Book<'_, MemoryStore, ManualClock>,
    filter: Filter,
) -> Vec<usize> {
    let mut seen = Vec::new();
    loop {
        let arrived = tail.look(book, &all(filter.clone())).await.unwrap();
        let entries = arrived.items.into_iter();
        seen.extend(entries.map(|(_, entry)| entry.message.parse::<usize>().unwrap()));
        if !arrived.more {
            return seen;
        }
    }
}

#[test]
fn a_tail_sees_what_arrives_once_and_goes_on_where_another_one_ended() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        say(&book, 1, 10).await;
        let mut tail = Tail::begin(&book, None).await.unwrap();
        assert!(follow(&mut tail, &book, Filter::default()).await.is_empty());
        say(&book, 11, 12).await;
        assert_eq!(follow(&mut tail, &book, Filter::default()).await, [11, 12]);
        let ended = tail.position();
        let batch: Vec<LogEntry> = (13..=400).map(|n| entry(NOON, &n.to_string())).collect();
        book.append(&batch).await.unwrap();
        let rest: Vec<usize> = (13..=400).collect();
        assert_eq!(follow(&mut tail, &book, Filter::default()).await, rest);
        say(&book, 401, 1_000).await;
        for sealed in [false, true] {
            let mut next = Tail::begin(&book, Some(ended)).await.unwrap();
            let rest: Vec<usize> = (13..=1_000).collect();
            assert_eq!(
                follow(&mut next, &book, Filter::default()).await,
                rest,
                "{sealed}"
            );
            let in_a_cell = Position(13, 4);
            let mut next = Tail::begin(&book, Some(in_a_cell)).await.unwrap();
            let rest: Vec<usize> = (18..=1_000).collect();
            assert_eq!(follow(&mut next, &book, Filter::default()).await, rest);
            for _ in 0..5 {
                book.tidy().await.unwrap();
            }
        }
        // A position that nobody was given begins at the end.
        let mut late = Tail::begin(&book, Some(Position::END)).await.unwrap();
        assert!(follow(&mut late, &book, Filter::default()).await.is_empty());
    });
}

#[test]
fn a_tail_waits_for_a_slow_writer_but_not_for_a_dead_one() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, FOR_EVER);
    block_on(async {
        let mut tail = Tail::begin(&book, None).await.unwrap();
        let slow_store = StoppingStore::before_call(&store, 1);
        let slow_book = Book::new(&slow_store, &clock, FOR_EVER);
        let slow_line = [entry(NOON, "1")];
        let mut slow = Box::pin(slow_book.append(&slow_line));
        assert!((&mut slow).now_or_never().is_none());
        say(&book, 2, 3).await;
        assert!(follow(&mut tail, &book, Filter::default()).await.is_empty());
        clock.advance_ms(1_000);
        slow.await.unwrap();
        let seen = follow(&mut tail, &book, Filter::default()).await;
        assert_eq!(seen, [1, 2, 3]);

        let dead_store = StoppingStore::before_call(&store, 1);
        let dead_book = Book::new(&dead_store, &clock, FOR_EVER);
        assert!(dead_book.append(&slow_line).now_or_never().is_none());
        say(&book, 5, 6).await;
        assert!(follow(&mut tail, &book, Filter::default()).await.is_empty());
        clock.advance_ms(2_000);
        assert_eq!(follow(&mut tail, &book, Filter::default()).await, [5, 6]);
    });
}
