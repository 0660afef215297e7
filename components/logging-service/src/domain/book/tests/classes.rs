//! What many entries of one class leave of the others.
#![allow(clippy::unwrap_used)]

use futures::FutureExt as _;
use futures::executor::block_on;
use spinreel_api::actions::Action;
use spinreel_ledger::SEGMENT;
use spinreel_platform::memory::StoppingStore;

use super::*;
use crate::domain::class::Class;
use crate::domain::testing::NOON;

const RETENTION: Retention = Retention {
    days: 30,
    entries: [100, 200, 300],
};

fn line(class: Class, number: usize) -> LogEntry {
    let action = match class {
        Class::Access => Action::Request,
        Class::Event => Action::SessionFailed,
        Class::Audit => Action::UserRoleChanged,
    };
    LogEntry {
        action: action.as_str().to_owned(),
        ..entry(NOON, &number.to_string())
    }
}

/// Appends so many entries of a class, one a cell, and tidies when the journal wants it.
async fn flood<S: Store>(
    book: &Book<'_, S, ManualClock>,
    class: Class,
    numbers: std::ops::Range<usize>,
) {
    for number in numbers {
        if book.append(&[line(class, number)]).await.unwrap() {
            book.tidy().await.unwrap();
        }
    }
}

/// The numbers of the entries of a class that readers find, the oldest first.
async fn found<S: Store>(book: &Book<'_, S, ManualClock>, class: Class) -> Vec<usize> {
    let pages = pages(book, &all(Filter::default()), 200).await;
    let entries = pages.into_iter().flatten().map(|(_, entry)| entry);
    let of_class = entries.filter(|entry| Class::of(entry) == class);
    let mut numbers: Vec<usize> = of_class
        .map(|entry| entry.message.parse().unwrap())
        .collect();
    numbers.reverse();
    numbers
}

/// How many of a class may be left: besides those that shall be kept, what is not sealed, and a part of the stretch that
/// the last of them lies in.
fn kept(entries: usize) -> std::ops::Range<usize> {
    entries..entries + 2 * SEGMENT as usize
}

#[test]
fn a_flood_of_one_class_takes_nothing_of_another() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, RETENTION);
    block_on(async {
        // A request's lines arrive together, so the classes share cells.
        for number in 0..50 {
            let batch = Class::ALL.map(|class| line(class, number));
            book.append(&batch).await.unwrap();
        }
        let few: Vec<usize> = (0..50).collect();
        flood(&book, Class::Access, 50..10_000).await;
        let access = found(&book, Class::Access).await;
        assert!(kept(100).contains(&access.len()), "{}", access.len());
        assert_eq!(access.last(), Some(&9_999));
        assert!(access.is_sorted_by(|a, b| *a + 1 == *b));
        for class in [Class::Event, Class::Audit] {
            assert_eq!(found(&book, class).await, few, "{class:?}");
        }
        flood(&book, Class::Event, 50..10_000).await;
        assert_eq!(found(&book, Class::Access).await.len(), access.len());
        let events = found(&book, Class::Event).await;
        assert!(kept(200).contains(&events.len()), "{}", events.len());
        assert_eq!(found(&book, Class::Audit).await, few);
        // The audit trail has a bound of its own, and then nothing is left of the oldest stretches.
        assert!(store.keys().len() > 300);
        flood(&book, Class::Audit, 50..10_000).await;
        let audit = found(&book, Class::Audit).await;
        assert!(kept(300).contains(&audit.len()), "{}", audit.len());
        flood(&book, Class::Access, 10_000..20_000).await;
        flood(&book, Class::Event, 10_000..20_000).await;
        assert_eq!(found(&book, Class::Audit).await, audit);
        // Time takes all of them.
        clock.advance_ms(31 * DAY_MS);
        flood(&book, Class::Access, 0..64).await;
        assert!(found(&book, Class::Audit).await.is_empty());
        assert!(store.keys().len() < 100, "{}", store.keys().len());
    });
}

#[test]
fn a_reader_who_goes_on_after_entries_were_taken_out_misses_none_and_sees_none_twice() {
    let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
    let book = Book::new(&store, &clock, RETENTION);
    block_on(async {
        for number in 0..64 {
            let batch = [
                line(Class::Access, number),
                line(Class::Audit, 2 * number),
                line(Class::Access, number),
                line(Class::Audit, 2 * number + 1),
            ];
            book.append(&batch).await.unwrap();
        }
        book.tidy().await.unwrap();
        let search = all(Filter::default());
        let first = book.page(&search, None, 51).await.unwrap();
        let before = store.get("logs/journal/segment/0").await.unwrap();
        flood(&book, Class::Access, 64..1_000).await;
        assert_ne!(store.get("logs/journal/segment/0").await.unwrap(), before);
        let rest = book.page(&search, first.next, 200).await.unwrap();
        let is_audit = |(_, entry): &(Position, LogEntry)| Class::of(entry) == Class::Audit;
        let seen = first.items.into_iter().filter(is_audit).chain(rest.items);
        let mut seen: Vec<usize> = seen
            .map(|(_, entry)| entry.message.parse().unwrap())
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..128).collect::<Vec<_>>());
    });
}

#[test]
fn whoever_dies_while_entries_are_taken_out_the_next_one_ends_it_and_the_metrics_know_all() {
    for calls in 0.. {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let book = Book::new(&store, &clock, RETENTION);
        block_on(async {
            flood(&book, Class::Audit, 0..10).await;
            flood(&book, Class::Access, 0..400).await;
            flood(&book, Class::Event, 0..400).await;
            // Enough for some steps at once.
            for number in 400..800 {
                book.append(&[line(Class::Access, number)]).await.unwrap();
            }
        });
        let dying_store = StoppingStore::before_call(&store, calls);
        let dying = Book::new(&dying_store, &clock, RETENTION);
        let finished = dying.tidy().now_or_never().is_some();
        clock.advance_ms(AFTER_A_DEATH_MS);
        block_on(async {
            for _ in 0..4 {
                book.tidy().await.unwrap();
            }
            assert_eq!(
                found(&book, Class::Audit).await,
                (0..10).collect::<Vec<_>>()
            );
            let access = found(&book, Class::Access).await;
            assert!(kept(100).contains(&access.len()), "at call {calls}");
            assert_eq!(access.last(), Some(&799));
            let events = found(&book, Class::Event).await;
            assert!(kept(200).contains(&events.len()), "at call {calls}");
            let text = book.metrics().await.unwrap().render("1");
            let counted =
                "spinreel_log_entries_total{service=\"video-service\",level=\"info\"} 1210";
            assert!(text.contains(counted), "at call {calls}: {text}");
        });
        if finished {
            return;
        }
    }
}
