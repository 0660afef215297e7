use std::cell::{Cell, OnceCell};

use spinreel_platform::{Store, StoreError};

use crate::bindings::wasi::keyvalue::{atomics, batch, store};

/// A key-value store of the host. It is opened by the first call: many requests need none.
#[derive(Debug)]
pub struct WasiStore {
    label: &'static str,
    bucket: OnceCell<store::Bucket>,
    calls: Cell<u64>,
}

impl WasiStore {
    /// The store that the manifest allows the component under `label`.
    pub(crate) fn new(label: &'static str) -> Self {
        Self {
            label,
            bucket: OnceCell::new(),
            calls: Cell::new(0),
        }
    }

    /// How often it was called so far. A call for many keys is one.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// The store, for one more call.
    fn call(&self) -> Result<&store::Bucket, StoreError> {
        self.calls.set(self.calls.get() + 1);
        if let Some(bucket) = self.bucket.get() {
            return Ok(bucket);
        }
        let bucket = store::open(self.label).map_err(convert)?;
        Ok(self.bucket.get_or_init(|| bucket))
    }
}

impl Store for WasiStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.call()?.get(key).map_err(convert)
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.call()?.set(key, value).map_err(convert)
    }

    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        batch::set_many(self.call()?, pairs).map_err(convert)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.call()?.delete(key).map_err(convert)
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        batch::delete_many(self.call()?, keys).map_err(convert)
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        atomics::increment(self.call()?, key, delta).map_err(convert)
    }
}

fn convert(error: store::Error) -> StoreError {
    match error {
        store::Error::NoSuchStore | store::Error::AccessDenied => StoreError::AccessDenied,
        store::Error::Other(reason) => StoreError::Failed(reason),
    }
}
