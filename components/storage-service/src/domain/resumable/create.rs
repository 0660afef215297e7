//! An upload, from the request for it to the answer: number → record → quota → session → record.

use spinreel_gcs::{Error as BucketError, NewObject, TokenCache, WRITE_ID};
use spinreel_ledger::{LEASE_MS, LedgerError, Reserved, while_it_may};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::{ResumableError, UploadId};
use crate::domain::peers::Peers;
use crate::domain::record::{
    Concat, FILE_NUMBER, FILE_OWNER, FileHead, Intent, Operation, Owner, Part, Phase, Purpose,
    Record, Resumable, UserFiles, VideoHead,
};
use crate::domain::storage::{Storage, signed};
use crate::domain::tidy::Eagerness;

/// How long after it began a creation may still act, in milliseconds: what it does then must have its effect before others
/// take over.
pub(super) const ALIVE_MS: u64 = LEASE_MS / 2;

/// An upload that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    /// Time-ordered and unused: the id that the file will have.
    pub id: String,
    /// A name that [is valid](crate::domain::file_name::is_valid).
    pub name: String,
    /// The declared media type, printable ASCII.
    pub content_type: String,
    /// How many bytes it will have; `None` where that is said later.
    pub length: Option<u64>,
    /// What the client says of the file, as it wrote it.
    pub metadata: String,
    /// What it will be to the catalogue.
    pub video: VideoHead,
    /// Whether the client sends the bytes to the bucket itself.
    pub direct: Option<Direct>,
    /// Whether the client says when the bytes are all there, and the length announces only how many these will be: by the
    /// IETF's draft.
    pub ends_by_word: bool,
    /// Whether it is a part of what becomes a file, and never one itself: then its name means nothing.
    pub is_part: bool,
}

/// An upload whose bytes do not come through here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Direct {
    /// The origin of the page that asks for it, where a browser does: the bucket lets that one's scripts send the bytes.
    pub origin: Option<String>,
}

/// An upload that takes bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// What the client calls it.
    pub id: UploadId,
    /// When it goes if nothing comes, in milliseconds since the Unix epoch.
    pub expires_ms: u64,
    /// Where the bytes go that are sent to the bucket itself: a credential.
    pub session_url: Option<String>,
}

/// How many uploads may be open, seen at a moment.
pub(super) struct Open {
    count: u64,
    /// The highest number that had been given.
    head: u64,
    /// When the first of them expires, as far as their records say, in milliseconds since the Unix epoch.
    first_expires_ms: Option<u64>,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Creates an upload, and takes the quota that it needs as far as its length is known.
    pub async fn create_upload(
        &self,
        owner: &Owner,
        new: NewUpload,
    ) -> Result<Created, ResumableError> {
        let files = UserFiles::new(&owner.user_id);
        let is_new = new.video.replaces.is_none() && !new.is_part;
        if is_new && self.is_name_taken(&files, &new.name).await? {
            return Err(ResumableError::NameTaken);
        }
        let limit = self.limit_of(&files).await?;
        let length = new.length.unwrap_or(0);
        self.refuse_hopeless(&files, limit, length).await?;
        let open = self.refuse_too_many(&files).await?;
        let began_ms = self.clock.now_ms();
        let number = files.roster.allocate(&self.store, 1).await?;
        self.refuse_one_too_many(&files, &open, number).await?;
        let upload = Resumable {
            head: FileHead {
                purpose: Purpose::Video,
                object: match new.is_part {
                    true => Owner::part_name(&owner.user_id, &new.id),
                    false => owner.object_name(&new.name),
                },
                concat: new.is_part.then(|| "partial".to_owned()),
                id: new.id,
                name: new.name,
                content_type: new.content_type,
                created_at_ms: began_ms,
                video: new.video,
            },
            metadata: new.metadata,
            length: new.length.filter(|_| !new.ends_by_word),
            announced: new.length.filter(|_| new.ends_by_word),
            reserved: 0,
            moving: length > 0,
            phase: Phase::Creating,
            session: None,
            direct: new.direct.is_some(),
            paid: Vec::new(),
            version: 0,
            concat: new.is_part.then(|| Concat::Part(Part::default())),
        };
        let origin = new.direct.and_then(|direct| direct.origin);
        let is_alive = || self.clock.now_ms().saturating_sub(began_ms) <= ALIVE_MS;
        let work = self.prepare_upload(owner, &files, number, upload, limit, origin);
        while_it_may(is_alive, work)
            .await
            .unwrap_or(Err(ResumableError::Busy))
    }

