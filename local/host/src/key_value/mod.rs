//! Key-value stores on SQLite, with the semantics and the quirks of Spin's SQLite provider.
//!
//! - `database`: one database, file or memory; reads
//! - `writer`: what changes a database, and the thread that commits many changes at once
//! - `single`: a database as Spin has it, without that thread: one connection, one operation at a time
//! - `wasi`: `wasi:keyvalue@0.2.0-draft2` for guests
//! - `fermyon`: `fermyon:spin/key-value@2.0.0` for guests
//!
//! Code that is to run on other providers must not rely on these quirks: `swap` of an absent key is
//! unconditional, `list-keys` answers everything at once and refuses cursors, `get-many` leaves absent keys out.

mod database;
mod fermyon;
mod single;
mod wasi;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::{HasData, ResourceTable};

pub(crate) use database::Database;
use writer::{Outcome, Write};

use crate::store_calls::{Counters, StoreCalls, StoreOperation};

/// The most bytes that one read may give to a guest, as in Spin.
const MAX_RESULT_BYTES: usize = 128 * 1024 * 1024;

/// The most stores that one instance may have open, as in Spin.
const MAX_OPEN: usize = 256;

/// What `get-many` answers.
type Pairs = Vec<(String, Option<Vec<u8>>)>;

/// Why an operation on a store failed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StoreError {
    /// The value that `increment` found is not a number.
    #[error("the value has {0} bytes, a number has 8")]
    NotANumber(usize),
    /// The sum does not fit.
    #[error("the sum is out of the range of 64-bit integers")]
    Overflow,
    /// The answer is too big for a guest.
    #[error("query result exceeds limit of {MAX_RESULT_BYTES} bytes")]
    TooLarge,
    /// `list-keys` with a cursor.
    #[error("list-keys: cursors are not supported")]
    Cursor,
    /// SQLite failed. The text is shared by all writes of the failed commit.
    #[error("database: {0}")]
    Sqlite(String),
    /// The host is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        StoreError::Sqlite(error.to_string())
    }
}

/// One store: a label in a database. What guests ask of it is counted; clones count together.
#[derive(Clone)]
pub(crate) struct Store {
    label: Arc<str>,
    database: Arc<Database>,
    calls: Arc<Counters>,
}

impl Store {
    /// The store of this label in a database.
    pub(crate) fn new(label: &str, database: Arc<Database>) -> Store {
        Store {
            label: label.into(),
            database,
            calls: Arc::default(),
        }
    }

    /// How often guests called these stores, each of a label of its own.
    pub(crate) fn calls<'a>(stores: impl IntoIterator<Item = &'a Store>) -> StoreCalls {
        stores
            .into_iter()
            .flat_map(|store| store.calls.look(&store.label))
            .collect()
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.calls.count(StoreOperation::Get);
        self.peek(key)
    }

    /// A read that no guest asked for.
    fn peek(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.get(&self.label, key)
    }

    fn exists(&self, key: &str) -> Result<bool, StoreError> {
        self.calls.count(StoreOperation::Exists);
        self.database.exists(&self.label, key)
    }

    fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.calls.count(StoreOperation::ListKeys);
        self.database.keys(&self.label)
    }

    fn get_many(&self, keys: &[String]) -> Result<Pairs, StoreError> {
        self.calls.count(StoreOperation::GetMany);
        self.database.get_many(&self.label, keys)
    }

    /// Applies a change; it is durable when this returns.
    async fn write(&self, write: Write) -> Result<Outcome, StoreError> {
        self.calls.count(write.operation());
        self.database.write(self.label.clone(), write).await
    }
}

/// An open store, as a resource of `wasi:keyvalue/store`.
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Bucket(Store);

/// An open store, as a resource of `fermyon:spin/key-value`.
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct LabelledStore(Store);

/// A compare-and-swap handle, as a resource of `wasi:keyvalue/atomics`.
#[expect(unreachable_pub, reason = "generated bindings re-export it")]
pub struct Cas {
    store: Store,
    key: String,
    /// What `current` saw; `None` before it was called, or if the key was absent.
    seen: Option<Vec<u8>>,
}

/// The stores that a component may open, by label.
pub(crate) type Granted = Arc<BTreeMap<String, Store>>;

/// What the interfaces need of an instance.
pub(crate) struct KeyValueView<'a> {
    /// The instance's resources.
    pub(crate) table: &'a mut ResourceTable,
    /// The stores of its component.
    pub(crate) granted: &'a Granted,
    /// How many it has open.
    pub(crate) open: &'a mut usize,
}

/// Names [`KeyValueView`] to the linker.
pub(crate) struct HasKeyValue;

impl HasData for HasKeyValue {
    type Data<'a> = KeyValueView<'a>;
}

/// Why a store was not opened.
enum OpenError {
    Denied,
    Full,
}

impl KeyValueView<'_> {
    fn open_store(&mut self, label: &str) -> Result<Store, OpenError> {
        let store = self.granted.get(label).ok_or(OpenError::Denied)?;
        if *self.open >= MAX_OPEN {
            return Err(OpenError::Full);
        }
        *self.open += 1;
        Ok(store.clone())
    }
}

#[cfg(test)]
mod tests;
