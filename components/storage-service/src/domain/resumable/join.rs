//! A file of parts: record → parts are taken → object → record → parts go → file in the record's place, under the lock of
//! the user's parts.
//!
//! A final upload takes the parts' share of the quota with them: the counter does not move, and as long as it is not told
//! whose the bytes are, nobody recounts. Until its object is there, a crash sets the parts free again; from then on they are
//! its own, and whoever comes later makes it a file. The parts' objects and records go before the file is there, since a file
//! can be deleted.

use std::collections::BTreeSet;

use spinreel_gcs::{Error as BucketError, TokenCache};
use spinreel_ledger::{Held, LEASE_MS, LedgerError, Patience, while_it_may};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::compose::MOST_PARTS;
use super::create::ALIVE_MS;
use super::parts::{Parts, WholePart};
use super::{ResumableError, Status, UploadId};
use crate::domain::peers::Peers;
use crate::domain::record::{
    Concat, FileHead, FileRecord, Final, Intent, Notice, Operation, Owner, Part, PartId, Phase,
    Purpose, Record, Rest, Resumable, UserFiles, VideoHead,
};
use crate::domain::settle::Settled;
use crate::domain::storage::{SettleError, Storage};
use crate::domain::upload::{Uploaded, stored};

/// How often a request looks whether the lock of the parts is free, in milliseconds.
const PAUSE_MS: u64 = 100;

/// A final upload that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFinal {
    /// Time-ordered and unused: the id that the file will have.
    pub id: String,
    /// A name that [is valid](crate::domain::file_name::is_valid).
    pub name: String,
    /// The declared media type, printable ASCII.
    pub content_type: String,
    /// What the client says of the file, as it wrote it.
    pub metadata: String,
    /// What it will be to the catalogue; it replaces nothing.
    pub video: VideoHead,
    /// `Upload-Concat`, as the client wrote it.
    pub concat: String,
    /// The parts, in their order.
    pub parts: Vec<UploadId>,
}

