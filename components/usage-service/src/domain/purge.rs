use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_api::internal::Purged;
use spinreel_ledger::{Journal, Truncated};
use spinreel_platform::{Clock, Store};

use super::days::{DayCounters, EARLIER_DAYS, since};
use super::{List, Usage, UsageError, actions, alerts};

/// How many stretches of 64 entries go at most in one call, of each list.
const STRETCHES: usize = 4;
/// How many days lose their counters at most in one call.
const DAYS: usize = 64;

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Removes a part of everything that is known of a user. It is done when nothing is left and no transfer goes on;
    /// one that nobody settles is taken for dead in its time, and holds it up until then.
    ///
    /// In this order: the transfers, of which those that go on stay; the actions and the alerts; the counters of the
    /// days, once no transfer is left that would move one of them below nothing; at last the limit. A call that died
    /// anywhere is made up for by the next one. In all it makes a few hundred calls of the store at most, most of them
    /// reads of entries that are not sealed.
    ///
    /// What stays are numbers: the ends and the beginnings of the lists of transfers, actions and alerts. They are never
    /// given twice, since a call that is late fills the place that it was given. What a call brings that comes after
    /// it was done (a settlement that is repeated when its transfer is no longer remembered, an alert between its entry
    /// and its place) is not known here: whoever removes a user does it last when nobody acts for the user any more,
    /// and best once again later.
    pub async fn purge(&self, user: &str) -> Result<Purged, UsageError> {
        let transfers = self.clear_transfers(user).await?;
        let journal = List::Actions.journal(user);
        let actions = self
            .clear(&journal, async |_: &actions::Recorded| Ok(()))
            .await?;
        let journal = List::Alerts.journal(user);
        let alerts = self
            .clear(&journal, async |entry: &alerts::Recorded| {
                self.forget_alert(user, entry).await
            })
            .await?;
        let days = match transfers.more {
            true => Truncated {
                removed: 0,
                more: true,
            },
            false => self.clear_days(user).await?,
        };
        let done = !days.more && !actions.more && !alerts.more;
        if done {
            self.set_limit(user, None).await?;
        }
        Ok(Purged {
            removed: transfers.forgotten + actions.removed + alerts.removed + days.removed,
            done,
        })
    }

    async fn clear<T: Serialize + DeserializeOwned + Clone>(
        &self,
        journal: &Journal,
        mut before: impl AsyncFnMut(&T) -> Result<(), UsageError>,
    ) -> Result<Truncated, UsageError> {
        let mut cleared = Truncated {
            removed: 0,
            more: true,
        };
        for _ in 0..STRETCHES {
            let truncated = journal.truncate(self.store, &mut before).await?;
            cleared.removed += truncated.removed;
            cleared.more = truncated.more;
            if !cleared.more {
                break;
            }
        }
        Ok(cleared)
    }

    /// Removes the counters of the next days, from the first one on. Tomorrow is one of them, as an action may lie a day
    /// ahead, and the last days are even where nothing was noted: those are not counted as removed, while a call that
    /// leaves some says that it came further.
    async fn clear_days(&self, user: &str) -> Result<Truncated, UsageError> {
        let since = since(user);
        let noted = since.get(self.store).await?;
        let end = self.current_day().next().next();
        let mut day = noted.unwrap_or(end).min(self.current_day());
        for _ in 0..EARLIER_DAYS {
            day = day.previous().unwrap_or(day);
        }
        let mut keys = Vec::new();
        for _ in 0..DAYS {
            if day < end {
                keys.extend(DayCounters::new(user, day).keys());
                day = day.next();
            }
        }
        self.store.delete_many(&keys).await?;
        if day < end {
            since.set(self.store, &day).await?;
            return Ok(Truncated {
                removed: DAYS as u64,
                more: true,
            });
        }
        if noted.is_some() {
            since.delete(self.store).await?;
        }
        Ok(Truncated {
            removed: 0,
            more: false,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt;
    use futures::executor::block_on;
    use futures::future::LocalBoxFuture;
    use proptest::prelude::*;
    use spinreel_api::usage::ActionKind;
    use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

    use super::*;
    use crate::domain::testing::{
        NOON, Stepping, action, alert, interleave, reserve, settle, upload,
    };
    use crate::domain::{EXPIRES_AFTER_MS, Reservation};

    const DAY_MS: u64 = 86_400_000;

    /// Purges `u` until it is done; how many things went, in how many calls.
    async fn purge_all(usage: &Usage<'_, impl Store, ManualClock>) -> (u64, u64) {
        let (mut removed, mut calls) = (0, 0);
        loop {
            let purged = usage.purge("u").await.unwrap();
            removed += purged.removed;
            calls += 1;
            assert!(calls < 1_000, "never done");
            if purged.done {
                return (removed, calls);
            }
        }
    }

    /// The keys of `u` that are more than numbers of places.
    fn left(store: &MemoryStore) -> Vec<String> {
        let numbers = ["head", "first", "sealed"];
        let lists = ["transfers", "actions", "alerts"];
        let keys = store.keys().into_iter().filter(|key| {
            let rest = key.strip_prefix("usage/u/").unwrap_or(key);
            !rest
                .split_once('/')
                .is_some_and(|(list, name)| lists.contains(&list) && numbers.contains(&name))
        });
        keys.collect()
    }

    async fn use_it(usage: &Usage<'_, impl Store, ManualClock>, clock: &ManualClock, from: u64) {
        for n in from..from + 5 {
            let id = format!("t{n}");
            usage.reserve(&reserve(&id, 10)).await.unwrap();
            usage
                .settle(&settle(&id, Some(upload(clock, 7))))
                .await
                .unwrap();
        }
        let deletion = action(clock, ActionKind::Delete, 7);
        let id = format!("d{from}");
        usage.settle(&settle(&id, Some(deletion))).await.unwrap();
        usage.reserve(&reserve("refused", 5_000)).await.unwrap();
        usage
            .raise(&format!("a/{from}"), &alert(810))
            .await
            .unwrap();
    }

    #[test]
    fn of_a_user_with_a_history_nothing_is_left_but_numbers() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            usage.set_limit("u", Some(2_000)).await.unwrap();
            for day in 0..200 {
                use_it(&usage, &clock, day * 10).await;
                usage.sweep("u").await.unwrap();
                usage.seal(List::Actions, "u").await.unwrap();
                clock.advance_ms(DAY_MS);
            }
            let (removed, calls) = purge_all(&usage).await;
            // 1,200 actions and 200 alerts, and what was remembered of the transfers.
            assert!((1_400..2_700).contains(&removed), "{removed}");
            assert!((4..100).contains(&calls), "{calls}");
            assert_eq!(left(&store), Vec::<String>::new());
            assert!(usage.actions("u", None, 10).await.unwrap().items.is_empty());
            assert!(usage.alerts("u", None, 10).await.unwrap().items.is_empty());
            assert_eq!(purge_all(&usage).await, (0, 1));
        });
    }

    #[test]
    fn of_a_user_who_did_nothing_there_is_nothing_to_remove() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        assert_eq!(block_on(purge_all(&usage)), (0, 1));
        assert!(store.keys().is_empty());
    }

    #[test]
    fn nobody_elses_things_go() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            use_it(&usage, &clock, 0).await;
            let before = store.keys();
            usage.purge("v").await.unwrap();
            assert_eq!(store.keys(), before);
        });
    }

    #[test]
    fn what_was_counted_a_day_before_or_ahead_goes_too() {
        for offset in [-1, 0, 1_i64] {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let usage = Usage::new(&store, &clock, 1_000);
            block_on(async {
                let mut stream = action(&clock, ActionKind::Stream, 5);
                let at_ms = NOON.strict_add_signed(offset * DAY_MS as i64);
                stream.at = spinreel_api::Timestamp::from_ms(at_ms);
                usage.settle(&settle("s", Some(stream))).await.unwrap();
                clock.advance_ms(100 * DAY_MS);
                // The transfer, its action, and the days of one call: who repeats it sees that it gets on.
                assert_eq!(purge_all(&usage).await.0, 2 + DAYS as u64);
                assert_eq!(left(&store), Vec::<String>::new(), "{offset}");
            });
        }
    }

    #[test]
    fn a_transfer_that_goes_on_is_waited_for_and_a_dead_one_given_up_in_its_time() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            usage.reserve(&reserve("a", 100)).await.unwrap();
            usage.reserve(&reserve("b", 100)).await.unwrap();
            for _ in 0..3 {
                assert!(!usage.purge("u").await.unwrap().done);
            }
            usage
                .settle(&settle("a", Some(upload(&clock, 80))))
                .await
                .unwrap();
            assert!(!usage.purge("u").await.unwrap().done);
            clock.advance_ms(EXPIRES_AFTER_MS);
            assert!(usage.purge("u").await.unwrap().done);
            assert_eq!(left(&store), Vec::<String>::new());
            let again = usage.reserve(&reserve("a", 1_000)).await.unwrap();
            assert_eq!(again, Reservation::Granted);
        });
    }

    #[test]
    fn a_purge_that_died_anywhere_is_made_up_for_by_the_next_ones() {
        for calls in 0.. {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let usage = Usage::new(&store, &clock, 1_000);
            block_on(usage.set_limit("u", Some(900))).unwrap();
            block_on(use_it(&usage, &clock, 0));
            clock.advance_ms(EXPIRES_AFTER_MS);
            let dying = Stepping::dying_after(&store, calls);
            let dead = Usage::new(&dying, &clock, 1_000);
            let died = dead.purge("u").now_or_never().is_none();
            // The place of the refused transfer is given up in its time.
            for _ in 0..2 {
                block_on(usage.purge("u")).unwrap();
                clock.advance_ms(EXPIRES_AFTER_MS);
            }
            block_on(purge_all(&usage));
            assert_eq!(left(&store), Vec::<String>::new(), "call {calls}");
            if !died {
                return;
            }
        }
    }

    #[test]
    fn a_purge_costs_the_same_however_much_there_is() {
        let store = CountingStore::new(MemoryStore::default());
        let clock = ManualClock::at(NOON);
        let usage = Usage::new(&store, &clock, i64::MAX);
        block_on(async {
            for n in 0..2_000 {
                let id = format!("t{n}");
                let one = settle(&id, Some(upload(&clock, 1)));
                usage.settle(&one).await.unwrap();
            }
            store.take_calls();
            assert!(!usage.purge("u").await.unwrap().done);
            let first = store.take_calls();
            assert!(first.total() < 400, "{first:?}");
            usage.purge("u").await.unwrap();
            assert_eq!(store.take_calls(), first);
        });
    }

    proptest! {
        #[test]
        fn purges_beside_transfers_leave_nothing_once_they_are_over(
            reserved in 0..100_u64,
            used in prop::option::of(0..200_u64),
            seed in any::<u64>(),
        ) {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let stepping = Stepping::new(&store);
            let usage = Usage::new(&stepping, &clock, 1_000);
            let action = used.map(|used| upload(&clock, used));
            let whole = async {
                usage.reserve(&reserve("a", reserved)).await.unwrap();
                usage.settle(&settle("a", action)).await.unwrap();
            };
            let raised = alert(810);
            let calls: Vec<LocalBoxFuture<'_, ()>> = vec![
                whole.boxed_local(),
                usage.raise("x", &raised).map(|done| { done.unwrap(); }).boxed_local(),
                usage.purge("u").map(|done| { done.unwrap(); }).boxed_local(),
                usage.purge("u").map(|done| { done.unwrap(); }).boxed_local(),
            ];
            interleave(seed, calls);
            let usage = Usage::new(&store, &clock, 1_000);
            for _ in 0..3 {
                block_on(usage.purge("u")).unwrap();
                clock.advance_ms(EXPIRES_AFTER_MS);
            }
            prop_assert!(block_on(usage.purge("u")).unwrap().done);
            let left = left(&store);
            // An alert that was caught between its entry and its place.
            let alerts = ["usage/u/alert-told/x", "usage/u/alert/x"];
            prop_assert!(left.iter().all(|key| alerts.contains(&key.as_str())), "{:?}", left);
        }
    }
}
