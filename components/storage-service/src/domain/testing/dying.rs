//! A store whose caller dies.

use std::cell::Cell;
use std::future::pending;

use spinreel_platform::memory::{CountingStore, MemoryStore};
use spinreel_platform::{Store, StoreError};

/// A store that never answers any more after so many calls. Of a batch each key is a call: not every provider takes
/// them together.
#[derive(Debug)]
pub(crate) struct DyingStore<'a> {
    store: &'a CountingStore<MemoryStore>,
    left: Cell<u32>,
}

impl<'a> DyingStore<'a> {
    pub(crate) fn after(store: &'a CountingStore<MemoryStore>, calls: u32) -> Self {
        Self {
            store,
            left: Cell::new(calls),
        }
    }

    async fn step(&self) {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => pending().await,
        }
    }
}

impl Store for DyingStore<'_> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.step().await;
        self.store.get(key).await
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.step().await;
        self.store.set(key, value).await
    }

    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        for (key, value) in pairs {
            self.set(key, value).await?;
        }
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.step().await;
        self.store.delete(key).await
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        for key in keys {
            self.delete(key).await?;
        }
        Ok(())
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        self.step().await;
        self.store.increment(key, delta).await
    }
}
