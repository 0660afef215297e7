use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

use super::MemoryStore;
use crate::{Store, StoreError};

/// A store whose caller stands still before one of its calls: until it is polled again, or for ever. A caller that never
/// goes on has died there.
#[derive(Debug)]
pub struct StoppingStore<'a, S = MemoryStore> {
    store: &'a S,
    calls_left: Cell<Option<u64>>,
    goes_on: bool,
}

impl<'a, S> StoppingStore<'a, S> {
    /// Lets `calls` calls through, then makes the caller wait once.
    pub fn before_call(store: &'a S, calls: u64) -> Self {
        Self {
            store,
            calls_left: Cell::new(Some(calls)),
            goes_on: true,
        }
    }

    /// Lets `calls` calls through and never answers the next one.
    pub fn dying_before_call(store: &'a S, calls: u64) -> Self {
        Self {
            goes_on: false,
            ..Self::before_call(store, calls)
        }
    }

    async fn step(&self) {
        poll_fn(|context| match self.calls_left.get() {
            Some(0) => {
                if self.goes_on {
                    self.calls_left.set(None);
                    context.waker().wake_by_ref();
                }
                Poll::Pending
            }
            Some(calls) => {
                self.calls_left.set(Some(calls - 1));
                Poll::Ready(())
            }
            None => Poll::Ready(()),
        })
        .await;
    }
}

impl<S: Store> Store for StoppingStore<'_, S> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.step().await;
        self.store.get(key).await
    }
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.step().await;
        self.store.set(key, value).await
    }
    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        // Not every provider writes together: the caller may stop between any two.
        for (key, value) in pairs {
            self.step().await;
            self.store.set(key, value).await?;
        }
        Ok(())
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.step().await;
        self.store.delete(key).await
    }
    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        // As for writing.
        for key in keys {
            self.step().await;
            self.store.delete(key).await?;
        }
        Ok(())
    }
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        self.step().await;
        self.store.increment(key, delta).await
    }
}
