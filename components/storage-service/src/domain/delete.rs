//! A deletion: intent → name → object → catalogue → file → quota → end of the intent, all under the file's lock.

use spinreel_gcs::Error as BucketError;
use spinreel_gcs::TokenCache;
use spinreel_ledger::{Held, LEASE_MS, LedgerError, Patience, while_it_may};
use spinreel_platform::{Clock, HttpClient, Random, Store};
use thiserror::Error;

use super::names::Holder;
use super::peers::{PeerFailure, Peers};
use super::record::{Deletion, Intent, Operation, Owner, Rest, Upload, UserFiles};
use super::storage::{SettleError, Storage};

/// How often a deletion looks whether somebody else is ready, and how long it waits in between, in milliseconds.
const LOCK_TRIES: u32 = 40;
const LOCK_PAUSE_MS: u64 = 50;

/// Why a file was not deleted.
#[derive(Debug, Error)]
pub enum DeleteError {
    /// The user has no such file, or somebody else has just deleted it.
    #[error("there is no such file")]
    NotFound,
    /// Somebody else is at it, or it took too long.
    #[error("somebody else is at work on the file")]
    Busy,
    /// The bucket did not do it.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The state could not be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The catalogue is needed and did not answer.
    #[error(transparent)]
    Peer(#[from] PeerFailure),
}

impl From<SettleError> for DeleteError {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::Bucket(error) => error.into(),
            SettleError::Ledger(error) => error.into(),
            SettleError::Peer(error) => error.into(),
            SettleError::Busy => Self::Busy,
        }
    }
}

