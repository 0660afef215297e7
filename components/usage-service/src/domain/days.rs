use serde::{Deserialize, Serialize};
use spinreel_api::internal::Direction;
use spinreel_api::usage::{Action, DayUsage};
use spinreel_api::{Day, Timestamp};
use spinreel_ledger::{Cell, Counter, LedgerError};
use spinreel_platform::{Clock, Store};

use super::actions::Entry;
use super::history::history;
use super::rollup::{Rollup, rollup};
use super::tally::Tally;
use super::{Usage, UsageError};

const DAY_MS: u64 = 86_400_000;
/// How long after its end a day is still written to, in milliseconds: bytes that were reserved on it are given back, and an
/// upload that ends counts on it.
pub(super) const OPEN_MS: u64 = 6 * 3_600_000;
/// How long after its end a day changes no more, in milliseconds: whoever found it open must be done by then.
pub(super) const SEALABLE_MS: u64 = 7 * 3_600_000;

/// The number of a day, counted from 1970-01-01.
pub(super) fn number_of(day: Day) -> u64 {
    day.start().as_ms() / DAY_MS
}

/// The day with this number.
pub(super) fn day_of(number: u64) -> Day {
    Timestamp::from_ms(number.saturating_mul(DAY_MS)).day()
}

/// Whether a day is still written to.
pub(super) fn is_open(day: Day, now_ms: u64) -> bool {
    now_ms < day.next().start().as_ms() + OPEN_MS
}

/// Whether a day changes no more.
pub(super) fn is_sealable(day: Day, now_ms: u64) -> bool {
    now_ms >= day.next().start().as_ms() + SEALABLE_MS
}

/// The keys of one user and UTC day.
#[derive(Debug, Clone)]
pub(super) struct DayKeys {
    prefix: String,
}

impl DayKeys {
    pub(super) fn new(user: &str, day: Day) -> Self {
        Self {
            prefix: format!("usage/{user}/{day}"),
        }
    }

    /// The bytes of one direction: moved, or reserved.
    pub(super) fn bytes(&self, direction: Direction) -> Counter {
        Counter::new(self.bytes_key(direction))
    }

    /// The [`Tally`] of the day's actions.
    pub(super) fn tally(&self) -> Counter {
        Counter::new(self.tally_key())
    }

    /// The action at a position, counted from 1, until its segment is sealed.
    pub(super) fn cell(&self, position: u64) -> Cell<Entry> {
        Cell::new(format!("{}/action/{position}", self.prefix))
    }

    /// 64 actions of a day that is over, from position 64 × `index` + 1 on.
    pub(super) fn segment(&self, index: u64) -> Cell<Vec<Option<Action>>> {
        Cell::new(format!("{}/segment/{index}", self.prefix))
    }

    /// The keys of the counters; the tally, which tells where actions are, is the last.
    pub(super) fn counters(&self) -> [String; 3] {
        [
            self.bytes_key(Direction::In),
            self.bytes_key(Direction::Out),
            self.tally_key(),
        ]
    }

    fn bytes_key(&self, direction: Direction) -> String {
        match direction {
            Direction::In => format!("{}/in", self.prefix),
            Direction::Out => format!("{}/out", self.prefix),
        }
    }

    fn tally_key(&self) -> String {
        format!("{}/actions", self.prefix)
    }
}

/// What a day came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DayTotals {
    pub(super) date: Day,
    pub(super) upload_bytes: u64,
    pub(super) download_bytes: u64,
    pub(super) uploads: u64,
    pub(super) downloads: u64,
    pub(super) deletions: u64,
}

impl DayTotals {
    /// Nothing.
    fn none(date: Day) -> Self {
        Self {
            date,
            upload_bytes: 0,
            download_bytes: 0,
            uploads: 0,
            downloads: 0,
            deletions: 0,
        }
    }

    pub(super) fn actions(&self) -> u64 {
        self.uploads + self.downloads + self.deletions
    }

