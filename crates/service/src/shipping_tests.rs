use std::cell::RefCell;

use futures::executor::block_on;
use proptest::prelude::*;
use serde_json::{Map, json};
use spinreel_api::Timestamp;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_platform::memory::{Calls, CountingStore, ManualClock, MemoryStore};
use spinreel_platform::stepping::{Stepping, die_after, interleave, step};

use super::*;

const NOON: u64 = 1_699_963_200_000;

fn line(action: Action, message: &str) -> LogEntry {
    LogEntry {
        at: Timestamp::from_ms(NOON),
        level: Level::Info,
        service: "usage-service".to_owned(),
        action: action.as_str().to_owned(),
        message: message.to_owned(),
        user_id: None,
        request_id: None,
        fields: Map::new(),
    }
}

fn lines(count: usize) -> Vec<LogEntry> {
    vec![line(Action::Request, "a request"); count]
}

fn lost_line(count: i64) -> LogEntry {
    let mut line = line(Action::LogsLost, "lines were lost");
    line.fields
        .insert("logs.lost_count".to_owned(), json!(count));
    line
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    Refuses,
    Away,
}

/// A log, and what it was sent.
struct Log {
    mood: std::cell::Cell<Mood>,
    taken: RefCell<Vec<LogEntry>>,
    tries: std::cell::Cell<usize>,
    telling: std::cell::Cell<usize>,
}

impl Log {
    fn new(mood: Mood) -> Self {
        Self {
            mood: mood.into(),
            taken: RefCell::default(),
            tries: 0.into(),
            telling: 0.into(),
        }
    }

    async fn take(&self, batch: &[LogEntry]) -> Result<(), Undelivered> {
        self.tries.set(self.tries.get() + 1);
        let tells = usize::from(batch[0].action == Action::LogsLost.as_str());
        self.telling.set(self.telling.get() + tells);
        assert!(self.telling.get() <= 1, "two tell at once");
        step().await;
        self.telling.set(self.telling.get() - tells);
        match self.mood.get() {
            Mood::Takes => {
                self.taken.borrow_mut().extend_from_slice(batch);
                Ok(())
            }
            Mood::Refuses => Err(Undelivered::Refused("422".to_owned())),
            Mood::Away => Err(Undelivered::Away("nobody listens".to_owned())),
        }
    }

    /// The lines that arrived, and how many were told to be lost, tale by tale.
    fn seen(&self) -> (i64, Vec<i64>) {
        let taken = self.taken.borrow();
        let told: Vec<i64> = taken
            .iter()
            .filter_map(|line| line.fields.get("logs.lost_count")?.as_i64())
            .collect();
        (signed(taken.len() - told.len()), told)
    }
}

/// Ships lines; whether a reason is given why they did not arrive.
async fn ship(store: &impl Store, clock: &ManualClock, log: &Log, count: usize) -> bool {
    let shipping = Shipping::new(store, clock, "usage/");
    let deliver = async |batch: &[LogEntry]| log.take(batch).await;
    let shipped = shipping.ship(lines(count), lost_line, deliver).await;
    shipped.is_ok()
}

fn lost(store: &MemoryStore) -> i64 {
    block_on(Counter::new("usage/lost_logs").get(store)).unwrap_or(-1)
}

#[test]
fn as_long_as_the_log_is_there_shipping_costs_one_read() {
    let store = CountingStore::<MemoryStore>::default();
    let (clock, log) = (ManualClock::at(NOON), Log::new(Mood::Takes));
    assert!(block_on(ship(&store, &clock, &log, 2)));
    let one_read = Calls {
        get: 1,
        ..Calls::default()
    };
    assert_eq!(store.calls(), one_read);
    assert_eq!((log.tries.get(), log.seen()), (1, (2, vec![])));
}

