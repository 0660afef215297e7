//! What readers find, whatever happened.
#![allow(clippy::unwrap_used)]

mod classes;
mod keeping;
mod model;
mod reading;
mod tail;

use spinreel_platform::memory::{ManualClock, MemoryStore};

use super::*;
use crate::domain::filter::Filter;
use crate::domain::search::Search;
use crate::domain::testing::{all, entry};

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