    fn against(self, limit: i64) -> DayUsage {
        let total_bytes = self.upload_bytes.saturating_add(self.download_bytes);
        let limit_bytes = u64::try_from(limit).unwrap_or(0);
        DayUsage {
            date: self.date,
            upload_bytes: self.upload_bytes,
            download_bytes: self.download_bytes,
            total_bytes,
            limit_bytes,
            percentage: percentage(total_bytes, limit_bytes),
            uploads: self.uploads,
            downloads: self.downloads,
            deletions: self.deletions,
        }
    }
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// The current UTC day of a user, with what is reserved at this moment: four `get`s.
    pub async fn today(&self, user: &str) -> Result<DayUsage, UsageError> {
        let limit = self.limit(user).await?;
        let totals = self.counted(user, self.current_day()).await?;
        Ok(totals.against(limit))
    }

    /// The last `days` UTC days of a user, today first. It is today's limit that all of them are held against. A day that
    /// is over and has neither an action nor bytes of one shows nothing: what failed on it, or was lost, is not looked for.
    ///
    /// Costs a `get` for the limit, one for the history, three for today and for each day that is not sealed (yesterday,
    /// as a rule, and the last day before on which there was something) and one for each 64 days of those that are.
    pub async fn daily(&self, user: &str, days: usize) -> Result<Vec<DayUsage>, UsageError> {
        let limit = self.limit(user).await?;
        let history = history(user).get(self.store).await?;
        let today = self.current_day();
        let mut rolled: Option<(u64, Rollup)> = None;
        let mut usage = Vec::with_capacity(days);
        let mut next = Some(today);
        while let Some(day) = next.filter(|_| usage.len() < days) {
            let is_active = history.as_ref().is_some_and(|past| past.is_active(day));
            let mut totals = None;
            if day == today || is_active {
                totals = Some(self.counted(user, day).await?);
            }
            // One that was sealed a moment ago has no counters any more.
            let may_be_sealed = day != today && totals.is_none_or(|totals| totals.actions() == 0);
            let is_rolled = history.as_ref().is_some_and(|past| past.is_rolled(day));
            if may_be_sealed && (is_active || is_rolled) {
                let index = Rollup::index(day);
                if rolled.as_ref().is_none_or(|(known, _)| *known != index) {
                    let stored = rollup(user, index).get(self.store).await?;
                    rolled = Some((index, stored.unwrap_or_default()));
                }
                let found = rolled.as_ref().and_then(|(_, rollup)| rollup.of(day));
                totals = found.or(totals);
            }
            usage.push(totals.unwrap_or(DayTotals::none(day)).against(limit));
            next = day.previous();
        }
        Ok(usage)
    }

    /// What a day's counters say: three `get`s.
    pub(super) async fn counted(&self, user: &str, date: Day) -> Result<DayTotals, LedgerError> {
        let keys = DayKeys::new(user, date);
        let upload_bytes = keys.bytes(Direction::In).get(self.store).await?;
        let download_bytes = keys.bytes(Direction::Out).get(self.store).await?;
        // The last one that goes: where it is there, so were the others.
        let tally = Tally::get(self.store, &keys.tally()).await?;
        let tally = tally.unwrap_or_default();
        Ok(DayTotals {
            date,
            upload_bytes: u64::try_from(upload_bytes).unwrap_or(0),
            download_bytes: u64::try_from(download_bytes).unwrap_or(0),
            uploads: tally.uploads(),
            downloads: tally.downloads(),
            deletions: tally.deletions(),
        })
    }

    pub(super) fn current_day(&self) -> Day {
        Timestamp::from_ms(self.clock.now_ms()).day()
    }
}

/// The share of `limit`, with two decimals; a limit of nothing is always reached.
fn percentage(bytes: u64, limit: u64) -> f64 {
    if limit == 0 {
        return 100.0;
    }
    (bytes as f64 / limit as f64 * 10_000.0).round() / 100.0
}

#[cfg(test)]
#[path = "days_tests.rs"]
mod tests;
