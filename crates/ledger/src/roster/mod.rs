mod bury;
mod map;
#[cfg(test)]
mod race_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod walk;

use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_platform::{Clock, Store, is_fresh};

use crate::{Cell, LedgerError, Slots};
use map::Map;

pub use bury::Burial;
pub use walk::Walk;

/// The most cells that one [page](Roster::page) looks at.
pub const ROSTER_SCAN: usize = 512;
/// How old a number of [`allocate_timely`](Roster::allocate_timely) must be before an empty cell can be taken for dead,
/// in milliseconds.
pub const DEAD_AFTER_MS: u64 = 600_000;
/// The levels of maps: they tell 2³⁶ numbers apart before the highest level needs a second key.
const LEVELS: u32 = 3;

/// Numbered cells whose dead cost nothing: [`Slots`] that remember which cells are empty for good.
///
/// A number that is dead stays dead, so what is remembered is a hint that only grows: a part of it that is lost costs
/// its reader a `get`, never a wrong answer. That is why plain reads and writes do. A map holds a bit for each of 4,096
/// numbers; a map with nothing living left becomes a bit in the map above it and is deleted. So dead numbers need no key
/// of their own, and a walk steps over a dead stretch however long it is.
///
/// What costs what, in calls of the store, however many numbers were ever given (`L` = levels of maps above the lowest:
/// 0 below 4,096 numbers, 1 below 16.7 million, then 2):
///
/// | | calls |
/// |---|---|
/// | [`allocate`](Self::allocate) | 1 `increment`, whatever the count |
/// | [`bury`](Self::bury), numbers that lie together | 1 `get`, 1 `set` |
/// | – the first of a stretch of 4,096 | 3 `get`, 1 `set` |
/// | – the last living one of a stretch | 2 `get`, 1 `set`, 1 `delete_many` (the first map of a level: 1 `get` more) |
/// | – numbers that are buried already | 1 to 3 `get` |
/// | a [lazy](Walk::lazy) walk over n numbers that are not dead | those of n looks; for each stretch of 4,096 with an empty one, 1 look and 1 + `L` `get` at most |
/// | [`page`](Self::page) of n numbers that are not dead | 1 `get` for the head, those of n looks, and 1 `get` for each map: `L`, one for each stretch of 4,096 that the n are in, and that of the newest stretch |
/// | – 50 living, none dead | 52 `get` with a look of 1 `get` |
/// | – 10 living among 1,000,000 dead | 23 `get` where each has a stretch to itself, 14 where they lie together |
#[derive(Debug, Clone)]
pub struct Roster {
    prefix: String,
    slots: Slots,
}

/// What [`Roster::page`] is told of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<T> {
    /// It belongs on the page.
    Item(T),
    /// There is something that does not belong on the page.
    Other,
    /// There is nothing, now.
    Nothing,
}

/// A part of a roster, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterPage<T> {
    /// The items with their numbers.
    pub items: Vec<(u64, T)>,
    /// Where the next page begins (pass it as `before`); `None` where nothing is left.
    pub next: Option<u64>,
    /// The numbers that had nothing, newest first. Those of them that are dead for certain are worth
    /// [burying](Roster::bury).
    pub empty: Vec<u64>,
}

impl Roster {
    /// The roster under `prefix`: its cells and its head are those of [`Slots`] there.
    pub fn new(prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        Self {
            slots: Slots::new(prefix.clone()),
            prefix,
        }
    }

    /// Gives out `count` numbers and returns the last of them; the first number ever is 1.
    pub async fn allocate(&self, store: &impl Store, count: u32) -> Result<u64, LedgerError> {
        self.slots.allocate(store, count).await
    }

    /// As [`allocate`](Self::allocate), with numbers that are young when the caller gets them.
    ///
    /// A caller that fills the cells at once, or never, does so before they are [`DEAD_AFTER_MS`] old: after that an
    /// empty one is dead. Numbers are given in order, so one that lies below a number of that age is as old.
    pub async fn allocate_timely(
        &self,
        store: &impl Store,
        clock: &impl Clock,
        count: u32,
    ) -> Result<u64, LedgerError> {
        loop {
            let began = clock.now_ms();
            let last = self.allocate(store, count).await?;
            // The other half of the time is for filling the cells.
            if is_fresh(began, clock.now_ms(), DEAD_AFTER_MS / 2 + 1) {
                return Ok(last);
            }
        }
    }

    /// The highest number given, 0 where none was.
    pub async fn head(&self, store: &impl Store) -> Result<u64, LedgerError> {
        self.slots.head(store).await
    }

    /// The cell of a number.
    pub fn cell<T: Serialize + DeserializeOwned>(&self, number: u64) -> Cell<T> {
        self.slots.cell(number)
    }

    /// The numbers up to `head` and below `before` that are not known to be dead, newest first. Reads nothing yet.
    pub fn walk<'a, S: Store>(
        &'a self,
        store: &'a S,
        before: Option<u64>,
        head: u64,
    ) -> Walk<'a, S> {
        Walk::new(self, store, before, head)
    }

    /// Whether more than `most` numbers up to `head` are not known to be dead. Nothing is read where so many were never
    /// given; else 1 `get` for each map on the way.
    pub async fn has_more_than(
        &self,
        store: &impl Store,
        head: u64,
        most: u64,
    ) -> Result<bool, LedgerError> {
        if head <= most {
            return Ok(false);
        }
        let mut walk = self.walk(store, None, head);
        for _ in 0..most {
            if walk.next().await?.is_none() {
                return Ok(false);
            }
        }
        Ok(walk.next().await?.is_some())
    }

    /// At most `limit` items, from below number `before` (the newest where `None`) downwards. `look` says what a number
    /// stands for; it is asked [`ROSTER_SCAN`] times at most, so that a page may be short, or empty, and still have
    /// a `next`.
    pub async fn page<T, E: From<LedgerError>>(
        &self,
        store: &impl Store,
        before: Option<u64>,
        limit: usize,
        mut look: impl AsyncFnMut(u64) -> Result<Found<T>, E>,
    ) -> Result<RosterPage<T>, E> {
        let head = self.head(store).await?;
        let mut walk = self.walk(store, before, head);
        let mut page = RosterPage {
            items: Vec::new(),
            next: None,
            empty: Vec::new(),
        };
        let mut looks = 0;
        while let Some(number) = walk.next().await? {
            if looks == ROSTER_SCAN || page.items.len() >= limit {
                page.next = Some(number + 1);
                break;
            }
            looks += 1;
            match look(number).await? {
                Found::Item(item) => page.items.push((number, item)),
                Found::Other => {}
                Found::Nothing => page.empty.push(number),
            }
        }
        Ok(page)
    }

    async fn map(&self, store: &impl Store, level: u32, index: u64) -> Result<Map, LedgerError> {
        let stored = store.get(&self.map_key(level, index)).await?;
        Ok(stored.map_or(Map::EMPTY, |bytes| Map::from_bytes(&bytes)))
    }

    fn map_key(&self, level: u32, index: u64) -> String {
        format!("{}/dead/{level}/{index}", self.prefix)
    }
}
