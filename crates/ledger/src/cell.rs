use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_platform::Store;

use crate::LedgerError;

/// A typed value under one key, as JSON. The last writer wins, so a cell needs one writer at a time: whoever holds
/// the claim that goes with it.
#[derive(Debug, Clone)]
pub struct Cell<T> {
    key: String,
    value: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Cell<T> {
    /// The cell under `key`.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: PhantomData,
        }
    }

    /// Its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What [`Store::set_many`] needs to give it this value, together with other cells.
    pub fn pair(&self, value: &T) -> Result<(String, Vec<u8>), LedgerError> {
        Ok((self.key.clone(), encode(&self.key, value)?))
    }

    /// Its value, if it has one.
    pub async fn get(&self, store: &impl Store) -> Result<Option<T>, LedgerError> {
        match store.get(&self.key).await? {
            None => Ok(None),
            Some(bytes) => decode(&self.key, &bytes).map(Some),
        }
    }

    /// Replaces its value.
    pub async fn set(&self, store: &impl Store, value: &T) -> Result<(), LedgerError> {
        let bytes = encode(&self.key, value)?;
        Ok(store.set(&self.key, &bytes).await?)
    }

    /// Empties it.
    pub async fn delete(&self, store: &impl Store) -> Result<(), LedgerError> {
        Ok(store.delete(&self.key).await?)
    }
}

pub(crate) fn encode(key: &str, value: &impl Serialize) -> Result<Vec<u8>, LedgerError> {
    serde_json::to_vec(value).map_err(|error| corrupt(key, &error))
}

pub(crate) fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, LedgerError> {
    serde_json::from_slice(bytes).map_err(|error| corrupt(key, &error))
}

fn corrupt(key: &str, error: &serde_json::Error) -> LedgerError {
    LedgerError::Corrupt {
        key: key.to_owned(),
        reason: error.to_string(),
    }
}
