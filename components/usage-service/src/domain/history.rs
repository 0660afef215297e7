use serde::{Deserialize, Serialize};
use spinreel_api::Day;
use spinreel_ledger::Cell;

use super::rollup::Rollup;

/// Which days of a user there is something of, so that nobody looks at the others.
///
/// Actions add their day, sealing takes days out; both read it right before they write it. Of two that write at once one may
/// undo what the other one did. A day that was added and is gone is added by its next action; one that has no more is found
/// by the first action of the next day, where it is the day after those that are known (see [`doubtful`](Self::doubtful)). A
/// day that was sealed and is back is found in its rollup and goes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct History {
    /// The day of the first action ever.
    pub(super) first: Day,
    /// The days that are not sealed, oldest first.
    pub(super) active: Vec<Day>,
    /// The one of them whose first segments are sealed, and how many those are.
    pub(super) partly: Option<(Day, u64)>,
    /// The numbers of the rollups that there are, oldest first.
    pub(super) rollups: Vec<u64>,
    /// What the last sealing was to delete, and may have left.
    pub(super) sealed: Vec<Sealed>,
}

/// Segments that were sealed together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealed {
    pub(super) day: Day,
    /// The first of them.
    pub(super) from: u64,
    /// The first one after them.
    pub(super) to: u64,
    /// Whether the day is over with them.
    pub(super) whole: bool,
}

/// A user's history.
pub(super) fn history(user: &str) -> Cell<History> {
    Cell::new(format!("usage/{user}/history"))
}

impl History {
    /// That of a user whose first action is of this day.
    pub(super) fn beginning(first: Day) -> Self {
        Self {
            first,
            active: vec![first],
            partly: None,
            rollups: Vec::new(),
            sealed: Vec::new(),
        }
    }

    /// Whether a day is known to have something, and is not sealed.
    pub(super) fn is_active(&self, day: Day) -> bool {
        self.active.contains(&day)
    }

    /// Whether a day may be in a rollup.
    pub(super) fn is_rolled(&self, day: Day) -> bool {
        self.rollups.contains(&Rollup::index(day))
    }

    /// How many segments of a day are known to be sealed.
    pub(super) fn segments(&self, day: Day) -> u64 {
        match self.partly {
            Some((partly, segments)) if partly == day => segments,
            _ => 0,
        }
    }

    /// Adds a day.
    pub(super) fn add(&mut self, day: Day) {
        if self.is_active(day) {
            return;
        }
        let after = self.active.partition_point(|known| *known < day);
        self.active.insert(after, day);
        self.first = self.first.min(day);
    }

    /// A day that may have been added and be gone: who read the history before midnight may write it after the first action
    /// of the new day has.
    pub(super) fn doubtful(&self) -> Option<Day> {
        self.active.last().map(|day| day.next())
    }
}
