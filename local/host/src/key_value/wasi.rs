//! `wasi:keyvalue@0.2.0-draft2` for guests: `store`, `batch` and `atomics`.

use wasmtime::Result;
use wasmtime::component::Resource;

use super::writer::{Outcome, Write};
use super::{Bucket, Cas, KeyValueView, OpenError, Store, StoreError};
use crate::bindings::wasi::keyvalue::atomics::{self, CasError};
use crate::bindings::wasi::keyvalue::batch;
use crate::bindings::wasi::keyvalue::store::{self, Error, KeyResponse};

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Error::Other(error.to_string())
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Error {
        match error {
            OpenError::Denied => Error::AccessDenied,
            OpenError::Full => Error::Other("too many stores are open".to_owned()),
        }
    }
}

impl KeyValueView<'_> {
    fn bucket(&self, bucket: &Resource<Bucket>) -> Result<Store> {
        Ok(self.table.get(bucket)?.0.clone())
    }
}

/// Changes that have nothing to tell but that they are done.
async fn write(store: Store, write: Write) -> Result<Result<(), Error>> {
    Ok(store.write(write).await.map(|_| ()).map_err(Error::from))
}

impl store::Host for KeyValueView<'_> {
    async fn open(&mut self, identifier: String) -> Result<Result<Resource<Bucket>, Error>> {
        match self.open_store(&identifier) {
            Ok(store) => Ok(Ok(self.table.push(Bucket(store))?)),
            Err(error) => Ok(Err(error.into())),
        }
    }
}

impl store::HostBucket for KeyValueView<'_> {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Result<Option<Vec<u8>>, Error>> {
        Ok(self.bucket(&bucket)?.get(&key).map_err(Error::from))
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), Error>> {
        write(self.bucket(&bucket)?, Write::Set { key, value }).await
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<(), Error>> {
        write(self.bucket(&bucket)?, Write::Delete { key }).await
    }

    async fn exists(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Result<bool, Error>> {
        Ok(self.bucket(&bucket)?.exists(&key).map_err(Error::from))
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<String>,
    ) -> Result<Result<KeyResponse, Error>> {
        if cursor.is_some() {
            return Ok(Err(StoreError::Cursor.into()));
        }
        let keys = self.bucket(&bucket)?.keys();
        Ok(keys
            .map(|keys| KeyResponse { keys, cursor: None })
            .map_err(Error::from))
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        *self.open -= 1;
        Ok(())
    }
}

impl batch::Host for KeyValueView<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Result<Vec<(String, Option<Vec<u8>>)>, Error>> {
        Ok(self.bucket(&bucket)?.get_many(&keys).map_err(Error::from))
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        pairs: Vec<(String, Vec<u8>)>,
    ) -> Result<Result<(), Error>> {
        write(self.bucket(&bucket)?, Write::SetMany(pairs)).await
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Result<(), Error>> {
        write(self.bucket(&bucket)?, Write::DeleteMany(keys)).await
    }
}

impl atomics::HostCas for KeyValueView<'_> {
    async fn new(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Result<Resource<Cas>, Error>> {
        let store = self.bucket(&bucket)?;
        Ok(Ok(self.table.push(Cas {
            store,
            key,
            seen: None,
        })?))
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Result<Result<Option<Vec<u8>>, Error>> {
        let cas = self.table.get_mut(&cas)?;
        match cas.store.get(&cas.key) {
            Ok(value) => {
                cas.seen.clone_from(&value);
                Ok(Ok(value))
            }
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl atomics::Host for KeyValueView<'_> {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> Result<Result<i64, Error>> {
        match self
            .bucket(&bucket)?
            .write(Write::Increment { key, delta })
            .await
        {
            Ok(Outcome::Sum(sum)) => Ok(Ok(sum)),
            Ok(other) => Err(wasmtime::format_err!("an increment came out as {other:?}")),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Result<Result<(), CasError>> {
        let Cas { store, key, seen } = self.table.delete(cas)?;
        let swap = Write::Swap {
            key: key.clone(),
            expected: seen,
            value,
        };
        match store.write(swap).await {
            Ok(Outcome::Swapped(true)) => Ok(Ok(())),
            Ok(_) => match store.peek(&key) {
                // The new handle has seen the value that won, so that the guest can try again at once.
                Ok(seen) => Ok(Err(CasError::CasFailed(self.table.push(Cas {
                    store,
                    key,
                    seen,
                })?))),
                Err(error) => Ok(Err(CasError::StoreError(error.into()))),
            },
            Err(error) => Ok(Err(CasError::StoreError(error.into()))),
        }
    }
}
