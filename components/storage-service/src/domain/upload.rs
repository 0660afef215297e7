//! An upload, from its first byte to the answer.
//!
//! number → record (the intent) → quota → bandwidth → bytes to the bucket → catalogue → record says stored. A crash
//! at any arrow leaves a record that says how far it came.

use bytes::Bytes;
use futures::future::join;
use spinreel_gcs::{
    Error as BucketError, NewObject, Object, Part, Progress, ResumableSession, WRITE_ID,
};
use spinreel_ledger::{LedgerError, Reserved};
use spinreel_platform::{Clock, HttpClient, Random, Store};
use thiserror::Error;

use super::chunks::{Chunk, Chunks};
use super::peers::{PeerFailure, Peers};
use super::record::{FILE_NUMBER, FileRecord, Owner, State, StoredObject, UserFiles};
use super::storage::Storage;

/// What goes to the bucket in one request, in bytes: a multiple of 256 KiB. Two of them are in memory at a time.
pub const CHUNK: u64 = 4 * 1024 * 1024;
/// How long after a sign of life others leave an upload alone, in milliseconds.
pub const LEASE_MS: u64 = 600_000;
/// An estimate beyond the limit by more than this is refused before a byte is read, in bytes: what follows the file in
/// its request is shorter.
const ESTIMATE_SLACK: i64 = 64 * 1024;

/// Where a file's bytes come from.
#[expect(async_fn_in_trait, reason = "used by generic code on one thread")]
pub trait FileSource {
    /// The next bytes; `None` at the end of the file.
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError>;
}

/// The client did not send the whole file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the upload ended early: {0}")]
pub struct SourceError(pub String);

/// A file that wants to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Time-ordered and unused.
    pub id: String,
    /// A name that [is valid](super::file_name::is_valid).
    pub name: String,
    /// The declared media type, printable ASCII.
    pub content_type: String,
    /// How many bytes will come, as far as the request tells; 0 where it does not.
    pub expected: u64,
}

/// Why a file was not stored.
#[derive(Debug, Error)]
pub enum UploadError {
    /// The user has a file of that name.
    #[error("there is a file of that name")]
    NameTaken,
    /// The file does not fit into the user's quota.
    #[error("the quota is exceeded")]
    StorageExceeded,
    /// The file does not fit into the user's bandwidth of the day.
    #[error("the day's bandwidth is exceeded")]
    BandwidthExceeded,
    /// The client went away, or sent something that is no file.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Others settled the upload, since it gave no sign of life.
    #[error("the upload took too long")]
    Expired,
    /// The bucket did not take it.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The state could not be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Another service is needed and did not answer.
    #[error(transparent)]
    Peer(#[from] PeerFailure),
}

/// A stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Its record.
    pub record: FileRecord,
    /// Its object.
    pub object: StoredObject,
    /// Ids under which bandwidth was reserved: the first is the file's.
    pub transfers: Vec<String>,
}

/// An upload that is going on.
struct Running {
    files: UserFiles,
    number: u64,
    record: FileRecord,
    reserved: u64,
    session: Option<Box<ResumableSession>>,
    renewed_ms: u64,
    saved: bool,
    transfers: Vec<String>,
}

