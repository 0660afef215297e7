use spinreel_api::internal::Purged;
use spinreel_ledger::{LedgerError, SEGMENT, while_it_may};
use spinreel_platform::{Clock, Store};

use super::alerts::{self, alerts_journal};
use super::days::{DayKeys, day_of, number_of};
use super::history::{History, history};
use super::rollup::{Rollup, rollup};
use super::seal::{SEGMENTS_AT_ONCE, lock};
use super::tally::Tally;
use super::{Usage, UsageError, playback};

/// How many stretches of 64 alerts go at most in one call.
const STRETCHES: usize = 4;
/// How many parts of the days go at most in one call: 512 actions of a day, a rollup, or the counters of a hundred days.
const PARTS: usize = 4;
/// How many days lose their counters at most at once.
const COUNTED_DAYS: u64 = 128;
/// How many days before the first action there may be counters, of what failed or was refused.
const EARLIER_DAYS: u64 = 64;
/// The most keys that are deleted at once.
const KEYS_AT_ONCE: usize = 1_024;

/// What a part of a [`Usage::purge`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cleared {
    removed: u64,
    more: bool,
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Removes a part of everything that is known of a user; done when nothing is left. Where the user's days are being sealed
    /// at this moment, or are purged by another call, it removes nothing and is not done.
    ///
    /// In this order: a tombstone, at which whatever comes later is refused or dropped; the alerts; the days that are not sealed, the oldest first, each from its first action on; the days that
    /// are; the counters that may be left of what failed, from 64 days before the first action on. The
    /// history tells how far it is, and is written after what it tells of is gone: a call that died anywhere is made up for by
    /// the next one. In all it makes a few thousand calls of the store at most, nearly all of them reads of actions.
    ///
    /// What stays are the tombstone, in place of the limit, and numbers: the end and the beginning of the list of alerts, since
    /// a call that is late fills the place that it was given. What a call brings that is half-way meanwhile (an alert between
    /// its entry and its place, an action between its tally and its cell) is not known here, nor is a playback whose first
    /// request died before its action was written down: the counter of its bytes, under a digest, stays. Whoever removes a
    /// user does it last when nobody acts for the user any more, and best once again later.
    pub async fn purge(&self, user: &str) -> Result<Purged, UsageError> {
        let Some(held) = lock(user).acquire(self.store, self.clock).await? else {
            return Ok(Purged::default());
        };
        let work = self.purge_held(user);
        match while_it_may(|| held.is_good(self.clock), work).await {
            Some(purged) => {
                held.release(self.store).await?;
                purged
            }
            None => Ok(Purged::default()),
        }
    }

    async fn purge_held(&self, user: &str) -> Result<Purged, UsageError> {
        self.bury(user).await?;
        let alerts = self.clear_alerts(user).await?;
        let mut days = Cleared {
            removed: 0,
            more: true,
        };
        for _ in 0..PARTS {
            let part = self.clear_part(user).await?;
            days.removed += part.removed;
            days.more = part.more;
            if !days.more {
                break;
            }
        }
        Ok(Purged {
            removed: alerts.removed + days.removed,
            done: !days.more && !alerts.more,
        })
    }

    async fn clear_alerts(&self, user: &str) -> Result<Cleared, UsageError> {
        let journal = alerts_journal(user);
        let forget = async |entry: &alerts::Recorded| self.forget_alert(user, entry).await;
        let mut cleared = Cleared {
            removed: 0,
            more: true,
        };
        for _ in 0..STRETCHES {
            let truncated = journal.truncate(self.store, forget).await?;
            cleared.removed += truncated.removed;
            cleared.more = truncated.more;
            if !cleared.more {
                break;
            }
        }
        Ok(cleared)
    }

    /// Removes the next part of the days.
    async fn clear_part(&self, user: &str) -> Result<Cleared, UsageError> {
        let known = history(user).get(self.store).await?;
        let mut left = known
            .clone()
            .unwrap_or_else(|| History::beginning(self.current_day()));
        let mut removed = 0;
        if !left.sealed.is_empty() {
            let keys = self.left_over(user, &left).await?;
            self.delete(&keys).await?;
            left.sealed.clear();
        }
        if known.is_some() && !left.active.is_empty() {
            removed = self.clear_active(user, &mut left).await?;
        } else if !left.rollups.is_empty() {
            let index = left.rollups.remove(0);
            removed = self.clear_rollup(user, index).await?;
        } else {
            let more = self.clear_counters(user, &mut left).await?;
            if !more {
                if known.is_some() {
                    history(user).delete(self.store).await?;
                }
                return Ok(Cleared { removed, more });
            }
            removed = COUNTED_DAYS;
        }
        history(user).set(self.store, &left).await?;
        Ok(Cleared {
            removed,
            more: true,
        })
    }

    /// Removes the next actions of the oldest day that is not sealed, and the day with the last of them.
    async fn clear_active(&self, user: &str, left: &mut History) -> Result<u64, LedgerError> {
        let day = left.active[0];
        let keys = DayKeys::new(user, day);
        let tally = Tally::get(self.store, &keys.tally()).await?;
        // Where the tally is gone, an action may have been written down since.
        let actions = tally.map_or(0, Tally::actions).max(1);
        let whole = actions.div_ceil(SEGMENT);
        let from = left.segments(day).min(whole);
        let to = whole.min(from + SEGMENTS_AT_ONCE);
        let mut gone = Vec::new();
        let mut removed = 0;
        for position in from * SEGMENT + 1..=to * SEGMENT {
            let cell = keys.cell(position);
            let Some(entry) = cell.get(self.store).await? else {
                continue;
            };
            // Before the cell, which tells of it.
            gone.extend(
                entry
                    .playback
                    .map(|name| playback::counter_key(user, &name)),
            );
            gone.push(cell.key().to_owned());
            removed += 1;
        }
        self.delete(&gone).await?;
        if to < whole {
            left.partly = Some((day, to));
            return Ok(removed);
        }
        let segments = (0..whole).map(|index| keys.segment(index).key().to_owned());
        self.delete(&segments.collect::<Vec<_>>()).await?;
        let mut last = keys.counters().to_vec();
        let index = Rollup::index(day);
        if !left.rollups.contains(&index) {
            // Where the provider does not write together, a sealer may have died before the history told of it.
            last.push(rollup(user, index).key().to_owned());
        }
        self.delete(&last).await?;
        left.active.remove(0);
        left.partly = None;
        Ok(removed + 1)
    }

    /// Removes the days of a rollup, and it.
    async fn clear_rollup(&self, user: &str, index: u64) -> Result<u64, LedgerError> {
        let cell = rollup(user, index);
        let stored: Option<Rollup> = cell.get(self.store).await?;
        let mut gone = Vec::new();
        let mut removed = 0;
        for totals in stored.unwrap_or_default().days {
            let keys = DayKeys::new(user, totals.date);
            let segments = 0..totals.actions().div_ceil(SEGMENT);
            gone.extend(segments.map(|index| keys.segment(index).key().to_owned()));
            removed += totals.actions() + 1;
        }
        self.delete(&gone).await?;
        cell.delete(self.store).await?;
        Ok(removed)
    }

    /// Removes counters that are under no day of the history: those of the next days. Tomorrow is one of them, as clocks
    /// differ. Returns whether there are more; `first` is moved on then.
    async fn clear_counters(&self, user: &str, left: &mut History) -> Result<bool, LedgerError> {
        let first = number_of(left.first).saturating_sub(EARLIER_DAYS);
        let end = number_of(self.current_day()) + 2;
        let to = end.min(first + COUNTED_DAYS);
        let keys: Vec<String> = (first..to)
            .flat_map(|number| DayKeys::new(user, day_of(number)).counters())
            .collect();
        self.delete(&keys).await?;
        left.first = day_of(to + EARLIER_DAYS);
        Ok(to < end)
    }

    async fn delete(&self, keys: &[String]) -> Result<(), LedgerError> {
        for keys in keys.chunks(KEYS_AT_ONCE) {
            self.store.delete_many(keys).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "purge_tests.rs"]
mod tests;