/// What a final upload is at its creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// A file.
    File(Box<Uploaded>),
    /// It is one with the last byte of its parts.
    Waiting {
        /// When it goes if nothing comes, in milliseconds since the Unix epoch.
        expires_ms: u64,
    },
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Creates an upload that is made of others of the same user.
    pub async fn create_final(
        &self,
        owner: &Owner,
        new: NewFinal,
    ) -> Result<(UploadId, Joined), ResumableError> {
        let files = UserFiles::new(&owner.user_id);
        let ids = part_ids(&new.parts).ok_or(ResumableError::Parts)?;
        let open = match self.parts(&files, &ids).await? {
            Parts::Gone => return Err(ResumableError::NoPart),
            // It will be one of the uploads that are open.
            Parts::Open { .. } => Some(self.refuse_too_many(&files).await?),
            Parts::Whole(_) => None,
        };
        if self.is_name_taken(&files, &new.name).await? {
            return Err(ResumableError::NameTaken);
        }
        let began_ms = self.clock.now_ms();
        let number = files.roster.allocate(&self.store, 1).await?;
        if let Some(open) = &open {
            self.refuse_one_too_many(&files, open, number).await?;
        }
        let id = UploadId {
            number,
            file: new.id.clone(),
        };
        let upload = Resumable {
            head: FileHead {
                object: owner.object_name(&new.name),
                id: new.id,
                name: new.name,
                content_type: new.content_type,
                created_at_ms: began_ms,
                purpose: Purpose::Video,
                video: new.video,
                concat: Some(new.concat),
            },
            metadata: new.metadata,
            length: None,
            announced: None,
            reserved: 0,
            moving: false,
            phase: Phase::Joining,
            session: None,
            direct: false,
            paid: Vec::new(),
            version: 0,
            concat: Some(Concat::Final(Final {
                parts: ids,
                is_known: open.is_some(),
                object: None,
            })),
        };
        let is_alive = || self.clock.now_ms().saturating_sub(began_ms) <= ALIVE_MS;
        let work = async {
            // After the number was taken: see `is_gone`.
            if !self.register(&files).await? {
                return Err(ResumableError::UserGone);
            }
            if !self.has_place(&files, number).await? {
                return Err(ResumableError::TooManyFiles);
            }
            let held = self.lock_parts(&files).await?;
            let work = async { settled(self.begin_final(&files, number, upload).await) };
            self.under(held, work).await?
        };
        let joined = while_it_may(is_alive, work).await;
        Ok((id, joined.unwrap_or(Err(ResumableError::Busy))?))
    }

    /// Joins the parts of a new final upload, or lets it wait for them: under the parts' lock.
    async fn begin_final(
        &self,
        files: &UserFiles,
        number: u64,
        upload: Resumable,
    ) -> Result<Joined, ResumableError> {
        let of_parts = upload.as_final().cloned().unwrap_or_default();
        let mut parts = self.parts(files, &of_parts.parts).await?;
        if of_parts.is_known && !matches!(parts, Parts::Gone) {
            let waiting = upload.in_phase(Phase::Waiting);
            let until_ms = self.expires_ms(&upload.head, upload.head.created_at_ms);
            let mut numbers = files.waiting().get(&self.store).await?.unwrap_or_default();
            numbers.push(number);
            files.waiting().set(&self.store, &numbers).await?;
            self.write_upload(files, number, &waiting, until_ms).await?;
            // Whoever completes a part looks for those that wait after that: one of both sees the other.
            parts = self.parts(files, &of_parts.parts).await?;
        }
        match parts {
            Parts::Whole(parts) => {
                let uploaded = self.join(files, number, upload, parts).await?;
                Ok(Joined::File(Box::new(uploaded)))
            }
            Parts::Open { until_ms, .. } if of_parts.is_known => Ok(Joined::Waiting {
                expires_ms: until_ms,
            }),
            Parts::Open { .. } => Err(ResumableError::Busy),
            Parts::Gone => Err(ResumableError::NoPart),
        }
    }

    /// Makes files of the final uploads whose parts are all there by now. What cannot be joined now is left to the next
    /// request, or to a look.
    pub async fn join_waiting(&self, user_id: &str) -> Result<Vec<Uploaded>, ResumableError> {
        let files = UserFiles::new(user_id);
        let numbers = files.waiting().get(&self.store).await?.unwrap_or_default();
        let mut joined = Vec::new();
        for number in numbers {
            let Some(upload) = self.waiting_final(&files, number).await? else {
                if files.intent(&self.store, number).await?.is_none() {
                    self.strike_waiting(&files, number).await?;
                }
                continue;
            };
            let of_parts = upload.as_final().cloned().unwrap_or_default();
            let parts = self.parts(&files, &of_parts.parts).await?;
            if !matches!(parts, Parts::Whole(_)) {
                continue;
            }
            let held = self.lock_parts(&files).await?;
            let work = async {
                let Some(upload) = self.waiting_final(&files, number).await? else {
                    return Ok(Ok(None));
                };
                let Parts::Whole(parts) = self.parts(&files, &of_parts.parts).await? else {
                    return Ok(Ok(None));
                };
                settled(self.join(&files, number, upload, parts).await.map(Some))
            };
            joined.extend(self.under(held, work).await??);
        }
        Ok(joined)
    }

    /// Takes a number off the list of those that wait that is a file by now, or gone: whoever made it that died before.
    async fn strike_waiting(&self, files: &UserFiles, number: u64) -> Result<(), ResumableError> {
        let held = self.lock_parts(files).await?;
        let work = async {
            // One that is being created is listed before it is there.
            match files.intent(&self.store, number).await? {
                Some(_) => Ok(()),
                None => self.no_longer_waits(files, number).await,
            }
        };
        Ok(self.under(held, work).await?)
    }

    async fn waiting_final(
        &self,
        files: &UserFiles,
        number: u64,
    ) -> Result<Option<Resumable>, LedgerError> {
        Ok(match files.intent(&self.store, number).await? {
            Some(Intent {
                operation: Operation::Resumable(upload),
                ..
            }) if upload.phase == Phase::Waiting => Some(*upload),
            Some(_) | None => None,
        })
    }

    /// The lock of the parts, when whoever has it now is done.
    async fn lock_parts(&self, files: &UserFiles) -> Result<Held, ResumableError> {
        let until_ms = self.clock.now_ms() + 5 * self.resumable.patience_ms;
        loop {
            match self.lock(&files.parts_lock(), Patience::Leases).await {
                Err(SettleError::Busy) if self.clock.now_ms() < until_ms => {
                    self.clock.sleep_ms(PAUSE_MS).await;
                }
                held => return Ok(held?),
            }
        }
    }

    /// Makes a file of parts that are whole: under the parts' lock.
    pub(super) async fn join(
        &self,
        files: &UserFiles,
        number: u64,
        upload: Resumable,
        mut parts: Vec<WholePart>,
    ) -> Result<Uploaded, ResumableError> {
        let mut was_free = true;
        for part in &parts {
            let freed = self.free_part(files, &part.upload, Patience::Leases);
            was_free &= !freed.await?;
        }
        let of_parts = upload.as_final().cloned().unwrap_or_default();
        if !was_free {
            // Some may be in a file by now.
            let Parts::Whole(free) = self.parts(files, &of_parts.parts).await? else {
                return Err(ResumableError::NoPart);
            };
            parts = free;
        }
        let joining = upload.in_phase(Phase::Joining);
        let until_ms = self.clock.now_ms() + LEASE_MS;
        self.write_upload(files, number, &joining, until_ms).await?;
        self.mark_parts(files, &parts, Some(number)).await?;
        let object = match self.compose(files, number, &joining.head, &parts).await {
            Ok(object) => object,
            Err(error) => return Err(self.not_joined(files, number, &joining, error).await),
        };
        let joined = Resumable {
            length: Some(object.size),
            reserved: object.size,
            concat: Some(Concat::Final(Final {
                object: Some(stored(&object)),
                ..of_parts
            })),
            ..joining.in_phase(Phase::Joined)
        };
        let until_ms = self.clock.now_ms() + LEASE_MS;
        self.write_upload(files, number, &joined, until_ms).await?;
        Ok(self.complete_join(files, number, &joined).await?)
    }

    /// What it means that parts were not joined. They are free again, unless that is left to the end of the lease.
    async fn not_joined(
        &self,
        files: &UserFiles,
        number: u64,
        upload: &Resumable,
        error: BucketError,
    ) -> ResumableError {
        let head = &upload.head;
        let meaning = match error.reason() {
            BucketError::PreconditionFailed => {
                let username = head.object.strip_suffix(&format!("/{}", head.name));
                let owner = Owner {
                    user_id: files.user_id().to_owned(),
                    username: username.unwrap_or_default().to_owned(),
                };
                self.refused_name(&owner, &head.name).await.into()
            }
            BucketError::Corrupt { .. } => ResumableError::Corrupt,
            // A part's object is gone.
            BucketError::NotFound => ResumableError::NoPart,
            _ => ResumableError::Bucket(error.clone()),
        };
        if !error.may_land_later() && self.undo_join(files, number, upload).await.is_ok() {
            let is_over = matches!(
                meaning,
                ResumableError::NameTaken | ResumableError::Corrupt | ResumableError::NoPart
            );
            if is_over {
                // What is not forgotten now is forgotten when it expires.
                let _ = self.forget_final(files, number).await;
            }
        }
        meaning
    }

    /// Says of parts who is taking them.
    async fn mark_parts(
        &self,
        files: &UserFiles,
        parts: &[WholePart],
        taken_by: Option<u64>,
    ) -> Result<(), SettleError> {
        let mut pairs = Vec::new();
        for part in parts {
            let known = part.upload.part().cloned().unwrap_or_default();
            let marked = Resumable {
                concat: Some(Concat::Part(Part { taken_by, ..known })),
                ..part.upload.in_phase(Phase::Whole)
            };
            let record = Record::Intent(Intent {
                until_ms: part.until_ms,
                operation: Operation::Resumable(Box::new(marked)),
            });
            pairs.push(files.record(part.number).pair(&record)?);
        }
        match pairs.is_empty() {
            true => Ok(()),
            false => Ok(self.store.set_many(&pairs).await?),
        }
    }

    /// Makes a final upload a file whose object is there: under the parts' lock.
    pub(super) async fn complete_join(
        &self,
        files: &UserFiles,
        number: u64,
        upload: &Resumable,
    ) -> Result<Uploaded, SettleError> {
        let of_parts = upload.as_final().cloned().unwrap_or_default();
        let Some(object) = of_parts.object else {
            return Err(SettleError::Busy);
        };
        let (mut objects, mut keys, mut late) = (Vec::new(), Vec::new(), Vec::new());
        for part in self.taken_parts(files, number, &of_parts).await? {
            keys.push(files.record(part.number).key().to_owned());
            let left = self.left_by_writers(files, part.number, &part.upload.head);
            let left = left.await?;
            if left.may_grow {
                late.extend(left.keys.iter().cloned());
            }
            keys.extend(left.keys);
            objects.push((part.upload.head.object, part.object));
        }
        self.remove_objects(&objects).await?;
        self.remove_groups(files, &upload.head, of_parts.parts.len())
            .await?;
        let file = FileRecord {
            head: upload.head.clone(),
            object,
            // What was sent before cannot make it anew: its parts are gone.
            settled_ms: 0,
            resumable: false,
        };
        // Told before the file is there: a crash in between leaves the upload, and telling twice is harmless.
        let announced = self
            .announce(files.user_id(), number, &file.head, &file.object)
            .await;
        let rest = Rest {
            notice: announced.is_err().then(|| Notice {
                number,
                id: file.head.id.clone(),
            }),
            keys: late,
            ..Rest::default()
        };
        if rest != Rest::default() {
            self.note(files, Operation::Rest(rest)).await?;
        }
        if !keys.is_empty() {
            self.store.delete_many(&keys).await?;
        }
        self.enter(files, number, file.clone()).await?;
        if of_parts.is_known {
            // One that stays there means nothing.
            let _ = self.no_longer_waits(files, number).await;
        }
        Ok(Uploaded {
            file,
            number,
            reservations: Vec::new(),
        })
    }

    /// The parts that a final upload is taking.
    async fn taken_parts(
        &self,
        files: &UserFiles,
        number: u64,
        of_parts: &Final,
    ) -> Result<Vec<WholePart>, LedgerError> {
        let mut parts = Vec::new();
        for id in &of_parts.parts {
            let Some(Intent {
                until_ms,
                operation: Operation::Resumable(upload),
            }) = files.intent(&self.store, id.number).await?
            else {
                continue;
            };
            let is_taken = upload.head.id == id.id
                && upload.part().and_then(|part| part.taken_by) == Some(number);
            if let (true, Some(object)) = (is_taken, upload.part_object()) {
                parts.push(WholePart {
                    number: id.number,
                    upload: *upload,
                    object,
                    until_ms,
                });
            }
        }
        Ok(parts)
    }

    /// Sets the parts free whose joining stopped before their object was theirs: under the parts' lock.
    pub(super) async fn undo_join(
        &self,
        files: &UserFiles,
        number: u64,
        upload: &Resumable,
    ) -> Result<Settled, SettleError> {
        let of_parts = upload.as_final().cloned().unwrap_or_default();
        self.remove_own(&upload.head.object, &upload.head).await?;
        self.remove_groups(files, &upload.head, of_parts.parts.len())
            .await?;
        let parts = self.taken_parts(files, number, &of_parts).await?;
        self.mark_parts(files, &parts, None).await?;
        if of_parts.is_known {
            let until_ms = self.expires_ms(&upload.head, upload.head.created_at_ms);
            let waiting = upload.in_phase(Phase::Waiting);
            self.write_upload(files, number, &waiting, until_ms).await?;
            return Ok(Settled::Open);
        }
        files.record(number).delete(&self.store).await?;
        Ok(Settled::Gone)
    }

    /// Ends a final upload that has nothing: under the parts' lock.
    pub(super) async fn forget_final(
        &self,
        files: &UserFiles,
        number: u64,
    ) -> Result<(), SettleError> {
        files.record(number).delete(&self.store).await?;
        self.no_longer_waits(files, number).await
    }

    async fn no_longer_waits(&self, files: &UserFiles, number: u64) -> Result<(), SettleError> {
        let mut numbers = files.waiting().get(&self.store).await?.unwrap_or_default();
        let before = numbers.len();
        numbers.retain(|waiting| *waiting != number);
        match numbers.len() {
            0 if before > 0 => files.waiting().delete(&self.store).await?,
            now if now < before => files.waiting().set(&self.store, &numbers).await?,
            _ => {}
        }
        Ok(())
    }

    /// How far a final upload is.
    pub(super) async fn final_status(
        &self,
        files: &UserFiles,
        upload: Resumable,
    ) -> Result<Status, ResumableError> {
        let of_parts = upload.as_final().cloned().unwrap_or_default();
        let (length, expires_ms) = match self.parts(files, &of_parts.parts).await? {
            Parts::Open { until_ms, length } => (length, until_ms),
            Parts::Whole(parts) => {
                let expires_ms = parts.iter().map(|part| part.until_ms).min();
                let length = parts.iter().map(|part| part.object.size).sum();
                (Some(length), expires_ms.unwrap_or_default())
            }
            // Its parts may be going since it is becoming a file.
            Parts::Gone if upload.phase == Phase::Waiting => return Err(ResumableError::Gone),
            Parts::Gone => return Err(ResumableError::Busy),
        };
        Ok(Status::Waiting {
            length,
            metadata: upload.metadata,
            concat: upload.head.concat,
            expires_ms,
        })
    }
}

/// The parts that a client names; `None` where there are none or too many, or one is there twice.
fn part_ids(ids: &[UploadId]) -> Option<Vec<PartId>> {
    let mut numbers = BTreeSet::new();
    let is_good =
        (1..=MOST_PARTS).contains(&ids.len()) && ids.iter().all(|id| numbers.insert(id.number));
    is_good.then(|| {
        let part = |id: &UploadId| PartId {
            number: id.number,
            id: id.file.clone(),
        };
        ids.iter().map(part).collect()
    })
}

/// What was done under a lock: where a call may have its effect yet, the lock stays.
fn settled<D>(done: Result<D, ResumableError>) -> Result<Result<D, ResumableError>, SettleError> {
    match done {
        Err(ResumableError::Ledger(error)) => Err(error.into()),
        Err(ResumableError::Peer(error)) => Err(error.into()),
        done => Ok(done),
    }
}
