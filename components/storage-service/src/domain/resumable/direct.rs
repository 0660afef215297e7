//! Uploads whose bytes go straight to the bucket: the client gets the bucket's session, and says when it is done.
//!
//! The session is create-only and knows the length, so what the bucket takes is what was reserved; it can be cancelled,
//! which a signed URL cannot. What counts is what the bucket holds, never what the client says. An upload whose client
//! never comes back is looked at when it has expired: a whole object is a file, and everything else goes.
//!
//! The day's bandwidth pays for the bytes as for others, when the upload is created: it is given back if they do not come.

use spinreel_gcs::{Error as BucketError, Progress, TokenCache};
use spinreel_ledger::{LEASE_MS, Patience, while_it_may};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::{Found, ResumableError, UploadId};
use crate::domain::peers::{PeerFailure, Peers};
use crate::domain::record::{FileRecord, Intent, Operation, Phase, Record, Resumable, UserFiles};
use crate::domain::storage::Storage;
use crate::domain::upload::{Uploaded, stored};

/// What came of a client's word that its bytes are in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completed {
    /// The upload is a file now.
    Now(Box<Uploaded>),
    /// It was one already.
    Before(Box<FileRecord>),
}

impl Completed {
    /// The file.
    pub fn file(&self) -> &FileRecord {
        match self {
            Self::Now(uploaded) => &uploaded.file,
            Self::Before(file) => file,
        }
    }
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Whether an upload goes straight to the bucket, or went there: one `get`.
    pub async fn is_direct(&self, user_id: &str, id: &UploadId) -> Result<bool, ResumableError> {
        Ok(
            match self.find_upload(&UserFiles::new(user_id), id).await? {
                Found::Open(upload) => upload.direct,
                Found::Finished(file) => !file.resumable,
                Found::Whole(..) | Found::Final(_) => false,
            },
        )
    }

    /// Makes an upload a file, if the bucket has all its bytes. `may_store` is asked before. Harmless when repeated.
    ///
    /// # Errors
    /// [`ResumableError::Incomplete`] while bytes are missing; [`ResumableError::SizeMismatch`] where the bucket ended with
    /// others: then the upload is over.
    pub async fn complete_upload(
        &self,
        user_id: &str,
        id: &UploadId,
        may_store: impl AsyncFn() -> Result<bool, PeerFailure>,
    ) -> Result<Completed, ResumableError> {
        let files = UserFiles::new(user_id);
        match self.find_upload(&files, id).await? {
            Found::Finished(file) => return Ok(Completed::Before(file)),
            Found::Open(upload) if upload.direct => {}
            Found::Open(_) | Found::Whole(..) | Found::Final(_) => {
                return Err(ResumableError::NotFound);
            }
        }
        let held = self
            .lock(&files.file_lock(id.number), Patience::Leases)
            .await?;
        let work = async {
            let upload = match files.record(id.number).get(&self.store).await? {
                Some(Record::Intent(Intent {
                    operation: Operation::Resumable(upload),
                    ..
                })) if matches!(upload.phase, Phase::Open | Phase::Finishing) => upload,
                Some(Record::File(file)) => return Ok(Completed::Before(Box::new(file))),
                Some(Record::Intent(_)) | None => return Err(ResumableError::Gone),
            };
            let arrived = self.arrived(&upload).await;
            if arrived.is_ok() && !may_store().await? {
                let _ = self.end_upload(&files, id.number, &upload, true).await;
                return Err(ResumableError::NotAllowed);
            }
            match arrived {
                Ok(file) => self.complete_direct(&files, id.number, &upload, file).await,
                Err(error @ ResumableError::SizeMismatch) => {
                    self.end_upload(&files, id.number, &upload, true).await?;
                    Err(error)
                }
                Err(error) => Err(error),
            }
        };
        let done = while_it_may(|| held.is_good(&self.clock), work).await;
        let done = done.unwrap_or(Err(ResumableError::Busy));
        let is_over = !matches!(
            done,
            Err(ResumableError::Ledger(_) | ResumableError::Peer(_))
        );
        if is_over && held.is_good(&self.clock) {
            // A lock that stays is in nobody's way for long. It has to where a call may have its effect yet.
            let _ = held.release(&self.store).await;
        }
        done
    }

    /// The file that the bucket's bytes are, where it has all of them.
    async fn arrived(&self, upload: &Resumable) -> Result<FileRecord, ResumableError> {
        let Some(object) = self.object_of(&upload.head).await? else {
            let Some(session) = self.open_session(upload) else {
                return Err(ResumableError::Incomplete);
            };
            return Err(match self.bucket.upload_status(&session).await {
                // It was completed at this moment: the client asks again.
                Ok(Progress::Complete(_) | Progress::Incomplete { .. }) => {
                    ResumableError::Incomplete
                }
                // It ended, and nothing came of it.
                Err(BucketError::SessionLost) => ResumableError::SizeMismatch,
                Err(error) => error.into(),
            });
        };
        match upload.length == Some(object.size) {
            true => Ok(FileRecord {
                head: upload.head.clone(),
                object: stored(&object),
                settled_ms: 0,
                resumable: false,
            }),
            false => Err(ResumableError::SizeMismatch),
        }
    }

    async fn complete_direct(
        &self,
        files: &UserFiles,
        number: u64,
        upload: &Resumable,
        file: FileRecord,
    ) -> Result<Completed, ResumableError> {
        let finishing = upload.in_phase(Phase::Finishing);
        let until_ms = self.clock.now_ms() + LEASE_MS;
        self.write_upload(files, number, &finishing, until_ms)
            .await?;
        let mut uploaded = self.file_upload(files, number, &finishing, file).await?;
        uploaded.reservations.clone_from(&upload.paid);
        Ok(Completed::Now(Box::new(uploaded)))
    }
}
