//! The log beside a list of all entries.
#![allow(clippy::unwrap_used)]

use futures::FutureExt as _;
use futures::executor::block_on;
use proptest::prelude::*;
use spinreel_api::Timestamp;
use spinreel_api::logs::Level;
use spinreel_platform::memory::StoppingStore;

use super::*;
use crate::domain::filter::{Order, Reader};
use crate::domain::testing::{FOR_EVER, NOON};

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
