//! A length that is told late: the quota is taken as the bytes come, under the upload's lock.

use spinreel_gcs::TokenCache;
use spinreel_ledger::{Patience, Reserved};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::ResumableError;
use crate::domain::peers::Peers;
use crate::domain::record::{Intent, Operation, Resumable, UserFiles};
use crate::domain::storage::{SettleError, Storage, signed};

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Tells an upload how many bytes it will have, whose client says when they are all there, and takes the quota for them.
    pub(super) async fn announce_length(
        &self,
        files: &UserFiles,
        number: u64,
        length: u64,
    ) -> Result<Resumable, ResumableError> {
        // What is taken first and not announced is given back with the upload.
        self.grow_upload(files, number, None, length).await?;
        let held = self
            .lock(&files.file_lock(number), Patience::Leases)
            .await?;
        let work = async {
            let Some(Intent {
                until_ms,
                operation: Operation::Resumable(upload),
            }) = files.intent(&self.store, number).await?
            else {
                return Ok(Err(ResumableError::Gone));
            };
            let announced = Resumable {
                announced: Some(length),
                ..upload.in_phase(upload.phase)
            };
            self.write_upload(files, number, &announced, until_ms)
                .await?;
            Ok::<_, SettleError>(Ok(announced))
        };
        self.under(held, work).await?
    }

    /// Tells an upload its length, where `length` has one, and takes what it needs of the quota to hold so many bytes.
    pub(super) async fn grow_upload(
        &self,
        files: &UserFiles,
        number: u64,
        length: Option<u64>,
        bytes: u64,
    ) -> Result<Resumable, ResumableError> {
        let lock = files.file_lock(number);
        let held = self.lock(&lock, Patience::Leases).await?;
        let limit = self.limit_of(files).await?;
        let work = async {
            let Some(Intent {
                until_ms,
                operation: Operation::Resumable(upload),
            }) = files.intent(&self.store, number).await?
            else {
                return Ok(Err(ResumableError::Gone));
            };
            if length.is_some() && upload.length.is_some() {
                return Ok(Err(ResumableError::LengthKnown));
            }
            let wanted = length.or(upload.length).unwrap_or(bytes);
            let missing = signed(wanted) - signed(upload.reserved);
            let mut grown = upload.in_phase(upload.phase);
            grown.length = length.or(upload.length);
            if upload.moving {
                // Somebody died moving the counter: nobody knows by how much, until the upload is over.
                return Ok(Err(ResumableError::Gone));
            }
            if missing > 0 || (length.is_some() && missing < 0) {
                grown.moving = true;
                let mut moving = upload.in_phase(upload.phase);
                moving.moving = true;
                self.write_upload(files, number, &moving, until_ms).await?;
                if missing < 0 {
                    self.give_back(files, missing.unsigned_abs()).await?;
                } else {
                    let reserved = files.used.reserve(&self.store, missing, limit).await?;
                    if reserved == Reserved::No {
                        let still = moving.in_phase(upload.phase);
                        let still = Resumable {
                            moving: false,
                            ..still
                        };
                        self.write_upload(files, number, &still, until_ms).await?;
                        return Ok(Err(ResumableError::StorageExceeded));
                    }
                }
                grown = Resumable {
                    version: moving.version + 1,
                    reserved: wanted,
                    moving: false,
                    ..grown
                };
            }
            if grown.version > upload.version + 1 || grown.length != upload.length {
                self.write_upload(files, number, &grown, until_ms).await?;
            }
            Ok::<_, SettleError>(Ok(grown))
        };
        self.under(held, work).await?
    }
}
