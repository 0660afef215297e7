//! Many callers at once, step by step, in an order that a seed decides; for native tests.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::memory::SeededRandom;
use crate::{Random, Store, StoreError};

/// A [`Store`] that lets others run before each of its calls.
#[derive(Debug, Default)]
pub struct Stepping<S>(pub S);

impl<S: Store> Store for Stepping<S> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        step().await;
        self.0.get(key).await
    }
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        step().await;
        self.0.set(key, value).await
    }
    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        step().await;
        self.0.set_many(pairs).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        step().await;
        self.0.delete(key).await
    }
    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        step().await;
        self.0.delete_many(keys).await
    }
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        step().await;
        self.0.increment(key, delta).await
    }
}

/// Lets others run.
pub async fn step() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs the callers to their ends, one step of one of them at a time, in an order that belongs to `seed`. `between`
/// runs before each step.
pub fn interleave<'a, T>(
    seed: u64,
    callers: Vec<Pin<Box<dyn Future<Output = T> + 'a>>>,
    mut between: impl FnMut(),
) -> Vec<T> {
    let random = SeededRandom::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut results = Vec::with_capacity(callers.len());
    let mut running = callers;
    let mut context = Context::from_waker(Waker::noop());
    while !running.is_empty() {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        let turn = (u64::from_le_bytes(bytes) % running.len() as u64) as usize;
        between();
        if let Poll::Ready(result) = running[turn].as_mut().poll(&mut context) {
            results.push(result);
            drop(running.swap_remove(turn));
        }
    }
    results
}

/// Lets a caller make so many steps and then die; its result where it came to its end before.
pub fn die_after<T>(steps: usize, caller: impl Future<Output = T>) -> Option<T> {
    let mut caller = std::pin::pin!(caller);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..steps {
        if let Poll::Ready(result) = caller.as_mut().poll(&mut context) {
            return Some(result);
        }
    }
    None
}
