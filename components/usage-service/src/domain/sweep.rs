use serde::{Deserialize, Serialize};
use spinreel_api::Timestamp;
use spinreel_ledger::Cell;
use spinreel_platform::{Clock, Store};

use super::days::DayCounters;
use super::transfer::{
    FILL_WITHIN_MS, Keys, REMEMBERED_MS, Slot, State, transfers, transfers_prefix,
};
use super::{Usage, UsageError};

/// How many of a user's oldest transfers one sweep looks at.
pub const SWEEP_SIZE: u64 = 8;
/// How many of them go at most in one call that removes everything.
const CLEAR_SIZE: u64 = 32;

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Reservations that were given back.
    pub given_back: u64,
    /// The bytes of these.
    pub bytes: i64,
}

/// Where a user's list of transfers begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Beginning {
    /// No transfer stands before this slot.
    first: u64,
    /// The last slot that had been given out at `at_ms`.
    seen: u64,
    at_ms: u64,
}

impl Beginning {
    /// Where the list of a user begins who has none noted.
    const NEW: Self = Self {
        first: 1,
        seen: 0,
        at_ms: 0,
    };

    /// The same with another first slot; whose callers must be decided next time is noted where that is due.
    fn moved(self, first: u64, head: u64, now_ms: u64) -> Self {
        if self.decided(now_ms) > 0 || self.seen == 0 {
            Self {
                first,
                seen: head,
                at_ms: now_ms,
            }
        } else {
            Self { first, ..self }
        }
    }

    /// The last slot whose caller must have filled it by now, or died.
    fn decided(self, now_ms: u64) -> u64 {
        if now_ms.saturating_sub(self.at_ms) > 2 * FILL_WITHIN_MS {
            self.seen
        } else {
            0
        }
    }
}

/// What a [`Usage::clear_transfers`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cleared {
    /// Transfers that are forgotten now.
    pub(super) forgotten: u64,
    /// Whether there are others: they go on, or come with the next call.
    pub(super) more: bool,
}

