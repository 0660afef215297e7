//! One SQLite database. Reads happen at once on the caller's thread, since they take microseconds; changes go
//! to the writer. A database that is opened as Spin opens it has neither: see [`SingleConnection`].

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::single::SingleConnection;
use super::writer::{Outcome, Write, Writer, apply};
use super::{MAX_RESULT_BYTES, Pairs, StoreError};

/// Read connections that are kept open while nobody uses them.
const MAX_IDLE_READERS: usize = 16;

/// How long a connection waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The table has Spin's name and columns, so that Spin can open the file.
pub(super) const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (store, key)
)";

/// A database, shared by all labels that are kept in it.
pub(crate) struct Database(Kind);

enum Kind {
    File {
        path: String,
        readers: Mutex<Vec<Connection>>,
        writer: Writer,
    },
    /// A database in memory belongs to its one connection.
    Memory(Mutex<Connection>),
    /// A file as Spin has it.
    Single(SingleConnection),
}

impl Database {
    /// Opens a database file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Database, StoreError> {
        let path = path
            .to_str()
            .ok_or_else(|| StoreError::Sqlite("the path is not UTF-8".to_owned()))?;
        let connection = connect(path)?;
        // Write-ahead log: readers and the writer do not wait for each other.
        // Synchronous FULL: a commit is on the disk before it is acknowledged.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        connection.execute(SCHEMA, [])?;
        Ok(Database(Kind::File {
            path: path.to_owned(),
            readers: Mutex::new(Vec::new()),
            writer: Writer::start(connection),
        }))
    }

    /// Opens a database file, or makes it, as Spin does: slower, and for one operation at a time.
    pub(crate) fn open_as_spin(path: &Path) -> Result<Database, StoreError> {
        SingleConnection::open(path).map(|connection| Database(Kind::Single(connection)))
    }

    /// A database that is gone when it is dropped.
    pub(crate) fn in_memory() -> Result<Database, StoreError> {
        let connection = Connection::open_in_memory()?;
        connection.execute(SCHEMA, [])?;
        Ok(Database(Kind::Memory(Mutex::new(connection))))
    }

    pub(super) fn get(&self, label: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|connection| {
            let value: Option<Vec<u8>> = connection
                .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .query_row(params![label, key], |row| row.get(0))
                .optional()?;
            let mut size = ResultSize::default();
            size.add(value.as_ref().map_or(0, Vec::len))?;
            Ok(value)
        })
    }

    pub(super) fn exists(&self, label: &str, key: &str) -> Result<bool, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .exists(params![label, key])?)
        })
    }

    pub(super) fn keys(&self, label: &str) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut query =
                connection.prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?;
            let mut rows = query.query([label])?;
            let mut keys = Vec::new();
            let mut size = ResultSize::default();
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                size.add(size_of::<String>() + key.len())?;
                keys.push(key);
            }
            Ok(keys)
        })
    }

    pub(super) fn get_many(&self, label: &str, keys: &[String]) -> Result<Pairs, StoreError> {
        let keys =
            serde_json::to_string(keys).map_err(|error| StoreError::Sqlite(error.to_string()))?;
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT key, value FROM spin_key_value
                 WHERE store = ?1 AND key IN (SELECT value FROM json_each(?2))",
            )?;
            let mut rows = query.query(params![label, keys])?;
            let mut found = Vec::new();
            let mut size = ResultSize::default();
            while let Some(row) = rows.next()? {
                let (key, value): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
                size.add(key.len() + value.len())?;
                found.push((key, Some(value)));
            }
            Ok(found)
        })
    }

    pub(super) async fn write(&self, label: Arc<str>, write: Write) -> Result<Outcome, StoreError> {
        match &self.0 {
            Kind::File { writer, .. } => writer.write(label, write).await,
            Kind::Memory(connection) => {
                let mut connection = lock(connection);
                let transaction = connection.transaction()?;
                let outcome = apply(&transaction, &label, &write)?;
                transaction.commit()?;
                Ok(outcome)
            }
            Kind::Single(connection) => connection.write(&label, &write),
        }
    }

    /// Commits what is under way and closes the file; later operations fail. Blocks the thread.
    pub(crate) fn close(&self) {
        match &self.0 {
            Kind::File {
                readers, writer, ..
            } => {
                lock(readers).clear();
                writer.close();
            }
            Kind::Memory(_) => {}
            Kind::Single(connection) => connection.close(),
        }
    }

    /// Whether an operation has the one connection of a database that was opened as on Spin.
    #[cfg(test)]
    pub(super) fn is_busy(&self) -> bool {
        matches!(&self.0, Kind::Single(connection) if connection.is_busy())
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &self.0 {
            Kind::Memory(connection) => read(&lock(connection)),
            Kind::Single(connection) => connection.read(read),
            Kind::File { path, readers, .. } => {
                let idle = lock(readers).pop();
                let connection = match idle {
                    Some(connection) => connection,
                    None => {
                        let connection = connect(path)?;
                        connection.execute_batch("PRAGMA query_only = ON")?;
                        connection
                    }
                };
                let result = read(&connection);
                let mut readers = lock(readers);
                if readers.len() < MAX_IDLE_READERS {
                    readers.push(connection);
                }
                result
            }
        }
    }
}

/// Adds up what a read would give to the guest.
#[derive(Default)]
struct ResultSize(usize);

impl ResultSize {
    fn add(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.0 += bytes;
        if self.0 > MAX_RESULT_BYTES {
            return Err(StoreError::TooLarge);
        }
        Ok(())
    }
}

pub(super) fn connect(path: &str) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// A poisoned lock is taken all the same: SQLite's own state is consistent whatever panicked around it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
