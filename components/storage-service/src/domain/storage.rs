//! The storage: everything that its operations work with.

use spinreel_api::Timestamp;
use spinreel_api::internal::{AnnounceVideo, StoredVideo};
use spinreel_gcs::{Client, Error as BucketError, NoTokenCache, TokenCache};
use spinreel_ledger::{LEASE_MS, LedgerError};
use spinreel_platform::{Clock, HttpClient, Random, Store, StoreError, is_fresh};
use thiserror::Error;

use super::peers::{Announced, PeerFailure, Peers};
use super::record::{FileHead, FileRecord, Intent, Operation, Record, StoredObject, UserFiles};
use super::resumable::Rules;

/// The storage, as one request sees it.
#[derive(Debug)]
pub struct Storage<S, H, C, R, P, T = NoTokenCache> {
    /// The service's own state.
    pub store: S,
    /// The bucket.
    pub bucket: Client<H, C, R, T>,
    /// The wall clock.
    pub clock: C,
    /// The other services.
    pub peers: P,
    /// What a user may store who has no [limit](super::limit) of their own, in bytes.
    pub limit: i64,
    /// How many files a user may have.
    pub files_per_user: u64,
    /// What goes to the bucket in one request, in bytes: a multiple of 256 KiB. Two of them are in memory at a time.
    pub chunk: u64,
    /// What holds for resumable uploads.
    pub resumable: Rules,
}

/// Why something could not be finished now.
#[derive(Debug, Error)]
pub enum SettleError {
    /// The bucket did not do, or say, what it was asked.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The state could not be read or kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The catalogue could not be told.
    #[error(transparent)]
    Peer(#[from] PeerFailure),
    /// Somebody else is at it, or this took longer than a lock is good for.
    #[error("somebody else is at work on it")]
    Busy,
}

impl From<StoreError> for SettleError {
    fn from(error: StoreError) -> Self {
        LedgerError::from(error).into()
    }
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Tells the catalogue of a stored file, unless it is an attachment. Harmless when repeated.
    pub(super) async fn announce(
        &self,
        user_id: &str,
        number: u64,
        head: &FileHead,
        object: &StoredObject,
    ) -> Result<Announced, PeerFailure> {
        if !head.purpose.is_video() {
            return Ok(Announced::Taken);
        }
        let stored = StoredVideo {
            owner: user_id.to_owned(),
            filename: head.name.clone(),
            size: object.size,
            content_type: head.content_type.clone(),
            location: super::content::location(user_id, number),
            etag: head.etag(),
            created_at: Timestamp::from_ms(head.created_at_ms),
        };
        let replaces = head.video.replaces.as_ref();
        let video = AnnounceVideo {
            stored,
            details: head.video.details.clone(),
            expected: head.video.is_expected,
            replaces: replaces.map(|replaced| super::content::location(user_id, replaced.number)),
            inspection: head.video.inspection.clone(),
        };
        self.peers.announce(head.video_id(), &video).await
    }

    /// Tells the catalogue that the file of a number is not there, or will not come. Harmless when repeated.
    pub(super) async fn withdraw(
        &self,
        user_id: &str,
        number: u64,
        video_id: &str,
    ) -> Result<(), PeerFailure> {
        let location = super::content::location(user_id, number);
        self.peers.withdraw(video_id, user_id, &location).await
    }

    /// Takes a number and writes down under it what is about to be done, or is left undone; the number. One `increment`
    /// and one `set`.
    pub(super) async fn note(
        &self,
        files: &UserFiles,
        operation: Operation,
    ) -> Result<u64, SettleError> {
        let began_ms = self.clock.now_ms();
        let number = files.roster.allocate(&self.store, 1).await?;
        let now_ms = self.clock.now_ms();
        if !is_fresh(began_ms, now_ms, LEASE_MS / 2 + 1) {
            // By now it may be taken for one that never gets a record.
            return Err(SettleError::Busy);
        }
        let intent = Intent::new(operation, now_ms);
        files.set_intent(&self.store, number, intent).await?;
        Ok(number)
    }

    /// Makes an object that is there a file of the user, in place of its upload's intent. The quota must be right by now,
    /// or a recount be noted: once the file can be seen, it can be deleted, and its size given back.
    pub(super) async fn enter(
        &self,
        files: &UserFiles,
        number: u64,
        file: FileRecord,
    ) -> Result<(), LedgerError> {
        if !file.head.purpose.is_video() {
            // It has no name.
            let record = files.record(number);
            return record.set(&self.store, &Record::File(file)).await;
        }
        let name = files.name(&file.head.name).pair(&number)?;
        let record = files.record(number).pair(&Record::File(file))?;
        // A name without its file means nothing, and a file without its name is found by its object.
        Ok(self.store.set_many(&[name, record]).await?)
    }
}

/// A number of bytes as a counter has it.
pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
