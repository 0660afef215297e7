use spinreel_api::Timestamp;
use spinreel_api::internal::Reserve;
use spinreel_ledger::{Reserved, claim};
use spinreel_platform::{Clock, Store};

use super::days::DayCounters;
use super::transfer::{ATTEMPTS, EXPIRES_AFTER_MS, Keys, Slot, State, Transfer, transfers};
use super::{Usage, UsageError};

/// How often, and at which distance in milliseconds, the outcome of a call that reserves for the same transfer is
/// looked for.
const LOOKS: u32 = 20;
const LOOK_EVERY_MS: u64 = 100;
/// After this long without an outcome, a call is taken for dead, in milliseconds.
const ABANDONED_AFTER_MS: u64 = 60_000;

/// What came of a [`Usage::reserve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// The bytes are the transfer's.
    Granted,
    /// They would go past the day's limit; nothing has changed.
    Refused,
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Takes a part of the day's bandwidth for a transfer. Repeated calls for one transfer take it once.
    ///
    /// The order of writes: the claim, the place in the user's list, the intent with the place's cell, the counter,
    /// the intent again as held; five in all, and none for a request that is hopeless from the start. It reads the
    /// transfer, the limit and, twice, the counter; where the day has no bytes yet, one `get` more (and in a user's life one
    /// `set`) sees to it that the first day is known. A crash before the counter moves costs nothing. A crash after it leaves bytes that nobody gives back before the day ends, as
    /// nobody can know of them: the counter is too high, never too low. A caller that died is replaced by the next
    /// one that reserves for the same transfer (at most twice); what it left behind without an intent is
    /// one claim key.
    pub async fn reserve(&self, request: &Reserve) -> Result<Reservation, UsageError> {
        let keys = Keys::new(&request.user_id, &request.id);
        let mut attempt = match keys.record().get(self.store).await? {
            None => 1,
            Some(transfer) => match self.standing(&transfer)? {
                Standing::Granted => return Ok(Reservation::Granted),
                Standing::Undecided => return self.outcome_of_another(&keys).await,
                Standing::Abandoned => transfer.attempt + 1,
            },
        };
        let now = Timestamp::from_ms(self.clock.now_ms());
        let bytes = i64::try_from(request.bytes).unwrap_or(i64::MAX);
        let limit = self.limit(&request.user_id).await?;
        let taken = DayCounters::new(&request.user_id, now.day()).bytes();
        let taken = taken.get(self.store).await?;
        if bytes > limit.saturating_sub(taken) {
            return Ok(Reservation::Refused);
        }
        if taken == 0 {
            self.note_today(&request.user_id).await?;
        }
        while attempt <= ATTEMPTS {
            if claim(self.store, &keys.reserve_claim(attempt)).await? {
                return self.take(request, &keys, attempt, bytes, limit).await;
            }
            match self.outcome_of_another(&keys).await {
                Err(UsageError::Busy) if keys.record().get(self.store).await?.is_none() => {}
                outcome => return outcome,
            }
            attempt += 1;
        }
        Err(UsageError::Busy)
    }

    /// Does what whoever won the claim may do.
    async fn take(
        &self,
        request: &Reserve,
        keys: &Keys,
        attempt: u32,
        bytes: i64,
        limit: i64,
    ) -> Result<Reservation, UsageError> {
        let slot = self.new_slot(&request.user_id).await?;
        let at = Timestamp::from_ms(self.clock.now_ms());
        let mut transfer = Transfer {
            state: State::Pending,
            day: at.day(),
            bytes,
            direction: Some(request.direction),
            at,
            slot,
            attempt,
        };
        let place = Slot {
            id: request.id.clone(),
            until: Timestamp::from_ms(at.as_ms() + EXPIRES_AFTER_MS),
            over: false,
        };
        let slot_cell = transfers(&request.user_id).cell::<Slot>(slot);
        let intent = [keys.record().pair(&transfer)?, slot_cell.pair(&place)?];
        self.store.set_many(&intent).await?;
        let counter = DayCounters::new(&request.user_id, transfer.day).bytes();
        match counter.reserve(self.store, bytes, limit).await? {
            Reserved::Yes(_) => {
                transfer.state = State::Held;
                keys.record().set(self.store, &transfer).await?;
                Ok(Reservation::Granted)
            }
            Reserved::No => {
                let mut gone = vec![slot_cell.key().to_owned()];
                gone.extend(keys.all());
                self.store.delete_many(&gone).await?;
                Ok(Reservation::Refused)
            }
        }
    }

    /// Waits for another call that reserves for the same transfer; [`UsageError::Busy`] where it takes too long.
    async fn outcome_of_another(&self, keys: &Keys) -> Result<Reservation, UsageError> {
        for _ in 0..LOOKS {
            if let Some(transfer) = keys.record().get(self.store).await?
                && self.standing(&transfer)? == Standing::Granted
            {
                return Ok(Reservation::Granted);
            }
            self.clock.sleep_ms(LOOK_EVERY_MS).await;
        }
        Err(UsageError::Busy)
    }

    fn standing(&self, transfer: &Transfer) -> Result<Standing, UsageError> {
        let age_ms = self.clock.now_ms().saturating_sub(transfer.at.as_ms());
        match transfer.state {
            State::Held => Ok(Standing::Granted),
            State::Pending if age_ms < ABANDONED_AFTER_MS => Ok(Standing::Undecided),
            State::Pending => Ok(Standing::Abandoned),
            State::Expired | State::Settled => Err(UsageError::Over),
        }
    }
}

