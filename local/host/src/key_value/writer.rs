//! Changes of a database, and the thread that makes them.
//!
//! A commit costs a sync of the disk, so writers that wait at the same time share one: the thread takes all
//! changes that are there, applies them in one transaction, commits, and only then answers everyone.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, OptionalExtension, Savepoint, params};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use crate::store_calls::StoreOperation;

/// Changes that wait at most; further writers wait before they queue.
const QUEUE: usize = 1024;

/// Changes that share a commit at most.
const MAX_BATCH: usize = 256;

/// A change.
#[derive(Debug)]
pub(super) enum Write {
    Set {
        key: String,
        value: Vec<u8>,
    },
    Delete {
        key: String,
    },
    SetMany(Vec<(String, Vec<u8>)>),
    DeleteMany(Vec<String>),
    Increment {
        key: String,
        delta: i64,
    },
    /// Replaces the value if it is the expected one. Without an expected one it writes whatever is there, as
    /// Spin's provider does.
    Swap {
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    },
}

impl Write {
    /// What a guest called to ask for it.
    pub(super) fn operation(&self) -> StoreOperation {
        match self {
            Write::Set { .. } => StoreOperation::Set,
            Write::Delete { .. } => StoreOperation::Delete,
            Write::SetMany(_) => StoreOperation::SetMany,
            Write::DeleteMany(_) => StoreOperation::DeleteMany,
            Write::Increment { .. } => StoreOperation::Increment,
            Write::Swap { .. } => StoreOperation::Swap,
        }
    }
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// The sum after `Increment`.
    Sum(i64),
    /// Whether `Swap` wrote.
    Swapped(bool),
}

struct Job {
    label: Arc<str>,
    write: Write,
    answer: oneshot::Sender<Result<Outcome, StoreError>>,
}

/// The thread that owns a database's one writing connection.
pub(super) struct Writer(Mutex<Option<Running>>);

struct Running {
    jobs: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection) -> Writer {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::spawn(move || run(connection, queue));
        Writer(Mutex::new(Some(Running { jobs, thread })))
    }

    /// Makes a change durable.
    pub(super) async fn write(&self, label: Arc<str>, write: Write) -> Result<Outcome, StoreError> {
        let jobs = {
            let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            running.as_ref().ok_or(StoreError::Closed)?.jobs.clone()
        };
        let (answer, outcome) = oneshot::channel();
        let job = Job {
            label,
            write,
            answer,
        };
        jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        outcome.await.map_err(|_| StoreError::Closed)?
    }

    /// Ends the thread when all changes that were queued are done, and waits for it.
    pub(super) fn close(&self) {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { jobs, thread }) = running {
            drop(jobs);
            if thread.join().is_err() {
                tracing::error!("the writer of a key-value store panicked");
            }
        }
    }
}

fn run(mut connection: Connection, mut queue: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while queue.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
        let outcomes = commit(&mut connection, &batch);
        for (job, outcome) in batch.drain(..).zip(outcomes) {
            // Whoever asked may be gone; the change is made all the same.
            let _ = job.answer.send(outcome);
        }
    }
    // What is committed is safe in the write-ahead log; this only leaves a single tidy file behind.
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "a key-value store was closed with its write-ahead log");
    }
}

/// Applies a batch in one transaction. A change that fails fails alone; a commit that fails fails all.
fn commit(connection: &mut Connection, batch: &[Job]) -> Vec<Result<Outcome, StoreError>> {
    let attempt = |connection: &mut Connection| -> Result<_, StoreError> {
        let mut transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for job in batch {
            let part = transaction.savepoint()?;
            outcomes.push(apply_part(part, &job.label, &job.write));
        }
        transaction.commit()?;
        Ok(outcomes)
    };
    attempt(connection).unwrap_or_else(|error| vec![Err(error); batch.len()])
}

/// Applies one change within a batch; a failure undoes the change, and only this one.
fn apply_part(part: Savepoint<'_>, label: &str, write: &Write) -> Result<Outcome, StoreError> {
    let outcome = apply(&part, label, write)?;
    part.commit()?;
    Ok(outcome)
}

/// Applies one change. The caller has a transaction open.
pub(super) fn apply(
    connection: &Connection,
    label: &str,
    write: &Write,
) -> Result<Outcome, StoreError> {
    match write {
        Write::Set { key, value } => set(connection, label, key, value)?,
        Write::Delete { key } => delete(connection, label, key)?,
        Write::SetMany(pairs) => {
            for (key, value) in pairs {
                set(connection, label, key, value)?;
            }
        }
        Write::DeleteMany(keys) => {
            for key in keys {
                delete(connection, label, key)?;
            }
        }
        Write::Increment { key, delta } => {
            return increment(connection, label, key, *delta).map(Outcome::Sum);
        }
        Write::Swap {
            key,
            expected: None,
            value,
        } => {
            set(connection, label, key, value)?;
            return Ok(Outcome::Swapped(true));
        }
        Write::Swap {
            key,
            expected: Some(expected),
            value,
        } => {
            let changed = connection
                .prepare_cached(
                    "UPDATE spin_key_value SET value = ?4 WHERE store = ?1 AND key = ?2 AND value = ?3",
                )?
                .execute(params![label, key, expected, value])?;
            return Ok(Outcome::Swapped(changed > 0));
        }
    }
    Ok(Outcome::Done)
}

fn set(connection: &Connection, label: &str, key: &str, value: &[u8]) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (store, key) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![label, key, value])?;
    Ok(())
}

fn delete(connection: &Connection, label: &str, key: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
        .execute(params![label, key])?;
    Ok(())
}

/// Numbers are stored as 8 bytes, little-endian.
fn increment(
    connection: &Connection,
    label: &str,
    key: &str,
    delta: i64,
) -> Result<i64, StoreError> {
    let stored: Option<Vec<u8>> = connection
        .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
        .query_row(params![label, key], |row| row.get(0))
        .optional()?;
    let number = match stored {
        None => 0,
        Some(bytes) => i64::from_le_bytes(
            bytes
                .as_slice()
                .try_into()
                .map_err(|_| StoreError::NotANumber(bytes.len()))?,
        ),
    };
    let sum = number.checked_add(delta).ok_or(StoreError::Overflow)?;
    set(connection, label, key, &sum.to_le_bytes())?;
    Ok(sum)
}
