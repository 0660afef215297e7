use spinreel_platform::Store;

use crate::LedgerError;

/// A sum that many writers move at once.
#[derive(Debug, Clone)]
pub struct Counter {
    key: String,
}

/// What came of a [`reserve`](Counter::reserve).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// It is yours; the sum with it.
    Yes(i64),
    /// It would go past the limit; the counter stands as before.
    No,
}

impl Counter {
    /// The counter under `key`, 0 where there is none.
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into() }
    }

    /// Adds `delta` and returns the sum.
    pub async fn add(&self, store: &impl Store, delta: i64) -> Result<i64, LedgerError> {
        Ok(store.increment(&self.key, delta).await?)
    }

    /// Its value by a plain read, without the price of a write.
    pub async fn get(&self, store: &impl Store) -> Result<i64, LedgerError> {
        match store.get(&self.key).await? {
            None => Ok(0),
            Some(bytes) => decode(&bytes).ok_or_else(|| LedgerError::Corrupt {
                key: self.key.clone(),
                reason: format!("{} bytes that are no counter", bytes.len()),
            }),
        }
    }

    /// Takes `amount` if the sum stays at or below `limit`.
    ///
    /// Two that race near the limit may both be refused, never both succeed past it.
    pub async fn reserve(
        &self,
        store: &impl Store,
        amount: i64,
        limit: i64,
    ) -> Result<Reserved, LedgerError> {
        // Refuse hopeless amounts by a read: adding them could push others over the limit for a moment.
        if amount > limit.saturating_sub(self.get(store).await?) {
            return Ok(Reserved::No);
        }
        let sum = self.add(store, amount).await?;
        if sum <= limit {
            return Ok(Reserved::Yes(sum));
        }
        self.add(store, -amount).await?;
        Ok(Reserved::No)
    }
}

/// Reads a counter's bytes in either provider's encoding: 8 bytes little-endian (SQLite) or decimal text (Redis).
///
/// Eight characters of text never end in 0x00 or 0xff, and every number below 2⁵⁶ in size does so in little-endian.
fn decode(bytes: &[u8]) -> Option<i64> {
    if let Ok(eight) = <[u8; 8]>::try_from(bytes)
        && matches!(eight[7], 0x00 | 0xff)
    {
        return Some(i64::from_le_bytes(eight));
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::executor::block_on;
    use proptest::prelude::*;
    use spinreel_platform::memory::MemoryStore;

    use super::*;

    #[test]
    fn a_reservation_up_to_the_limit_succeeds_and_one_beyond_changes_nothing() {
        let store = MemoryStore::default();
        let counter = Counter::new("c");
        block_on(async {
            assert_eq!(
                counter.reserve(&store, 60, 100).await.unwrap(),
                Reserved::Yes(60)
            );
            assert_eq!(
                counter.reserve(&store, 41, 100).await.unwrap(),
                Reserved::No
            );
            assert_eq!(counter.get(&store).await.unwrap(), 60);
            assert_eq!(
                counter.reserve(&store, 40, 100).await.unwrap(),
                Reserved::Yes(100)
            );
        });
    }

    #[test]
    fn an_amount_near_the_end_of_the_numbers_is_refused() {
        let store = MemoryStore::default();
        let counter = Counter::new("c");
        block_on(async {
            counter.add(&store, 10).await.unwrap();
            assert_eq!(
                counter.reserve(&store, i64::MAX, 100).await.unwrap(),
                Reserved::No
            );
            assert_eq!(counter.get(&store).await.unwrap(), 10);
        });
    }

    proptest! {
        #[test]
        fn both_encodings_are_read(number in -(1_i64 << 55)..(1_i64 << 55)) {
            prop_assert_eq!(decode(&number.to_le_bytes()), Some(number));
            prop_assert_eq!(decode(number.to_string().as_bytes()), Some(number));
        }
    }
}
