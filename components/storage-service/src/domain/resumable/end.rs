//! Ending an upload that does not become a file: session → object → quota → record, with all that was received.

use spinreel_gcs::{Object, TokenCache};
use spinreel_ledger::{LEASE_MS, LedgerError, Patience};
use spinreel_platform::{Clock, HttpClient, Random, Store, StoreError};

use super::received::Received;
use super::writer::{epoch_of, leftovers};
use super::{Found, ResumableError, UploadId};
use crate::domain::delete::{DeleteError, Deleted};
use crate::domain::peers::{Announced, Peers};
use crate::domain::record::{
    FileRecord, Intent, Notice, Operation, Phase, Record, Rest, Resumable, UserFiles,
};
use crate::domain::settle::Settled;
use crate::domain::storage::{SettleError, Storage};
use crate::domain::upload::stored;

/// What was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// An upload.
    Upload {
        /// Its number, for a [look in passing](crate::domain::tidy::Eagerness::InPassing).
        number: u64,
    },
    /// The file that it had become.
    File(Deleted),
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Ends an upload at its owner's word; one that is a file is deleted as such.
    pub async fn terminate_upload(
        &self,
        user_id: &str,
        id: &UploadId,
    ) -> Result<Ended, ResumableError> {
        let files = UserFiles::new(user_id);
        let upload = match self.find_upload(&files, id).await? {
            Found::Finished(file) if file.head.video.replaces.is_some() => {
                // It is a video's only file now, which is deleted as such.
                return Err(ResumableError::Gone);
            }
            Found::Finished(file) => {
                return self.delete_finished(&files, id.number, *file).await;
            }
            Found::Open(upload) | Found::Whole(upload, _) | Found::Final(upload) => upload,
        };
        let ended = self.end_under_lock(&files, id.number, upload.is_of_parts());
        match ended.await? {
            Settled::File => match self.find_upload(&files, id).await? {
                Found::Finished(file) => self.delete_finished(&files, id.number, *file).await,
                Found::Open(_) | Found::Whole(..) | Found::Final(_) => Err(ResumableError::Busy),
            },
            Settled::Open => Err(ResumableError::Busy),
            Settled::Gone | Settled::Recount | Settled::RecountLater => {
                Ok(Ended::Upload { number: id.number })
            }
        }
    }

    /// Ends an upload that is not a file yet, because the video that waits for it is not wanted any more.
    pub async fn end_open_upload(
        &self,
        user_id: &str,
        id: &UploadId,
    ) -> Result<Ended, ResumableError> {
        let files = UserFiles::new(user_id);
        if let Found::Finished(_) = self.find_upload(&files, id).await? {
            return Err(ResumableError::Gone);
        }
        match self.end_by_number(&files, id.number).await? {
            Settled::File => Err(ResumableError::Gone),
            Settled::Open => Err(ResumableError::Busy),
            Settled::Gone | Settled::Recount | Settled::RecountLater => {
                Ok(Ended::Upload { number: id.number })
            }
        }
    }

    async fn delete_finished(
        &self,
        files: &UserFiles,
        number: u64,
        file: FileRecord,
    ) -> Result<Ended, ResumableError> {
        match self.remove(files, number, file).await {
            Ok(deleted) => Ok(Ended::File(deleted)),
            Err(DeleteError::NotFound) => Err(ResumableError::NotFound),
            Err(DeleteError::Busy) => Err(ResumableError::Busy),
            Err(DeleteError::Bucket(error)) => Err(error.into()),
            Err(DeleteError::Ledger(error)) => Err(error.into()),
            Err(DeleteError::Peer(error)) => Err(error.into()),
        }
    }

    /// Ends the upload of a number, whatever it is at, unless it has become a file.
    pub(in crate::domain) async fn end_by_number(
        &self,
        files: &UserFiles,
        number: u64,
    ) -> Result<Settled, SettleError> {
        let intent = files.intent(&self.store, number).await?;
        let is_of_parts = matches!(
            intent.map(|intent| intent.operation),
            Some(Operation::Resumable(upload)) if upload.is_of_parts()
        );
        self.end_under_lock(files, number, is_of_parts).await
    }

    /// The same, where it is known whether it is [of parts](Resumable::is_of_parts).
    pub(super) async fn end_under_lock(
        &self,
        files: &UserFiles,
        number: u64,
        is_of_parts: bool,
    ) -> Result<Settled, SettleError> {
        let lock = match is_of_parts {
            true => files.parts_lock(),
            false => files.file_lock(number),
        };
        let held = self.lock(&lock, Patience::Leases).await?;
        let work = async {
            match files.record(number).get(&self.store).await? {
                Some(Record::Intent(Intent {
                    operation: Operation::Resumable(upload),
                    until_ms,
                })) => match is_of_parts {
                    // By now it is under another lock.
                    _ if upload.is_of_parts() != is_of_parts => Err(SettleError::Busy),
                    true => self.end_of_parts(files, number, *upload, until_ms).await,
                    // The bytes that it replaces are gone: it can only go on.
                    false if self.has_replaced(&upload).await? => Err(SettleError::Busy),
                    false => self.end_upload(files, number, &upload, true).await,
                },
                Some(Record::File(_)) => Ok(Settled::File),
                Some(Record::Intent(_)) | None => Ok(Settled::Gone),
            }
        };
        self.under(held, work).await
    }

    /// Whether an upload that replaces a file has done so, and is only not entered yet.
    async fn has_replaced(&self, upload: &Resumable) -> Result<bool, SettleError> {
        let may_have = upload.phase == Phase::Finishing && upload.head.video.replaces.is_some();
        Ok(may_have && self.object_of(&upload.head).await?.is_some())
    }

    /// Brings an upload to its end that nobody is at work on, or that has expired: under its lock.
    pub(in crate::domain) async fn settle_resumable(
        &self,
        files: &UserFiles,
        number: u64,
        upload: Resumable,
    ) -> Result<Settled, SettleError> {
        match upload.phase {
            Phase::Creating => self.end_upload(files, number, &upload, false).await,
            Phase::Ending => self.end_upload(files, number, &upload, true).await,
            Phase::Open => {
                let current = self.current(files, number, &upload.head).await?;
                if current.received.expires_ms > self.clock.now_ms() {
                    return Err(SettleError::Busy);
                }
                if upload.direct
                    && let Some(object) = self.object_of(&upload.head).await?
                    && Some(object.size) == upload.length
                    && self
                        .file_found(files, number, &upload, &object)
                        .await?
                        .is_some()
                {
                    // Its client did not say that it was done.
                    return Ok(Settled::File);
                }
                self.end_upload(files, number, &upload, true).await
            }
            // These are settled under another lock.
            Phase::Whole | Phase::Waiting | Phase::Joining | Phase::Joined => {
                Err(SettleError::Busy)
            }
            Phase::Finishing => match self.object_of(&upload.head).await? {
                Some(object) if upload.part().is_some() => {
                    let current = self.current(files, number, &upload.head).await?;
                    if current.received.expires_ms <= self.clock.now_ms() {
                        return self.end_upload(files, number, &upload, true).await;
                    }
                    let paid = current.received.paid.clone();
                    self.keep_part(files, number, &upload, stored(&object), paid)
                        .await?;
                    let (received, last) = (&current.received, current.generation);
                    let keys = self.kept_keys(files, number, received, last).await?;
                    self.remove_keys(&keys).await?;
                    Ok(Settled::Open)
                }
                Some(object) => {
                    let keys = self.file_found(files, number, &upload, &object).await?;
                    let Some(keys) = keys else {
                        return self.end_upload(files, number, &upload, true).await;
                    };
                    self.remove_keys(&keys).await?;
                    Ok(Settled::File)
                }
                None => {
                    let expires_ms = self.expires_ms(&upload.head, upload.head.created_at_ms);
                    let open = upload.in_phase(Phase::Open);
                    self.write_upload(files, number, &open, expires_ms).await?;
                    Ok(Settled::Open)
                }
            },
        }
    }

    /// Makes a file of an upload whose object is there and that nobody is at work on, under its lock: the keys that mean
    /// nothing any more, or `None` where nobody wants the file.
    async fn file_found(
        &self,
        files: &UserFiles,
        number: u64,
        upload: &Resumable,
        object: &Object,
    ) -> Result<Option<Vec<String>>, SettleError> {
        let mut file = FileRecord {
            head: upload.head.clone(),
            object: stored(object),
            // The lease is over, and with it all that was sent before.
            settled_ms: 0,
            resumable: !upload.direct,
        };
        let announced = self
            .announce(files.user_id(), number, &file.head, &file.object)
            .await?;
        if announced == Announced::Unwanted {
            return Ok(None);
        }
        file.head.video.told();
        let current = self.current(files, number, &upload.head).await?;
        self.enter(files, number, file).await?;
        let (received, last) = (&current.received, current.generation);
        Ok(Some(self.kept_keys(files, number, received, last).await?))
    }

    /// Ends an upload: under its lock, where it was created. What fails is left to those who settle it.
    pub(super) async fn end_upload(
        &self,
        files: &UserFiles,
        number: u64,
        upload: &Resumable,
        is_created: bool,
    ) -> Result<Settled, SettleError> {
        let mut received = None;
        let mut was_idle = true;
        if is_created {
            let current = self.current(files, number, &upload.head).await?;
            was_idle = current.is_idle;
            received = Some(current.received);
        }
        // From here on no client is told of an upload that goes on.
        let mut ending = upload.in_phase(Phase::Ending);
        ending.moving |= upload.reserved > 0;
        let until_ms = self.clock.now_ms() + LEASE_MS;
        let is_certain = !upload.moving;
        if is_created {
            self.write_upload(files, number, &ending, until_ms).await?;
        }
        let session = self.open_session(upload);
        if let Some(session) = &session {
            self.bucket.cancel_upload(session).await?;
        }
        if (session.is_some() || upload.part_object().is_some())
            && let Some(object) = self.object_of(&upload.head).await?
        {
            self.bucket.delete(&object.name, object.generation).await?;
        }
        let mut rest = Rest {
            recount: !is_certain,
            ..Rest::default()
        };
        if is_certain && upload.reserved > 0 {
            if !is_created {
                self.write_upload(files, number, &ending, until_ms).await?;
            }
            rest.recount = self.give_back(files, upload.reserved).await.is_err();
        }
        if is_created && upload.head.video.is_expected {
            let video_id = upload.head.video_id();
            let withdrawn = self.withdraw(files.user_id(), number, video_id).await;
            rest.notice = withdrawn.is_err().then(|| Notice {
                number,
                id: video_id.to_owned(),
            });
        }
        let mut keys = Vec::new();
        if let Some(received) = &received {
            let generation = files.writers(number).get(&self.store).await?;
            keys = leftovers(files, number, received.first_epoch, epoch_of(generation));
            was_idle &= received.generation == generation;
            if !was_idle || received.may_grow(self.clock.now_ms()) {
                rest.keys.clone_from(&keys);
            }
        }
        let settled = match rest == Rest::default() {
            true => {
                keys.push(files.record(number).key().to_owned());
                Settled::Gone
            }
            false => {
                let intent = Intent::rest(rest, self.clock.now_ms());
                files.set_intent(&self.store, number, intent).await?;
                Settled::RecountLater
            }
        };
        if !keys.is_empty() {
            self.store.delete_many(&keys).await?;
        }
        let mut paid = upload.paid.clone();
        paid.extend(received.into_iter().flat_map(|received| received.paid));
        paid.extend(upload.part().into_iter().flat_map(|part| part.paid.clone()));
        if !paid.is_empty() {
            let settling = self.peers.settle_bandwidth(files.user_id(), &paid, 0, None);
            // What is not given back now stays taken until midnight.
            let _ = settling.await;
        }
        Ok(settled)
    }

    async fn remove_keys(&self, keys: &[String]) -> Result<(), StoreError> {
        match keys.is_empty() {
            true => Ok(()),
            false => self.store.delete_many(keys).await,
        }
    }

    /// The keys of all that the writers of an upload kept that is over, the last of which is of this generation; none where
    /// another one may write yet, who is left to a look.
    pub(super) async fn kept_keys(
        &self,
        files: &UserFiles,
        number: u64,
        received: &Received,
        last: i64,
    ) -> Result<Vec<String>, LedgerError> {
        let generation = files.writers(number).get(&self.store).await?;
        if generation != last || received.may_grow(self.clock.now_ms()) {
            return Ok(Vec::new());
        }
        let epoch = epoch_of(generation);
        Ok(leftovers(files, number, received.first_epoch, epoch))
    }
}
