use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

use super::MemoryStore;
use crate::{Store, StoreError};

/// A store whose caller stands still once, before one of its calls, until it is polled again. A caller that never is has
/// died there.
#[derive(Debug)]
pub struct StoppingStore<'a> {
    store: &'a MemoryStore,
    calls_left: Cell<Option<u64>>,
}

impl<'a> StoppingStore<'a> {
    /// Lets `calls` calls through, then makes the caller wait once.
    pub fn before_call(store: &'a MemoryStore, calls: u64) -> Self {
        Self {
            store,
            calls_left: Cell::new(Some(calls)),
        }
    }

    async fn step(&self) {
        poll_fn(|context| match self.calls_left.get() {
            Some(0) => {
                self.calls_left.set(None);
                context.waker().wake_by_ref();
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

impl Store for StoppingStore<'_> {
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
