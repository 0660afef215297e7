use serde::{Deserialize, Serialize};
use spinreel_api::usage::Action;
use spinreel_api::{Day, Page};
use spinreel_http::query::encode_cursor;
use spinreel_ledger::{LedgerError, SEGMENT};
use spinreel_platform::{Clock, Store};

use super::days::DayKeys;
use super::history::{History, history};
use super::rollup::{Rollup, rollup};
use super::tally::Tally;
use super::{Usage, UsageError, playback};

/// The most positions that one page looks at, however few of them have an action.
const SCAN: u64 = 4_096;

/// Where a page of actions begins: below a position of a day. What is added later is above it, in this day or a later one, or
/// comes to an older day that the next pages see as it is then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    day: Day,
    below: u64,
}

/// The name of a user's list of actions, in cursors.
pub fn actions_list(user: &str) -> String {
    format!("usage/{user}/actions")
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// A page of a user's actions, the newest day first and within a day the last one that was written down; `from` is what a
    /// cursor carries. At most 4,096 positions are looked at: a page may be short, or empty, and still have a next one.
    ///
    /// Costs, however long the list is: a `get` for the history; for each day that is not sealed one for its tally (the first
    /// of a page that continues one needs none), one for each action, one more for each playback, whose bytes are a counter, and
    /// for each stretch of 64 with a place that was left empty one more; for each 64 days of those that are sealed one, and
    /// one for each stretch of 64 actions. So a page of today's n actions costs n + 2.
    pub async fn actions(
        &self,
        user: &str,
        from: Option<Place>,
        limit: usize,
    ) -> Result<Page<Action>, UsageError> {
        let mut reader = Reader {
            store: self.store,
            user,
            limit,
            looks: SCAN,
            items: Vec::new(),
        };
        let next = match history(user).get(self.store).await? {
            Some(history) => reader.read(&history, from, self.current_day()).await?,
            None => None,
        };
        Ok(Page {
            items: reader.items,
            next_cursor: next.map(|next| encode_cursor(&actions_list(user), next)),
        })
    }
}

/// A page on its way.
struct Reader<'a, S> {
    store: &'a S,
    user: &'a str,
    limit: usize,
    looks: u64,
    items: Vec<Action>,
}

