//! A deletion: number → intent → object → catalogue and quota → file and name.
//!
//! No lock is needed where all goes well: the bucket deletes a generation once, and who is told that it did is the one
//! to give the quota back. Who is told that the object was gone waits for that one, and [takes over](super::takeover)
//! where there is none. The intent is left: when the file is gone it means nothing, and a [look](super::tidy) removes
//! it together with others.
//!
//! The quota is given back before the file's record goes. So a crash in between leaves an intent and a record, and
//! nobody knows: a [recount](super::recount) finds out. Where the record is gone, all is done.

use futures::future::join;
use spinreel_gcs::{Deleted as Gone, Error as BucketError, TokenCache};
use spinreel_ledger::{LEASE_MS, LedgerError, while_it_may};
use spinreel_platform::{Clock, HttpClient, Random, Store, is_fresh};
use thiserror::Error;

use super::names::Holder;
use super::peers::{PeerFailure, Peers};
use super::record::{
    Deletion, FileRecord, Intent, Notice, Operation, Owner, Record, Rest, Stage, UserFiles,
};
use super::storage::{SettleError, Storage};
use super::tidy::Eagerness;

/// How long after it began a deletion may still act, in milliseconds: what it does then must have its effect before
/// others take over.
const ALIVE_MS: u64 = LEASE_MS / 2;

