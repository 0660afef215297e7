#![forbid(unsafe_code)]
#![expect(
    async_fn_in_trait,
    reason = "the traits are used by generic code on one thread"
)]
//! What Spinreel's domain logic needs of the world, as small traits.
//!
//! A component implements them with WASI, a native test with [`memory`]. Nothing here knows how a
//! service is run.
//!
//! # Layout
//! - [`Store`]: the key-value store, with the operations that every provider of Spin gets right.
//! - [`HttpClient`], [`ReadBody`]: requests to other services and to the bucket.
//! - [`Clock`], [`Random`]: time and unpredictability. [`back_off_ms`]: both, for whoever tries again. [`is_fresh`]: what
//!   a time may still be believed of.
//! - [`memory`]: all of them in memory, for tests. [`stepping`]: many callers at once, for tests.

mod age;
mod back_off;
mod http_client;
pub mod memory;
pub mod stepping;
mod store;

pub use age::is_fresh;
pub use back_off::back_off_ms;
pub use http_client::{HttpClient, ReadBody, Timeouts, TransportError, collect};
pub use store::{Store, StoreError};

/// Wall clock and waiting.
pub trait Clock {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;
    /// Resolves after at least `ms` milliseconds.
    async fn sleep_ms(&self, ms: u64);
}

/// A source of unpredictable bytes.
pub trait Random {
    /// Fills `bytes` with bytes that nobody can predict.
    fn fill(&self, bytes: &mut [u8]);
}

impl<T: Clock> Clock for &T {
    fn now_ms(&self) -> u64 {
        (**self).now_ms()
    }
    async fn sleep_ms(&self, ms: u64) {
        (**self).sleep_ms(ms).await;
    }
}

impl<T: Random> Random for &T {
    fn fill(&self, bytes: &mut [u8]) {
        (**self).fill(bytes);
    }
}
