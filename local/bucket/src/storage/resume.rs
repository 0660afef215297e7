//! What happens to resumable uploads: start, growth, end, expiry, and the return after a restart.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use uuid::Uuid;

use super::data::{self, DataWriter, UNIT};
use super::folder::{in_folder, names_in, remove, write_whole};
use super::session::{Found, Outcome, Session, SessionRecord};
use super::{Storage, StorageError, lock};
use crate::checksum::Claims;
use crate::object::{Draft, Record};
use crate::options::StartError;
use crate::preconditions::Preconditions;

/// How long a session lasts: a week, in seconds.
const LIFETIME: u64 = 7 * 24 * 60 * 60;

impl Storage {
    /// Starts a session.
    pub(crate) fn start_session(
        &self,
        bucket: &str,
        draft: Draft,
        conditions: Preconditions,
        size: Option<u64>,
    ) -> Result<Arc<Session>, StorageError> {
        self.check(bucket, &draft.name, &conditions)?;
        // The id is a credential: whoever knows it may write. The second half is what keeps it secret.
        let id = format!("{}{}", Uuid::now_v7().simple(), Uuid::new_v4().simple());
        let (mut file, _) = self.new_data()?;
        let data = file.id.clone();
        let bucket = bucket.to_owned();
        let record = SessionRecord {
            id,
            bucket,
            draft,
            conditions,
            size,
            data,
            finished: None,
        };
        self.write_session(&record)?;
        file.keep();
        let session = Arc::new(Session::new(record, 0));
        self.sessions.insert(Arc::clone(&session));
        Ok(session)
    }