/// How many attachments of one id are looked for: there is one, or as many as calls with it.
const ATTACHED: u32 = 16;

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
    /// Its video's id.
    pub id: String,
    /// The bytes that were set free.
    pub size: u64,
    /// The deletion's own number, for a [look in passing](super::tidy::Eagerness::InPassing).
    pub operation: u64,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Deletes the file called `name`. Of several that ask at once, one is told that it did it.
    pub async fn delete(&self, owner: &Owner, name: &str) -> Result<Deleted, DeleteError> {
        let files = UserFiles::new(&owner.user_id);
        let (number, file) = self.find(owner, &files, name).await?;
        self.remove(&files, number, file).await
    }

    /// Deletes the file at `location`, whatever it is for, because the catalogue wants it so; `None` where it is gone.
    pub async fn delete_at(
        &self,
        location: &str,
    ) -> Result<Option<(FileRecord, Deleted)>, DeleteError> {
        let Some((user_id, number)) = super::content::parse(location) else {
            return Ok(None);
        };
        let files = UserFiles::new(user_id);
        let Some(file) = files.file(&self.store, number).await? else {
            return Ok(None);
        };
        match self.remove_for(&files, number, file.clone(), true).await {
            Ok(deleted) => Ok(Some((file, deleted))),
            Err(DeleteError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes what came of the attachments of `id`, if anything did: for a catalogue that died before it heard of that.
    /// An upload of one that died is brought to its end first.
    ///
    /// # Errors
    /// [`DeleteError::Busy`] where one is being uploaded still.
    pub async fn delete_attached(&self, owner: &Owner, id: &str) -> Result<(), DeleteError> {
        let files = UserFiles::new(&owner.user_id);
        self.tidy(&files, Eagerness::Now).await?;
        let prefix = owner.attachment_name(&format!("{id}."));
        let found = self.bucket.list(&prefix, None, ATTACHED).await?;
        for object in found.objects {
            match self.holder_of(&files, &object).await? {
                Holder::File(number, file) => {
                    match self.remove_for(&files, number, *file, true).await {
                        Ok(_) | Err(DeleteError::NotFound) => {}
                        Err(error) => return Err(error),
                    }
                }
                Holder::Upload => return Err(DeleteError::Busy),
                Holder::Nobody | Holder::Foreign => {}
            }
        }
        Ok(())
    }

    async fn find(
        &self,
        owner: &Owner,
        files: &UserFiles,
        name: &str,
    ) -> Result<(u64, FileRecord), DeleteError> {
        if let Some(number) = files.name(name).get(&self.store).await?
            && let Some(file) = files.file(&self.store, number).await?
            && file.head.is_called(name)
        {
            return Ok((number, file));
        }
        match self.holder(owner, name).await? {
            Holder::File(number, file) => Ok((number, *file)),
            Holder::Nobody | Holder::Upload | Holder::Foreign => {
                let found = self.half_deleted(files, name).await?;
                found.ok_or(DeleteError::NotFound)
            }
        }
    }

    /// A file that is there, though its name and its object may be gone: its deletion did not come to its end.
    async fn half_deleted(
        &self,
        files: &UserFiles,
        name: &str,
    ) -> Result<Option<(u64, FileRecord)>, LedgerError> {
        for (_, _, deletion) in self.deletions(files).await?.into_iter().rev() {
            if deletion.file.head.is_called(name)
                && let Some(file) = files.file(&self.store, deletion.number).await?
            {
                return Ok(Some((deletion.number, file)));
            }
        }
        Ok(None)
    }

    /// The deletions that may not be over, oldest first: their numbers and when others may take them over, in
    /// milliseconds since the Unix epoch.
    pub(super) async fn deletions(
        &self,
        files: &UserFiles,
    ) -> Result<Vec<(u64, u64, Deletion)>, LedgerError> {
        let head = files.roster.head(&self.store).await?;
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let look = files
                .intents
                .look::<Record>(&self.store, &self.clock, head, after)
                .await?;
            for (number, record) in look.records {
                if let Record::Intent(Intent {
                    until_ms,
                    operation: Operation::Deletion(deletion),
                }) = record
                {
                    found.push((number, until_ms, *deletion));
                }
            }
            match look.more {
                true => after = look.last,
                false => return Ok(found),
            }
        }
    }

    /// Deletes a file that was there a moment ago.
    pub(super) async fn remove(
        &self,
        files: &UserFiles,
        number: u64,
        file: FileRecord,
    ) -> Result<Deleted, DeleteError> {
        self.remove_for(files, number, file, false).await
    }

    /// The same; where `quiet`, the catalogue asked for it and is not told.
    async fn remove_for(
        &self,
        files: &UserFiles,
        number: u64,
        file: FileRecord,
        quiet: bool,
    ) -> Result<Deleted, DeleteError> {
        if let Some(replaced) = &file.head.video.replaces {
            // Nothing leads to it when this file is gone.
            self.remove_replaced(files, replaced).await?;
        }
        let unsettled_ms = file.settled_ms.saturating_sub(self.clock.now_ms());
        if unsettled_ms > 0 {
            self.clock.sleep_ms(unsettled_ms).await;
        }
        let deletion = Deletion {
            number,
            file,
            rest: Rest::default(),
            stage: Stage::Asked,
            quiet,
        };
        let began_ms = self.clock.now_ms();
        let is_alive = || is_fresh(began_ms, self.clock.now_ms(), ALIVE_MS + 1);
        let removed = while_it_may(is_alive, self.remove_object(files, deletion)).await;
        removed.unwrap_or(Err(DeleteError::Busy))
    }

    async fn remove_object(
        &self,
        files: &UserFiles,
        deletion: Deletion,
    ) -> Result<Deleted, DeleteError> {
        let intended = Operation::Deletion(Box::new(deletion.clone()));
        let operation = self.note(files, intended).await?;
        let deleted = Deleted {
            id: deletion.file.head.video_id().to_owned(),
            size: deletion.file.object.size,
            operation,
        };
        // By its generation: a file that has the name by now is safe.
        let (object, generation) = (&deletion.file.head.object, deletion.file.object.generation);
        match self.bucket.delete(object, generation).await {
            Ok(Gone::Yes) => self.finish(files, operation, &deletion, true).await?,
            Ok(Gone::WasGone) => self.take_over(files, operation, deletion).await?,
            Err(error) => {
                self.give_up(files, operation, deletion).await;
                return Err(error.into());
            }
        }
        Ok(deleted)
    }

    /// Ends a deletion whose object is gone. The caller is the only one that does this: it was told that it deleted
    /// the object, or has the file's lock.
    ///
    /// `refund` says that nobody else can have given the quota back. Otherwise whether that was done is known to
    /// nobody, and left to a recount.
    pub(super) async fn finish(
        &self,
        files: &UserFiles,
        operation: u64,
        deletion: &Deletion,
        refund: bool,
    ) -> Result<(), SettleError> {
        let (head, counted) = (&deletion.file.head, deletion.file.counted());
        let refunding =
            async { counted == 0 || refund && self.give_back(files, counted).await.is_ok() };
        let withdrawing = async {
            match deletion.quiet || !head.purpose.is_video() {
                true => Ok(()),
                false => {
                    self.withdraw(files.user_id(), deletion.number, head.video_id())
                        .await
                }
            }
        };
        let (withdrawn, refunded) = join(withdrawing, refunding).await;
        let rest = Rest {
            recount: !refunded,
            notice: withdrawn.is_err().then(|| Notice {
                number: deletion.number,
                id: head.video_id().to_owned(),
            }),
            ..Rest::default()
        };
        if rest != Rest::default() {
            // Before the file is gone: from then on, the intent is only read and deleted.
            let deletion = Deletion {
                rest,
                ..deletion.clone()
            };
            self.rewrite(files, operation, deletion).await?;
        }
        let mut keys = self.name_of(files, deletion).await?;
        // The last one: where only a part is done, the intent is not over, and whoever finishes it deletes the rest.
        keys.push(files.record(deletion.number).key().to_owned());
        Ok(self.store.delete_many(&keys).await?)
    }

    /// The key of the deleted file's name, where that is in the index still.
    pub(super) async fn name_of(
        &self,
        files: &UserFiles,
        deletion: &Deletion,
    ) -> Result<Vec<String>, LedgerError> {
        if !deletion.file.head.purpose.is_video() {
            return Ok(Vec::new());
        }
        let name = files.name(&deletion.file.head.name);
        let is_its_own = name.get(&self.store).await? == Some(deletion.number);
        Ok(is_its_own
            .then(|| name.key().to_owned())
            .into_iter()
            .collect())
    }

    /// Lets other deletions of the file go on before the lease ends.
    pub(super) async fn give_up(&self, files: &UserFiles, operation: u64, deletion: Deletion) {
        let number = deletion.number;
        let deletion = Deletion {
            stage: Stage::GaveUp,
            ..deletion
        };
        // One that cannot be written is as it was.
        let _ = self.rewrite(files, operation, deletion).await;
        if let Ok(None) = files.file(&self.store, number).await {
            // A look may have removed it before it was written again.
            let _ = files.record(operation).delete(&self.store).await;
        }
    }

    /// Writes down how far a deletion is whose file is there.
    pub(super) async fn rewrite(
        &self,
        files: &UserFiles,
        operation: u64,
        deletion: Deletion,
    ) -> Result<(), LedgerError> {
        let how_far = Operation::Deletion(Box::new(deletion));
        let intent = Intent::new(how_far, self.clock.now_ms());
        files.set_intent(&self.store, operation, intent).await
    }
}
