use spinreel_api::internal::Settle;
use spinreel_api::usage::ActionKind;
use spinreel_api::{Day, Timestamp};
use spinreel_platform::{Clock, Store};

use super::days::DayCounters;
use super::transfer::{Keys, REMEMBERED_MS, SettleRight, Slot, State, Transfer, transfers};
use super::{Usage, UsageError};

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Ends a transfer, on the day of its reservation: what it did not use is given back, what it used beyond its
    /// reservation is added, and the action is written down. Repeated calls for one transfer do nothing more while
    /// it is remembered. Without a reservation, the action alone is written down and its bytes are counted (those
    /// of a deletion are none of the bandwidth's), on the day of the action.
    ///
    /// Where an action took several transfers, each has its own bytes counted on its own day, as midnight may have been
    /// between them; the action is written down with the last.
    ///
    /// Returns whether the journal of actions wants to be [sealed](Self::seal).
    ///
    /// The order of writes: bytes beyond the reservation are added first, then comes the claim, and bytes are given
    /// back after it. So a crash anywhere leaves the counter too high or right. A crash after the claim and before
    /// the last write loses what is not yet written of the action: its lines in the day and in the journal.
    pub async fn settle(&self, request: &Settle) -> Result<bool, UsageError> {
        let keys = Keys::new(&request.user_id, &request.id);
        let transfer = keys.record().get(self.store).await?;
        match (&transfer, &request.action) {
            (Some(transfer), _) if transfer.state == State::Settled => return Ok(false),
            (None, None) => return Ok(false),
            _ => {}
        }
        let now = Timestamp::from_ms(self.clock.now_ms());
        let held = transfer.as_ref().map_or(0, Transfer::held);
        let used = transferred(request);
        let day = match (&transfer, &request.action) {
            (Some(transfer), _) => transfer.day,
            (None, Some(action)) => action.at.day(),
            (None, None) => now.day(),
        };
        let day_counters = DayCounters::new(&request.user_id, day);
        let bytes = day_counters.bytes();
        if transfer.is_none() {
            self.note_today(&request.user_id).await?;
        }
        let beyond = (used - held).max(0);
        if beyond > 0 {
            bytes.add(self.store, beyond).await?;
        }
        let right = keys.settlement().settle(self.store).await?;
        let due = match right {
            SettleRight::All => used - held,
            SettleRight::WithoutReservation => used,
            SettleRight::Nothing => 0,
        };
        if due != beyond {
            bytes.add(self.store, due - beyond).await?;
        }
        if right == SettleRight::Nothing {
            return Ok(false);
        }
        let mut full = false;
        if let Some(action) = &request.action {
            let kind = action.action;
            day_counters.count_bytes(self.store, kind, used).await?;
            if request.ends_action() {
                day_counters.count_one(self.store, kind).await?;
                full = self.record(&request.user_id, action).await?;
            }
        }
        self.remember(request, transfer, day).await?;
        Ok(full)
    }

    /// Keeps the transfer's id for a while, so that a repeated call is known as one.
    async fn remember(
        &self,
        request: &Settle,
        transfer: Option<Transfer>,
        day: Day,
    ) -> Result<(), UsageError> {
        let now = Timestamp::from_ms(self.clock.now_ms());
        let transfer = match transfer {
            Some(transfer) if transfer.state != State::Expired => Transfer {
                state: State::Settled,
                ..transfer
            },
            // There was no reservation, or its place may be on its way out of the list.
            _ => Transfer {
                state: State::Settled,
                day,
                bytes: 0,
                direction: None,
                at: now,
                slot: self.new_slot(&request.user_id).await?,
                attempt: 0,
            },
        };
        let place = Slot {
            id: request.id.clone(),
            until: Timestamp::from_ms(now.as_ms() + REMEMBERED_MS),
            over: true,
        };
        let record = Keys::new(&request.user_id, &request.id).record();
        let slot_cell = transfers(&request.user_id).cell::<Slot>(transfer.slot);
        let pairs = [record.pair(&transfer)?, slot_cell.pair(&place)?];
        Ok(self.store.set_many(&pairs).await?)
    }
}

