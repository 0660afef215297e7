//! Deleting a file whose object is gone already: by another deletion that goes on, by one that died, by an attempt of
//! the same one whose answer was lost, or by nobody knows whom.

use spinreel_gcs::TokenCache;
use spinreel_ledger::{LedgerError, Patience};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::delete::DeleteError;
use super::peers::Peers;
use super::record::{Deletion, Stage, UserFiles};
use super::storage::{SettleError, Storage};

/// How often a deletion looks whether another one is ready. With the pauses these are ten seconds: the other one waits
/// for the catalogue, which is slow on a busy machine.
const TRIES: u32 = 44;
/// The first pause in between, in milliseconds, and the longest; each is a half longer than the last.
const FIRST_PAUSE_MS: u64 = 50;
const LONGEST_PAUSE_MS: u64 = 250;

/// Who else is deleting a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rivals {
    /// Nobody is, or was: no other deletion can have given the quota back.
    None,
    /// Others were, and none of them goes on that may have been told that it deleted the object.
    Over,
    /// One is.
    AtWork,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Ends a deletion that was told that its object was gone, unless another one does.
    ///
    /// # Errors
    /// [`DeleteError::NotFound`] where another one did; [`DeleteError::Busy`] where another one takes too long, or it is not known
    /// which of them did.
    pub(super) async fn take_over(
        &self,
        files: &UserFiles,
        operation: u64,
        mut deletion: Deletion,
    ) -> Result<(), DeleteError> {
        let mut may_have_ended_it = false;
        let mut pause_ms = FIRST_PAUSE_MS;
        for attempt in 0..TRIES {
            if attempt > 0 {
                self.clock.sleep_ms(pause_ms).await;
                pause_ms = (pause_ms + pause_ms / 2).min(LONGEST_PAUSE_MS);
            }
            let file = files.file(&self.store, deletion.number).await?;
            if file.is_none() {
                self.forget(files, operation, &deletion).await;
                return Err(match may_have_ended_it {
                    true => DeleteError::Busy,
                    false => DeleteError::NotFound,
                });
            }
            if attempt == 1 {
                // Of several that wait for each other, one may go on.
                deletion.stage = Stage::Waiting;
                self.rewrite(files, operation, deletion.clone()).await?;
            }
            if self
                .rivals(files, operation, &deletion, Patience::Leases)
                .await?
                == Rivals::AtWork
            {
                continue;
            }
            let lock = files.file_lock(deletion.number);
            let Some(held) = lock.acquire(&self.store, &self.clock).await? else {
                continue;
            };
            let ending = self.end_alone(files, operation, &deletion, Patience::Leases);
            return match self.under(held, ending).await {
                Ok(true) => Ok(()),
                // The next look says what is told.
                Ok(false) => continue,
                Err(SettleError::Busy) => {
                    // The lock may have run out when all was done.
                    may_have_ended_it = true;
                    continue;
                }
                Err(error) => Err(error.into()),
            };
        }
        self.give_up(files, operation, deletion).await;
        Err(DeleteError::Busy)
    }

    /// Leaves no intent of a deletion whose file is gone.
    async fn forget(&self, files: &UserFiles, operation: u64, deletion: &Deletion) {
        if deletion.stage == Stage::Waiting {
            // A look may have removed it before it was written again.
            let _ = files.record(operation).delete(&self.store).await;
        }
    }

    /// Ends a deletion whose object is gone, under the file's lock; `false` where another one has done it.
    async fn end_alone(
        &self,
        files: &UserFiles,
        operation: u64,
        deletion: &Deletion,
        patience: Patience,
    ) -> Result<bool, SettleError> {
        let refund = match self.rivals(files, operation, deletion, patience).await? {
            Rivals::AtWork => return Err(SettleError::Busy),
            Rivals::Over => false,
            Rivals::None => true,
        };
        // Read after the intents: as long as the file is there, so are those of all who may have given its quota back.
        if files.file(&self.store, deletion.number).await?.is_none() {
            return Ok(false);
        }
        self.finish(files, operation, deletion, refund).await?;
        Ok(true)
    }

    /// Who else is deleting the file, its object being gone.
    ///
    /// Whoever was told that it deleted the object had written its intent before that, so it can be seen now. And it
    /// stays until the file's record is gone.
    pub(super) async fn rivals(
        &self,
        files: &UserFiles,
        operation: u64,
        deletion: &Deletion,
        patience: Patience,
    ) -> Result<Rivals, LedgerError> {
        let now_ms = self.clock.now_ms();
        let mut rivals = Rivals::None;
        for (number, until_ms, other) in self.deletions(files).await? {
            if number == operation || other.number != deletion.number {
                continue;
            }
            let is_abandoned = patience == Patience::Offline || until_ms < now_ms;
            match other.stage {
                Stage::GaveUp => {}
                Stage::Asked if !is_abandoned => return Ok(Rivals::AtWork),
                Stage::Asked | Stage::Waiting => rivals = Rivals::Over,
            }
        }
        Ok(rivals)
    }
}
