use thiserror::Error;

/// A key-value store in the shape of `wasi:keyvalue@0.2.0-draft2`, without what its providers get wrong.
///
/// Only [`increment`](Store::increment) is atomic across callers on every provider of Spin; compare-and-swap,
/// `get-many` and `list-keys` are left out on purpose.
///
/// A call that fails may or may not have had its effect.
pub trait Store {
    /// The value of `key`, if there is one.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Stores `value` under `key`, whatever was there.
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;
    /// Stores all pairs; together where the provider can.
    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError>;
    /// Removes `key`; no error where there is none.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
    /// Removes all keys; together where the provider can.
    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError>;
    /// Adds `delta` to the counter `key` (0 where there is none) and returns the sum, atomically.
    ///
    /// How a counter is encoded is the provider's affair: never [`set`](Store::set) one.
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError>;
}

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The component may not open the store.
    #[error("the store does not exist or may not be opened")]
    AccessDenied,
    /// Anything else, in the provider's words. The effect is uncertain.
    #[error("the store failed: {0}")]
    Failed(String),
}

impl<T: Store> Store for &T {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).get(key).await
    }
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        (**self).set(key, value).await
    }
    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        (**self).set_many(pairs).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        (**self).delete(key).await
    }
    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        (**self).delete_many(keys).await
    }
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        (**self).increment(key, delta).await
    }
}