    /// Finds a session of a bucket by its id.
    pub(crate) fn find_session(&self, bucket: &str, id: &str) -> Result<Found, StorageError> {
        let open = self.sessions.get(id);
        if let Some(session) = open {
            return if session.record.bucket == bucket {
                session.state()
            } else {
                Err(StorageError::NoSuchSession)
            };
        }
        if id.len() != 64 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(StorageError::NoSuchSession);
        }
        let bytes = match fs::read(self.folder.session(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StorageError::NoSuchSession);
            }
            result => result?,
        };
        let record: SessionRecord = serde_json::from_slice(&bytes).map_err(io::Error::from)?;
        record
            .finished
            .filter(|_| record.bucket == bucket)
            .map(|object| Found::Finished(Arc::new(object)))
            .ok_or(StorageError::NoSuchSession)
    }

    /// Opens the data file behind its last byte. For who has the turn.
    pub(crate) fn session_writer(&self, session: &Session) -> Result<DataWriter, StorageError> {
        let file = data::open_for_writing(&self.folder.data(&session.record.data))?;
        if session.recount.load(Ordering::Relaxed) {
            let crc32c = data::crc32c_of(&file)?;
            lock(&session.written).crc32c = crc32c;
            session.recount.store(false, Ordering::Relaxed);
        }
        Ok(DataWriter::new(file, Arc::clone(&session.written)))
    }

    /// Makes the object of what is stored. For who has the turn.
    ///
    /// # Errors
    /// A precondition or a checksum that does not hold ends the session; after other errors it can be tried again.
    pub(crate) fn finish_session(
        &self,
        session: &Session,
        claims: Claims,
    ) -> Result<Arc<Record>, StorageError> {
        let SessionRecord {
            bucket,
            draft,
            conditions,
            data,
            ..
        } = &session.record;
        let draft = Draft {
            claims,
            ..draft.clone()
        };
        let written = *lock(&session.written);
        match self.commit(bucket, &draft, conditions, data, written) {
            Ok(object) => {
                let mut record = session.record.clone();
                record.finished = Some(Record::clone(&object));
                // Without this the client would not learn of its success; but it is one.
                if let Err(error) = self.write_session(&record) {
                    tracing::warn!(%error, "cannot note that an upload is finished");
                }
                *lock(&session.outcome) = Outcome::Finished(Arc::clone(&object));
                self.sessions.remove(&record.id);
                Ok(object)
            }
            Err(StorageError::Unsynced(error)) => {
                // The data is the object's now: the session must not touch it again.
                self.forget_session(session);
                Err(StorageError::Unsynced(error))
            }
            Err(error) => {
                if matches!(
                    error,
                    StorageError::Precondition(_)
                        | StorageError::Checksum { .. }
                        | StorageError::Length(_)
                ) {
                    self.discard_session(session);
                }
                Err(error)
            }
        }
    }

    /// Ends a session, and takes away what it has stored. For who has the turn.
    pub(crate) fn discard_session(&self, session: &Session) {
        self.forget_session(session);
        remove(&self.folder.data(&session.record.data));
    }

    fn forget_session(&self, session: &Session) {
        *lock(&session.outcome) = Outcome::Gone;
        self.sessions.remove(&session.record.id);
        remove(&self.folder.session(&session.record.id));
    }

    /// Ends the sessions that are older than a week, except those that somebody is writing to.
    pub(crate) fn expire_sessions(&self) -> Result<(), StartError> {
        for file in names_in(&self.folder.sessions())? {
            let Some(id) = file.strip_suffix(".json").filter(|id| expired(id)) else {
                continue;
            };
            let open = self.sessions.get(id);
            match open {
                None => remove(&self.folder.session(id)),
                Some(session) => {
                    if let Ok(_turn) = Arc::clone(&session.turn).try_lock_owned() {
                        self.discard_session(&session);
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads the sessions that the last process left. What cannot be read is dropped: its client starts again.
    pub(super) fn load_sessions(&self) -> Result<(), StartError> {
        let mut stored = BTreeMap::new();
        for bucket in self.buckets("", "", usize::MAX).0 {
            bucket.each(|record| {
                stored.insert(record.data.clone(), Arc::clone(record));
            });
        }
        for file in names_in(&self.folder.sessions())? {
            let path = self.folder.sessions().join(&file);
            // What is unfinished is not read: a write of an earlier run that was still going on may just have renamed it.
            if file.strip_suffix(".json").is_none_or(&expired) {
                remove(&path);
                continue;
            }
            let bytes = fs::read(&path).map_err(in_folder(&path))?;
            let Ok(mut record) = serde_json::from_slice::<SessionRecord>(&bytes) else {
                remove(&path);
                continue;
            };
            if record.finished.is_some() {
                continue;
            }
            if let Some(object) = stored.get(&record.data) {
                // Stopped between storing the object and noting it here.
                record.finished = Some(Record::clone(object));
                self.write_session(&record).map_err(in_folder(&path))?;
                continue;
            }
            match self.cut_to_units(&record.data) {
                Ok(len) => {
                    let session = Arc::new(Session::new(record, len));
                    self.sessions.insert(session);
                }
                Err(error) => {
                    tracing::warn!(%error, "an upload's data is gone");
                    remove(&path);
                }
            }
        }
        Ok(())
    }

    /// Cuts a data file to a multiple of [`UNIT`], since the end may be half a write.
    fn cut_to_units(&self, data: &str) -> io::Result<u64> {
        let file = data::open_for_writing(&self.folder.data(data))?;
        let len = file.metadata()?.len() / UNIT * UNIT;
        file.set_len(len)?;
        Ok(len)
    }

    fn write_session(&self, record: &SessionRecord) -> io::Result<()> {
        write_whole(
            &self.folder.session(&record.id),
            &serde_json::to_vec(record)?,
            false,
        )
    }
}

/// Whether a session with this id is over its time; one that is none is, too.
fn expired(id: &str) -> bool {
    let started = id
        .get(..32)
        .and_then(|time| Uuid::try_parse(time).ok())
        .and_then(|uuid| uuid.get_timestamp())
        .map(|timestamp| timestamp.to_unix().0);
    started.is_none_or(|started| started + LIFETIME < crate::clock::now() / 1_000_000)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use tokio::sync::mpsc;

    use super::*;

    fn open(dir: &Path) -> Storage {
        let storage = Storage::open(dir, mpsc::channel(1).0, false).unwrap();
        if storage.bucket("films").is_err() {
            storage.create_bucket("films").unwrap();
        }
        storage
    }

    fn start(storage: &Storage) -> Arc<Session> {
        let draft = Draft {
            name: "a".to_owned(),
            ..Draft::default()
        };
        storage
            .start_session("films", draft, Preconditions::default(), None)
            .unwrap()
    }

    async fn append(storage: &Storage, session: &Session, bytes: &[u8]) {
        let mut writer = storage.session_writer(session).unwrap();
        writer.push(bytes).await.unwrap();
        writer.finish().await.unwrap();
    }

    #[tokio::test]
    async fn after_a_restart_whole_units_count_and_the_checksum_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        let session = start(&storage);
        let unit = vec![7; UNIT as usize];
        append(&storage, &session, &unit).await;
        append(&storage, &session, b"half a write").await;
        drop(storage);

        let storage = open(dir.path());
        let Found::Open(session) = storage.find_session("films", &session.record.id).unwrap()
        else {
            panic!("not open");
        };
        assert_eq!(session.stored(), UNIT);
        append(&storage, &session, b"end").await;
        let object = storage.finish_session(&session, Claims::default()).unwrap();
        assert_eq!(object.size, UNIT + 3);
        assert_eq!(object.crc32c, crc32c::crc32c(&[&unit[..], b"end"].concat()));
    }

    #[tokio::test]
    async fn a_kill_between_storing_and_noting_it_is_made_good() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        let session = start(&storage);
        append(&storage, &session, b"whole").await;
        let path = storage.folder.session(&session.record.id);
        let before = fs::read(&path).unwrap();
        let object = storage.finish_session(&session, Claims::default()).unwrap();
        fs::write(&path, before).unwrap();
        drop(storage);

        let storage = open(dir.path());
        match storage.find_session("films", &session.record.id).unwrap() {
            Found::Finished(found) => assert_eq!(found, object),
            Found::Open(_) => panic!("the object's data would be written to"),
        }
        assert!(storage.open_data(&object).is_ok());
    }

    #[tokio::test]
    async fn sessions_expire_after_a_week_unless_they_are_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        let (idle, busy, fresh) = (start(&storage), start(&storage), start(&storage));
        let eight_days_ago = crate::clock::now() / 1_000_000 - 8 * 24 * 60 * 60;
        let age = |session: &Arc<Session>| {
            let context = uuid::NoContext;
            let time = uuid::Timestamp::from_unix(context, eight_days_ago, 0);
            let id = format!("{}{}", Uuid::new_v7(time).simple(), Uuid::new_v4().simple());
            let record = SessionRecord {
                id,
                ..session.record.clone()
            };
            storage.write_session(&record).unwrap();
            storage.forget_session(session);
            let session = Arc::new(Session::new(record, 0));
            storage.sessions.insert(Arc::clone(&session));
            session
        };
        let (idle, busy) = (age(&idle), age(&busy));
        let turn = busy.turn().await;
        storage.expire_sessions().unwrap();
        assert!(storage.find_session("films", &idle.record.id).is_err());
        assert!(storage.find_session("films", &busy.record.id).is_ok());
        assert!(storage.find_session("films", &fresh.record.id).is_ok());
        drop(turn);
        drop(storage);
        let storage = open(dir.path());
        assert!(storage.find_session("films", &busy.record.id).is_err());
        assert_eq!(fs::read_dir(dir.path().join("data")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn what_is_no_session_is_dropped_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        let session = start(&storage);
        let sessions = storage.folder.sessions();
        fs::write(
            sessions.join(format!("{}.json.tmp", session.record.id)),
            "{",
        )
        .unwrap();
        fs::write(storage.folder.session(&session.record.id), "{").unwrap();
        drop(storage);
        drop(open(dir.path()));
        assert_eq!(fs::read_dir(sessions).unwrap().count(), 0);
        assert_eq!(fs::read_dir(dir.path().join("data")).unwrap().count(), 0);
    }
}
