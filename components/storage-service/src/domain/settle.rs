//! Bringing one abandoned operation to its end.

use spinreel_gcs::{TokenCache, WRITE_ID};
use spinreel_ledger::{Held, Lock, Patience, while_it_may};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::{
    Deletion, FileRecord, Intent, Notice, Operation, Record, Rest, Upload, UserFiles,
};
use super::storage::{SettleError, Storage};
use super::takeover::Rivals;
use super::upload::stored;

/// What came of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It is a file.
    File,
    /// It is an upload that waits for bytes, and nobody needs to be at work on it.
    Open,
    /// It is over, and its number has nothing any more.
    Gone,
    /// All that is left to do is to count.
    Recount,
    /// It is over, but for a recount when the time for that has come.
    RecountLater,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Brings an abandoned operation to its end.
    pub(super) async fn settle(
        &self,
        files: &UserFiles,
        number: u64,
        intent: &Intent,
        patience: Patience,
    ) -> Result<Settled, SettleError> {
        let file = match &intent.operation {
            Operation::Resumable(upload) if upload.is_of_parts() => {
                let held = self.lock(&files.parts_lock(), patience).await?;
                let work = self.settle_locked(files, number, patience, true);
                return self.under(held, work).await;
            }
            Operation::Upload(_) | Operation::Resumable(_) => number,
            Operation::Deletion(deletion) => deletion.number,
            Operation::Rest(rest) => match &rest.notice {
                Some(notice) => notice.number,
                None if rest.keys.is_empty() => return Ok(Settled::Recount),
                None => number,
            },
        };
        let held = self.lock(&files.file_lock(file), patience).await?;
        self.under(held, self.settle_locked(files, number, patience, false))
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
        is_of_parts: bool,
    ) -> Result<Settled, SettleError> {
        // Read again: before the lock was ours, somebody else may have settled it.
        let intent = match files.record(number).get(&self.store).await? {
            Some(Record::Intent(intent)) => intent,
            Some(Record::File(_)) => return Ok(Settled::File),
            None => return Ok(Settled::Gone),
        };
        if !intent.is_abandoned(self.clock.now_ms(), patience) {
            return Err(SettleError::Busy);
        }
        match intent.operation {
            Operation::Upload(upload) => self.settle_upload(files, number, *upload).await,
            // By now it is under another lock.
            Operation::Resumable(upload) if upload.is_of_parts() != is_of_parts => {
                Err(SettleError::Busy)
            }
            Operation::Resumable(upload) if is_of_parts => {
                self.settle_parts(files, number, *upload, patience).await
            }
            Operation::Resumable(upload) => self.settle_resumable(files, number, *upload).await,
            Operation::Deletion(deletion) => {
                self.settle_deletion(files, number, *deletion, patience)
                    .await
            }
            Operation::Rest(rest) => self.settle_rest(files, number, rest, Vec::new()).await,
        }
    }

    /// Asks what became of an upload: makes it a file where the bytes are there, else gives back what it took.
    async fn settle_upload(
        &self,
        files: &UserFiles,
        number: u64,
        upload: Upload,
    ) -> Result<Settled, SettleError> {
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
                resumable: false,
            };
            let is_uncertain = upload.moving || upload.reserved != file.counted();
            if is_uncertain {
                let rest = Rest {
                    recount: true,
                    ..Rest::default()
                };
                self.note(files, Operation::Rest(rest)).await?;
            }
            self.announce(files.user_id(), number, &file.head, &file.object)
                .await?;
            self.enter(files, number, file).await?;
            return Ok(match is_uncertain {
                true => Settled::RecountLater,
                false => Settled::File,
            });
        }
        let mut is_uncertain = upload.moving;
        if !upload.moving && upload.reserved > 0 {
            let reserved = upload.reserved;
            let moving = Intent {
                until_ms: 0,
                operation: Operation::Upload(Box::new(Upload {
                    moving: true,
                    ..upload
                })),
            };
            files.set_intent(&self.store, number, moving).await?;
            is_uncertain = self.give_back(files, reserved).await.is_err();
        }
        if is_uncertain {
            let recount = Intent::recount(self.clock.now_ms());
            files.set_intent(&self.store, number, recount).await?;
            return Ok(Settled::RecountLater);
        }
        files.record(number).delete(&self.store).await?;
        Ok(Settled::Gone)
    }

    async fn settle_deletion(
        &self,
        files: &UserFiles,
        operation: u64,
        deletion: Deletion,
        patience: Patience,
    ) -> Result<Settled, SettleError> {
        if files.file(&self.store, deletion.number).await?.is_none() {
            let mut keys = self.name_of(files, &deletion).await?;
            if deletion.file.resumable {
                // The lease is over, and with it all that writers might have written.
                let (number, head) = (deletion.number, &deletion.file.head);
                keys.extend(self.left_by_writers(files, number, head).await?.keys);
            }
            return self
                .settle_rest(files, operation, deletion.rest, keys)
                .await;
        }
        let object = &deletion.file.head.object;
        self.bucket
            .delete(object, deletion.file.object.generation)
            .await?;
        let rivals = self.rivals(files, operation, &deletion, patience).await?;
        if rivals == Rivals::AtWork {
            return Err(SettleError::Busy);
        }
        // Whether this deletion gave the quota back before it was abandoned is known to nobody.
        self.finish(files, operation, &deletion, false).await?;
        Ok(Settled::RecountLater)
    }

    /// Does what an operation left undone, and deletes `keys`; where nothing has to be counted, its record goes, too.
    async fn settle_rest(
        &self,
        files: &UserFiles,
        number: u64,
        rest: Rest,
        mut keys: Vec<String>,
    ) -> Result<Settled, SettleError> {
        if let Some(notice) = &rest.notice {
            self.tell(files, notice).await?;
        }
        keys.extend(rest.keys);
        if !rest.recount {
            keys.push(files.record(number).key().to_owned());
        }
        if !keys.is_empty() {
            self.store.delete_many(&keys).await?;
        }
        Ok(match rest.recount {
            true => Settled::Recount,
            false => Settled::Gone,
        })
    }

    /// Tells the catalogue whether a file is there, under the file's lock.
    async fn tell(&self, files: &UserFiles, notice: &Notice) -> Result<(), SettleError> {
        match files.record(notice.number).get(&self.store).await? {
            Some(Record::File(file)) => {
                self.announce(files.user_id(), notice.number, &file.head, &file.object)
                    .await?;
                // A deletion that began meanwhile needs no lock. It removes the object, and only then tells the catalogue:
                // where the object is there now, the catalogue will hear of it after this.
                let found = self.bucket.metadata(&file.head.object).await?;
                let generation = found.map(|object| object.generation);
                if generation == Some(file.object.generation) {
                    return Ok(());
                }
            }
            // When that is settled, it is announced.
            Some(Record::Intent(Intent {
                operation: Operation::Upload(_) | Operation::Resumable(_),
                ..
            })) => return Err(SettleError::Busy),
            Some(Record::Intent(_)) | None => {}
        }
        self.withdraw(files.user_id(), notice.number, &notice.id)
            .await?;
        Ok(())
    }
}
