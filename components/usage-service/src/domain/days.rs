use spinreel_api::usage::{ActionKind, DayUsage};
use spinreel_api::{Day, Timestamp};
use spinreel_ledger::{Cell, Counter, LedgerError};
use spinreel_platform::{Clock, Store};

use super::{Usage, UsageError};

/// The first day on which anything of a user was counted, so that whoever removes all of it knows where to begin. The
/// counters may begin up to [`EARLIER_DAYS`] before: an action may have ended a day before it is settled, and two that
/// are the first at once, one of them before midnight, may note the later day.
pub(super) fn since(user: &str) -> Cell<Day> {
    Cell::new(format!("usage/{user}/since"))
}

/// How many days before the one that is noted there can be counters.
pub(super) const EARLIER_DAYS: usize = 2;

/// The counters of one user and UTC day.
#[derive(Debug, Clone)]
pub(super) struct DayCounters {
    prefix: String,
}

impl DayCounters {
    pub(super) fn new(user: &str, day: Day) -> Self {
        Self {
            prefix: format!("usage/{user}/{day}"),
        }
    }

    /// What the limit is held against: bytes reserved and bytes transferred.
    pub(super) fn bytes(&self) -> Counter {
        self.counter("bytes")
    }

    /// Counts bytes of an action for users to see: before the action itself, and readers look the other way round, so
    /// that who sees the action sees its bytes.
    pub(super) async fn count_bytes(
        &self,
        store: &impl Store,
        kind: ActionKind,
        bytes: i64,
    ) -> Result<(), LedgerError> {
        let sum = match kind {
            ActionKind::Upload => "upload_bytes",
            ActionKind::Stream | ActionKind::Download => "download_bytes",
            ActionKind::Delete => return Ok(()),
        };
        if bytes > 0 {
            self.counter(sum).add(store, bytes).await?;
        }
        Ok(())
    }

    /// Counts an action for users to see.
    pub(super) async fn count_one(
        &self,
        store: &impl Store,
        kind: ActionKind,
    ) -> Result<(), LedgerError> {
        let number = match kind {
            ActionKind::Upload => "uploads",
            ActionKind::Stream | ActionKind::Download => "downloads",
            ActionKind::Delete => "deletions",
        };
        self.counter(number).add(store, 1).await?;
        Ok(())
    }

    /// Bytes that were moved, in and out.
    pub(super) async fn transferred(&self, store: &impl Store) -> Result<u64, LedgerError> {
        let upload_bytes = self.read(store, "upload_bytes").await?;
        let download_bytes = self.read(store, "download_bytes").await?;
        Ok(upload_bytes.saturating_add(download_bytes))
    }

    /// The keys of all of them.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> + '_ {
        let names = [
            "bytes",
            "uploads",
            "upload_bytes",
            "downloads",
            "download_bytes",
            "deletions",
        ];
        names.into_iter().map(|name| self.key(name))
    }

    async fn read(&self, store: &impl Store, name: &str) -> Result<u64, LedgerError> {
        let value = self.counter(name).get(store).await?;
        Ok(u64::try_from(value).unwrap_or(0))
    }

    fn counter(&self, name: &str) -> Counter {
        Counter::new(self.key(name))
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }
}

