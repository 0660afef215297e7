use serde::{Deserialize, Serialize};

use super::series::add;

/// Upper bounds of latencies, included, in milliseconds; what took longer is in the last bucket, which has none.
pub(super) const BOUNDS_MS: [u64; 12] = [
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000,
];

/// What the requests of one route took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Served {
    /// How many were done within a bound and not within the one before.
    #[serde(rename = "n")]
    pub(super) within: [u64; BOUNDS_MS.len() + 1],
    /// The sum of their latencies, in milliseconds.
    #[serde(rename = "ms")]
    pub(super) sum_ms: u64,
    /// Bytes of their bodies.
    #[serde(rename = "in")]
    pub(super) request_bytes: u64,
    /// Bytes of the bodies of their answers, as far as they were sent.
    #[serde(rename = "out")]
    pub(super) response_bytes: u64,
    /// Calls of the service's store.
    #[serde(rename = "calls")]
    pub(super) store_calls: u64,
}

impl Served {
    /// Counts the latency of so many requests.
    pub(super) fn took(&mut self, ms: u64, requests: u64) {
        let bucket = BOUNDS_MS.partition_point(|bound| *bound < ms);
        if let Some(bucket) = self.within.get_mut(bucket) {
            add(bucket, requests);
        }
        add(&mut self.sum_ms, ms.saturating_mul(requests));
    }

    /// How many requests there were.
    pub(super) fn count(&self) -> u64 {
        self.within
            .iter()
            .fold(0, |sum, bucket| sum.saturating_add(*bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_in_the_first_bucket_that_is_not_too_small() {
        for (ms, bucket) in [
            (0, 0),
            (5, 0),
            (6, 1),
            (250, 5),
            (251, 6),
            (30_000, 11),
            (30_001, 12),
            (u64::MAX, 12),
        ] {
            let mut served = Served::default();
            served.took(ms, 1);
            let filled = served.within.iter().position(|count| *count == 1);
            assert_eq!((filled, served.sum_ms), (Some(bucket), ms), "{ms}");
            assert_eq!(served.count(), 1);
        }
    }
}
