//! Finishing what others left half-done.

use spinreel_gcs::{TokenCache, WRITE_ID};
use spinreel_ledger::{Held, LedgerError, Lock, Patience, while_it_may};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::{FileRecord, Intent, Operation, Rest, Upload, UserFiles};
use super::recount::Recounted;
use super::storage::{SettleError, Storage};
use super::upload::stored;

/// How much somebody wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eagerness {
    /// If nobody has looked for a while.
    InPassing,
    /// In any case.
    Now,
    /// In any case, and nobody else is at work: so says the caller.
    Offline,
}

impl Eagerness {
    /// Whom to take for dead.
    pub fn patience(self) -> Patience {
        match self {
            Self::InPassing | Self::Now => Patience::Leases,
            Self::Offline => Patience::Offline,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Operations that were brought to their end.
    pub settled: u64,
    /// Whether the counter was made the sum of the files.
    pub recounted: bool,
    /// Operations that go on, or could not be finished now.
    pub pending: u64,
    /// Whether there are more than one look goes through.
    pub more: bool,
}

impl Tidied {
    /// Whether there may be room now that there was not before.
    pub(super) fn made_room(self) -> bool {
        self.settled > 0 || self.recounted
    }
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Finishes what is abandoned among a user's operations, at most a page of them.
    pub async fn tidy(
        &self,
        files: &UserFiles,
        eagerness: Eagerness,
    ) -> Result<Tidied, LedgerError> {
        if eagerness == Eagerness::InPassing {
            let mark = files.intents.mark(&self.store).await?;
            if !files.intents.is_due(&mark, &self.clock) {
                return Ok(Tidied::default());
            }
        }
        let patience = eagerness.patience();
        let head = files.roster.head(&self.store).await?;
        let open = files
            .intents
            .look::<Intent>(&self.store, &self.clock, head, 0, patience)
            .await?;
        let mut tidied = Tidied {
            more: open.more,
            ..Tidied::default()
        };
        let mut recount = false;
        for (number, intent) in open.intents {
            if !intent.is_abandoned(self.clock.now_ms(), patience) {
                tidied.pending += 1;
                continue;
            }
            match self.settle(files, number, &intent, patience).await {
                Ok(Settled::Over) => tidied.settled += 1,
                Ok(Settled::Recount) => recount = true,
                Ok(Settled::RecountLater) => {
                    tidied.settled += 1;
                    tidied.pending += 1;
                    // Nothing that was tried can have an effect any more where nobody is alive.
                    recount |= patience == Patience::Offline;
                }
                Err(SettleError::Bucket(_)) => {
                    // The next ones would wait for the bucket in vain, too.
                    tidied.pending += 1;
                    break;
                }
                Err(_) => tidied.pending += 1,
            }
        }
        if recount {
            match self.recount(files, patience).await {
                Ok(Recounted::Done) => tidied.recounted = true,
                Ok(Recounted::NotNow) | Err(_) => tidied.pending += 1,
            }
        }
        Ok(tidied)
    }

    /// Brings an abandoned operation to its end.
    async fn settle(
        &self,
        files: &UserFiles,
        number: u64,
        intent: &Intent,
        patience: Patience,
    ) -> Result<Settled, SettleError> {
        let file = match &intent.operation {
            Operation::Upload(_) => number,
            Operation::Deletion(deletion) => deletion.number,
            Operation::Rest(rest) => return self.settle_rest(files, number, rest).await,
        };
        let held = self.lock(&files.file_lock(file), patience).await?;
        self.under(held, self.settle_locked(files, number, patience))
            .await
    }

    pub(super) async fn lock(&self, lock: &Lock, patience: Patience) -> Result<Held, SettleError> {
        if patience == Patience::Offline {
            lock.break_open(&self.store, &self.clock).await?;
        }
        let held = lock.acquire(&self.store, &self.clock).await?;
        held.ok_or(SettleError::Busy)
    }

    /// Works as long as what is done has its effect under the lock, and gives the lock back.
    pub(super) async fn under<D>(
        &self,
        held: Held,
        work: impl Future<Output = Result<D, SettleError>>,
    ) -> Result<D, SettleError> {
        let done = while_it_may(|| held.is_good(&self.clock), work).await;
        let done = done.unwrap_or(Err(SettleError::Busy));
        let is_over = !matches!(done, Err(SettleError::Ledger(_) | SettleError::Peer(_)));
        if is_over && held.is_good(&self.clock) {
            // A lock that stays is in nobody's way for long. It has to where a call may have its effect yet.
            let _ = held.release(&self.store).await;
        }
        done
    }

    async fn settle_locked(
        &self,
        files: &UserFiles,
        number: u64,
        patience: Patience,
    ) -> Result<Settled, SettleError> {
        // Read again: before the lock was ours, somebody else may have settled it.
        let intent = files.intent(number).get(&self.store).await?;
        let intent = intent.filter(|intent| intent.is_abandoned(self.clock.now_ms(), patience));
        match intent.map(|intent| intent.operation) {
            Some(Operation::Upload(upload)) => self.settle_upload(files, number, *upload).await,
            Some(Operation::Deletion(deletion)) => {
                self.erase(files, number, &deletion).await?;
                let left = files.intent(number).get(&self.store).await?;
                Ok(Settled::from(left.as_ref()))
            }
            Some(Operation::Rest(_)) | None => Ok(Settled::Over),
        }
    }

    /// Asks what became of an upload: makes it a file where the bytes are there, else gives back what it took.
    async fn settle_upload(
        &self,
        files: &UserFiles,
        number: u64,
        upload: Upload,
    ) -> Result<Settled, SettleError> {
        if let Some(file) = files.file(number).get(&self.store).await? {
            self.announce(files.user_id(), number, &file.head, &file.object)
                .await?;
            let uncertain = upload.moving || upload.reserved != file.object.size;
            return self.end_upload_of(files, number, uncertain).await;
        }
        // First end the session, so that what the bucket says next stays true.
        if let Some(session) = &upload.session {
            self.bucket.cancel_upload(session).await?;
        }
        let found = self.bucket.metadata(&upload.head.object).await?;
        let ours = found.filter(|object| object.metadata.get(WRITE_ID) == Some(&upload.head.id));
        if let Some(object) = ours {
            let file = FileRecord {
                head: upload.head.clone(),
                object: stored(&object),
                // The lease is over, and with it all that was sent before.
                settled_ms: 0,
            };
            self.announce(files.user_id(), number, &file.head, &file.object)
                .await?;
            self.enter(files, number, &file).await?;
            let uncertain = upload.moving || upload.reserved != file.object.size;
            return self.end_upload_of(files, number, uncertain).await;
        }
        let mut rest = Rest {
            recount: upload.moving,
            withdraw: None,
        };
        if !upload.moving && upload.reserved > 0 {
            let reserved = upload.reserved;
            let moving = Intent {
                until_ms: 0,
                operation: Operation::Upload(Box::new(Upload {
                    moving: true,
                    ..upload
                })),
            };
            files.intent(number).set(&self.store, &moving).await?;
            rest.recount = self.give_back(files, reserved).await.is_err();
        }
        let settled = Settled::from(&rest);
        self.end_operation(files, number, rest, &[number]).await?;
        Ok(settled)
    }

    /// Ends the intent of an upload that became a file.
    async fn end_upload_of(
        &self,
        files: &UserFiles,
        number: u64,
        uncertain: bool,
    ) -> Result<Settled, SettleError> {
        let cell = files.intent(number);
        if uncertain {
            let recount = Intent::recount(self.clock.now_ms());
            cell.set(&self.store, &recount).await?;
            return Ok(Settled::RecountLater);
        }
        cell.delete(&self.store).await?;
        Ok(Settled::Over)
    }

    async fn settle_rest(
        &self,
        files: &UserFiles,
        number: u64,
        rest: &Rest,
    ) -> Result<Settled, SettleError> {
        if let Some(id) = &rest.withdraw {
            self.peers.withdraw(id, files.user_id()).await?;
            if !rest.recount {
                self.end_operation(files, number, Rest::default(), &[number])
                    .await?;
                return Ok(Settled::Over);
            }
        }
        Ok(Settled::Recount)
    }
}

/// What came of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    /// It is over.
    Over,
    /// All that is left to do is to count.
    Recount,
    /// It is over, but for a recount when the time for that has come.
    RecountLater,
}

impl From<&Rest> for Settled {
    fn from(rest: &Rest) -> Self {
        if rest.recount {
            Self::RecountLater
        } else {
            Self::Over
        }
    }
}

impl From<Option<&Intent>> for Settled {
    fn from(left: Option<&Intent>) -> Self {
        match left.map(|intent| &intent.operation) {
            Some(Operation::Rest(rest)) => Self::from(rest),
            _ => Self::Over,
        }
    }
}
