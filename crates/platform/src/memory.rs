//! The traits in memory, for native tests.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::{Clock, Random, ReadBody, Store, StoreError, TransportError};

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
        self.values
            .borrow_mut()
            .retain(|key, _| !keys.contains(key));
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
