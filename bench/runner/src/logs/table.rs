//! The peer of the log: a plain table of SQLite.

use std::path::Path;

use anyhow::Result;
use rusqlite::{Connection, params};

use super::lines::{Lines, request, user};

/// A table with an index for each filter, in a database as the host's are.
pub(super) struct Table {
    database: Connection,
}

impl Table {
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self> {
        let database = Connection::open(folder.join(format!("{name}.db")))?;
        database.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE lines (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, user TEXT, request TEXT, line TEXT NOT NULL);
             CREATE INDEX at ON lines (at);
             CREATE INDEX user ON lines (user);
             CREATE INDEX request ON lines (request);",
        )?;
        Ok(Self { database })
    }

    /// Inserts lines, a transaction for each batch.
    pub(super) fn insert(&self, lines: &Lines, from: usize, to: usize, batch: usize) -> Result<()> {
        for start in (from..to).step_by(batch) {
            let transaction = self.database.unchecked_transaction()?;
            let mut insert = transaction.prepare_cached(
                "INSERT INTO lines (at, user, request, line) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for number in start..to.min(start + batch) {
                let line = lines.line(number).to_string();
                let at = i64::try_from(lines.at_ms(number))?;
                insert.execute(params![at, user(number), request(number), line])?;
            }
            drop(insert);
            transaction.commit()?;
        }
        Ok(())
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> Result<f64> {
        let bytes = self.database.query_row(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
            [],
            |row| row.get(0),
        )?;
        Ok(bytes)
    }
}
