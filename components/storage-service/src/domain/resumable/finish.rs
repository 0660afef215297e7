//! The last byte of an upload: rights → record → object → catalogue → file in its place, under the upload's lock.

use spinreel_gcs::{
    Crc32c, Error as BucketError, Object, Part, Progress, ResumableSession, TokenCache,
};
use spinreel_ledger::{LEASE_MS, Patience, while_it_may};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use spinreel_api::internal::Reservation;

use super::received::Received;
use super::{ResumableError, UploadId};
use crate::domain::peers::{Announced, PeerFailure, Peers};
use crate::domain::record::{
    FileHead, FileRecord, Intent, Notice, Operation, Owner, Phase, Record, Rest, Resumable,
    UserFiles,
};
use crate::domain::storage::{SettleError, Storage};
use crate::domain::upload::{Uploaded, stored};

/// The last bytes of an upload.
pub(super) struct Last<'a> {
    /// The writer that has them.
    pub(super) generation: i64,
    /// How many bytes the bucket has.
    pub(super) offset: u64,
    pub(super) pieces: &'a [bytes::Bytes],
    /// The checksum of the whole file.
    pub(super) covered: Crc32c,
    pub(super) received: &'a Received,
    /// The bandwidth that was paid for all of them.
    pub(super) paid: Vec<Reservation>,
}

/// What an upload is with its last byte.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is returned"
)]
pub(super) enum Finished {
    /// A file.
    File(Uploaded),
    /// A part of one, which goes at that time if nothing is made of it, in milliseconds since the Unix epoch.
    Part {
        /// When.
        expires_ms: u64,
    },
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Makes an upload a file, or a part of one. Repeated after any failure, it goes on where it was.
    pub(super) async fn finish_upload(
        &self,
        owner: &Owner,
        files: &UserFiles,
        id: &UploadId,
        session: &ResumableSession,
        last: Last<'_>,
        may_store: impl AsyncFn() -> Result<bool, PeerFailure>,
    ) -> Result<Finished, ResumableError> {
        if !may_store().await? {
            // What is not ended now is ended with the account, or when it expires.
            let _ = self.end_under_lock(files, id.number, false).await;
            return Err(ResumableError::NotAllowed);
        }
        let lock = files.file_lock(id.number);
        let held = self.lock(&lock, Patience::Leases).await?;
        let work = async {
            let upload = match files.record(id.number).get(&self.store).await? {
                Some(Record::Intent(Intent {
                    operation: Operation::Resumable(upload),
                    ..
                })) if matches!(upload.phase, Phase::Open | Phase::Finishing) => upload,
                Some(_) | None => return Err(ResumableError::Gone),
            };
            self.refuse_displaced(files, id.number, last.generation)
                .await?;
            let until_ms = self.clock.now_ms() + LEASE_MS;
            let finishing = upload.in_phase(Phase::Finishing);
            self.write_upload(files, id.number, &finishing, until_ms)
                .await?;
            let object = match self.complete(&upload.head, session, &last).await {
                Ok(object) => object,
                Err(error) => {
                    return Err(self
                        .uncompleted(owner, files, id.number, &finishing, error)
                        .await);
                }
            };
            if upload.part().is_some() {
                let paid = last.paid.clone();
                let kept = self.keep_part(files, id.number, &finishing, stored(&object), paid);
                return Ok(Finished::Part {
                    expires_ms: kept.await?,
                });
            }
            let mut file = FileRecord {
                head: upload.head.clone(),
                object: stored(&object),
                settled_ms: 0,
                resumable: true,
            };
            file.head.video.inspection = last.received.inspection.clone();
            let filed = self.file_upload(files, id.number, &finishing, file).await;
            filed.map(Finished::File)
        };
        let done = while_it_may(|| held.is_good(&self.clock), work).await;
        let done = done.unwrap_or(Err(ResumableError::Busy));
        let mut over = Vec::new();
        if done.is_ok() {
            // What is not found now is found by a look, and what is to come yet by a later one.
            let kept = self.kept_keys(files, id.number, last.received, last.generation);
            over = kept.await.unwrap_or_default();
        }
        let is_over = !matches!(
            done,
            Err(ResumableError::Ledger(_) | ResumableError::Peer(_))
        );
        if is_over && held.is_good(&self.clock) {
            // A lock that stays is in nobody's way for long. It has to where a call may have its effect yet.
            over.push(held.key().to_owned());
        }
        // What stays means nothing.
        let _ = self.store.delete_many(&over).await;
        done
    }

