use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;

use spinreel_api::Day;
use spinreel_api::usage::Action;
use spinreel_ledger::{Held, LedgerError, Lock, SEGMENT, while_it_may};
use spinreel_platform::{Clock, Store};

use super::days::{DayKeys, is_sealable};
use super::history::{History, Sealed, history};
use super::rollup::{Rollup, rollup};
use super::{Usage, UsageError, playback};

/// How many segments are sealed at most at once.
pub(super) const SEGMENTS_AT_ONCE: u64 = 8;
/// How many days are sealed at most at once.
const DAYS_AT_ONCE: usize = 8;

/// The right to seal or to remove days of a user. One that died leaves a key that means nothing any more.
pub(super) fn lock(user: &str) -> Lock {
    Lock::new(format!("usage/{user}/sealing"))
}

/// What one sealing comes to.
#[derive(Default)]
struct Batch {
    segments: Vec<(String, Vec<u8>)>,
    rollups: BTreeMap<u64, Rollup>,
    /// The days that are over with it.
    days: Vec<Day>,
    /// The day that is not, and how many of its segments are sealed.
    partly: Option<(Day, u64)>,
    sealed: Vec<Sealed>,
    /// What goes, in this order.
    keys: Vec<String>,
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Seals the oldest days of a user that change no more: 64 actions become one value, the bytes of playbacks with them, and
    /// a day's totals an entry of a rollup. A bounded part of it: eight segments and eight days at most.
    ///
    /// Costs a `get` where there is nothing to do; else three writes (the lock; everything that is new; the deletion of what
    /// that stands for, the lock with it) and a `get` for each action and each playback, and a few for each day.
    ///
    /// What is new is written first, the history that tells of it last, and nothing is deleted before. So a crash before the
    /// deletions is harmless, and they are made up for by the next sealing, which reads the cells once more. The lock keeps
    /// others away, as two that change one rollup would undo each other's work.
    pub async fn seal(&self, user: &str) -> Result<(), UsageError> {
        let known = history(user).get(self.store).await?;
        let is_due = known.is_some_and(|known| self.is_due(&known));
        if !is_due {
            return Ok(());
        }
        let Some(held) = lock(user).acquire(self.store, self.clock).await? else {
            return Ok(());
        };
        let work = self.seal_days(user, &held);
        // A lock that was not given back ends by itself.
        let done = while_it_may(|| held.is_good(self.clock), work).await;
        done.unwrap_or(Ok(()))
    }

    fn is_due(&self, history: &History) -> bool {
        let oldest = history.active.first();
        oldest.is_some_and(|day| is_sealable(*day, self.clock.now_ms()))
    }

    async fn seal_days(&self, user: &str, held: &Held) -> Result<(), UsageError> {
        let Some(known) = history(user).get(self.store).await? else {
            return Ok(held.clone().release(self.store).await?);
        };
        let mut batch = Batch {
            partly: known.partly,
            keys: self.left_over(user, &known).await?,
            ..Batch::default()
        };
        let mut left = SEGMENTS_AT_ONCE;
        let sealable = known
            .active
            .iter()
            .filter(|day| is_sealable(**day, self.clock.now_ms()));
        for day in sealable.take(DAYS_AT_ONCE) {
            if !self
                .seal_day(user, &known, *day, &mut left, &mut batch)
                .await?
            {
                break;
            }
        }
        let mut pairs = batch.segments;
        batch
            .rollups
            .retain(|_, rollup| batch.days.iter().any(|day| rollup.of(*day).is_some()));
        for (index, rolled) in &batch.rollups {
            pairs.push(rollup(user, *index).pair(rolled)?);
        }
        let cell = history(user);
        // Read again: an action may have added a day meanwhile.
        let Some(mut fresh) = cell.get(self.store).await? else {
            return Ok(held.clone().release(self.store).await?);
        };
        fresh.active.retain(|day| !batch.days.contains(day));
        fresh.rollups.extend(batch.rollups.keys());
        fresh.rollups.sort_unstable();
        fresh.rollups.dedup();
        fresh.partly = batch.partly;
        fresh.sealed = batch.sealed;
        pairs.push(cell.pair(&fresh)?);
        self.store.set_many(&pairs).await?;
        batch.keys.push(held.key().to_owned());
        Ok(self.store.delete_many(&batch.keys).await?)
    }

