use spinreel_api::alerts::{AlertKind, RaiseAlert};
use spinreel_api::{Day, Timestamp};
use spinreel_platform::{Clock, Store};

use super::{Raised, Usage, UsageError};

/// The share of the day's bandwidth whose crossing is reported, in percent.
const THRESHOLD_PERCENT: u8 = 80;

/// A day most of whose bandwidth is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nearing {
    pub(super) day: Day,
    /// Bytes that were moved, or are reserved.
    pub(super) used: i64,
    pub(super) limit: i64,
}

/// Whether so many bytes of a day are as many as an alert is about.
pub(super) fn is_near(used: i64, limit: i64) -> bool {
    let threshold = i128::from(limit) * i128::from(THRESHOLD_PERCENT);
    used > 0 && i128::from(used) * 100 >= threshold
}

/// A crossing that nobody was told of before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// The alert's id.
    pub id: String,
    /// What it says.
    pub alert: RaiseAlert,
    /// What came of writing it down.
    pub raised: Raised,
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// Alerts a user who has used most of what may be moved on a day; `None` where that was told before.
    ///
    /// A reservation notices it in passing, and every further one of that day, so that an alert whose caller died is made up
    /// for, and one whose limit was lowered meanwhile. What is reserved at that moment counts, and some of it may be given
    /// back: an alert can come a little early, once a day in any case. Costs a `get`, and what [`raise`](Self::raise) costs
    /// the first time.
    pub async fn report(
        &self,
        user: &str,
        nearing: Nearing,
    ) -> Result<Option<Crossing>, UsageError> {
        let id = format!("bandwidth-{}", nearing.day);
        if self.has_alert(user, &id).await? {
            return Ok(None);
        }
        let alert = RaiseAlert {
            user_id: user.to_owned(),
            kind: AlertKind::Bandwidth,
            threshold_percent: THRESHOLD_PERCENT,
            used_bytes: u64::try_from(nearing.used).unwrap_or(0),
            limit_bytes: u64::try_from(nearing.limit).unwrap_or(0),
            at: Timestamp::from_ms(self.clock.now_ms()),
        };
        let raised = self.raise(&id, &alert).await?;
        Ok(Some(Crossing { id, alert, raised }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt;
    use futures::executor::block_on;
    use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

    use super::*;
    use crate::domain::testing::{NOON, Stepping, granted, incoming, interleave};

    type Tested<'a> = Usage<'a, MemoryStore, ManualClock>;

    /// Reserves, and reports as whoever reserved is to; how many alerts came of it.
    async fn take(usage: &Tested<'_>, bytes: u64) -> Option<Crossing> {
        let nearing = granted(usage, &incoming(bytes)).await.nearing?;
        usage.report("u", nearing).await.unwrap()
    }

    #[test]
    fn a_day_is_reported_once_when_four_fifths_are_used() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            assert_eq!(take(&usage, 799).await, None);
            let crossing = take(&usage, 1).await.unwrap();
            assert_eq!(crossing.id, "bandwidth-2023-11-14");
            assert_eq!(
                (crossing.alert.used_bytes, crossing.alert.limit_bytes),
                (800, 1_000)
            );
            assert!(crossing.raised.first);
            assert_eq!(take(&usage, 150).await, None);
            // Tomorrow is another day.
            clock.advance_ms(86_400_000);
            assert_eq!(take(&usage, 700).await, None);
            assert!(take(&usage, 200).await.is_some());
            let alerts = usage.alerts("u", None, 10).await.unwrap().items;
            assert_eq!(alerts.len(), 2);
            assert!(
                alerts
                    .iter()
                    .all(|alert| alert.kind == AlertKind::Bandwidth)
            );
        });
    }

    #[test]
    fn a_limit_that_was_lowered_is_crossed_by_the_next_transfer() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            assert_eq!(take(&usage, 500).await, None);
            usage.set_limit("u", Some(600)).await.unwrap();
            let crossing = take(&usage, 1).await.unwrap();
            assert_eq!(
                (crossing.alert.used_bytes, crossing.alert.limit_bytes),
                (501, 600)
            );
        });
    }

    #[test]
    fn nothing_of_nothing_alerts_nobody() {
        assert!(!is_near(0, 0) && !is_near(0, 100));
        assert!(is_near(i64::MAX, i64::MAX) && !is_near(i64::MAX / 2, i64::MAX));
    }

    #[test]
    fn of_many_that_notice_it_at_once_one_tells() {
        for seed in 0..200 {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            let stepping = Stepping::new(&store);
            let usage = Usage::new(&stepping, &clock, 1_000);
            let calls = (0..4)
                .map(|_| {
                    async {
                        let nearing = granted(&usage, &incoming(210)).await.nearing?;
                        usage.report("u", nearing).await.unwrap()
                    }
                    .boxed_local()
                })
                .collect();
            let first = interleave(seed, calls)
                .into_iter()
                .flatten()
                .filter(|crossing| crossing.raised.first)
                .count();
            assert_eq!(first, 1, "seed {seed}");
            let usage = Usage::new(&store, &clock, 1_000);
            let alerts = block_on(usage.alerts("u", None, 10)).unwrap();
            assert_eq!(alerts.items.len(), 1, "seed {seed}");
        }
    }

    #[test]
    fn a_transfer_beyond_the_threshold_looks_once_and_others_not_at_all() {
        let store = CountingStore::new(MemoryStore::default());
        let clock = ManualClock::at(NOON);
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            assert_eq!(granted(&usage, &incoming(700)).await.nearing, None);
            let nearing = granted(&usage, &incoming(200)).await.nearing.unwrap();
            assert!(usage.report("u", nearing).await.unwrap().is_some());
            store.take_calls();
            assert_eq!(usage.report("u", nearing).await.unwrap(), None);
            let calls = store.take_calls();
            assert_eq!((calls.reads(), calls.writes()), (1, 0));
        });
    }
}
