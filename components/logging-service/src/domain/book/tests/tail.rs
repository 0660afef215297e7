//! What a tail sees.
#![allow(clippy::unwrap_used)]

use futures::FutureExt as _;
use futures::executor::block_on;
use spinreel_platform::memory::StoppingStore;

use super::*;
use crate::domain::testing::{FOR_EVER, NOON};

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
