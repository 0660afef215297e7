use spinreel_ledger::{Cell, LedgerError};
use spinreel_platform::{Clock, Store};

use super::{Usage, UsageError};

/// What stands in place of the limit of a user who is gone, for good: the tombstone. Nothing fits below it.
const GONE: i64 = -1;

/// The user's own limit, in bytes; no value where the user has what everybody has.
fn own(user: &str) -> Cell<i64> {
    Cell::new(format!("usage/{user}/limit"))
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Gives a user a limit of their own for each UTC day, in bytes; `None` takes it away.
    ///
    /// It holds from the next reservation on. What was reserved or used before stays, so a day may have more than a
    /// limit that was lowered. A user who is gone gets none any more.
    pub async fn set_limit(&self, user: &str, limit_bytes: Option<u64>) -> Result<(), UsageError> {
        if self.is_gone(user).await? {
            return Ok(());
        }
        let limit = limit_bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        match limit {
            Some(limit) => own(user).set(self.store, &limit).await?,
            None => own(user).delete(self.store).await?,
        }
        Ok(())
    }

    /// Notes that a user is gone: from now on nothing is reserved, settled or raised for them. A `get`, and a write the
    /// first time.
    pub(super) async fn bury(&self, user: &str) -> Result<(), LedgerError> {
        match self.is_gone(user).await? {
            true => Ok(()),
            false => own(user).set(self.store, &GONE).await,
        }
    }

    /// Whether a user is gone: one `get`.
    pub(super) async fn is_gone(&self, user: &str) -> Result<bool, LedgerError> {
        Ok(own(user).get(self.store).await? == Some(GONE))
    }

    /// What a user may move in and out on one UTC day, in bytes, less than nothing where the user is gone: one `get`.
    pub(super) async fn limit(&self, user: &str) -> Result<i64, LedgerError> {
        let own = own(user).get(self.store).await?;
        Ok(own.unwrap_or(self.limit_bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use spinreel_api::usage::ActionKind;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;
    use crate::domain::Outcome;
    use crate::domain::testing::{
        NOON, action, alert, bytes_of, give_back, incoming, playback, reserved, settle, upload,
        uploaded,
    };

    #[test]
    fn a_limit_of_ones_own_counts_instead_of_everybodys_until_it_is_taken_away() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 100);
        block_on(async {
            for (limit, bytes, is_granted) in [
                (None, 101, false),
                (Some(150), 101, true),
                (Some(150), 50, false),
                (Some(150), 49, true),
                (None, 1, false),
            ] {
                usage.set_limit("u", limit).await.unwrap();
                let outcome = usage.reserve(&incoming(bytes)).await.unwrap();
                assert_eq!(outcome != Outcome::Refused, is_granted, "{limit:?} {bytes}");
            }
            assert!(!store.keys().contains(&"usage/u/limit".to_owned()));
        });
    }

    #[test]
    fn nobody_elses_limit_changes() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 100);
        block_on(async {
            usage.set_limit("v", Some(5)).await.unwrap();
            reserved(&usage, &incoming(100)).await;
            assert_eq!(usage.today("v").await.unwrap().limit_bytes, 5);
            assert_eq!(usage.today("u").await.unwrap().limit_bytes, 100);
        });
    }

    #[test]
    fn nothing_comes_to_a_user_who_is_gone_whoever_is_late() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 100);
        block_on(async {
            uploaded(&usage, &clock, 1).await;
            let early = reserved(&usage, &incoming(20)).await;
            while !usage.purge("u").await.unwrap().done {}
            let left = store.keys();
            for limit in [Some(1_000), None] {
                usage.set_limit("u", limit).await.unwrap();
            }
            for bytes in [0, 1] {
                for request in [incoming(bytes), playback(bytes)] {
                    let refused = usage.reserve(&request).await.unwrap();
                    assert_eq!(refused, Outcome::Refused, "{request:?}");
                }
            }
            let deleted = action(&clock, ActionKind::Delete, 1);
            for settlement in [
                give_back(early.clone(), 0),
                settle(vec![early], Some(upload(&clock, 20))),
                settle(Vec::new(), Some(deleted)),
            ] {
                assert!(!usage.settle(&settlement).await.unwrap());
            }
            let raised = usage.raise("late", &alert(810)).await.unwrap();
            assert!(!raised.first);
            assert_eq!(store.keys(), left);
            assert_eq!(usage.today("u").await.unwrap().total_bytes, 0);
        });
    }

    #[test]
    fn a_limit_below_what_is_used_takes_nothing_away_and_lets_nothing_in() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 100);
        block_on(async {
            uploaded(&usage, &clock, 90).await;
            reserved(&usage, &incoming(10)).await;
            usage.set_limit("u", Some(60)).await.unwrap();
            let refused = usage.reserve(&incoming(1)).await.unwrap();
            assert_eq!(refused, Outcome::Refused);
            assert_eq!(bytes_of(&store, NOON), (100, 0));
            let days = usage.daily("u", 2).await.unwrap();
            assert_eq!((days[0].limit_bytes, days[0].percentage), (60, 166.67));
        });
    }
}