/// The bytes of the transfer that count against the bandwidth.
fn transferred(request: &Settle) -> i64 {
    match &request.action {
        Some(action) if action.action != ActionKind::Delete => {
            let bytes = request.part.map_or(action.bytes, |part| part.bytes);
            i64::try_from(bytes).unwrap_or(i64::MAX)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt;
    use futures::executor::block_on;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;
    use crate::domain::testing::{
        NOON, Stepping, action, bytes_of, interleave, reserve, settle, upload,
    };

    #[test]
    fn what_was_not_used_is_given_back_and_what_was_used_beyond_is_added() {
        for (reserved, used) in [(100, 30), (100, 100), (100, 0), (0, 40), (100, 250)] {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let usage = Usage::new(&store, &clock, 1_000);
            block_on(async {
                usage.reserve(&reserve("a", reserved)).await.unwrap();
                usage
                    .settle(&settle("a", Some(upload(&clock, used))))
                    .await
                    .unwrap();
                assert_eq!(bytes_of(&store, NOON), used as i64, "{reserved} {used}");
                let today = usage.today("u").await.unwrap();
                assert_eq!((today.upload_bytes, today.uploads), (used, 1));
            });
        }
    }

    #[test]
    fn a_transfer_that_came_to_nothing_gives_all_back_and_leaves_no_action() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            usage.reserve(&reserve("a", 100)).await.unwrap();
            usage.settle(&settle("a", None)).await.unwrap();
            assert_eq!(bytes_of(&store, NOON), 0);
            assert_eq!(usage.today("u").await.unwrap().uploads, 0);
            assert!(usage.actions("u", None, 10).await.unwrap().items.is_empty());
        });
    }

    #[test]
    fn a_repeated_settlement_does_nothing_more() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            usage.reserve(&reserve("a", 100)).await.unwrap();
            for used in [130, 130, 70] {
                usage
                    .settle(&settle("a", Some(upload(&clock, used))))
                    .await
                    .unwrap();
            }
            usage.settle(&settle("a", None)).await.unwrap();
            assert_eq!(bytes_of(&store, NOON), 130);
            assert_eq!(usage.today("u").await.unwrap().uploads, 1);
            assert_eq!(usage.actions("u", None, 10).await.unwrap().items.len(), 1);
        });
    }

    #[test]
    fn settlements_of_one_transfer_at_once_count_once() {
        for seed in 0..200 {
            for used in [30, 130] {
                let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
                let stepping = Stepping::new(&store);
                let usage = Usage::new(&stepping, &clock, 1_000);
                block_on(Usage::new(&store, &clock, 1_000).reserve(&reserve("a", 100))).unwrap();
                let request = settle("a", Some(upload(&clock, used)));
                let calls = (0..4)
                    .map(|_| usage.settle(&request).boxed_local())
                    .collect();
                for outcome in interleave(seed, calls) {
                    outcome.unwrap();
                }
                assert_eq!(bytes_of(&store, NOON), used as i64, "seed {seed}");
                let today = block_on(Usage::new(&store, &clock, 1_000).today("u")).unwrap();
                assert_eq!(
                    (today.upload_bytes, today.uploads),
                    (used, 1),
                    "seed {seed}"
                );
            }
        }
    }

    #[test]
    fn midnight_in_the_middle_of_a_transfer_changes_no_other_day() {
        let midnight = NOON - NOON % 86_400_000 + 86_400_000;
        let (store, clock) = (MemoryStore::default(), ManualClock::at(midnight - 1_000));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            usage.reserve(&reserve("a", 900)).await.unwrap();
            clock.advance_ms(2_000);
            usage
                .settle(&settle("a", Some(upload(&clock, 600))))
                .await
                .unwrap();
            assert_eq!(
                (bytes_of(&store, midnight - 1), bytes_of(&store, midnight)),
                (600, 0)
            );
            let days = usage.daily("u", 2).await.unwrap();
            let bytes: Vec<u64> = days.iter().map(|day| day.upload_bytes).collect();
            assert_eq!(bytes, [0, 600]);
        });
    }

    #[test]
    fn a_deletion_is_written_down_and_costs_no_bandwidth() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            let deletion = action(&clock, ActionKind::Delete, 5_000);
            for _ in 0..2 {
                usage
                    .settle(&settle("d", Some(deletion.clone())))
                    .await
                    .unwrap();
            }
            assert_eq!(bytes_of(&store, NOON), 0);
            let today = usage.today("u").await.unwrap();
            assert_eq!((today.deletions, today.total_bytes), (1, 0));
            let page = usage.actions("u", None, 10).await.unwrap();
            assert_eq!(page.items, [deletion]);
        });
    }

    #[test]
    fn bytes_without_a_reservation_are_counted() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            let stream = action(&clock, ActionKind::Stream, 400);
            usage.settle(&settle("s", Some(stream))).await.unwrap();
            assert_eq!(bytes_of(&store, NOON), 400);
        });
    }

    #[test]
    fn a_settlement_that_died_anywhere_never_leaves_less_than_was_used() {
        for (reserved, used) in [(100, 30), (100, 100), (100, 250), (0, 40)] {
            for calls in 0.. {
                let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
                let usage = Usage::new(&store, &clock, 1_000);
                block_on(usage.reserve(&reserve("a", reserved))).unwrap();
                let dying = Stepping::dying_after(&store, calls);
                let request = settle("a", Some(upload(&clock, used)));
                let dead = Usage::new(&dying, &clock, 1_000);
                let died = dead.settle(&request).now_or_never().is_none();
                // Whoever comes later: the caller again, and the sweep.
                block_on(usage.settle(&request)).unwrap();
                for _ in 0..3 {
                    clock.advance_ms(7 * 3_600_000);
                    block_on(usage.sweep("u")).unwrap();
                }
                let counted = bytes_of(&store, NOON);
                assert!(
                    counted >= used as i64,
                    "{reserved} {used} call {calls}: {counted}"
                );
                let most = reserved.max(used) + used;
                assert!(
                    counted <= most as i64,
                    "{reserved} {used} call {calls}: {counted}"
                );
                assert!(!store.keys().iter().any(|key| key.contains("/transfer/")));
                if !died {
                    assert_eq!(counted, used as i64);
                    break;
                }
            }
        }
    }
}