    async fn prepare_upload(
        &self,
        owner: &Owner,
        files: &UserFiles,
        number: u64,
        mut upload: Resumable,
        limit: i64,
        origin: Option<String>,
    ) -> Result<Created, ResumableError> {
        // After the number was taken: see `is_gone`.
        if !self.register(files).await? {
            return Err(ResumableError::UserGone);
        }
        if upload.part().is_none() && !self.has_place(files, number).await? {
            return Err(ResumableError::TooManyFiles);
        }
        let until_ms = self.clock.now_ms() + LEASE_MS;
        self.write_upload(files, number, &upload, until_ms).await?;
        let length = upload.length.or(upload.announced).unwrap_or(0);
        if length > 0 {
            let reserved = files
                .used
                .reserve(&self.store, signed(length), limit)
                .await?;
            if reserved == Reserved::No {
                files.record(number).delete(&self.store).await?;
                return Err(ResumableError::StorageExceeded);
            }
            // The record hears of it with the next thing that is written there: until then it says "perhaps".
            upload.reserved = length;
            upload.moving = false;
        }
        if upload.direct && length > 0 {
            match self.reserve_for(files.user_id(), length).await {
                Ok(reservation) => upload.paid.push(reservation),
                Err(error) => {
                    // What is not undone now is undone when the lease is over.
                    let _ = self.end_upload(files, number, &upload, false).await;
                    return Err(error);
                }
            }
        }
        let object = new_object(files, number, &upload.head, &upload.head.object);
        let start = self
            .bucket
            .start_upload_for(&object, upload.length, origin.as_deref());
        let session = match start.await {
            Ok(session) => session,
            Err(error) => {
                let error = match error.reason() {
                    BucketError::PreconditionFailed if upload.head.video.replaces.is_some() => {
                        ResumableError::Changed
                    }
                    BucketError::PreconditionFailed => {
                        self.refused_name(owner, &upload.head.name).await.into()
                    }
                    _ => error.into(),
                };
                // What is not undone now is undone when the lease is over.
                let _ = self.end_upload(files, number, &upload, false).await;
                return Err(error);
            }
        };
        let expires_ms = self.expires_ms(&upload.head, upload.head.created_at_ms);
        upload.session = Some(self.seal_session(&session));
        let open = upload.in_phase(Phase::Open);
        self.write_upload(files, number, &open, expires_ms).await?;
        Ok(Created {
            id: UploadId {
                number,
                file: upload.head.id,
            },
            expires_ms,
            session_url: open.direct.then(|| self.bucket.upload_url(&session)),
        })
    }

    /// Writes an upload's record: one `set`.
    pub(super) async fn write_upload(
        &self,
        files: &UserFiles,
        number: u64,
        upload: &Resumable,
        until_ms: u64,
    ) -> Result<(), LedgerError> {
        let intent = Intent {
            until_ms,
            operation: Operation::Resumable(Box::new(upload.clone())),
        };
        files.set_intent(&self.store, number, intent).await
    }

