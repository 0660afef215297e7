use std::time::{SystemTime, UNIX_EPOCH};

use spinreel_platform::{Clock, Random};

use wasi::clocks::monotonic_clock;

use crate::wait::ready;

/// The host's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct WasiClock;

impl Clock for WasiClock {
    fn now_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64)
    }

    async fn sleep_ms(&self, ms: u64) {
        let until = monotonic_clock::now() + ms * 1_000_000;
        while monotonic_clock::now() < until {
            ready(monotonic_clock::subscribe_instant(until)).await;
        }
    }
}

/// The host's cryptographic randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct WasiRandom;

impl Random for WasiRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let random = wasi::random::random::get_random_bytes(bytes.len() as u64);
        bytes.copy_from_slice(&random);
    }
}