/// A deleted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Its id.
    pub id: String,
    /// The bytes that were set free.
    pub size: u64,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Deletes the file called `name`. Of several that ask at once, one is told that it did it.
    pub async fn delete(&self, owner: &Owner, name: &str) -> Result<Deleted, DeleteError> {
        let files = UserFiles::new(&owner.user_id);
        let number = self.find(owner, &files, name).await?;
        self.remove(&files, number).await
    }

    async fn find(&self, owner: &Owner, files: &UserFiles, name: &str) -> Result<u64, DeleteError> {
        if let Some(number) = files.name(name).get(&self.store).await?
            && let Some(file) = files.file(number).get(&self.store).await?
            && file.head.name == name
        {
            return Ok(number);
        }
        match self.holder(owner, name).await? {
            Holder::File(number, _) => Ok(number),
            Holder::Nobody | Holder::Upload | Holder::Foreign => {
                let number = self.half_deleted(files, name).await?;
                number.ok_or(DeleteError::NotFound)
            }
        }
    }

    /// A file that is there, though its name and its object may be gone: its deletion did not come to its end.
    async fn half_deleted(
        &self,
        files: &UserFiles,
        name: &str,
    ) -> Result<Option<u64>, LedgerError> {
        let head = files.roster.head(&self.store).await?;
        let patience = Patience::Leases;
        let open = files
            .intents
            .look::<Intent>(&self.store, &self.clock, head, 0, patience)
            .await?;
        for (_, intent) in open.intents.into_iter().rev() {
            if let Operation::Deletion(deletion) = intent.operation
                && deletion.file.head.name == name
                && files
                    .file(deletion.number)
                    .get(&self.store)
                    .await?
                    .is_some()
            {
                return Ok(Some(deletion.number));
            }
        }
        Ok(None)
    }

    /// Deletes the file of a number.
    pub(super) async fn remove(
        &self,
        files: &UserFiles,
        number: u64,
    ) -> Result<Deleted, DeleteError> {
        let held = self.wait_for_lock(files, number).await?;
        let removal = self.remove_locked(files, number);
        let removed = while_it_may(|| held.is_good(&self.clock), removal).await;
        let outcome = removed.unwrap_or(Err(DeleteError::Busy));
        if held.is_good(&self.clock) {
            // A lock that stays is in nobody's way for long.
            let _ = held.release(&self.store).await;
        }
        outcome
    }

    async fn remove_locked(&self, files: &UserFiles, number: u64) -> Result<Deleted, DeleteError> {
        let Some(file) = files.file(number).get(&self.store).await? else {
            return Err(DeleteError::NotFound);
        };
        let unsettled_ms = file.settled_ms.saturating_sub(self.clock.now_ms());
        if unsettled_ms > 0 {
            self.clock.sleep_ms(unsettled_ms).await;
        }
        let rest = match self.upload_of(files, number).await? {
            // Its announcement may be on its way still; what it brings back is withdrawn once more.
            Some(upload) => Rest {
                recount: upload.moving || upload.reserved != file.object.size,
                withdraw: Some(file.head.id.clone()),
            },
            None => Rest::default(),
        };
        let began_ms = self.clock.now_ms();
        let operation = files.roster.allocate(&self.store, 1).await?;
        if self.clock.now_ms().saturating_sub(began_ms) > LEASE_MS / 2 {
            // By now it may be taken for one that never gets its intent.
            return Err(DeleteError::Busy);
        }
        let deletion = Deletion { number, file, rest };
        let mut intent = Intent {
            until_ms: self.clock.now_ms() + LEASE_MS,
            operation: Operation::Deletion(Box::new(deletion.clone())),
        };
        let cell = files.intent(operation);
        cell.set(&self.store, &intent).await?;
        if let Err(error) = self.erase(files, operation, &deletion).await {
            // Others need not wait for the lease to end.
            intent.until_ms = 0;
            let _ = cell.set(&self.store, &intent).await;
            return Err(error.into());
        }
        Ok(Deleted {
            id: deletion.file.head.id,
            size: deletion.file.object.size,
        })
    }

    async fn wait_for_lock(&self, files: &UserFiles, number: u64) -> Result<Held, DeleteError> {
        let lock = files.file_lock(number);
        for attempt in 0..LOCK_TRIES {
            if attempt > 0 {
                self.clock.sleep_ms(LOCK_PAUSE_MS).await;
                if files.file(number).get(&self.store).await?.is_none() {
                    return Err(DeleteError::NotFound);
                }
            }
            if let Some(held) = lock.acquire(&self.store, &self.clock).await? {
                return Ok(held);
            }
        }
        Err(DeleteError::Busy)
    }

    /// Takes a deletion to its end. Under the file's lock, every step can be repeated but the last ones: where the file
    /// is gone already, whether its size was given back is known to nobody, and a recount finds out.
    pub(super) async fn erase(
        &self,
        files: &UserFiles,
        operation: u64,
        deletion: &Deletion,
    ) -> Result<(), SettleError> {
        let Deletion { number, file, rest } = deletion;
        let mut rest = rest.clone();
        if rest != Rest::default() && self.upload_of(files, *number).await?.is_some() {
            // Settled after this, it would look like one that died.
            files.intent(*number).delete(&self.store).await?;
        }
        let name = files.name(&file.head.name);
        if name.get(&self.store).await? == Some(*number) {
            // Before the object goes: after that, the name may be somebody else's.
            name.delete(&self.store).await?;
        }
        // By its generation: a file that has the name by now is safe.
        self.bucket
            .delete(&file.head.object, file.object.generation)
            .await?;
        let withdrawn = self.peers.withdraw(&file.head.id, files.user_id()).await;
        if withdrawn.is_err() {
            rest.withdraw = Some(file.head.id.clone());
        }
        let cell = files.file(*number);
        if cell.get(&self.store).await?.is_some() {
            cell.delete(&self.store).await?;
            rest.recount |= self.give_back(files, file.object.size).await.is_err();
        } else {
            rest.recount = true;
        }
        let dead = [*number, operation];
        Ok(self.end_operation(files, operation, rest, &dead).await?)
    }

    /// The upload of a file that is there, where it has not come to its end.
    async fn upload_of(
        &self,
        files: &UserFiles,
        number: u64,
    ) -> Result<Option<Box<Upload>>, LedgerError> {
        let intent = files.intent(number).get(&self.store).await?;
        match intent.map(|intent| intent.operation) {
            Some(Operation::Upload(upload)) => Ok(Some(upload)),
            Some(Operation::Deletion(_) | Operation::Rest(_)) | None => Ok(None),
        }
    }

    /// Ends an operation that has no file: with nothing, or with what it left undone. The numbers in `dead` have no file
    /// and never will.
    pub(super) async fn end_operation(
        &self,
        files: &UserFiles,
        number: u64,
        rest: Rest,
        dead: &[u64],
    ) -> Result<(), LedgerError> {
        // One that is not struck costs readers a look.
        let _ = files.roster.bury(&self.store, dead).await;
        let cell = files.intent(number);
        if rest != Rest::default() {
            let intent = Intent::rest(rest, self.clock.now_ms());
            return cell.set(&self.store, &intent).await;
        }
        cell.delete(&self.store).await
    }
}