    /// Refuses where as many are open as may be, before anything is written; what has expired is ended first.
    pub(super) async fn refuse_too_many(&self, files: &UserFiles) -> Result<Open, ResumableError> {
        for last_try in [false, true] {
            let Some(open) = self.open_uploads(files).await? else {
                // More has begun lately than a look goes through: that looks after it.
                self.tidy(files, Eagerness::Now).await?;
                continue;
            };
            if open.count < self.resumable.most {
                return Ok(open);
            }
            let now_ms = self.clock.now_ms();
            let retry_ms = open
                .first_expires_ms
                .unwrap_or(now_ms)
                .saturating_sub(now_ms);
            if last_try || retry_ms > 0 || self.tidy(files, Eagerness::Now).await?.settled == 0 {
                return Err(ResumableError::TooMany { retry_ms });
            }
        }
        Err(ResumableError::Busy)
    }

    /// Counts the open uploads; `None` where there are more numbers than a look goes through. Numbers that may be about to
    /// become one count.
    async fn open_uploads(&self, files: &UserFiles) -> Result<Option<Open>, LedgerError> {
        let head = files.roster.head(&self.store).await?;
        let look = files
            .intents
            .look::<Record>(&self.store, &self.clock, head, 0)
            .await?;
        if look.more {
            return Ok(None);
        }
        let mut open = Open {
            count: 0,
            head: look.head(),
            first_expires_ms: None,
        };
        let young = look.empty.iter().filter(|number| look.may_begin(**number));
        open.count += young.count() as u64;
        let mut records: Vec<Option<Record>> =
            look.records.into_iter().map(|(_, r)| Some(r)).collect();
        for number in &look.mark.open {
            records.push(files.record(*number).get(&self.store).await?);
        }
        for record in records {
            if let Some(Record::Intent(Intent {
                until_ms,
                operation: Operation::Resumable(_),
            })) = record
            {
                open.count += 1;
                let first = open.first_expires_ms.unwrap_or(until_ms);
                open.first_expires_ms = Some(first.min(until_ms));
            }
        }
        Ok(Some(open))
    }

    /// Refuses the upload of a number where those of lower numbers are as many as may be. So of any that are open, the one
    /// with the highest number has counted all others.
    pub(super) async fn refuse_one_too_many(
        &self,
        files: &UserFiles,
        open: &Open,
        number: u64,
    ) -> Result<(), ResumableError> {
        let mut count = open.count;
        for other in open.head + 1..number {
            let record = files.record(other).get(&self.store).await?;
            let counts = match &record {
                Some(Record::Intent(intent)) => {
                    matches!(intent.operation, Operation::Resumable(_))
                }
                Some(Record::File(_)) => false,
                None => true,
            };
            count += u64::from(counts);
        }
        match count < self.resumable.most {
            true => Ok(()),
            false => Err(ResumableError::TooMany { retry_ms: LEASE_MS }),
        }
    }

    /// The uploads of a user, in any phase: those that the mark names, and those of a look.
    pub(in crate::domain) async fn uploads_of(
        &self,
        files: &UserFiles,
    ) -> Result<Vec<u64>, LedgerError> {
        let head = files.roster.head(&self.store).await?;
        let look = files
            .intents
            .look::<Record>(&self.store, &self.clock, head, 0)
            .await?;
        let mut numbers = look.mark.open;
        numbers.extend(look.records.into_iter().filter_map(|(number, record)| {
            let Record::Intent(intent) = record else {
                return None;
            };
            matches!(intent.operation, Operation::Resumable(_)).then_some(number)
        }));
        Ok(numbers)
    }
}

/// An object of an upload, to be created under `name`.
pub(super) fn new_object(files: &UserFiles, number: u64, head: &FileHead, name: &str) -> NewObject {
    NewObject {
        metadata: [
            (WRITE_ID.to_owned(), head.id.clone()),
            (FILE_NUMBER.to_owned(), number.to_string()),
            (FILE_OWNER.to_owned(), files.user_id().to_owned()),
        ]
        .into(),
        // What is joined on the way to the object takes nobody's place.
        if_generation_match: Some(match name == head.object {
            true => head.expected_generation(),
            false => 0,
        }),
        ..NewObject::create_only(name, &head.content_type)
    }
}
