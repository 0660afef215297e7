//! The wall clock of the components.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime_wasi::HostWallClock;

/// The machine's clock, or one that is ahead of it. Clones show the same time, so that whoever keeps one can move the
/// clock of a host that runs: what waits for a time of day need not be waited for.
///
/// How long something takes, as components measure and sleep it, is not changed by that.
#[derive(Debug, Clone, Default)]
pub struct WallClock {
    ahead_ms: Arc<AtomicU64>,
}

impl WallClock {
    /// Moves the clock on, by whole milliseconds.
    pub fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// Sets the clock back, by whole milliseconds, to the machine's at most.
    pub fn set_back(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let back = |ahead_ms: u64| Some(ahead_ms.saturating_sub(by_ms));
        // The closure always gives a value.
        let _ = self
            .ahead_ms
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, back);
    }

    /// The time since the Unix epoch.
    pub fn now(&self) -> Duration {
        let machine = SystemTime::now().duration_since(UNIX_EPOCH);
        let ahead = Duration::from_millis(self.ahead_ms.load(Ordering::Relaxed));
        machine.unwrap_or_default().saturating_add(ahead)
    }
}

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_moved_is_ahead_by_so_much_and_so_are_its_clones() {
        let clock = WallClock::default();
        let clone = clock.clone();
        let before = clone.now();
        clock.advance(Duration::from_secs(3_600));
        let passed = clone.now() - before;
        let hour = Duration::from_secs(3_600)..Duration::from_secs(3_660);
        assert!(hour.contains(&passed), "{passed:?}");
        clock.set_back(Duration::from_secs(7_200));
        assert!(clone.now() - before < Duration::from_secs(60));
    }
}
