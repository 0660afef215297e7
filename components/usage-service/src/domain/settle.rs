use std::collections::BTreeMap;

use spinreel_api::internal::{Direction, Settle};
use spinreel_api::usage::{Action, ActionKind};
use spinreel_api::{Day, Timestamp};
use spinreel_ledger::Counter;
use spinreel_platform::{Clock, Store};

use super::actions::{Entry, Record};
use super::days::{DayKeys, is_open};
use super::history::history;
use super::rollup::{Rollup, rollup};
use super::{Usage, UsageError, playback};

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Gives back what was reserved and not moved, and writes the action down. Returns whether old days should be
    /// [sealed](Self::seal).
    ///
    /// The bytes that were moved are paid by the reservations in their order, and what is left of each is given back on its
    /// own day, wherever midnight fell: by one write for each counter that has too much, by none where it is exact. What was
    /// moved beyond all of them is added to the last; that of an action without any, on the current day. The action counts
    /// on the day of the last reservation. A day that is over for six hours changes no more: what is left on it stays.
    ///
    /// Bytes first, then the action, so that who sees the action sees its bytes. A crash anywhere leaves too much on a
    /// counter, never too little. As each call gives back anew, none may be repeated.
    ///
    /// Costs a `get`, a write for each counter that has too much, and what [`record`](Self::record) costs: three writes for an
    /// upload with what was reserved before, two for a deletion. Of a user who is gone nothing is known any more.
    pub async fn settle(&self, request: &Settle) -> Result<bool, UsageError> {
        let user = &request.user_id;
        if self.is_gone(user).await? {
            return Ok(false);
        }
        for (counter, amount) in self.due(request) {
            counter.add(self.store, amount).await?;
        }
        let Some(action) = &request.action else {
            return Ok(false);
        };
        let today = self.current_day();
        let last = request.reservations.last();
        let day = last.map_or(today, |reservation| reservation.day);
        let mut beside = Vec::new();
        for reservation in &request.reservations {
            if reservation.day < day
                && !beside.contains(&reservation.day)
                && self.is_known_to_be_open(user, reservation.day).await?
            {
                beside.push(reservation.day);
            }
        }
        let record = Record {
            day,
            beside,
            entry: Entry {
                action: action.clone(),
                playback: None,
            },
        };
        self.record(user, record).await
    }

    /// What counters are to be moved by.
    fn due(&self, request: &Settle) -> Vec<(Counter, i64)> {
        let user = &request.user_id;
        let now_ms = self.clock.now_ms();
        let mut days: BTreeMap<(Day, Direction), i64> = BTreeMap::new();
        let mut playbacks: BTreeMap<&str, i64> = BTreeMap::new();
        let mut left = request.moved;
        for reservation in &request.reservations {
            let paid = reservation.bytes.min(left);
            left -= paid;
            if !is_open(reservation.day, now_ms) {
                continue;
            }
            let surplus = i64::try_from(reservation.bytes - paid).unwrap_or(i64::MAX);
            *days
                .entry((reservation.day, reservation.direction))
                .or_default() -= surplus;
            if let Some(name) = &reservation.playback {
                *playbacks.entry(name).or_default() -= surplus;
            }
        }
        if left > 0 {
            let today = Timestamp::from_ms(now_ms).day();
            let last = request.reservations.last();
            let day = last.map_or(today, |last| last.day);
            let day = if is_open(day, now_ms) { day } else { today };
            let direction = last.map_or_else(
                || direction_of(request.action.as_ref()),
                |last| last.direction,
            );
            *days.entry((day, direction)).or_default() += i64::try_from(left).unwrap_or(i64::MAX);
        }
        let days = days
            .into_iter()
            .map(|((day, direction), amount)| (DayKeys::new(user, day).bytes(direction), amount));
        let playbacks = playbacks
            .into_iter()
            .map(|(name, amount)| (playback::counter(user, name), amount));
        days.chain(playbacks)
            .filter(|(_, amount)| *amount != 0)
            .collect()
    }

    /// Whether a day can be listed as one that is not sealed: one that is over may have been sealed, and only its rollup
    /// tells. Costs nothing for a day that is still written to, else two `get`s.
    async fn is_known_to_be_open(&self, user: &str, day: Day) -> Result<bool, UsageError> {
        if is_open(day, self.clock.now_ms()) {
            return Ok(true);
        }
        let known = history(user).get(self.store).await?;
        if known.is_some_and(|known| known.is_active(day)) {
            return Ok(true);
        }
        let rolled = rollup(user, Rollup::index(day)).get(self.store).await?;
        Ok(rolled.is_none_or(|rolled| rolled.of(day).is_none()))
    }
}

/// Which way the bytes of an action go that nothing was reserved for.
fn direction_of(action: Option<&Action>) -> Direction {
    match action.map(|action| action.action) {
        Some(ActionKind::Upload) => Direction::In,
        _ => Direction::Out,
    }
}

#[cfg(test)]
#[path = "settle_tests.rs"]
mod tests;