/// What an intent says to another call for the same transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Granted,
    Undecided,
    Abandoned,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt;
    use futures::executor::block_on;
    use proptest::prelude::*;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;
    use crate::domain::testing::{
        NOON, Stepping, bytes_of, interleave, interleave_fairly, reserve, settle, upload,
    };

    #[test]
    fn the_limit_can_be_reached_and_not_passed() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 100);
        block_on(async {
            for (id, bytes, outcome) in [
                ("a", 60, Reservation::Granted),
                ("b", 41, Reservation::Refused),
                ("c", u64::MAX, Reservation::Refused),
                ("d", 40, Reservation::Granted),
                ("e", 1, Reservation::Refused),
                ("f", 0, Reservation::Granted),
            ] {
                assert_eq!(
                    usage.reserve(&reserve(id, bytes)).await.unwrap(),
                    outcome,
                    "{id}"
                );
            }
            assert_eq!(bytes_of(&store, NOON), 100);
        });
    }

    #[test]
    fn a_reservation_takes_five_writes_and_a_hopeless_one_none() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let first = Usage::new(&store, &clock, 100);
        block_on(first.reserve(&reserve("first", 1))).unwrap();
        let stepping = Stepping::new(&store);
        let usage = Usage::new(&stepping, &clock, 100);
        block_on(usage.reserve(&reserve("a", 60))).unwrap();
        assert_eq!(stepping.writes(), 5);
        block_on(usage.reserve(&reserve("b", 60))).unwrap();
        assert_eq!(stepping.writes(), 5);
    }

    #[test]
    fn another_day_has_a_limit_of_its_own() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 100);
        block_on(async {
            usage.reserve(&reserve("a", 100)).await.unwrap();
            clock.advance_ms(86_400_000);
            let outcome = usage.reserve(&reserve("b", 100)).await.unwrap();
            assert_eq!(outcome, Reservation::Granted);
        });
    }

    #[test]
    fn a_repeated_reservation_takes_nothing_more_even_at_the_limit() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 100);
        block_on(async {
            for _ in 0..3 {
                let outcome = usage.reserve(&reserve("a", 100)).await.unwrap();
                assert_eq!(outcome, Reservation::Granted);
            }
            assert_eq!(bytes_of(&store, NOON), 100);
        });
    }

    #[test]
    fn a_refused_transfer_may_be_tried_again_later() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 100);
        block_on(async {
            usage.reserve(&reserve("a", 60)).await.unwrap();
            let outcome = usage.reserve(&reserve("b", 60)).await.unwrap();
            assert_eq!(outcome, Reservation::Refused);
            usage.settle(&settle("a", None)).await.unwrap();
            let outcome = usage.reserve(&reserve("b", 60)).await.unwrap();
            assert_eq!(outcome, Reservation::Granted);
        });
    }

    #[test]
    fn a_transfer_that_is_over_reserves_no_more() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 100);
        block_on(async {
            usage.reserve(&reserve("a", 60)).await.unwrap();
            usage
                .settle(&settle("a", Some(upload(&clock, 60))))
                .await
                .unwrap();
            assert_eq!(
                usage.reserve(&reserve("a", 40)).await,
                Err(UsageError::Over)
            );
            assert_eq!(bytes_of(&store, NOON), 60);
        });
    }

    #[test]
    fn reservations_for_one_transfer_at_once_take_it_once() {
        for seed in 0..300 {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let stepping = Stepping::new(&store);
            let usage = Usage::new(&stepping, &clock, 100);
            let request = reserve("a", 40);
            let calls = (0..3)
                .map(|_| usage.reserve(&request).boxed_local())
                .collect();
            for outcome in interleave_fairly(seed, calls) {
                assert_eq!(outcome.unwrap(), Reservation::Granted, "seed {seed}");
            }
            assert_eq!(bytes_of(&store, NOON), 40, "seed {seed}");
        }
    }

    #[test]
    fn a_reservation_that_died_anywhere_is_made_up_for_and_refuses_nobody_for_ever() {
        for calls in 0.. {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let dying = Stepping::dying_after(&store, calls);
            let request = reserve("a", 40);
            let dead = Usage::new(&dying, &clock, 100);
            let died = dead.reserve(&request).now_or_never().is_none();
            let usage = Usage::new(&store, &clock, 100);
            clock.advance_ms(ABANDONED_AFTER_MS);
            let outcome = block_on(usage.reserve(&request)).unwrap();
            assert_eq!(outcome, Reservation::Granted, "call {calls}");
            let counted = bytes_of(&store, NOON);
            assert!(counted == 40 || counted == 80, "call {calls}: {counted}");
            block_on(usage.settle(&settle("a", Some(upload(&clock, 30))))).unwrap();
            let counted = bytes_of(&store, NOON);
            assert!(counted == 30 || counted == 70, "call {calls}: {counted}");
            if !died {
                assert_eq!(counted, 30);
                break;
            }
        }
    }

    #[test]
    fn a_call_that_is_still_at_work_is_waited_for_and_then_reported_as_busy() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        // Up to the intent and no further: three gets, the first day, claim, slot, intent.
        let dying = Stepping::dying_after(&store, 8);
        let request = reserve("a", 40);
        let slow = Usage::new(&dying, &clock, 100);
        assert!(slow.reserve(&request).now_or_never().is_none());
        let usage = Usage::new(&store, &clock, 100);
        assert_eq!(block_on(usage.reserve(&request)), Err(UsageError::Busy));
        assert_eq!(bytes_of(&store, NOON), 0);
    }

    #[test]
    fn bytes_that_were_perhaps_never_taken_are_not_given_back() {
        for swept in [false, true] {
            for calls in 0..=8 {
                let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
                let usage = Usage::new(&store, &clock, 100);
                block_on(usage.reserve(&reserve("other", 50))).unwrap();
                block_on(usage.settle(&settle("other", Some(upload(&clock, 50))))).unwrap();
                let dying = Stepping::dying_after(&store, calls);
                let dead = Usage::new(&dying, &clock, 100);
                assert!(dead.reserve(&reserve("a", 40)).now_or_never().is_none());
                if swept {
                    clock.advance_ms(EXPIRES_AFTER_MS);
                    block_on(usage.sweep("u")).unwrap();
                } else {
                    block_on(usage.settle(&settle("a", None))).unwrap();
                }
                let counted = bytes_of(&store, NOON);
                assert!(counted >= 50, "call {calls}: {counted}");
            }
        }
    }

    proptest! {
        #[test]
        fn interleaved_reservations_never_pass_the_limit(
            amounts in prop::collection::vec(1..60_u64, 2..8),
            seed in any::<u64>(),
        ) {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let stepping = Stepping::new(&store);
            let usage = Usage::new(&stepping, &clock, 100);
            let requests: Vec<_> = amounts
                .iter()
                .enumerate()
                .map(|(n, bytes)| reserve(&format!("t{n}"), *bytes))
                .collect();
            let calls = requests.iter().map(|one| usage.reserve(one).boxed_local()).collect();
            let outcomes = interleave(seed, calls);
            let granted: u64 = outcomes
                .iter()
                .zip(&amounts)
                .filter(|(outcome, _)| **outcome == Ok(Reservation::Granted))
                .map(|(_, bytes)| bytes)
                .sum();
            prop_assert!(granted <= 100);
            prop_assert_eq!(bytes_of(&store, NOON), granted as i64);
            let records = store.keys().iter().filter(|key| key.contains("/transfer/")).count();
            let winners = outcomes.iter().filter(|one| **one == Ok(Reservation::Granted)).count();
            // Each has its intent and its claim.
            prop_assert_eq!(records, 2 * winners);
        }
    }
}
