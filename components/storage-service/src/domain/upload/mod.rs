//! An upload, from its first byte to the answer.
//!
//! number → intent → quota → bandwidth → bytes to the bucket → catalogue → file, in the intent's place. A crash at any
//! arrow leaves an intent that says how far it came, and [`tidy`](super::tidy) takes it from there. Where there is a
//! file, nothing is left to do.

mod fail;
mod running;

use std::cell::Cell;

use bytes::Bytes;
use futures::future::join;
use spinreel_api::internal::Reservation;
use spinreel_api::videos::Details;
use spinreel_gcs::{
    Error as BucketError, NewObject, Object, Part, Progress, ResumableSession, TokenCache, WRITE_ID,
};
use spinreel_ledger::{CALL_MS, LedgerError};
use spinreel_platform::{Clock, HttpClient, Random, Store};
use thiserror::Error;

use self::fail::Doubt;
use self::running::Running;
use super::chunks::{Chunk, Chunks};
use super::inspection::inspect_passing;
use super::names::Holder;
use super::peers::{PeerFailure, Peers};
use super::record::{
    FILE_NUMBER, FILE_OWNER, FileHead, FileRecord, Notice, Operation, Owner, Purpose, Rest,
    StoredObject, UserFiles, VideoHead,
};
use super::storage::{SettleError, Storage, signed};
use super::tidy::Eagerness;

/// What goes to the bucket in one request, in bytes, as services use it.
pub const CHUNK: u64 = 4 * 1024 * 1024;
/// By how much an estimate may be too high, in bytes: by what follows the file in its request. One that is beyond a limit
/// by more is refused before a byte is read.
pub const ESTIMATE_SLACK: u64 = 1024 * 1024;

/// Where a file's bytes come from.
#[expect(async_fn_in_trait, reason = "used by generic code on one thread")]
pub trait FileSource {
    /// The next bytes; `None` at the end of the file.
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError>;

    /// What came with the file about the video, known at its end; `None` where that is nothing.
    fn details(&self) -> Option<Details> {
        None
    }
}

/// The client did not send the whole file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the upload ended early: {0}")]
pub struct SourceError(pub String);

/// A file that wants to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Time-ordered and unused; an attachment's gets its number behind it.
    pub id: String,
    /// A name that [is valid](super::file_name::is_valid); empty for an attachment.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The declared media type, printable ASCII.
    pub content_type: String,
    /// What it is to the catalogue.
    pub video: VideoHead,
    /// How many bytes will come, as far as the request tells; 0 where it does not. Too high by [`ESTIMATE_SLACK`] at
    /// most.
    pub expected: u64,
}

/// Why a file was not stored.
#[derive(Debug, Error)]
pub enum UploadError {
    /// The user has a file of that name.
    #[error("there is a file of that name")]
    NameTaken,
    /// The name was held by what nobody owns, or may be: it is, or will be, free for another try.
    #[error("the name is being set free")]
    NameNotFreeYet,
    /// The file does not fit into the user's quota.
    #[error("the quota is exceeded")]
    StorageExceeded,
    /// The user has as many files as one may have.
    #[error("the user has too many files")]
    TooManyFiles,
    /// The file does not fit into the user's bandwidth of the day.
    #[error("the day's bandwidth is exceeded")]
    BandwidthExceeded,
    /// The user's account was deleted.
    #[error("the user is gone")]
    UserGone,
    /// The client went away, or sent something that is no file.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The upload stood still for so long that others may settle it.
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

impl From<SettleError> for UploadError {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::Bucket(error) => error.into(),
            SettleError::Ledger(error) => error.into(),
            SettleError::Peer(error) => error.into(),
            SettleError::Busy => Self::NameNotFreeYet,
        }
    }
}