#[test]
fn a_log_that_is_away_is_let_alone_for_a_while_and_then_told_what_it_missed() {
    let store = MemoryStore::default();
    let (clock, log) = (ManualClock::at(NOON), Log::new(Mood::Away));
    assert!(!block_on(ship(&store, &clock, &log, 2)));
    assert_eq!((lost(&store), log.tries.get()), (2, 1));
    // Nobody tries, whether it would work or not.
    log.mood.set(Mood::Takes);
    clock.advance_ms(PAUSE_MS - 1);
    assert!(block_on(ship(&store, &clock, &log, 3)));
    assert_eq!((lost(&store), log.tries.get()), (5, 1));
    // One tries, in vain, and the pause begins again.
    log.mood.set(Mood::Away);
    clock.advance_ms(1);
    for works in [false, true, true] {
        assert_eq!(block_on(ship(&store, &clock, &log, 1)), works);
    }
    assert_eq!((lost(&store), log.tries.get()), (8, 2));
    // The next one gets through.
    log.mood.set(Mood::Takes);
    clock.advance_ms(PAUSE_MS);
    assert!(block_on(ship(&store, &clock, &log, 4)));
    assert_eq!((lost(&store), log.seen()), (0, (4, vec![8])));
    // And all is as if nothing had been.
    assert!(block_on(ship(&store, &clock, &log, 1)));
    assert_eq!((log.tries.get(), log.seen()), (4, (5, vec![8])));
}

#[test]
fn a_batch_that_is_refused_is_lost_and_keeps_nobody_from_the_log() {
    let store = MemoryStore::default();
    let (clock, log) = (ManualClock::at(NOON), Log::new(Mood::Refuses));
    assert!(!block_on(ship(&store, &clock, &log, 2)));
    log.mood.set(Mood::Takes);
    assert!(block_on(ship(&store, &clock, &log, 1)));
    assert_eq!((lost(&store), log.seen()), (0, (1, vec![2])));
}

#[test]
fn a_log_that_refuses_everything_is_tried_once_a_pause() {
    let store = MemoryStore::default();
    let (clock, log) = (ManualClock::at(NOON), Log::new(Mood::Refuses));
    for _ in 0..20 {
        block_on(ship(&store, &clock, &log, 1));
    }
    assert_eq!((lost(&store), log.tries.get()), (20, 2));
    clock.advance_ms(PAUSE_MS);
    for _ in 0..20 {
        block_on(ship(&store, &clock, &log, 1));
    }
    assert_eq!((lost(&store), log.tries.get()), (40, 3));
}

#[test]
fn a_pause_that_a_wrong_clock_began_ends_at_once() {
    let store = MemoryStore::default();
    let log = Log::new(Mood::Away);
    block_on(ship(&store, &ManualClock::at(NOON + 86_400_000), &log, 1));
    log.mood.set(Mood::Takes);
    block_on(ship(&store, &ManualClock::at(NOON), &log, 1));
    assert_eq!((lost(&store), log.seen()), (0, (1, vec![1])));
}

#[test]
fn large_batches_are_split_and_those_after_a_refused_one_still_arrive() {
    let large = |count| vec![line(Action::Request, &"x".repeat(8_000)); count];
    for (lines, expected) in [
        (lines(2_500), vec![1_000, 1_000, 500]),
        (large(200), vec![129, 71]),
        (large(1), vec![1]),
    ] {
        let lengths = RefCell::new(Vec::new());
        let delivery = block_on(deliver_all(&lines, async |batch: &[LogEntry]| {
            let bytes = serde_json::to_vec(batch).map_or(usize::MAX, |json| json.len());
            assert!(bytes <= MAX_BATCH, "{bytes}");
            lengths.borrow_mut().push(batch.len());
            match lengths.borrow().len() {
                1 => Err(Undelivered::Refused(String::new())),
                _ => Ok(()),
            }
        }));
        assert_eq!(
            (delivery.lines, delivery.first),
            (lines.len() - expected[0], false)
        );
        assert_eq!(lengths.into_inner(), expected);
    }
    let tries = std::cell::Cell::new(0);
    let delivery = block_on(deliver_all(&lines(2_500), async |_: &[LogEntry]| {
        tries.set(tries.get() + 1);
        match tries.get() {
            1 => Ok(()),
            _ => Err(Undelivered::Away(String::new())),
        }
    }));
    assert_eq!((delivery.lines, tries.get()), (1_000, 2));
}

