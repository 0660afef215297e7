//! Finishing what others left half-done: dead uploads, dead deletions, news that the catalogue missed.

use spinreel_gcs::{Error as BucketError, WRITE_ID};
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, HttpClient, Random, Store};
use thiserror::Error;

use super::peers::{PeerFailure, Peers};
use super::record::{FILE_NUMBER, FileRecord, Owner, State, UserFiles};
use super::storage::Storage;

/// The most records that one pass looks at: the newest ones, since what is half-done is recent.
pub const SETTLE_PAGE: u64 = 512;

/// Why something could not be settled now.
#[derive(Debug, Error)]
pub enum SettleError {
    /// The bucket did not say what it holds.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The state could not be read or kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The catalogue could not be told.
    #[error(transparent)]
    Peer(#[from] PeerFailure),
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers> Storage<S, H, C, R, P> {
    /// Settles what is half-done among the user's newest files; returns how many it settled.
    pub async fn settle_user(&self, owner: &Owner) -> Result<u64, LedgerError> {
        let files = UserFiles::new(&owner.user_id);
        let head = files.slots.head(&self.store).await?;
        let mut settled = 0;
        for number in (head.saturating_sub(SETTLE_PAGE) + 1..=head).rev() {
            if let Some(record) = files.record(number).get(&self.store).await?
                && self.is_abandoned(&files, number, &record).await?
                && self.settle(owner, number, record).await.is_ok()
            {
                settled += 1;
            }
        }
        Ok(settled)
    }

    /// Whether nobody is at work on a record that is half-done.
    pub(crate) async fn is_abandoned(
        &self,
        files: &UserFiles,
        number: u64,
        record: &FileRecord,
    ) -> Result<bool, LedgerError> {
        Ok(match &record.state {
            State::Uploading { until_ms, .. } => *until_ms < self.clock.now_ms(),
            State::Stored(object) if !object.announced => {
                files.announced(number).get(&self.store).await?.is_none()
            }
            State::Stored(_) => false,
            State::Deleting(_) | State::Deleted => true,
        })
    }

    /// Brings a record to where it belongs. Harmless when done twice, or by two at once.
    pub(crate) async fn settle(
        &self,
        owner: &Owner,
        number: u64,
        mut record: FileRecord,
    ) -> Result<(), SettleError> {
        let files = UserFiles::new(&owner.user_id);
        match record.state.clone() {
            State::Uploading {
                reserved, session, ..
            } => {
                // First end the session, so that what the bucket says next stays true.
                if let Some(session) = session {
                    self.bucket.cancel_upload(&session).await?;
                }
                let found = self.bucket.metadata(&record.object).await?;
                match found.filter(|object| object.metadata.get(WRITE_ID) == Some(&record.id)) {
                    Some(object) => {
                        self.make_stored(owner, number, &mut record, &object, reserved)
                            .await?;
                    }
                    None => {
                        files.refund_once(&self.store, number, reserved).await?;
                        files.record(number).delete(&self.store).await?;
                    }
                }
            }
            State::Stored(object) => {
                self.announce(owner, number, &record, &object).await?;
                files.announced(number).set(&self.store, &true).await?;
            }
            State::Deleting(object) => {
                self.finish_deletion(&files, number, &record, &object)
                    .await?;
            }
            State::Deleted => self.forget(&files, number, &record).await?,
        }
        Ok(())
    }

    /// Finds the file that holds a name by the object's own metadata, and mends the index.
    pub(crate) async fn find_by_object(
        &self,
        owner: &Owner,
        name: &str,
    ) -> Result<Option<(u64, FileRecord)>, SettleError> {
        let object = self.bucket.metadata(&owner.object_name(name)).await?;
        let Some(number) =
            object.and_then(|object| object.metadata.get(FILE_NUMBER)?.parse::<u64>().ok())
        else {
            return Ok(None);
        };
        let files = UserFiles::new(&owner.user_id);
        let record = files.record(number).get(&self.store).await?;
        let Some(record) = record.filter(|record| record.name == name && record.stored().is_some())
        else {
            return Ok(None);
        };
        files.name(name).set(&self.store, &number).await?;
        Ok(Some((number, record)))
    }

    /// The bucket says that a name is taken, and the index did not: mends it, as far as that goes.
    pub(crate) async fn repair_name(&self, owner: &Owner, name: &str) {
        // The answer is the same whether this works or not.
        let _ = self.find_by_object(owner, name).await;
    }
}