/// A stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// What it is.
    pub file: FileRecord,
    /// Its number, for a [look in passing](super::tidy::Eagerness::InPassing).
    pub number: u64,
    /// The bandwidth that was reserved, in the order of the bytes that it pays for.
    pub reservations: Vec<Reservation>,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Stores a file.
    pub async fn upload(
        &self,
        owner: &Owner,
        file: NewFile,
        source: &mut impl FileSource,
    ) -> Result<Uploaded, UploadError> {
        let files = UserFiles::new(&owner.user_id);
        if file.purpose.is_video() && self.is_name_taken(&files, &file.name).await? {
            return Err(UploadError::NameTaken);
        }
        let limit = self.limit_of(&files).await?;
        if file.purpose != Purpose::Derived {
            self.refuse_hopeless(&files, limit, file.expected).await?;
        }
        let began_ms = self.clock.now_ms();
        let number = files.roster.allocate(&self.store, 1).await?;
        let (id, object) = match file.purpose {
            Purpose::Video => (file.id, owner.object_name(&file.name)),
            // By its number it is another one each time.
            Purpose::Attachment | Purpose::Derived => {
                let id = format!("{}.{number}", file.id);
                let object = owner.attachment_name(&id);
                (id, object)
            }
        };
        let head = FileHead {
            object,
            purpose: file.purpose,
            id,
            name: file.name,
            content_type: file.content_type,
            created_at_ms: began_ms,
            video: file.video,
            concat: None,
        };
        let renewed_ms = Cell::new(began_ms);
        let mut running = Running::new(files, number, head, limit, &renewed_ms);
        let transfer = self.transfer(&mut running, file.expected, source);
        match self.while_alive(&renewed_ms, transfer).await {
            // From here on the file will be there, whatever happens: who comes later finds the object.
            Ok(object) => {
                if let Some(details) = source.details() {
                    running.head.video.details = Some(details);
                }
                let commit = self.commit(running, &object);
                self.while_alive(&renewed_ms, commit).await
            }
            Err(error) => {
                let doubt = Doubt::after(&error, &running);
                let error = self.explained(owner, &running, error).await;
                self.abandon(running, &renewed_ms, doubt).await;
                Err(error)
            }
        }
    }

    pub(super) async fn is_name_taken(
        &self,
        files: &UserFiles,
        name: &str,
    ) -> Result<bool, LedgerError> {
        let Some(number) = files.name(name).get(&self.store).await? else {
            return Ok(false);
        };
        let file = files.file(&self.store, number).await?;
        Ok(file.is_some_and(|file| file.head.is_called(name)))
    }

    /// Refuses what cannot fit, before anything is written; what the dead hold is set free first.
    pub(super) async fn refuse_hopeless(
        &self,
        files: &UserFiles,
        limit: i64,
        expected: u64,
    ) -> Result<(), UploadError> {
        let least = signed(expected.saturating_sub(ESTIMATE_SLACK));
        for last_try in [false, true] {
            let used = files.used.get(&self.store).await?;
            if used.saturating_add(least) <= limit {
                return Ok(());
            }
            if last_try || !self.tidy(files, Eagerness::Now).await?.made_room() {
                break;
            }
        }
        Err(UploadError::StorageExceeded)
    }

    /// Brings the bytes into the bucket.
    async fn transfer(
        &self,
        running: &mut Running<'_>,
        expected: u64,
        source: &mut impl FileSource,
    ) -> Result<Object, UploadError> {
        // After the number was taken: see `is_gone`.
        if !self.register(&running.files).await? {
            return Err(UploadError::UserGone);
        }
        if running.head.purpose.is_video()
            && !self.has_place(&running.files, running.number).await?
        {
            return Err(UploadError::TooManyFiles);
        }
        self.reserve_estimate(running, expected).await?;
        if !running.is_saved() {
            // The intent must be there before the number is old, and before the bucket is asked for anything.
            self.save(running).await?;
        }
        let mut chunks = Chunks::new(source);
        let chunk = self.alive(running, chunks.next(self.chunk)).await??;
        self.ensure_reserved(running, chunk.length).await?;
        if running.head.purpose.is_video() {
            let inspection = inspect_passing(&chunk.pieces, chunk.last).await;
            running.head.video.inspection = inspection;
        }
        let object = NewObject {
            metadata: [
                (WRITE_ID.to_owned(), running.head.id.clone()),
                (FILE_NUMBER.to_owned(), running.number.to_string()),
                (FILE_OWNER.to_owned(), running.files.user_id().to_owned()),
            ]
            .into(),
            ..NewObject::create_only(&running.head.object, &running.head.content_type)
        };
        if chunk.last {
            let crc32c = chunks.crc32c();
            let insert = self.bucket.insert_tracked(&object, chunk.pieces, crc32c);
            let inserted = self.alive(running, insert).await??;
            if inserted.unanswered {
                // The clock of whoever deletes the file may be fast by as much as a call may take.
                running.object_settled_ms = self.clock.now_ms() + 2 * CALL_MS;
            }
            return Ok(inserted.object);
        }
        let start = self.bucket.start_upload(&object, None);
        let session = self.alive(running, start).await??;
        running.session = Some(session.clone());
        self.save(running).await?;
        self.put_chunks(running, &session, chunk, chunks).await
    }

    /// Sends chunk after chunk; while one goes out, the next one comes in.
    async fn put_chunks<F: FileSource>(
        &self,
        running: &mut Running<'_>,
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
            let both = join(put, chunks.next(self.chunk));
            let (put, next) = self.alive(running, both).await?;
            put?;
            offset += chunk.length;
            chunk = next?;
            // The purge of a deleted account waits for this upload.
            if self.is_buried(&running.files).await? {
                return Err(UploadError::UserGone);
            }
            self.ensure_reserved(running, offset + chunk.length).await?;
        }
        let last = Part::Last {
            crc32c: chunks.crc32c(),
        };
        let put = self.bucket.put_chunk(session, offset, &chunk.pieces, last);
        match self.alive(running, put).await?? {
            Progress::Complete(object) => Ok(object),
            Progress::Incomplete { stored } => Err(BucketError::Stalled { stored }.into()),
        }
    }

    /// The object is there: makes it a file of the user.
    ///
    /// After the file is entered, or may be, nothing is written under its number: the user may have deleted the file by
    /// then. What fails here is finished by others when the lease is over.
    async fn commit(
        &self,
        mut running: Running<'_>,
        object: &Object,
    ) -> Result<Uploaded, UploadError> {
        let mut file = FileRecord {
            head: running.head.clone(),
            object: stored(object),
            settled_ms: running.object_settled_ms,
            resumable: false,
        };
        let number = running.number;
        // Told before the file is there: a crash in between leaves an intent, and telling twice is harmless.
        let announced = self
            .announce(running.files.user_id(), number, &file.head, &file.object)
            .await;
        if announced.is_ok() {
            file.head.video.told();
        }
        let counted = file.counted();
        let too_much = signed(running.reserved) - signed(counted);
        if too_much != 0 {
            running.moving = true;
            self.save(&mut running).await?;
            self.correct(&running.files, too_much).await?;
            running.reserved = counted;
            running.moving = false;
        }
        if announced.is_err() {
            // The catalogue will be told when what failed can have no effect any more.
            let notice = Notice {
                number,
                id: file.head.id.clone(),
            };
            let rest = Rest {
                notice: Some(notice),
                ..Rest::default()
            };
            self.note(&running.files, Operation::Rest(rest)).await?;
        }
        self.settle_intent(&mut running).await?;
        self.enter(&running.files, number, file.clone()).await?;
        Ok(Uploaded {
            file,
            number,
            reservations: running.reservations,
        })
    }

    /// What a failure means to the client: where the bucket refuses the name, whose it is decides.
    async fn explained(
        &self,
        owner: &Owner,
        running: &Running<'_>,
        error: UploadError,
    ) -> UploadError {
        let UploadError::Bucket(bucket) = &error else {
            return error;
        };
        if *bucket.reason() != BucketError::PreconditionFailed {
            return error;
        }
        self.refused_name(owner, &running.head.name).await
    }

    /// What it means that the bucket refuses to create the object of a name.
    pub(super) async fn refused_name(&self, owner: &Owner, name: &str) -> UploadError {
        match self.holder(owner, name).await {
            Ok(Holder::File(..) | Holder::Foreign | Holder::Upload) => UploadError::NameTaken,
            Ok(Holder::Nobody) => UploadError::NameNotFreeYet,
            Err(error) => error.into(),
        }
    }
}

/// What is kept of an object.
pub(super) fn stored(object: &Object) -> StoredObject {
    StoredObject {
        size: object.size,
        generation: object.generation,
        crc32c: object.crc32c,
    }
}