    /// The object, from whichever request completed it.
    async fn complete(
        &self,
        head: &FileHead,
        session: &ResumableSession,
        last: &Last<'_>,
    ) -> Result<Object, BucketError> {
        let part = Part::Last {
            crc32c: last.covered.value(),
        };
        let put = self
            .bucket
            .put_chunk(session, last.offset, last.pieces, part)
            .await;
        let error = match put {
            Ok(Progress::Complete(object)) => return Ok(object),
            Ok(Progress::Incomplete { stored }) => return Err(BucketError::Stalled { stored }),
            Err(error) => error,
        };
        match error.reason() {
            // An earlier request may have completed it, and died.
            BucketError::SessionLost | BucketError::PreconditionFailed => {
                let found = self.object_of(head).await;
                let is_whole =
                    |object: &Object| object.matches(last.covered.length(), last.covered.value());
                match found {
                    Ok(Some(object)) if is_whole(&object) => Ok(object),
                    Ok(Some(object)) => Err(BucketError::Corrupt {
                        expected_size: last.covered.length(),
                        expected_crc32c: last.covered.value(),
                        size: object.size,
                        crc32c: object.crc32c,
                    }),
                    Ok(None) => Err(error),
                    Err(SettleError::Bucket(error)) => Err(error),
                    Err(_) => Err(error),
                }
            }
            _ => Err(error),
        }
    }

    /// What it means that the object was not completed: where it cannot be any more, the upload ends.
    async fn uncompleted(
        &self,
        owner: &Owner,
        files: &UserFiles,
        number: u64,
        upload: &Resumable,
        error: BucketError,
    ) -> ResumableError {
        let meaning = match error.reason() {
            BucketError::PreconditionFailed if upload.head.video.replaces.is_some() => {
                ResumableError::Changed
            }
            BucketError::PreconditionFailed => {
                match self.refused_name(owner, &upload.head.name).await.into() {
                    // What held the name is gone: the next try may have it.
                    ResumableError::Busy => return ResumableError::Busy,
                    error => error,
                }
            }
            BucketError::SessionLost => ResumableError::Gone,
            BucketError::Corrupt { .. }
            | BucketError::OffsetMismatch { .. }
            | BucketError::Refused { status: 400, .. } => ResumableError::Corrupt,
            _ => return error.into(),
        };
        // An object that may come yet is found by the lease's end.
        if !error.may_land_later() {
            let _ = self.end_upload(files, number, upload, true).await;
        }
        meaning
    }

    /// Puts a file in its upload's place.
    pub(super) async fn file_upload(
        &self,
        files: &UserFiles,
        number: u64,
        upload: &Resumable,
        mut file: FileRecord,
    ) -> Result<Uploaded, ResumableError> {
        // Told before the file is there: a crash in between leaves the upload, and telling twice is harmless.
        let announced = self
            .announce(files.user_id(), number, &file.head, &file.object)
            .await;
        if announced == Ok(Announced::Unwanted) {
            // What is not ended now is ended when the lease is over.
            let _ = self.end_upload(files, number, upload, true).await;
            return Err(ResumableError::Gone);
        }
        if announced.is_ok() {
            file.head.video.told();
        }
        let rest = Rest {
            recount: upload.moving || upload.reserved != file.object.size,
            notice: announced.is_err().then(|| Notice {
                number,
                id: file.head.video_id().to_owned(),
            }),
            ..Rest::default()
        };
        if rest != Rest::default() {
            self.note(files, Operation::Rest(rest)).await?;
        }
        self.enter(files, number, file.clone()).await?;
        if let Some(replaced) = &file.head.video.replaces {
            // What is left of it goes with the next look.
            let _ = self.remove_replaced(files, replaced).await;
        }
        Ok(Uploaded {
            file,
            number,
            reservations: Vec::new(),
        })
    }

    /// Brings bytes into the bucket's session that are not its last. What it has of them already came with a request that
    /// nobody acknowledged; the checksum tells in the end whether that was the same.
    pub(super) async fn put_more(
        &self,
        session: &ResumableSession,
        head: &FileHead,
        offset: u64,
        pieces: &[bytes::Bytes],
    ) -> Result<(), ResumableError> {
        let end = offset + pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        match self
            .bucket
            .put_chunk(session, offset, pieces, Part::More)
            .await
        {
            Ok(_) => Ok(()),
            Err(BucketError::OffsetMismatch { stored }) if stored >= end => Ok(()),
            Err(BucketError::SessionLost) => match self.object_of(head).await? {
                // It was completed, and nobody lived to make it a file.
                Some(_) => Ok(()),
                None => Err(ResumableError::Gone),
            },
            Err(BucketError::OffsetMismatch { .. }) => Err(ResumableError::Corrupt),
            Err(error) => Err(error.into()),
        }
    }
}
