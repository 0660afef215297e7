use serde::{Deserialize, Serialize};
use spinreel_api::usage::Action;
use spinreel_api::{Day, Timestamp};
use spinreel_ledger::SEGMENT;
use spinreel_platform::{Clock, Store, is_fresh};

use super::days::{DayKeys, OPEN_MS, SEALABLE_MS, is_open};
use super::history::{History, history};
use super::tally::Tally;
use super::{Usage, UsageError};

/// How long one may stand still between the look at the clock and the writing of a cell, in milliseconds.
const STANDSTILL_MS: u64 = (SEALABLE_MS - OPEN_MS) / 2;

/// An action as its cell has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Of a playback, with the bytes that its first request asked for.
    pub(super) action: Action,
    /// The name of the counter that has the bytes of a playback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) playback: Option<String>,
}

/// What is to be written down.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// The day that it counts on, where that is still written to; else the current one.
    pub(super) day: Day,
    /// Days whose bytes belong to it as well.
    pub(super) beside: Vec<Day>,
    pub(super) entry: Entry,
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Writes an action down: two `get`s and two writes. Returns whether old days should be [sealed](Self::seal): with the
    /// first action of a day, and with every 64th.
    ///
    /// The order of writes: the tally, whose sum is the action's position in the day; then the cell, and with it the history
    /// where the day is not in it yet. A crash in between leaves a position that nothing is at, and an action that is
    /// counted and not listed. Where the provider does not write together the history is first: a day without a cell does
    /// no harm. The first action of a day reads the tally of the [doubtful](History::doubtful) day as well.
    ///
    /// Of a kind that a day has more than a quarter of a million actions of, no more are written down that day.
    pub(super) async fn record(&self, user: &str, record: Record) -> Result<bool, UsageError> {
        loop {
            let began_ms = self.clock.now_ms();
            let day = match is_open(record.day, began_ms) {
                true => record.day,
                false => Timestamp::from_ms(began_ms).day(),
            };
            let keys = DayKeys::new(user, day);
            let kind = record.entry.action.action;
            let tally = Tally::get(self.store, &keys.tally()).await?;
            if tally.is_some_and(|tally| tally.is_full(kind)) {
                return Ok(false);
            }
            let position = Tally::add(self.store, &keys.tally(), kind).await?.actions();
            let mut pairs = Vec::new();
            pairs.extend(self.noted(user, day, &record.beside).await?);
            // Who stood still must not write to a day that may be sealed by now.
            if !is_fresh(began_ms, self.clock.now_ms(), STANDSTILL_MS + 1) {
                continue;
            }
            pairs.push(keys.cell(position).pair(&record.entry)?);
            self.store.set_many(&pairs).await?;
            return Ok(position % SEGMENT == 1);
        }
    }

    /// The history with these days, where it has not all of them yet.
    async fn noted(
        &self,
        user: &str,
        day: Day,
        beside: &[Day],
    ) -> Result<Option<(String, Vec<u8>)>, UsageError> {
        let cell = history(user);
        let known = cell.get(self.store).await?;
        let mut noted = known.clone().unwrap_or_else(|| History::beginning(day));
        if !noted.is_active(day)
            && let Some(doubtful) = noted.doubtful().filter(|doubtful| *doubtful < day)
            && self.has_actions(user, doubtful).await?
        {
            noted.add(doubtful);
        }
        for day in beside.iter().chain([&day]) {
            noted.add(*day);
        }
        match known == Some(noted.clone()) {
            true => Ok(None),
            false => Ok(Some(cell.pair(&noted)?)),
        }
    }

    async fn has_actions(&self, user: &str, day: Day) -> Result<bool, UsageError> {
        let counter = DayKeys::new(user, day).tally();
        Ok(Tally::get(self.store, &counter).await?.is_some())
    }
}