impl Running {
    fn state(&self, reserving: u64, now_ms: u64) -> State {
        State::Uploading {
            reserved: self.reserved,
            reserving,
            session: self.session.clone(),
            until_ms: now_ms + LEASE_MS,
        }
    }
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers> Storage<S, H, C, R, P> {
    /// Stores a file.
    ///
    /// The bandwidth that it reserved is left for the caller to settle after the answer: see
    /// [`Uploaded::transfers`]. After an error everything is given back, or will be when the record is settled.
    pub async fn upload(
        &self,
        owner: &Owner,
        file: NewFile,
        source: &mut impl FileSource,
    ) -> Result<Uploaded, UploadError> {
        let files = UserFiles::new(&owner.user_id);
        if self.is_name_taken(&files, &file.name).await? {
            return Err(UploadError::NameTaken);
        }
        self.refuse_hopeless(owner, &files, file.expected).await?;
        let number = files.slots.allocate(&self.store, 1).await?;
        let now_ms = self.clock.now_ms();
        let expected = file.expected;
        let mut running = Running {
            record: FileRecord {
                object: owner.object_name(&file.name),
                id: file.id,
                name: file.name,
                content_type: file.content_type,
                created_at_ms: now_ms,
                state: State::uploading_at(now_ms),
            },
            files,
            number,
            reserved: 0,
            session: None,
            renewed_ms: now_ms,
            saved: false,
            transfers: Vec::new(),
        };
        let outcome = match self.transfer(&mut running, expected, source).await {
            Ok(object) => self.commit(owner, &mut running, object).await,
            Err(UploadError::Bucket(BucketError::PreconditionFailed)) => {
                self.repair_name(owner, &running.record.name).await;
                Err(UploadError::NameTaken)
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(object) => Ok(Uploaded {
                record: running.record,
                object,
                transfers: running.transfers,
            }),
            Err(error) => {
                self.abandon(owner, running).await;
                Err(error)
            }
        }
    }

    async fn is_name_taken(&self, files: &UserFiles, name: &str) -> Result<bool, LedgerError> {
        let Some(number) = files.name(name).get(&self.store).await? else {
            return Ok(false);
        };
        let record = files.record(number).get(&self.store).await?;
        Ok(record.is_some_and(|record| record.name == name && record.stored().is_some()))
    }

    /// Refuses what cannot fit, before anything is written; what the dead hold is set free first.
    async fn refuse_hopeless(
        &self,
        owner: &Owner,
        files: &UserFiles,
        expected: u64,
    ) -> Result<(), UploadError> {
        let limit = self.limit.saturating_add(ESTIMATE_SLACK);
        let expected = i64::try_from(expected).unwrap_or(i64::MAX);
        for last_try in [false, true] {
            let used = files.used.get(&self.store).await?;
            if used.saturating_add(expected) <= limit {
                return Ok(());
            }
            if last_try || self.settle_user(owner).await? == 0 {
                break;
            }
        }
        Err(UploadError::StorageExceeded)
    }

    /// Brings the bytes into the bucket.
    async fn transfer(
        &self,
        running: &mut Running,
        expected: u64,
        source: &mut impl FileSource,
    ) -> Result<Object, UploadError> {
        self.reserve_estimate(running, expected).await?;
        let mut chunks = Chunks::new(source);
        let chunk = chunks.next(CHUNK).await?;
        self.ensure_reserved(running, chunk.length).await?;
        if !running.saved {
            // The record must exist before the bucket is asked for anything.
            self.save(running, 0).await?;
        }
        let object = NewObject {
            metadata: [
                (WRITE_ID.to_owned(), running.record.id.clone()),
                (FILE_NUMBER.to_owned(), running.number.to_string()),
            ]
            .into(),
            ..NewObject::create_only(&running.record.object, &running.record.content_type)
        };
        let written = if chunk.last {
            let crc32c = chunks.crc32c();
            self.bucket.insert(&object, chunk.pieces, crc32c).await
        } else {
            let session = self.bucket.start_upload(&object, None).await?;
            running.session = Some(Box::new(session.clone()));
            self.save(running, 0).await?;
            return self.put_chunks(running, &session, chunk, chunks).await;
        };
        Ok(written?)
    }

    /// Sends chunk after chunk; while one goes out, the next one comes in.
    async fn put_chunks<F: FileSource>(
        &self,
        running: &mut Running,
        session: &ResumableSession,
        first: Chunk,
        mut chunks: Chunks<'_, F>,
    ) -> Result<Object, UploadError> {
        let mut offset = 0;
        let mut chunk = first;
        while !chunk.last {
            let put = self
                .bucket
                .put_chunk(session, offset, &chunk.pieces, Part::More);
            let (put, next) = join(put, chunks.next(CHUNK)).await;
            put?;
            offset += chunk.length;
            chunk = next?;
            self.ensure_reserved(running, offset + chunk.length).await?;
            self.renew_lease(running).await?;
        }
        let last = Part::Last {
            crc32c: chunks.crc32c(),
        };
        match self
            .bucket
            .put_chunk(session, offset, &chunk.pieces, last)
            .await?
        {
            Progress::Complete(object) => Ok(object),
            Progress::Incomplete { stored } => Err(BucketError::Stalled { stored }.into()),
        }
    }

    /// Takes the estimate at once. Where that does not fit, the bytes are taken as they come: an estimate can be
    /// too high.
    async fn reserve_estimate(
        &self,
        running: &mut Running,
        expected: u64,
    ) -> Result<(), UploadError> {
        match self.ensure_reserved(running, expected).await {
            Err(UploadError::StorageExceeded) => Ok(()),
            other => other,
        }
    }

    /// Takes quota and bandwidth until `total` bytes are covered.
    async fn ensure_reserved(&self, running: &mut Running, total: u64) -> Result<(), UploadError> {
        let missing = total.saturating_sub(running.reserved);
        if missing == 0 {
            return Ok(());
        }
        self.save(running, missing).await?;
        let amount = i64::try_from(missing).unwrap_or(i64::MAX);
        let reserved = running
            .files
            .used
            .reserve(&self.store, amount, self.limit)
            .await?;
        if reserved == Reserved::No {
            self.save(running, 0).await?;
            return Err(UploadError::StorageExceeded);
        }
        running.reserved = total;
        self.save(running, 0).await?;
        let id = match running.transfers.len() {
            0 => running.record.id.clone(),
            n => format!("{}-{n}", running.record.id),
        };
        let user_id = running.files.user_id();
        // Noted before it is asked for: an answer that is lost may have been a yes, and is given back all the same.
        running.transfers.push(id.clone());
        if !self.peers.reserve_bandwidth(&id, user_id, missing).await? {
            running.transfers.pop();
            return Err(UploadError::BandwidthExceeded);
        }
        Ok(())
    }

    async fn renew_lease(&self, running: &mut Running) -> Result<(), UploadError> {
        let silent_ms = self.clock.now_ms().saturating_sub(running.renewed_ms);
        if silent_ms > LEASE_MS {
            return Err(UploadError::Expired);
        }
        if silent_ms > LEASE_MS / 4 {
            self.save(running, 0).await?;
        }
        Ok(())
    }

    async fn save(&self, running: &mut Running, reserving: u64) -> Result<(), LedgerError> {
        let now_ms = self.clock.now_ms();
        running.record.state = running.state(reserving, now_ms);
        running.renewed_ms = now_ms;
        running.saved = true;
        let cell = running.files.record(running.number);
        cell.set(&self.store, &running.record).await
    }

    /// The object is there: makes it a file of the user.
    async fn commit(
        &self,
        owner: &Owner,
        running: &mut Running,
        object: Object,
    ) -> Result<StoredObject, UploadError> {
        if self.clock.now_ms().saturating_sub(running.renewed_ms) > LEASE_MS {
            return Err(UploadError::Expired);
        }
        let stored = self
            .make_stored(
                owner,
                running.number,
                &mut running.record,
                &object,
                running.reserved,
            )
            .await?;
        Ok(stored)
    }

    /// Turns a record whose object is there into a stored file, and makes the quota what the object's size is.
    pub(crate) async fn make_stored(
        &self,
        owner: &Owner,
        number: u64,
        record: &mut FileRecord,
        object: &Object,
        reserved: u64,
    ) -> Result<StoredObject, LedgerError> {
        let files = UserFiles::new(&owner.user_id);
        let mut stored = StoredObject {
            size: object.size,
            generation: object.generation,
            crc32c: object.crc32c,
            announced: true,
        };
        // Told before the record says so: a crash in between leaves an intent, and telling twice is harmless.
        stored.announced = self.announce(owner, number, record, &stored).await.is_ok();
        record.state = State::Stored(stored);
        files.record(number).set(&self.store, record).await?;
        files.name(&record.name).set(&self.store, &number).await?;
        let drift = i64::try_from(object.size).unwrap_or(i64::MAX)
            - i64::try_from(reserved).unwrap_or(i64::MAX);
        files.adjust_once(&self.store, number, drift).await?;
        Ok(stored)
    }

    /// Gives back what a failed upload took. What cannot be done now is left for others: the record stays.
    async fn abandon(&self, owner: &Owner, running: Running) {
        if running.saved {
            let record = FileRecord {
                state: State::Uploading {
                    reserved: running.reserved,
                    reserving: 0,
                    session: running.session,
                    until_ms: 0,
                },
                ..running.record
            };
            if self
                .settle(owner, running.number, record.clone())
                .await
                .is_err()
            {
                // Others need not wait for the lease to end.
                let cell = running.files.record(running.number);
                let _ = cell.set(&self.store, &record).await;
            }
        }
        for id in &running.transfers {
            // One that is not given back now ends by itself.
            let _ = self.peers.settle_bandwidth(id, &owner.user_id, None).await;
        }
    }
}
