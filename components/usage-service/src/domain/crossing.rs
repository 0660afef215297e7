use spinreel_api::Timestamp;
use spinreel_api::alerts::{AlertKind, RaiseAlert};
use spinreel_platform::{Clock, Store};

use super::days::DayCounters;
use super::{Raised, Usage, UsageError};

/// The share of the day's bandwidth whose crossing is reported, in percent.
const THRESHOLD_PERCENT: u8 = 80;

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
    /// Alerts a user who has moved most of what may be moved today; `None` where that is not so, or was told before.
    ///
    /// What was truly moved counts, which only grows; what is reserved may be given back. So a day is crossed once, and
    /// has one alert, also where the limit changes. A transfer that began yesterday counts for a day that is over: of
    /// that nobody needs to be told. Costs three `get`s, one more beyond the threshold, and what
    /// [`raise`](Self::raise) costs the first time.
    pub async fn report_today(&self, user: &str) -> Result<Option<Crossing>, UsageError> {
        let now = Timestamp::from_ms(self.clock.now_ms());
        let limit = self.limit(user).await?;
        let used = DayCounters::new(user, now.day())
            .transferred(self.store)
            .await?;
        let limit_bytes = u64::try_from(limit).unwrap_or(0);
        let is_over =
            u128::from(used) * 100 >= u128::from(limit_bytes) * u128::from(THRESHOLD_PERCENT);
        let id = format!("bandwidth-{}", now.day());
        if used == 0 || !is_over || self.has_alert(user, &id).await? {
            return Ok(None);
        }
        let alert = RaiseAlert {
            user_id: user.to_owned(),
            kind: AlertKind::Bandwidth,
            threshold_percent: THRESHOLD_PERCENT,
            used_bytes: used,
            limit_bytes,
            at: now,
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
    use spinreel_api::usage::ActionKind;
    use spinreel_platform::memory::{CountingStore, ManualClock, MemoryStore};

    use super::*;
    use crate::domain::testing::{NOON, Stepping, action, interleave, reserve, settle};

    async fn moved<S: Store>(usage: &Usage<'_, S, ManualClock>, id: &str, bytes: u64) {
        let clock = ManualClock::at(usage.clock.now_ms());
        let download = action(&clock, ActionKind::Download, bytes);
        usage.settle(&settle(id, Some(download))).await.unwrap();
    }

    #[test]
    fn a_day_is_reported_once_when_four_fifths_were_moved() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            moved(&usage, "a", 799).await;
            assert_eq!(usage.report_today("u").await.unwrap(), None);
            moved(&usage, "b", 1).await;
            let crossing = usage.report_today("u").await.unwrap().unwrap();
            assert_eq!(
                (crossing.alert.used_bytes, crossing.alert.limit_bytes),
                (800, 1_000)
            );
            assert!(crossing.raised.first);
            moved(&usage, "c", 150).await;
            assert_eq!(usage.report_today("u").await.unwrap(), None);
            // Tomorrow is another day.
            clock.advance_ms(86_400_000);
            assert_eq!(usage.report_today("u").await.unwrap(), None);
            moved(&usage, "d", 900).await;
            assert!(usage.report_today("u").await.unwrap().is_some());
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
    fn what_is_only_reserved_alerts_nobody() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            usage.reserve(&reserve("a", 1_000)).await.unwrap();
            assert_eq!(usage.report_today("u").await.unwrap(), None);
        });
    }

    #[test]
    fn of_many_that_notice_it_at_once_one_tells() {
        for seed in 0..200 {
            let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
            block_on(moved(&Usage::new(&store, &clock, 1_000), "a", 900));
            let stepping = Stepping::new(&store);
            let usage = Usage::new(&stepping, &clock, 1_000);
            let calls = (0..4)
                .map(|_| usage.report_today("u").boxed_local())
                .collect();
            let first = interleave(seed, calls)
                .into_iter()
                .filter(|outcome| matches!(outcome, Ok(Some(crossing)) if crossing.raised.first))
                .count();
            assert_eq!(first, 1, "seed {seed}");
            let usage = Usage::new(&store, &clock, 1_000);
            let alerts = block_on(usage.alerts("u", None, 10)).unwrap();
            assert_eq!(alerts.items.len(), 1, "seed {seed}");
        }
    }

    #[test]
    fn a_look_costs_three_reads_and_no_write() {
        let store = CountingStore::new(MemoryStore::default());
        let clock = ManualClock::at(NOON);
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            moved(&usage, "a", 100).await;
            store.take_calls();
            usage.report_today("u").await.unwrap();
            let calls = store.take_calls();
            assert_eq!((calls.reads(), calls.writes()), (3, 0));
        });
    }
}
