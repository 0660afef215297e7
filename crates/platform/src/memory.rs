//! The traits in memory, for native tests.

mod stopping;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::{Clock, Random, ReadBody, Store, StoreError, TransportError};

pub use stopping::StoppingStore;

/// A [`Store`] with the counter encoding of Spin's SQLite provider (8 bytes, little-endian).
#[derive(Debug, Default)]
pub struct MemoryStore {
    values: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl MemoryStore {
    /// All keys, in order.
    pub fn keys(&self) -> Vec<String> {
        self.values.borrow().keys().cloned().collect()
    }
}

impl Store for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.values.borrow().get(key).cloned())
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.values
            .borrow_mut()
            .insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.values.borrow_mut().extend(pairs.iter().cloned());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.values.borrow_mut().remove(key);
        Ok(())
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        let mut values = self.values.borrow_mut();
        for key in keys {
            values.remove(key);
        }
        Ok(())
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        let mut values = self.values.borrow_mut();
        let old = match values.get(key) {
            None => 0,
            Some(bytes) => i64::from_le_bytes(
                bytes
                    .as_slice()
                    .try_into()
                    .map_err(|_| StoreError::Failed(format!("{key} is no counter")))?,
            ),
        };
        let sum = old
            .checked_add(delta)
            .ok_or_else(|| StoreError::Failed(format!("{key} would overflow")))?;
        values.insert(key.to_owned(), sum.to_le_bytes().to_vec());
        Ok(sum)
    }
}

/// How often a [`CountingStore`] was called, operation by operation. Together-calls count once, however many keys they
/// have.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Calls {
    /// Calls of [`Store::get`].
    pub get: u64,
    /// Calls of [`Store::set`].
    pub set: u64,
    /// Calls of [`Store::set_many`].
    pub set_many: u64,
    /// Calls of [`Store::delete`].
    pub delete: u64,
    /// Calls of [`Store::delete_many`].
    pub delete_many: u64,
    /// Calls of [`Store::increment`].
    pub increment: u64,
}

impl Calls {
    /// Calls that only read.
    pub fn reads(&self) -> u64 {
        self.get
    }

    /// Calls that change something.
    pub fn writes(&self) -> u64 {
        self.set + self.set_many + self.delete + self.delete_many + self.increment
    }

    /// All calls.
    pub fn total(&self) -> u64 {
        self.reads() + self.writes()
    }
}

/// A [`Store`] that counts the calls of the one it passes them on to: of its own, or of a borrowed one (`&MemoryStore`).
#[derive(Debug, Default)]
pub struct CountingStore<S = MemoryStore> {
    store: S,
    calls: Cell<Calls>,
}

impl<S> CountingStore<S> {
    /// Counts the calls of `store`, from 0.
    pub fn new(store: S) -> Self {
        Self {
            store,
            calls: Cell::default(),
        }
    }

    /// The store itself, whose calls are not counted.
    pub fn inner(&self) -> &S {
        &self.store
    }

    /// The calls so far.
    pub fn calls(&self) -> Calls {
        self.calls.get()
    }

    /// The calls since the last time, or so far where this is the first.
    pub fn take_calls(&self) -> Calls {
        self.calls.take()
    }

    fn count(&self, one_more: impl FnOnce(&mut Calls)) {
        let mut calls = self.calls.get();
        one_more(&mut calls);
        self.calls.set(calls);
    }
}

impl<S: Store> Store for CountingStore<S> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.count(|calls| calls.get += 1);
        self.store.get(key).await
    }
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.count(|calls| calls.set += 1);
        self.store.set(key, value).await
    }
    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.count(|calls| calls.set_many += 1);
        self.store.set_many(pairs).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.count(|calls| calls.delete += 1);
        self.store.delete(key).await
    }
    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        self.count(|calls| calls.delete_many += 1);
        self.store.delete_many(keys).await
    }
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        self.count(|calls| calls.increment += 1);
        self.store.increment(key, delta).await
    }
}

/// A [`Clock`] that a test sets; sleeping moves it on.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_ms: Cell<u64>,
}

impl ManualClock {
    /// A clock that stands at `now_ms`.
    pub fn at(now_ms: u64) -> Self {
        Self {
            now_ms: Cell::new(now_ms),
        }
    }

    /// Sets it, back too.
    pub fn set_ms(&self, now_ms: u64) {
        self.now_ms.set(now_ms);
    }

    /// Moves the clock on.
    pub fn advance_ms(&self, ms: u64) {
        self.now_ms.set(self.now_ms.get() + ms);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }
    async fn sleep_ms(&self, ms: u64) {
        self.advance_ms(ms);
    }
}

/// A reproducible [`Random`] (xorshift64*); no source of secrets.
#[derive(Debug)]
pub struct SeededRandom {
    state: Cell<u64>,
}

impl SeededRandom {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Cell::new(seed | 1),
        }
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let mut x = self.state.get();
            x ^= x >> 12;
            x ^= x << 25;
            x ^= x >> 27;
            self.state.set(x);
            *byte = (x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8;
        }
    }
}

/// A body that gives the pieces it was made of.
#[derive(Debug, Default)]
pub struct Pieces(VecDeque<Bytes>);

impl Pieces {
    /// A body of these pieces; empty ones are left out.
    pub fn new(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self(
            pieces
                .into_iter()
                .filter(|piece| !piece.is_empty())
                .collect(),
        )
    }
}

impl ReadBody for Pieces {
    async fn read(&mut self) -> Result<Option<Bytes>, TransportError> {
        Ok(self.0.pop_front())
    }
}
