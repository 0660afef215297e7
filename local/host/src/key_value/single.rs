//! A database file as Spin has it: one connection for everything, used by one operation at a time, each of which blocks its
//! thread until it is done.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::StoreError;
use super::database::{SCHEMA, connect};
use super::writer::{Outcome, Write, apply};

/// What a write takes on Spin 4.1, alone and on a disk that syncs. Where a disk is faster, writes wait for this to pass.
pub(super) const LEAST_WRITE: Duration = Duration::from_micros(800);

/// The connection; nothing once it was closed.
pub(super) struct SingleConnection(Mutex<Option<Connection>>);

impl SingleConnection {
    /// Opens a database file, or makes it. Spin leaves SQLite its own settings: a rollback journal, and a sync of the disk
    /// with every transaction.
    pub(super) fn open(path: &Path) -> Result<SingleConnection, StoreError> {
        let path = path
            .to_str()
            .ok_or_else(|| StoreError::Sqlite("the path is not UTF-8".to_owned()))?;
        let connection = connect(path)?;
        connection.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;")?;
        connection.execute(SCHEMA, [])?;
        Ok(SingleConnection(Mutex::new(Some(connection))))
    }

    /// Reads, once all operations that came before are done.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.alone(|connection| read(connection))
    }

    /// Makes a change durable, in a transaction of its own. Takes [`LEAST_WRITE`] or longer, and keeps all others waiting.
    pub(super) fn write(&self, label: &str, write: &Write) -> Result<Outcome, StoreError> {
        self.alone(|connection| {
            let started = Instant::now();
            let transaction = connection.transaction()?;
            let outcome = apply(&transaction, label, write)?;
            transaction.commit()?;
            std::thread::sleep(LEAST_WRITE.saturating_sub(started.elapsed()));
            Ok(outcome)
        })
    }

    /// Closes the file; later operations fail. Blocks the thread.
    pub(super) fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether an operation has the connection.
    #[cfg(test)]
    pub(super) fn is_busy(&self) -> bool {
        self.0.try_lock().is_err()
    }

    fn alone<T>(
        &self,
        operation: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        blocking(|| {
            let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            operation(connection.as_mut().ok_or(StoreError::Closed)?)
        })
    }
}

/// Blocks this thread. Where the runtime has others, it gives the other tasks of this one to them.
fn blocking<T>(operation: impl FnOnce() -> T) -> T {
    let several = Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    match several {
        true => tokio::task::block_in_place(operation),
        false => operation(),
    }
}