    /// Adds as much of a day to the batch as there is room for; returns whether that is the whole day.
    async fn seal_day(
        &self,
        user: &str,
        known: &History,
        day: Day,
        left: &mut u64,
        batch: &mut Batch,
    ) -> Result<bool, UsageError> {
        let index = Rollup::index(day);
        if let MapEntry::Vacant(unread) = batch.rollups.entry(index) {
            let stored = rollup(user, index).get(self.store).await?;
            unread.insert(stored.unwrap_or_default());
        }
        let keys = DayKeys::new(user, day);
        let rolled = batch.rollups.get(&index).and_then(|rollup| rollup.of(day));
        let totals = match rolled {
            // It was sealed before, and what may be left of its keys goes with this batch.
            Some(rolled) => rolled,
            None => self.counted(user, day).await?,
        };
        let whole = totals.actions().div_ceil(SEGMENT);
        let from = known.segments(day);
        let mut to = from;
        while to < whole && *left > 0 {
            let (actions, gone) = self.stretch(user, &keys, to).await?;
            if rolled.is_none() {
                batch.segments.push(keys.segment(to).pair(&actions)?);
            }
            batch.keys.extend(gone);
            to += 1;
            *left -= 1;
        }
        let is_whole = to >= whole;
        batch.sealed.push(Sealed {
            day,
            from,
            to,
            whole: is_whole,
        });
        if !is_whole {
            batch.partly = Some((day, to));
            return Ok(false);
        }
        if batch.partly.is_some_and(|(partly, _)| partly == day) {
            batch.partly = None;
        }
        batch.keys.extend(keys.counters());
        if let Some(rollup) = batch.rollups.get_mut(&index) {
            rollup.put(totals);
        }
        batch.days.push(day);
        Ok(true)
    }

    /// The actions of 64 positions that change no more, and the keys that they are under: those of playbacks before those of
    /// the cells, which tell of them.
    async fn stretch(
        &self,
        user: &str,
        keys: &DayKeys,
        index: u64,
    ) -> Result<(Vec<Option<Action>>, Vec<String>), LedgerError> {
        let first = index * SEGMENT + 1;
        let (mut actions, mut playbacks, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_complete = true;
        for position in first..first + SEGMENT {
            let cell = keys.cell(position);
            let entry = cell.get(self.store).await?;
            is_complete &= entry.is_some();
            let mut action = None;
            if let Some(entry) = entry {
                cells.push(cell.key().to_owned());
                let mut known = entry.action;
                if let Some(name) = entry.playback {
                    let bytes = playback::counter(user, &name).get(self.store).await?;
                    known.bytes = u64::try_from(bytes).unwrap_or(0);
                    is_complete &= known.bytes > 0;
                    playbacks.push(playback::counter_key(user, &name));
                }
                action = Some(known);
            }
            actions.push(action);
        }
        if !is_complete && let Some(sealed) = keys.segment(index).get(self.store).await? {
            // What is missing was deleted, as it stands here.
            actions = sealed;
        }
        playbacks.extend(cells);
        Ok((actions, playbacks))
    }

    /// The keys that the last sealing may have left.
    pub(super) async fn left_over(
        &self,
        user: &str,
        known: &History,
    ) -> Result<Vec<String>, LedgerError> {
        let mut left = Vec::new();
        for sealed in &known.sealed {
            let keys = DayKeys::new(user, sealed.day);
            for index in sealed.from..sealed.to {
                let (_, gone) = self.stretch(user, &keys, index).await?;
                left.extend(gone);
            }
            // The tally is deleted last, so it tells whether the others may be there.
            let [.., tally] = keys.counters();
            if sealed.whole && self.store.get(&tally).await?.is_some() {
                left.extend(keys.counters());
            }
        }
        Ok(left)
    }
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
