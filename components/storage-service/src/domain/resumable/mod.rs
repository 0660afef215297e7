//! Uploads that resume: a file that comes in over many requests, and is a file with its last byte.
//!
//! # What is true of an upload
//! Its [record](Resumable) lies under its number in place of an intent, and says what it is to become. The bytes are in a
//! session of the bucket, which takes multiples of 256 KiB; what was [received](received) beyond that, less than 256 KiB, is
//! kept in the store, in one value with how far the session is. One value is one durable write, and true or not as a whole
//! on every provider; an object would cost two requests to the bucket for every `PATCH`, and a bucket takes one write a
//! second of an object. Bytes are acknowledged after that write. Where the session has more than the store says (an instance
//! died), the client sends them again, and the bucket passes over what it has.
//!
//! The offset reaches the length with the file, and never before.
//!
//! # Who writes
//! Of several requests that write to an upload, the newest is right: see [`writer`]. One that was displaced is not
//! acknowledged, and what it wrote is never read again.
//!
//! What moves the quota's counter, or ends the upload, is done under the lock of the number: completing it, giving it up,
//! growing its share of the quota. [`end`] and [`finish`] have the order.
//!
//! # How long it lives
//! `expiry_ms` from its last request that brought something, and not longer than the bucket keeps a session. An expired one
//! takes nothing more, and is ended by the next look. Nothing renews a lease meanwhile, so the mark of the user's operations
//! does not wait for open uploads: it [names](spinreel_ledger::Mark::open) them.
//!
//! # What it costs
//! In durable writes of the storage: creation 4 (number, record, quota, record with the session), a `PATCH` 2 (writer,
//! received), the last one 5 (writer, lock, record, file in its place, leftovers). A `PATCH` that displaces another pays 2
//! more, one that tells or grows a deferred length 5 more.

mod append;
mod arriving;
mod compose;
mod create;
mod direct;
mod end;
mod error;
mod finish;
mod grow;
mod id;
mod join;
mod parts;
mod received;
mod replace;
mod session;
mod writer;

#[cfg(test)]
mod tests;

use spinreel_gcs::{Object, TokenCache, WRITE_ID};
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, HttpClient, Random, Store};

pub use self::append::{Appended, Bytes, CHECKED_LIMIT, End};
pub use self::compose::MOST_PARTS;
pub use self::create::{Created, Direct, NewUpload};
pub use self::direct::Completed;
pub use self::end::Ended;
pub use self::error::ResumableError;
pub use self::id::UploadId;
pub use self::join::{Joined, NewFinal};
pub use self::replace::Replacement;

use self::received::Received;
use super::peers::Peers;
use super::record::{FileHead, FileRecord, Intent, Operation, Phase, Record, Resumable, UserFiles};
use super::storage::{SettleError, Storage};

/// The most bytes that an object of the bucket may have, 5 TiB (<https://cloud.google.com/storage/quotas#objects>).
pub const LARGEST: u64 = 5 << 40;
/// How long an upload lives at most, in milliseconds: the bucket keeps a session for a week.
const LONGEST_MS: u64 = 6 * 86_400_000;

/// How often a request asks how far an upload is that others write to at the same time.
const TRIES: u32 = 8;

/// What holds for resumable uploads.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How many a user may have open.
    pub most: u64,
    /// How long one lives after its last request, in milliseconds.
    pub expiry_ms: u64,
    /// How long a request waits for another one that writes to the same upload, in milliseconds, before it displaces it: one
    /// whose client has gone away keeps what came within that.
    pub patience_ms: u64,
    /// Seals the sessions of the bucket, which are credentials.
    pub secret: String,
}

