use serde::{Deserialize, Serialize};
use spinreel_api::Day;
use spinreel_ledger::Cell;

use super::days::{DayTotals, number_of};

/// The days of one [`Rollup`].
pub(super) const ROLLUP_DAYS: u64 = 64;

/// The totals of days that are over and sealed, oldest first: of 64 days that follow each other, those that had something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Rollup {
    pub(super) days: Vec<DayTotals>,
}

impl Rollup {
    /// The number of the rollup that a day belongs to.
    pub(super) fn index(day: Day) -> u64 {
        number_of(day) / ROLLUP_DAYS
    }

    /// The totals of a day that it has.
    pub(super) fn of(&self, day: Day) -> Option<DayTotals> {
        self.days.iter().find(|totals| totals.date == day).copied()
    }

    /// Adds a day, or says what it came to where it was there already.
    pub(super) fn put(&mut self, totals: DayTotals) {
        self.days.retain(|known| known.date != totals.date);
        let after = self.days.partition_point(|known| known.date < totals.date);
        self.days.insert(after, totals);
    }
}

/// A user's rollup of this number.
pub(super) fn rollup(user: &str, index: u64) -> Cell<Rollup> {
    Cell::new(format!("usage/{user}/rollup/{index}"))
}