impl<S: Store, C: Clock> Usage<'_, S, C> {
    /// The current UTC day of a user: six `get`s.
    pub async fn today(&self, user: &str) -> Result<DayUsage, UsageError> {
        let limit = self.limit(user).await?;
        self.day(user, self.current_day(), limit).await
    }

    /// The last `days` UTC days of a user, today first: five `get`s for each, and one for the limit. It is today's limit
    /// that all of them are held against.
    pub async fn daily(&self, user: &str, days: usize) -> Result<Vec<DayUsage>, UsageError> {
        let limit = self.limit(user).await?;
        let mut usage = Vec::with_capacity(days);
        let mut next = Some(self.current_day());
        while let Some(day) = next.filter(|_| usage.len() < days) {
            usage.push(self.day(user, day, limit).await?);
            next = day.previous();
        }
        Ok(usage)
    }

    async fn day(&self, user: &str, date: Day, limit: i64) -> Result<DayUsage, UsageError> {
        let counters = DayCounters::new(user, date);
        let uploads = counters.read(self.store, "uploads").await?;
        let downloads = counters.read(self.store, "downloads").await?;
        let deletions = counters.read(self.store, "deletions").await?;
        let upload_bytes = counters.read(self.store, "upload_bytes").await?;
        let download_bytes = counters.read(self.store, "download_bytes").await?;
        let total_bytes = upload_bytes.saturating_add(download_bytes);
        let limit_bytes = u64::try_from(limit).unwrap_or(0);
        Ok(DayUsage {
            date,
            upload_bytes,
            download_bytes,
            total_bytes,
            limit_bytes,
            percentage: percentage(total_bytes, limit_bytes),
            uploads,
            downloads,
            deletions,
        })
    }

    /// Notes that something of a user is counted from today on, unless something was before: one `get`, and one `set`
    /// in the user's life.
    pub(super) async fn note_today(&self, user: &str) -> Result<(), LedgerError> {
        let since = since(user);
        if since.get(self.store).await?.is_none() {
            since.set(self.store, &self.current_day()).await?;
        }
        Ok(())
    }

    pub(super) fn current_day(&self) -> Day {
        Timestamp::from_ms(self.clock.now_ms()).day()
    }
}

/// The share of `limit`, with two decimals; a limit of nothing is always reached.
fn percentage(bytes: u64, limit: u64) -> f64 {
    if limit == 0 {
        return 100.0;
    }
    (bytes as f64 / limit as f64 * 10_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use proptest::prelude::*;
    use spinreel_platform::memory::{ManualClock, MemoryStore};

    use super::*;
    use crate::domain::testing::{NOON, action, settle};

    #[test]
    fn a_percentage_has_two_decimals() {
        assert_eq!(percentage(10_485_760, 52_428_800), 20.0);
        assert_eq!(percentage(1, 3), 33.33);
        assert_eq!(percentage(2, 3), 66.67);
        assert_eq!(percentage(150, 100), 150.0);
        assert_eq!(percentage(0, 100), 0.0);
        assert_eq!(percentage(0, 0), 100.0);
    }

    #[test]
    fn a_day_shows_what_was_truly_transferred_and_how_often() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            for (id, kind, bytes) in [
                ("a", ActionKind::Upload, 300),
                ("b", ActionKind::Stream, 25),
                ("c", ActionKind::Download, 100),
                ("d", ActionKind::Delete, 300),
            ] {
                usage
                    .settle(&settle(id, Some(action(&clock, kind, bytes))))
                    .await
                    .unwrap();
            }
            let today = usage.today("u").await.unwrap();
            assert_eq!((today.upload_bytes, today.download_bytes), (300, 125));
            assert_eq!((today.total_bytes, today.limit_bytes), (425, 1_000));
            assert_eq!((today.uploads, today.downloads, today.deletions), (1, 2, 1));
            assert_eq!(today.percentage, 42.5);
            assert_eq!(usage.today("v").await.unwrap().total_bytes, 0);
        });
    }

    #[test]
    fn days_are_listed_from_today_backwards() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOON));
        let usage = Usage::new(&store, &clock, 1_000);
        block_on(async {
            let upload = action(&clock, ActionKind::Upload, 300);
            usage.settle(&settle("a", Some(upload))).await.unwrap();
            clock.advance_ms(2 * 86_400_000);
            let days = usage.daily("u", 4).await.unwrap();
            let dates: Vec<String> = days.iter().map(|day| day.date.to_string()).collect();
            assert_eq!(
                dates,
                ["2023-11-16", "2023-11-15", "2023-11-14", "2023-11-13"]
            );
            let bytes: Vec<u64> = days.iter().map(|day| day.total_bytes).collect();
            assert_eq!(bytes, [0, 0, 300, 0]);
        });
    }

    #[test]
    fn there_is_no_day_before_the_epoch() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(0));
        let usage = Usage::new(&store, &clock, 1_000);
        assert_eq!(block_on(usage.daily("u", 30)).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn a_percentage_never_has_more_than_two_decimals(bytes in 0..1_u64 << 50, limit in 1..1_u64 << 40) {
            let text = percentage(bytes, limit).to_string();
            let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            prop_assert!(decimals <= 2, "{}", text);
        }
    }
}