/// What an upload is at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It takes bytes.
    Open {
        /// How many are there.
        offset: u64,
        /// How many there will be.
        length: Option<u64>,
        /// What the client said of the file.
        metadata: String,
        /// What `Upload-Concat` said, where it said something.
        concat: Option<String>,
        /// When it goes if nothing comes, in milliseconds since the Unix epoch.
        expires_ms: u64,
    },
    /// It is made of parts that are not all there yet.
    Waiting {
        /// How many bytes the parts have together, where that is known.
        length: Option<u64>,
        /// What the client said of the file.
        metadata: String,
        /// What `Upload-Concat` said.
        concat: Option<String>,
        /// When it goes if nothing comes, in milliseconds since the Unix epoch.
        expires_ms: u64,
    },
    /// It is a file.
    Finished(Box<FileRecord>),
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Tells how far an upload is. The next request continues from there: one that writes to the upload at this moment is
    /// displaced.
    ///
    /// Four `get`; where a writer is displaced, three durable writes.
    pub async fn upload_status(
        &self,
        user_id: &str,
        id: &UploadId,
    ) -> Result<Status, ResumableError> {
        let files = UserFiles::new(user_id);
        let upload = match self.find_upload(&files, id).await? {
            Found::Open(upload) if upload.direct => return Err(ResumableError::NotFound),
            Found::Open(upload) => upload,
            found => return self.status_of(&files, found).await,
        };
        let received = self.settled(&files, id.number, &upload.head).await;
        // It may have ended meanwhile, and then this was read where nothing was any more.
        let upload = match self.find_upload(&files, id).await? {
            Found::Open(upload) => upload,
            found => return self.status_of(&files, found).await,
        };
        let received = received?;
        self.refuse_expired(received.expires_ms)?;
        Ok(Status::Open {
            offset: received.offset(),
            length: upload.length.or(upload.announced),
            metadata: upload.metadata,
            concat: upload.head.concat,
            expires_ms: received.expires_ms,
        })
    }

    /// What an upload is that takes no bytes.
    async fn status_of(&self, files: &UserFiles, found: Found) -> Result<Status, ResumableError> {
        match found {
            Found::Finished(file) => Ok(Status::Finished(file)),
            Found::Whole(upload, expires_ms) => {
                self.refuse_expired(expires_ms)?;
                Ok(Status::Open {
                    offset: upload.reserved,
                    length: Some(upload.reserved),
                    metadata: upload.metadata,
                    concat: upload.head.concat,
                    expires_ms,
                })
            }
            Found::Final(upload) => self.final_status(files, *upload).await,
            Found::Open(_) => Err(ResumableError::Busy),
        }
    }

    /// What was received of an upload, which stays so until a request comes that is newer than the caller's: who writes now
    /// is displaced.
    async fn settled(
        &self,
        files: &UserFiles,
        number: u64,
        head: &FileHead,
    ) -> Result<Received, ResumableError> {
        for _ in 0..TRIES {
            let current = self.idle_soon(files, number, head).await?;
            if current.is_idle {
                return Ok(current.received);
            }
            match self.displace(files, number, head, false).await {
                Ok(writer) => return Ok(writer.received),
                Err(ResumableError::Displaced) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ResumableError::Busy)
    }

    /// Finds an upload by its id: one `get`.
    async fn find_upload(&self, files: &UserFiles, id: &UploadId) -> Result<Found, ResumableError> {
        match files.record(id.number).get(&self.store).await? {
            Some(Record::File(file)) if file.head.id == id.file => {
                Ok(Found::Finished(Box::new(file)))
            }
            Some(Record::Intent(Intent {
                operation: Operation::Resumable(upload),
                until_ms,
            })) if upload.head.id == id.file => match upload.phase {
                Phase::Open | Phase::Finishing => Ok(Found::Open(upload)),
                Phase::Whole => Ok(Found::Whole(upload, until_ms)),
                Phase::Waiting | Phase::Joining | Phase::Joined => Ok(Found::Final(upload)),
                Phase::Ending => Err(ResumableError::Gone),
                Phase::Creating => Err(ResumableError::NotFound),
            },
            Some(_) | None => Err(ResumableError::NotFound),
        }
    }

    fn refuse_expired(&self, expires_ms: u64) -> Result<(), ResumableError> {
        match self.clock.now_ms() < expires_ms {
            true => Ok(()),
            false => Err(ResumableError::Gone),
        }
    }

    /// When an upload goes if nothing comes from now on, in milliseconds since the Unix epoch.
    fn expires_ms(&self, head: &FileHead, now_ms: u64) -> u64 {
        let renewed_ms = now_ms.saturating_add(self.resumable.expiry_ms);
        renewed_ms.min(head.created_at_ms + LONGEST_MS)
    }

    /// The object of an upload, where it is there.
    async fn object_of(&self, head: &FileHead) -> Result<Option<Object>, SettleError> {
        let found = self.bucket.metadata(&head.object).await?;
        Ok(found.filter(|object| object.metadata.get(WRITE_ID) == Some(&head.id)))
    }

    /// Whether an upload is to be settled: nobody is at work on it, or it has expired.
    pub(super) async fn is_upload_due(
        &self,
        files: &UserFiles,
        number: u64,
        intent: &Intent,
        upload: &Resumable,
        patience: spinreel_ledger::Patience,
    ) -> Result<bool, LedgerError> {
        let now_ms = self.clock.now_ms();
        if !upload.waits() {
            return Ok(intent.is_abandoned(now_ms, patience));
        }
        // A request since its creation may have renewed it.
        if now_ms < intent.until_ms {
            return Ok(false);
        }
        if upload.phase != Phase::Open {
            return Ok(true);
        }
        let current = self.current(files, number, &upload.head).await?;
        Ok(current.received.expires_ms <= now_ms)
    }
}

/// What an id leads to.
enum Found {
    /// It takes bytes.
    Open(Box<Resumable>),
    /// A part that has all of its bytes, and when it expires.
    Whole(Box<Resumable>, u64),
    /// It is made of others.
    Final(Box<Resumable>),
    Finished(Box<FileRecord>),
}
