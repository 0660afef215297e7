//! Many callers at once, step by step, in an order that a seed decides; for tests.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use spinreel_platform::memory::{MemoryStore, SeededRandom};
use spinreel_platform::{Random, Store, StoreError};

/// A die that always falls the same way for a seed.
#[derive(Debug)]
pub(crate) struct Dice(SeededRandom);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededRandom::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A number below `end`.
    pub(crate) fn below(&self, end: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % end as u64) as usize
    }

    /// True `per_mille` times of a thousand.
    pub(crate) fn falls(&self, per_mille: usize) -> bool {
        self.below(1_000) < per_mille
    }
}

/// A view of a store where every operation is a step, and some fail: before their effect or after it.
pub(crate) struct SteppedStore<'a> {
    inner: &'a MemoryStore,
    dice: Dice,
    failing_per_mille: Cell<usize>,
}

impl<'a> SteppedStore<'a> {
    pub(crate) fn new(inner: &'a MemoryStore, seed: u64, failing_per_mille: usize) -> Self {
        Self {
            inner,
            dice: Dice::new(seed),
            failing_per_mille: Cell::new(failing_per_mille),
        }
    }

    async fn step<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        pause().await;
        let fails = self.dice.falls(self.failing_per_mille.get());
        if fails && self.dice.falls(500) {
            return Err(StoreError::Failed("before the effect".to_owned()));
        }
        let result = operation.await;
        if fails {
            return Err(StoreError::Failed("after the effect".to_owned()));
        }
        result
    }
}

impl Store for SteppedStore<'_> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.step(self.inner.get(key)).await
    }
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.step(self.inner.set(key, value)).await
    }
    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.step(self.inner.set_many(pairs)).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.step(self.inner.delete(key)).await
    }
    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        self.step(self.inner.delete_many(keys)).await
    }
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        self.step(self.inner.increment(key, delta)).await
    }
}

/// A step that does nothing.
pub(crate) async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            Poll::Ready(())
        } else {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// How often, of a thousand steps, the caller that made the last one makes the next one too: long runs let one
/// caller do much while the others stand still.
const SAME_CALLER_PER_MILLE: usize = 850;

/// Runs all callers to their ends, a few steps of one after a few steps of another. Before each step `fate` may turn
/// the world, or let the caller die by answering false: its result is then `None`.
pub(crate) fn interleave<'a, T>(
    dice: &Dice,
    callers: Vec<Pin<Box<dyn Future<Output = T> + 'a>>>,
    mut fate: impl FnMut() -> bool,
) -> Vec<Option<T>> {
    let mut results: Vec<Option<T>> = callers.iter().map(|_| None).collect();
    let mut running: Vec<_> = callers.into_iter().enumerate().collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut turn = 0;
    while !running.is_empty() {
        if turn >= running.len() || !dice.falls(SAME_CALLER_PER_MILLE) {
            turn = dice.below(running.len());
        }
        if !fate() {
            drop(running.swap_remove(turn));
            continue;
        }
        let (caller, future) = &mut running[turn];
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            results[*caller] = Some(result);
            drop(running.swap_remove(turn));
        }
    }
    results
}
