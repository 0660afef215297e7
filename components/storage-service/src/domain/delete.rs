//! A deletion: the record says so first, then the object goes, then the quota is given back, then the record.

use spinreel_gcs::Error as BucketError;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, HttpClient, Random, Store};
use thiserror::Error;

use super::peers::Peers;
use super::record::{FileRecord, Owner, State, StoredObject, UserFiles};
use super::settle::SettleError;
use super::storage::Storage;

/// Why a file was not deleted.
#[derive(Debug, Error)]
pub enum DeleteError {
    /// The user has no file of that name, or somebody else is just deleting it.
    #[error("there is no such file")]
    NotFound,
    /// The bucket did not do it.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The state could not be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A deleted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Its id.
    pub id: String,
    /// The bytes that were set free.
    pub size: u64,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers> Storage<S, H, C, R, P> {
    /// Deletes the file called `name`. Of several that ask at once, one is told that it did it.
    pub async fn delete(&self, owner: &Owner, name: &str) -> Result<Deleted, DeleteError> {
        let files = UserFiles::new(&owner.user_id);
        let (number, mut record) = self.find(owner, &files, name).await?;
        let Some(object) = record.stored().copied() else {
            return Err(DeleteError::NotFound);
        };
        record.state = State::Deleting(object);
        files.record(number).set(&self.store, &record).await?;
        match self.finish_deletion(&files, number, &record, &object).await {
            Ok(true) => Ok(Deleted {
                id: record.id,
                size: object.size,
            }),
            Ok(false) => Err(DeleteError::NotFound),
            Err(SettleError::Bucket(error)) => Err(error.into()),
            Err(SettleError::Ledger(error)) => Err(error.into()),
            Err(SettleError::Peer(_)) => Err(DeleteError::NotFound),
        }
    }

    async fn find(
        &self,
        owner: &Owner,
        files: &UserFiles,
        name: &str,
    ) -> Result<(u64, FileRecord), DeleteError> {
        if let Some(number) = files.name(name).get(&self.store).await?
            && let Some(record) = files.record(number).get(&self.store).await?
            && record.name == name
        {
            return Ok((number, record));
        }
        match self.find_by_object(owner, name).await {
            Ok(found) => found.ok_or(DeleteError::NotFound),
            Err(SettleError::Bucket(error)) => Err(error.into()),
            Err(SettleError::Ledger(error)) => Err(error.into()),
            Err(SettleError::Peer(_)) => Err(DeleteError::NotFound),
        }
    }

    /// Takes a deletion to its end; the answer is whether this call gave the quota back.
    ///
    /// Every step can be repeated: the object goes by its generation, so a file that has the name by now is safe.
    pub(crate) async fn finish_deletion(
        &self,
        files: &UserFiles,
        number: u64,
        record: &FileRecord,
        object: &StoredObject,
    ) -> Result<bool, SettleError> {
        let _ = self
            .bucket
            .delete(&record.object, object.generation)
            .await?;
        let name = files.name(&record.name);
        if name.get(&self.store).await? == Some(number) {
            name.delete(&self.store).await?;
        }
        let refunded = files.refund_once(&self.store, number, object.size).await?;
        if self.forget(files, number, record).await.is_err() {
            let deleted = FileRecord {
                state: State::Deleted,
                ..record.clone()
            };
            files.record(number).set(&self.store, &deleted).await?;
        }
        Ok(refunded)
    }

    /// Tells the catalogue that a file is gone, and removes its record.
    pub(crate) async fn forget(
        &self,
        files: &UserFiles,
        number: u64,
        record: &FileRecord,
    ) -> Result<(), SettleError> {
        self.peers.withdraw(&record.id).await?;
        files.announced(number).delete(&self.store).await?;
        files.record(number).delete(&self.store).await?;
        Ok(())
    }
}
