use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use spinreel_platform::{Clock, Store};

use crate::{Cell, LedgerError};

/// How long after its last sign of life an operation is left alone, in milliseconds.
pub const LEASE_MS: u64 = 120_000;
/// The most numbers that one [look](Intents::look) goes through.
pub const LOOK_PAGE: u64 = 256;
/// One operation in so many looks what others left, whatever the time: that bounds what is left.
pub const LOOK_EVERY: u64 = 8;
/// After this long anybody looks, in milliseconds.
const LOOK_AFTER_MS: u64 = 30_000;

/// Whom to take for dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Those whose lease is over.
    Leases,
    /// All: the caller vouches that nobody else is at work.
    Offline,
}

/// Operations that are going on, each under a number of its own.
///
/// An operation takes a number, writes down under it what it is about to do, and replaces that with its outcome, or
/// deletes it, when it is done. Numbers come from elsewhere (a [`Roster`](crate::Roster) under the same prefix) and in
/// order; a number's record is written within half a lease of its being given, or never. So below some mark all
/// operations are over, and whoever looks for abandoned ones begins there: the cost of a look is bounded by the operations
/// of the last minutes, however many there ever were.
#[derive(Debug, Clone)]
pub struct Intents {
    prefix: String,
}

/// Up to where all operations are over. A hint: an older one costs reads, never an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// No operation of a number up to this one goes on, or ever will, but for the [`open`](Self::open) ones.
    pub over: u64,
    /// The numbers up to `over` whose operations go on for long, in order. Those that have ended since may be among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<u64>,
    /// No number up to this one gets a record any more: it has one, or is over.
    aged: u64,
    /// The highest number that had been given at `head_ms`: half a lease later all of them have their records.
    head: u64,
    /// Milliseconds since the Unix epoch.
    head_ms: u64,
    /// When the mark was written, in milliseconds since the Unix epoch.
    looked_ms: u64,
}

impl Mark {
    /// Whether the operation of a number that has no record is over: it will get none.
    pub fn is_over(&self, number: u64, now_ms: u64, patience: Patience) -> bool {
        number <= self.over.max(self.aged)
            || patience == Patience::Offline
            || (number <= self.head && self.head_ms + LEASE_MS <= now_ms)
    }

    /// Whether nobody has moved it for so long that anybody is to look.
    pub fn is_old(&self, clock: &impl Clock) -> bool {
        clock.now_ms() >= self.looked_ms + LOOK_AFTER_MS
    }

    /// Whether it says more than `before`, but for the time.
    pub fn is_news(&self, before: &Self) -> bool {
        (self.over, self.aged, self.head, &self.open)
            != (before.over, before.aged, before.head, &before.open)
    }

    /// The mark after a look at `now_ms` that found all operations up to `over` over but for those of `open`, `head`
    /// being the highest number that had been given before.
    fn moved(&self, over: u64, open: &[u64], head: u64, now_ms: u64) -> Self {
        let is_aged = self.head_ms + LEASE_MS <= now_ms;
        let over = self.over.max(over);
        let mut mark = Self {
            over,
            open: open
                .iter()
                .copied()
                .filter(|number| *number <= over)
                .collect(),
            looked_ms: now_ms,
            ..*self
        };
        if is_aged {
            mark.aged = mark.aged.max(mark.head);
        }
        if is_aged || mark.over >= mark.head {
            (mark.head, mark.head_ms) = (head, now_ms);
        }
        mark
    }
}

/// What a look found.
#[derive(Debug, Clone)]
pub struct Look<T> {
    /// The mark as it was.
    pub mark: Mark,
    /// The numbers that have a record, oldest first.
    pub records: Vec<(u64, T)>,
    /// The numbers that have none, oldest first.
    pub empty: Vec<u64>,
    /// The highest number that had been given.
    head: u64,
    /// When it began, in milliseconds since the Unix epoch: after the head was read, and before any number was.
    began_ms: u64,
    /// The first number that this look came to.
    first: u64,
    /// The last number that this look came to.
    pub last: u64,
    /// Whether there are numbers that this look did not come to.
    pub more: bool,
}

impl<T> Look<T> {
    /// Up to where all operations are over, if those are of which `is_over` says so, or that have no record and will get
    /// none.
    pub fn over(&self, patience: Patience, is_over: impl Fn(u64) -> bool) -> u64 {
        let is_aged = |number| {
            let is_empty = self.empty.binary_search(&number).is_ok();
            is_empty && self.mark.is_over(number, self.began_ms, patience)
        };
        (self.first..=self.last)
            .take_while(|number| is_over(*number) || is_aged(*number))
            .last()
            .unwrap_or(self.first - 1)
    }

    /// The mark after this look, if all operations up to `over` are over but for those of `open`, in order: of the
    /// mark's own and of the numbers of this look.
    pub fn moved_mark(&self, over: u64, open: &[u64]) -> Mark {
        self.mark.moved(over, open, self.head, self.began_ms)
    }

    /// Whether a number that had no record in this look may get one yet.
    pub fn may_begin(&self, number: u64) -> bool {
        !self.mark.is_over(number, self.began_ms, Patience::Leases)
    }

    /// The highest number that had been given.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Whether there are so many numbers after `over` that the mark is moved for the time alone.
    pub fn is_far_from_head(&self, over: u64) -> bool {
        self.head >= over + LOOK_EVERY
    }
}

impl Intents {
    /// The operations whose records are `prefix/{number}`.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// How far operations are over: one `get`.
    pub async fn mark(&self, store: &impl Store) -> Result<Mark, LedgerError> {
        Ok(self.mark_cell().get(store).await?.unwrap_or_default())
    }

    /// Where the mark is.
    pub fn mark_cell(&self) -> Cell<Mark> {
        Cell::new(format!("{}/mark", self.prefix))
    }