fn beginning(user: &str) -> Cell<Beginning> {
    Cell::new(format!("{}/first", transfers_prefix(user)))
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Looks at the oldest transfers of a user, at most [`SWEEP_SIZE`]: reservations that nobody settled within
    /// [`EXPIRES_AFTER_MS`](super::EXPIRES_AFTER_MS) are given back, once, and transfers that have been over for
    /// [`REMEMBERED_MS`] are forgotten. Where there is nothing to do, it writes nothing.
    ///
    /// A crash between the right to give back and the giving leaves the counter of that day too high.
    pub async fn sweep(&self, user: &str) -> Result<Swept, UsageError> {
        let slots = transfers(user);
        let marker = beginning(user);
        let now_ms = self.clock.now_ms();
        let old = marker.get(self.store).await?.unwrap_or(Beginning::NEW);
        let head = slots.head(self.store).await?;
        let mut swept = Swept::default();
        let mut first = old.first;
        let mut waits_for_a_slot = false;
        for number in old.first..=head.min(old.first + SWEEP_SIZE - 1) {
            let gone = match slots.cell::<Slot>(number).get(self.store).await? {
                None => {
                    let decided = number <= old.decided(now_ms);
                    waits_for_a_slot |= first == number && !decided;
                    decided
                }
                Some(slot) if now_ms < slot.until.as_ms() => false,
                Some(slot) if slot.over => {
                    self.forget(user, number, &slot).await?;
                    true
                }
                Some(slot) => {
                    self.expire(user, number, &slot, &mut swept).await?;
                    false
                }
            };
            if gone && first == number {
                first += 1;
            }
        }
        let new = old.moved(first, head, now_ms);
        if first != old.first || (waits_for_a_slot && new != old) {
            marker.set(self.store, &new).await?;
        }
        Ok(swept)
    }

    /// Forgets the oldest transfers of a user up to the first that goes on, or may: those that are over are not
    /// remembered any longer, and the dead are given back before. A place that nobody filled yet holds up the others as
    /// in a [`sweep`](Self::sweep).
    pub(super) async fn clear_transfers(&self, user: &str) -> Result<Cleared, UsageError> {
        let slots = transfers(user);
        let marker = beginning(user);
        let now_ms = self.clock.now_ms();
        let old = marker.get(self.store).await?.unwrap_or(Beginning::NEW);
        let head = slots.head(self.store).await?;
        let mut cleared = Cleared::default();
        let mut first = old.first;
        while first <= head && first < old.first + CLEAR_SIZE {
            match slots.cell::<Slot>(first).get(self.store).await? {
                None if first <= old.decided(now_ms) => {}
                Some(slot) if slot.over || now_ms >= slot.until.as_ms() => {
                    if !slot.over {
                        self.expire(user, first, &slot, &mut Swept::default())
                            .await?;
                    }
                    self.forget(user, first, &slot).await?;
                    cleared.forgotten += 1;
                }
                None | Some(_) => break,
            }
            first += 1;
        }
        cleared.more = first <= head;
        let new = old.moved(first, head, now_ms);
        if first != old.first || (cleared.more && new != old) {
            marker.set(self.store, &new).await?;
        }
        Ok(cleared)
    }

    /// Gives back what a dead transfer reserved, where that is still to be done, and remembers it as over.
    async fn expire(
        &self,
        user: &str,
        number: u64,
        slot: &Slot,
        swept: &mut Swept,
    ) -> Result<(), UsageError> {
        let keys = Keys::new(user, &slot.id);
        let place = Slot {
            until: Timestamp::from_ms(self.clock.now_ms() + REMEMBERED_MS),
            over: true,
            ..slot.clone()
        };
        let mut pairs = vec![transfers(user).cell(number).pair(&place)?];
        let record = keys.record().get(self.store).await?;
        // A transfer that was begun anew has another place, and is looked at there.
        if let Some(mut transfer) = record.filter(|transfer| transfer.slot == number) {
            let (mine, settled) = keys.settlement().sweep(self.store).await?;
            if mine && transfer.held() > 0 {
                swept.given_back += 1;
                swept.bytes += transfer.held();
                let counters = DayCounters::new(user, transfer.day);
                counters.bytes().add(self.store, -transfer.held()).await?;
            }
            transfer.state = if settled {
                State::Settled
            } else {
                State::Expired
            };
            pairs.push(keys.record().pair(&transfer)?);
        }
        Ok(self.store.set_many(&pairs).await?)
    }

    /// Deletes what is left of a transfer that has been over for long.
    async fn forget(&self, user: &str, number: u64, slot: &Slot) -> Result<(), UsageError> {
        let keys = Keys::new(user, &slot.id);
        let record = keys.record().get(self.store).await?;
        let elsewhere = record.is_some_and(|transfer| transfer.slot != number);
        let mut gone = if elsewhere { Vec::new() } else { keys.all() };
        // The slot last: as long as it is there, a deletion that died is made up for.
        gone.push(transfers(user).cell::<Slot>(number).key().to_owned());
        Ok(self.store.delete_many(&gone).await?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt;
    use futures::executor::block_on;
    use futures::future::LocalBoxFuture;
    use proptest::prelude::*;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;
    use crate::domain::EXPIRES_AFTER_MS;
    use crate::domain::testing::{NOON, Stepping, bytes_of, interleave, reserve, settle, upload};

    fn transfer_keys(store: &MemoryStore) -> usize {
        let keys = store.keys();
        keys.iter().filter(|key| key.contains("/transfer")).count()
    }

    #[test]
    fn a_dead_reservation_is_given_back_once_and_a_living_one_is_not() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            usage.reserve(&reserve("a", 100)).await.unwrap();
            clock.advance_ms(EXPIRES_AFTER_MS - 1);
            usage.reserve(&reserve("b", 10)).await.unwrap();
            assert_eq!(usage.sweep("u").await.unwrap(), Swept::default());
            clock.advance_ms(1);
            let swept = usage.sweep("u").await.unwrap();
            assert_eq!((swept.given_back, swept.bytes), (1, 100));
            assert_eq!(usage.sweep("u").await.unwrap(), Swept::default());
            assert_eq!(bytes_of(&store, NOON), 10);
        });
    }

    #[test]
    fn a_settlement_after_the_sweep_is_counted_in_full_once() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            usage.reserve(&reserve("a", 100)).await.unwrap();
            clock.advance_ms(EXPIRES_AFTER_MS);
            usage.sweep("u").await.unwrap();
            for _ in 0..2 {
                usage
                    .settle(&settle("a", Some(upload(&clock, 70))))
                    .await
                    .unwrap();
            }
            assert_eq!(bytes_of(&store, NOON), 70);
            assert_eq!(usage.actions("u", None, 10).await.unwrap().items.len(), 1);
            let outcome = usage.reserve(&reserve("a", 10)).await;
            assert_eq!(outcome, Err(UsageError::Over));
        });
    }

    #[test]
    fn what_is_over_is_forgotten_and_leaves_no_key_of_its_own() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            for n in 0..20 {
                usage.reserve(&reserve(&format!("t{n}"), 10)).await.unwrap();
                if n % 3 > 0 {
                    let request = settle(&format!("t{n}"), Some(upload(&clock, 5)));
                    usage.settle(&request).await.unwrap();
                }
            }
            for _ in 0..20 {
                clock.advance_ms(EXPIRES_AFTER_MS);
                usage.sweep("u").await.unwrap();
            }
            // The number of the last slot, and the beginning.
            assert_eq!(transfer_keys(&store), 2);
            assert_eq!(bytes_of(&store, NOON), 13 * 5);
            let writes = Stepping::new(&store);
            Usage::new(&writes, &clock, 1_000).sweep("u").await.unwrap();
            assert_eq!(writes.writes(), 0);
        });
    }

    #[test]
    fn one_sweep_looks_at_few_transfers_and_many_sweeps_at_all() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            for n in 0..20 {
                usage.reserve(&reserve(&format!("t{n}"), 10)).await.unwrap();
            }
            clock.advance_ms(EXPIRES_AFTER_MS);
            assert_eq!(usage.sweep("u").await.unwrap().given_back, SWEEP_SIZE);
            assert_eq!(usage.sweep("u").await.unwrap().given_back, 0);
            let mut given_back = SWEEP_SIZE;
            for _ in 0..3 {
                clock.advance_ms(REMEMBERED_MS);
                usage.sweep("u").await.unwrap();
                given_back += usage.sweep("u").await.unwrap().given_back;
            }
            assert_eq!(given_back, 20);
        });
    }

    #[test]
    fn a_slot_that_was_never_filled_is_stepped_over_only_when_its_caller_must_be_dead() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            let slow = usage.new_slot("u").await.unwrap();
            usage.sweep("u").await.unwrap();
            clock.advance_ms(FILL_WITHIN_MS);
            usage.sweep("u").await.unwrap();
            let place = Slot {
                id: "late".to_owned(),
                until: Timestamp::from_ms(clock.now_ms()),
                over: false,
            };
            transfers("u").cell(slow).set(&store, &place).await.unwrap();
            usage.sweep("u").await.unwrap();
            let found = transfers("u").cell::<Slot>(slow).get(&store).await.unwrap();
            assert!(found.unwrap().over);

            let dead = usage.new_slot("u").await.unwrap();
            usage.reserve(&reserve("a", 100)).await.unwrap();
            for _ in 0..6 {
                clock.advance_ms(EXPIRES_AFTER_MS);
                usage.sweep("u").await.unwrap();
            }
            assert_eq!(bytes_of(&store, NOON), 0);
            assert_eq!(transfer_keys(&store), 2, "slot {dead} holds up the list");
        });
    }

    #[test]
    fn a_sweep_that_died_anywhere_never_gives_back_twice_and_is_made_up_for() {
        for calls in 0.. {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let usage = Usage::new(&store, &clock, 1_000);
            block_on(usage.reserve(&reserve("a", 100))).unwrap();
            block_on(usage.reserve(&reserve("b", 10))).unwrap();
            clock.advance_ms(EXPIRES_AFTER_MS);
            let dying = Stepping::dying_after(&store, calls);
            let dead = Usage::new(&dying, &clock, 1_000);
            let died = dead.sweep("u").now_or_never().is_none();
            for _ in 0..6 {
                block_on(usage.sweep("u")).unwrap();
                clock.advance_ms(EXPIRES_AFTER_MS);
            }
            let counted = bytes_of(&store, NOON);
            assert!([0, 10, 100].contains(&counted), "call {calls}: {counted}");
            assert_eq!(transfer_keys(&store), 2, "call {calls}");
            if !died {
                assert_eq!(counted, 0);
                break;
            }
        }
    }

    proptest! {
        #[test]
        fn sweeps_and_settlements_at_once_leave_exactly_what_was_used(
            reserved in 0..100_u64,
            used in prop::option::of(0..200_u64),
            seed in any::<u64>(),
        ) {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let before = Usage::new(&store, &clock, 1_000);
            block_on(before.reserve(&reserve("a", reserved))).unwrap();
            clock.advance_ms(EXPIRES_AFTER_MS);
            let stepping = Stepping::new(&store);
            let usage = Usage::new(&stepping, &clock, 1_000);
            let request = settle("a", used.map(|used| upload(&clock, used)));
            let calls: Vec<LocalBoxFuture<'_, ()>> = vec![
                usage.settle(&request).map(|done| { done.unwrap(); }).boxed_local(),
                usage.settle(&request).map(|done| { done.unwrap(); }).boxed_local(),
                usage.sweep("u").map(|done| { done.unwrap(); }).boxed_local(),
                usage.sweep("u").map(|done| { done.unwrap(); }).boxed_local(),
            ];
            interleave(seed, calls);
            prop_assert_eq!(bytes_of(&store, NOON), used.unwrap_or(0) as i64);
            let actions = block_on(before.actions("u", None, 10)).unwrap().items;
            prop_assert_eq!(actions.len(), usize::from(used.is_some()));
        }

        #[test]
        fn the_counter_is_what_was_used_once_everything_is_settled(
            transfers in prop::collection::vec((0..300_u64, prop::option::of(0..300_u64), any::<bool>()), 1..30),
        ) {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let usage = Usage::new(&store, &clock, 1_000);
            block_on(async {
                let mut expected = 0;
                for (n, (reserved, used, dies)) in transfers.iter().enumerate() {
                    let id = format!("t{n}");
                    let granted = usage.reserve(&reserve(&id, *reserved)).await.unwrap();
                    if granted == super::super::Reservation::Granted && !dies {
                        let action = used.map(|used| upload(&clock, used.min(*reserved)));
                        expected += action.as_ref().map_or(0, |action| action.bytes as i64);
                        usage.settle(&settle(&id, action)).await.unwrap();
                    }
                    assert!(bytes_of(&store, NOON) <= 1_000);
                    usage.sweep("u").await.unwrap();
                }
                for _ in 0..20 {
                    clock.advance_ms(EXPIRES_AFTER_MS);
                    usage.sweep("u").await.unwrap();
                }
                assert_eq!(bytes_of(&store, NOON), expected);
            });
        }
    }
}
