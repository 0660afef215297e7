//! Resumable uploads: a record on disk with all that was said at the start, and a data file that grows.
//!
//! Sessions outlive the end of the process. (Not surely a power failure: they are not synced, since a
//! client whose session is gone starts again; an object is synced before it is visible.)

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedMutexGuard, watch};

use super::data::Written;
use super::{StorageError, lock};
use crate::object::{Draft, Record};
use crate::preconditions::Preconditions;

/// What a session's file says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    pub(crate) id: String,
    pub(crate) bucket: String,
    pub(crate) draft: Draft,
    pub(crate) conditions: Preconditions,
    /// The size of the object, if the client said so at the start.
    pub(super) size: Option<u64>,
    pub(super) data: String,
    /// The object that came of it, once it is stored.
    pub(super) finished: Option<Record>,
}

/// A session that is not finished.
pub(crate) struct Session {
    pub(crate) record: SessionRecord,
    pub(super) written: Arc<Mutex<Written>>,
    /// The CRC in `written` is not that of the data file, because it was written before the last start.
    pub(super) recount: AtomicBool,
    pub(super) outcome: Mutex<Outcome>,
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    /// The size of the object, once somebody said it. (After a restart it is only what was said at the start.)
    total: Mutex<Option<u64>>,
    newest: watch::Sender<u64>,
}

/// What has become of a session.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Open,
    Finished(Arc<Record>),
    Gone,
}

/// What there is under a session's id.
pub(crate) enum Found {
    /// An upload that goes on.
    Open(Arc<Session>),
    /// An upload that has become this object.
    Finished(Arc<Record>),
}

/// The sessions that are open, by their ids.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Arc<Session>>>);

/// The place of a request among those that want to write to a session: the newest counts.
pub(crate) struct Ticket {
    mine: u64,
    newest: watch::Receiver<u64>,
}

impl Ticket {
    /// Returns when a newer request wants to write.
    pub(crate) async fn superseded(&mut self) {
        let mine = self.mine;
        // The sender lives as long as the session, which the caller holds.
        if self
            .newest
            .wait_for(|newest| *newest != mine)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}

impl Session {
    /// A session of whose data file the first `len` bytes count.
    pub(super) fn new(record: SessionRecord, len: u64) -> Session {
        Session {
            total: Mutex::new(record.size),
            record,
            written: Arc::new(Mutex::new(Written { len, crc32c: 0 })),
            recount: AtomicBool::new(len > 0),
            outcome: Mutex::new(Outcome::Open),
            turn: Arc::default(),
            newest: watch::Sender::new(0),
        }
    }

    /// How many bytes are stored.
    pub(crate) fn stored(&self) -> u64 {
        lock(&self.written).len
    }

    /// The size that the object will have, if it is known.
    pub(crate) fn total(&self) -> Option<u64> {
        *lock(&self.total)
    }

    /// Notes the size that the object will have. For who has the turn.
    pub(crate) fn announce(&self, total: u64) {
        *lock(&self.total) = Some(total);
    }

    /// Asks for the right to write. The request that has it now, perhaps on a connection that is dead
    /// without anybody knowing, stops.
    pub(crate) fn take_over(&self) -> Ticket {
        let mut mine = 0;
        self.newest.send_modify(|newest| {
            *newest += 1;
            mine = *newest;
        });
        Ticket {
            mine,
            newest: self.newest.subscribe(),
        }
    }

    /// Waits until nobody else writes.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// What there is now, seen by who has the turn.
    pub(crate) fn state(self: &Arc<Session>) -> Result<Found, StorageError> {
        match lock(&self.outcome).clone() {
            Outcome::Open => Ok(Found::Open(Arc::clone(self))),
            Outcome::Finished(record) => Ok(Found::Finished(record)),
            Outcome::Gone => Err(StorageError::NoSuchSession),
        }
    }
}

impl Sessions {
    pub(super) fn get(&self, id: &str) -> Option<Arc<Session>> {
        lock(&self.0).get(id).cloned()
    }

    pub(super) fn insert(&self, session: Arc<Session>) {
        lock(&self.0).insert(session.record.id.clone(), session);
    }

    pub(super) fn remove(&self, id: &str) {
        lock(&self.0).remove(id);
    }

    /// The data files that belong to open sessions.
    pub(super) fn data_files(&self) -> HashSet<String> {
        lock(&self.0)
            .values()
            .map(|session| session.record.data.clone())
            .collect()
    }
}