    /// The oldest [`LOOK_PAGE`] numbers after `after` (the mark where that is higher) up to `head`: one `get` for the
    /// mark and one for each of them.
    pub async fn look<T: Serialize + DeserializeOwned>(
        &self,
        store: &impl Store,
        clock: &impl Clock,
        head: u64,
        after: u64,
    ) -> Result<Look<T>, LedgerError> {
        let began_ms = clock.now_ms();
        let mark = self.mark(store).await?;
        let first = mark.over.max(after) + 1;
        let last = head.min(first + LOOK_PAGE - 1);
        let mut look = Look {
            mark,
            records: Vec::new(),
            empty: Vec::new(),
            head,
            began_ms,
            first,
            last,
            more: last < head,
        };
        for number in first..=last {
            let record = Cell::new(format!("{}/{number}", self.prefix));
            match record.get(store).await? {
                Some(record) => look.records.push((number, record)),
                None => look.empty.push(number),
            }
        }
        Ok(look)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;

    /// The numbers that have a record; moves the mark past those that have none and will get none.
    async fn look(
        store: &MemoryStore,
        clock: &ManualClock,
        head: u64,
        patience: Patience,
    ) -> Vec<u64> {
        let intents = Intents::new("i");
        let look: Look<String> = intents.look(store, clock, head, 0).await.unwrap();
        let mark = look.moved_mark(look.over(patience, |_| false), &[]);
        intents.mark_cell().set(store, &mark).await.unwrap();
        look.records.into_iter().map(|(number, _)| number).collect()
    }

    fn cell(number: u64) -> Cell<String> {
        Cell::new(format!("i/{number}"))
    }

    async fn write(store: &MemoryStore, number: u64) {
        cell(number).set(store, &"work".to_owned()).await.unwrap();
    }

    async fn over(store: &MemoryStore) -> u64 {
        Intents::new("i").mark(store).await.unwrap().over
    }

    #[test]
    fn a_number_without_a_record_is_passed_only_when_it_can_get_none_any_more() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000_000));
        block_on(async {
            assert!(look(&store, &clock, 3, Patience::Leases).await.is_empty());
            assert_eq!(over(&store).await, 0);
            // Number 2 was given before and is written down only now.
            write(&store, 2).await;
            clock.advance_ms(LEASE_MS);
            assert_eq!(look(&store, &clock, 5, Patience::Leases).await, [2]);
            assert_eq!(over(&store).await, 1);
            cell(2).delete(&store).await.unwrap();
            assert!(look(&store, &clock, 5, Patience::Leases).await.is_empty());
            // 3 was given long enough ago, 4 and 5 were seen a moment ago.
            assert_eq!(over(&store).await, 3);
        });
    }

    #[test]
    fn offline_all_that_is_not_written_down_is_over() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000_000));
        block_on(async {
            write(&store, 3).await;
            assert_eq!(look(&store, &clock, 5, Patience::Offline).await, [3]);
            assert_eq!(over(&store).await, 2);
        });
    }

    #[test]
    fn a_look_is_bounded_and_the_next_one_goes_on() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000_000));
        block_on(async {
            let head = LOOK_PAGE + 10;
            write(&store, head).await;
            assert!(
                look(&store, &clock, head, Patience::Offline)
                    .await
                    .is_empty()
            );
            assert_eq!(over(&store).await, LOOK_PAGE);
            assert_eq!(look(&store, &clock, head, Patience::Offline).await, [head]);
        });
    }

    #[test]
    fn a_look_that_takes_long_does_not_pass_what_was_written_meanwhile() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000_000));
        block_on(async {
            look(&store, &clock, 1, Patience::Leases).await;
            let slow: Look<String> = Intents::new("i").look(&store, &clock, 1, 0).await.unwrap();
            write(&store, 1).await;
            clock.advance_ms(LEASE_MS);
            assert_eq!(slow.over(Patience::Leases, |_| false), 0);
        });
    }

    #[test]
    fn an_operation_that_goes_on_for_long_is_named_by_the_mark_and_does_not_keep_it_back() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000_000));
        block_on(async {
            for number in 1..=4 {
                write(&store, number).await;
            }
            let intents = Intents::new("i");
            let first: Look<String> = intents.look(&store, &clock, 3, 0).await.unwrap();
            let is_known = |number| number <= 3;
            let mark = first.moved_mark(first.over(Patience::Leases, is_known), &[2]);
            assert_eq!((mark.over, mark.open.as_slice()), (3, &[2][..]));
            assert!(mark.is_news(&first.mark));
            intents.mark_cell().set(&store, &mark).await.unwrap();
            let next: Look<String> = intents.look(&store, &clock, 4, 0).await.unwrap();
            assert_eq!(next.records.len(), 1);
            // What lies above the mark is not named: the next look comes to it.
            let stays = next.moved_mark(3, &[2, 4]);
            assert_eq!((stays.over, stays.open.as_slice()), (3, &[2][..]));
            let moves = next.moved_mark(4, &[4]);
            assert_eq!((moves.over, moves.open.as_slice()), (4, &[4][..]));
        });
    }

    #[test]
    fn a_look_in_the_middle_moves_nothing_that_it_did_not_see() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(1_000_000));
        block_on(async {
            let intents = Intents::new("i");
            let look: Look<String> = intents.look(&store, &clock, 9, 5).await.unwrap();
            assert_eq!(look.empty, [6, 7, 8, 9]);
            assert_eq!(look.over(Patience::Leases, |_| false), 5);
            assert!(look.mark.is_old(&clock));
            let mark = look.moved_mark(0, &[]);
            assert_eq!(mark.over, 0);
            assert!(!mark.is_old(&clock));
        });
    }
}
