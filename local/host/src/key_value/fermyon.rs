//! `fermyon:spin/key-value@2.0.0` for guests.

use wasmtime::Result;
use wasmtime::component::Resource;

use super::writer::Write;
use super::{KeyValueView, LabelledStore, OpenError, Store, StoreError};
use crate::bindings::fermyon::spin::key_value::{Error, Host, HostStore};

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Error::Other(error.to_string())
    }
}

impl KeyValueView<'_> {
    fn labelled(&self, store: &Resource<LabelledStore>) -> Result<Store> {
        Ok(self.table.get(store)?.0.clone())
    }
}

impl Host for KeyValueView<'_> {}

impl HostStore for KeyValueView<'_> {
    async fn open(&mut self, label: String) -> Result<Result<Resource<LabelledStore>, Error>> {
        match self.open_store(&label) {
            Ok(store) => Ok(Ok(self.table.push(LabelledStore(store))?)),
            Err(OpenError::Denied) => Ok(Err(Error::AccessDenied)),
            Err(OpenError::Full) => Ok(Err(Error::StoreTableFull)),
        }
    }

    async fn get(
        &mut self,
        store: Resource<LabelledStore>,
        key: String,
    ) -> Result<Result<Option<Vec<u8>>, Error>> {
        Ok(self.labelled(&store)?.get(&key).map_err(Error::from))
    }

    async fn set(
        &mut self,
        store: Resource<LabelledStore>,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), Error>> {
        let outcome = self
            .labelled(&store)?
            .write(Write::Set { key, value })
            .await;
        Ok(outcome.map(|_| ()).map_err(Error::from))
    }

    async fn delete(
        &mut self,
        store: Resource<LabelledStore>,
        key: String,
    ) -> Result<Result<(), Error>> {
        let outcome = self.labelled(&store)?.write(Write::Delete { key }).await;
        Ok(outcome.map(|_| ()).map_err(Error::from))
    }

    async fn exists(
        &mut self,
        store: Resource<LabelledStore>,
        key: String,
    ) -> Result<Result<bool, Error>> {
        Ok(self.labelled(&store)?.exists(&key).map_err(Error::from))
    }

    async fn get_keys(
        &mut self,
        store: Resource<LabelledStore>,
    ) -> Result<Result<Vec<String>, Error>> {
        Ok(self.labelled(&store)?.keys().map_err(Error::from))
    }

    async fn drop(&mut self, store: Resource<LabelledStore>) -> Result<()> {
        self.table.delete(store)?;
        *self.open -= 1;
        Ok(())
    }
}