proptest! {
    /// Whatever comes when: every line arrives, or is told of once.
    #[test]
    fn lost_lines_are_counted_exactly(
        seed in any::<u64>(),
        rounds in prop::collection::vec(
            (
                prop_oneof![Just(Mood::Takes), Just(Mood::Refuses), Just(Mood::Away)],
                0..2 * PAUSE_MS,
                prop::collection::vec(1..4_usize, 1..6),
            ),
            1..6,
        ),
        turns in 1..40_usize,
    ) {
        let store = MemoryStore::default();
        let (clock, log) = (ManualClock::at(NOON), Log::new(Mood::Takes));
        let stepping = Stepping(&store);
        let mut shipped = 0;
        for (mood, wait_ms, counts) in rounds {
            clock.advance_ms(wait_ms);
            shipped += counts.iter().sum::<usize>();
            let callers = counts
                .into_iter()
                .map(|count| Box::pin(ship(&stepping, &clock, &log, count)) as _)
                .collect();
            // The log changes its mood in the middle.
            let mut steps = 0;
            interleave(seed, callers, || {
                steps += 1;
                if steps == turns {
                    log.mood.set(mood);
                }
            });
        }
        log.mood.set(Mood::Takes);
        clock.advance_ms(PAUSE_MS);
        block_on(ship(&stepping, &clock, &log, 1));
        let (arrived, told) = log.seen();
        prop_assert_eq!(arrived + told.iter().sum::<i64>(), signed(shipped) + 1);
        prop_assert!(told.iter().all(|count| *count > 0), "{:?}", told);
        prop_assert_eq!(lost(&store), 0);
    }

    /// Of many that come when a pause is over, one tries.
    #[test]
    fn one_tries_when_a_pause_is_over(seed in any::<u64>(), callers in 2..8_usize) {
        let store = MemoryStore::default();
        let (clock, log) = (ManualClock::at(NOON), Log::new(Mood::Away));
        block_on(ship(&store, &clock, &log, 1));
        clock.advance_ms(PAUSE_MS);
        let stepping = Stepping(&store);
        let callers: Vec<_> = (0..callers)
            .map(|_| Box::pin(ship(&stepping, &clock, &log, 1)) as _)
            .collect();
        let number = callers.len();
        interleave(seed, callers, || {});
        prop_assert_eq!(log.tries.get(), 2);
        prop_assert_eq!(lost(&store), signed(number) + 1);
    }
}

/// What is known of nine lines, five of them lost, where the one that tells of them and brings three dies after so many
/// steps and the next one brings the ninth: how many arrived or were told to be lost. `None` where it does not die.
fn known_after_a_crash(mood: Mood, steps: usize) -> Option<i64> {
    let store = MemoryStore::default();
    let (clock, log) = (ManualClock::at(NOON), Log::new(Mood::Away));
    block_on(ship(&store, &clock, &log, 5));
    clock.advance_ms(PAUSE_MS);
    log.mood.set(mood);
    let ended = die_after(steps, ship(&Stepping(&store), &clock, &log, 3)).is_some();
    log.telling.set(0);
    log.mood.set(Mood::Takes);
    clock.advance_ms(PAUSE_MS);
    block_on(ship(&store, &clock, &log, 1));
    assert_eq!(lost(&store), 0, "{mood:?} {steps}");
    let (arrived, told) = log.seen();
    (!ended).then(|| arrived + told.iter().sum::<i64>())
}

#[test]
fn a_crash_of_the_one_that_tries_makes_nobody_forget_what_was_lost() {
    // Before its own lines are counted, after that, and between their arrival and the note of it: then what arrived,
    // and what was told, is told of once more.
    let unnoticed = 9 - 3;
    let twice = 9 + 3 + 5;
    for (mood, expected) in [
        (Mood::Takes, vec![unnoticed, 9, twice, 9]),
        (Mood::Away, vec![unnoticed, 9]),
    ] {
        let mut known: Vec<i64> = (0..)
            .map_while(|steps| known_after_a_crash(mood, steps))
            .collect();
        known.dedup();
        assert_eq!(known, expected, "{mood:?}");
    }
}
