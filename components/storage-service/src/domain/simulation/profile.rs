//! What a run is like: its provider, and how much goes wrong. Every seed has its own mixture, so that some runs have
//! nothing but crashes, others nothing but lost answers.

use super::dice::Dice;

/// Whose key-value store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    /// Counters are 8 bytes, little-endian; batches are transactions.
    Sqlite,
    /// Counters are decimal text; batches are single commands.
    Redis,
    /// Batches may stay half-done; `increment` fails under contention.
    DynamoDb,
}

/// How much goes wrong, in ten thousandths where nothing else is said.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    pub(super) provider: Provider,
    /// Of calls to the store.
    pub(super) store_faults: u64,
    /// Of requests to the bucket.
    pub(super) bucket_faults: u64,
    /// Of calls to other services.
    pub(super) peer_faults: u64,
    /// Of increments, where the provider has contention.
    pub(super) contention: u64,
    /// Of steps: the instance that made it is gone.
    pub(super) crashes: u64,
    /// Of steps: every instance is gone.
    pub(super) host_crashes: u64,
    /// Of calls: they take seconds.
    pub(super) slow: u64,
    /// Of calls: their answer takes longer than a lease.
    pub(super) stalls: u64,
    /// Of pieces that clients send: the next one takes minutes.
    pub(super) slow_clients: u64,
    /// Of reservations of bandwidth: there is none left.
    pub(super) bandwidth_refusals: u64,
    /// By how much the clocks of instances differ, in milliseconds.
    pub(super) skew_ms: u64,
    /// The most requests of a client.
    pub(super) requests: usize,
    /// How often a request to the bucket is tried.
    pub(super) attempts: u32,
    /// Whether there are files of several chunks.
    pub(super) large_files: bool,
    /// What a user may store, in bytes.
    pub(super) limit: i64,
    /// How many files a user may have.
    pub(super) files_per_user: u64,
}

impl Profile {
    pub(super) fn roll(dice: &Dice) -> Self {
        let faults = |dice: &Dice| dice.pick(&[0, 0, 50, 300, 1_500]);
        let provider = dice.pick(&[Provider::Sqlite, Provider::Redis, Provider::DynamoDb]);
        let large_files = dice.below(4) == 0;
        Self {
            provider,
            store_faults: faults(dice),
            bucket_faults: faults(dice),
            peer_faults: faults(dice),
            contention: match provider {
                Provider::DynamoDb => dice.pick(&[0, 500]),
                Provider::Sqlite | Provider::Redis => 0,
            },
            crashes: dice.pick(&[0, 0, 30, 100, 300]),
            host_crashes: dice.pick(&[0, 0, 0, 20, 60]),
            slow: dice.pick(&[0, 0, 100, 1_000]),
            stalls: dice.pick(&[0, 0, 0, 40]),
            slow_clients: dice.pick(&[0, 0, 500]),
            bandwidth_refusals: dice.pick(&[0, 0, 0, 1_000]),
            skew_ms: dice.pick(&[0, 0, 0, 15_000]),
            requests: dice.pick(&[3, 5, 8]),
            attempts: dice.pick(&[1, 3]),
            large_files,
            limit: match large_files {
                true => 1_200_000,
                false => dice.pick(&[1_000, 2_500, 100_000]),
            },
            files_per_user: dice.pick(&[10_000, 10_000, 10_000, 3]),
        }
    }
}