impl<S: Store> Reader<'_, S> {
    /// Fills the page; returns where the next one begins.
    async fn read(
        &mut self,
        history: &History,
        from: Option<Place>,
        today: Day,
    ) -> Result<Option<Place>, LedgerError> {
        let newest = from.map_or(today, |place| place.day);
        let below_of = |day| {
            from.filter(|place| place.day == day)
                .map(|place| place.below)
        };
        let known = history.active.iter().copied().chain(history.doubtful());
        let mut open: Vec<Day> = known.filter(|day| *day <= newest).collect();
        let mut rollups: Vec<u64> = history.rollups.clone();
        rollups.retain(|index| *index <= Rollup::index(newest));
        while let Some(day) = open.pop() {
            let head = match below_of(day) {
                Some(below) => below.saturating_sub(1),
                None => self.head(day, history.is_active(day)).await?,
            };
            let sealed = history.segments(day) * SEGMENT;
            let older = !open.is_empty() || !rollups.is_empty();
            if let Some(next) = self.day(day, head, sealed, older).await? {
                return Ok(next);
            }
        }
        while let Some(index) = rollups.pop() {
            let stored = rollup(self.user, index).get(self.store).await?;
            let mut days = stored.unwrap_or_default().days;
            days.retain(|day| {
                day.date <= newest && day.actions() > 0 && !history.is_active(day.date)
            });
            while let Some(totals) = days.pop() {
                let head = match below_of(totals.date) {
                    Some(below) => below.saturating_sub(1),
                    None => totals.actions(),
                };
                let older = !days.is_empty() || !rollups.is_empty();
                if let Some(next) = self.day(totals.date, head, u64::MAX, older).await? {
                    return Ok(next);
                }
            }
        }
        Ok(None)
    }

    /// The position of the newest action of a day that is not known to be sealed.
    async fn head(&self, day: Day, is_active: bool) -> Result<u64, LedgerError> {
        let counter = DayKeys::new(self.user, day).tally();
        let tally = Tally::get(self.store, &counter).await?;
        if tally.is_some() || !is_active {
            return Ok(tally.map_or(0, Tally::actions));
        }
        // It has bytes alone, or was sealed a moment ago.
        let rolled = rollup(self.user, Rollup::index(day))
            .get(self.store)
            .await?;
        let totals = rolled.and_then(|rolled| rolled.of(day));
        Ok(totals.map_or(0, |totals| totals.actions()))
    }

    /// Takes the actions of a day from position `head` downwards, of which those up to `sealed` are in segments. Where the
    /// page is full with it, or has looked enough: what comes next, of this day or, where there are `older` ones, of those.
    async fn day(
        &mut self,
        day: Day,
        head: u64,
        sealed: u64,
        older: bool,
    ) -> Result<Option<Option<Place>>, LedgerError> {
        let keys = DayKeys::new(self.user, day);
        let mut stretch = Stretch::default();
        for position in (1..=head).rev() {
            if self.is_over() {
                let below = position + 1;
                return Ok(Some(Some(Place { day, below })));
            }
            self.looks -= 1;
            let is_sealed = position <= sealed;
            let found = self
                .action(&keys, &mut stretch, position, is_sealed)
                .await?;
            self.items.extend(found);
        }
        Ok(self
            .is_over()
            .then_some(older.then_some(Place { day, below: 1 })))
    }

    fn is_over(&self) -> bool {
        self.items.len() >= self.limit || self.looks == 0
    }

    /// The action at a position, wherever it is.
    async fn action(
        &self,
        keys: &DayKeys,
        stretch: &mut Stretch,
        position: u64,
        is_sealed: bool,
    ) -> Result<Option<Action>, LedgerError> {
        let index = (position - 1) / SEGMENT;
        if stretch.index != Some(index) {
            *stretch = Stretch {
                index: Some(index),
                segment: None,
            };
        }
        if !is_sealed && stretch.is_open() {
            let entry = keys.cell(position).get(self.store).await?;
            if let Some(entry) = entry {
                let mut action = entry.action;
                let Some(name) = entry.playback else {
                    return Ok(Some(action));
                };
                let counter = playback::counter(self.user, &name);
                action.bytes = u64::try_from(counter.get(self.store).await?).unwrap_or(0);
                if action.bytes > 0 {
                    return Ok(Some(action));
                }
                // All was given back, or the counter went into a segment a moment ago.
                let sealed = stretch.find(self.store, keys, position).await?;
                return Ok(Some(sealed.unwrap_or(action)));
            }
        }
        // Nothing was ever there, or it went into a segment.
        stretch.find(self.store, keys, position).await
    }
}

/// The stretch of 64 positions that a reader is in.
#[derive(Debug, Default)]
struct Stretch {
    index: Option<u64>,
    /// Its segment, where that was looked for; `Some(None)`: there was none.
    segment: Option<Option<Vec<Option<Action>>>>,
}

impl Stretch {
    /// Whether cells are where its actions may be.
    fn is_open(&self) -> bool {
        !matches!(self.segment, Some(Some(_)))
    }

    /// What the segment has at a position; looks for the segment once.
    async fn find(
        &mut self,
        store: &impl Store,
        keys: &DayKeys,
        position: u64,
    ) -> Result<Option<Action>, LedgerError> {
        let index = (position - 1) / SEGMENT;
        if self.segment.is_none() {
            self.segment = Some(keys.segment(index).get(store).await?);
        }
        let segment = self.segment.iter().flatten().next();
        let offset = ((position - 1) % SEGMENT) as usize;
        Ok(segment.and_then(|actions| actions.get(offset)?.clone()))
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
