//! Bytes for an upload: bandwidth → writer → bytes to the bucket → what was received, and with the last one the file.

mod transfer;

use spinreel_api::internal::Reservation;
use spinreel_gcs::TokenCache;
use spinreel_platform::{Clock, HttpClient, Random, Store};
use spinreel_tus::Claim;

use self::transfer::Transfer;
use super::{Found, ResumableError, UploadId};
use crate::domain::peers::{PeerFailure, Peers};
use crate::domain::record::{Owner, UserFiles};
use crate::domain::storage::Storage;
use crate::domain::upload::{FileSource, Uploaded};

/// How many bytes a body may have that says its digest: they are held back until it is known, since the bucket gives
/// nothing back that it has.
pub const CHECKED_LIMIT: u64 = 8 * 1024 * 1024;

/// What a request says of the bytes that it brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Where they begin.
    pub offset: u64,
    /// How many there are, where the request tells.
    pub size: Option<u64>,
    /// How many bytes the upload will have, where that is said only now.
    pub length: Option<u64>,
    /// Their digests, where some are said.
    pub claims: Vec<Claim>,
    /// What the client says of the end, where that is not where the length is reached: by the IETF's draft.
    pub end: Option<End>,
}

/// Whether an upload ends with the bytes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// It does.
    pub is_here: bool,
    /// How many bytes the upload will have, where the request says so.
    pub length: Option<u64>,
}

/// What came of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// They are there, and more are to come.
    Open {
        /// How many are there now.
        offset: u64,
        /// When the upload goes if nothing more comes, in milliseconds since the Unix epoch.
        expires_ms: u64,
    },
    /// They were the last of a part, of which a file can be made.
    Whole {
        /// How many are there.
        offset: u64,
        /// When the part goes if nothing is made of it, in milliseconds since the Unix epoch.
        expires_ms: u64,
    },
    /// They were the last: the upload is a file.
    Finished {
        /// The file, and the bandwidth that was taken for this request.
        uploaded: Box<Uploaded>,
        /// How many bytes came with this request.
        moved: u64,
    },
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Takes bytes for an upload. `may_store` is asked before it becomes a file.
    ///
    /// What came before a client went away is kept. Bandwidth that was taken for what did not come is given back.
    pub async fn append_to_upload(
        &self,
        owner: &Owner,
        id: &UploadId,
        bytes: Bytes,
        source: &mut impl FileSource,
        may_store: impl AsyncFn() -> Result<bool, PeerFailure>,
    ) -> Result<Appended, ResumableError> {
        let files = UserFiles::new(&owner.user_id);
        let mut upload = match self.find_upload(&files, id).await? {
            Found::Open(upload) => upload,
            Found::Final(_) => return Err(ResumableError::OfParts),
            Found::Finished(file) if file.head.is_of_parts() => {
                return Err(ResumableError::OfParts);
            }
            Found::Whole(..) | Found::Finished(_) => return Err(ResumableError::Complete),
        };
        if upload.direct {
            return Err(ResumableError::NotFound);
        }
        if bytes.length.is_some() && upload.length.is_some() {
            return Err(ResumableError::LengthKnown);
        }
        let end = bytes.size.and_then(|size| bytes.offset.checked_add(size));
        let said = upload.announced.or(upload.length);
        let length = match bytes.end {
            Some(said_now) => {
                let whole = end.filter(|_| said_now.is_here);
                // All that was said of it must be the same.
                let lengths = [said, said_now.length, whole];
                let mut known = lengths.iter().flatten();
                let first = known.next();
                if known.any(|other| Some(other) != first) {
                    return Err(ResumableError::InconsistentLength);
                }
                first.copied()
            }
            None => bytes.length.or(said),
        };
        let current = self.idle_soon(&files, id.number, &upload.head).await?;
        self.refuse_expired(current.received.expires_ms)?;
        let offset = current.received.offset();
        if current.is_idle && offset != bytes.offset {
            // It may have ended meanwhile, and then this was read where nothing was any more.
            return match self.find_upload(&files, id).await? {
                Found::Open(_) => Err(ResumableError::OffsetMismatch { offset }),
                Found::Whole(..) | Found::Final(_) | Found::Finished(_) => {
                    Err(ResumableError::Gone)
                }
            };
        }
        let least = end.unwrap_or(bytes.offset);
        if length.is_some_and(|length| least > length) || least > super::LARGEST {
            return Err(ResumableError::TooLong);
        }
        if !bytes.claims.is_empty() && bytes.size.is_some_and(|size| size > CHECKED_LIMIT) {
            return Err(ResumableError::CheckedTooLarge {
                limit: CHECKED_LIMIT,
            });
        }
        let mut reservations = Vec::new();
        let size = bytes.size.unwrap_or(0);
        if size > 0 {
            reservations.push(self.reserve_for(&owner.user_id, size).await?);
        }
        let mut kept = 0;
        let work = async {
            let writer = self
                .take_over_upload(&files, id.number, &upload.head)
                .await?;
            let session = self.session_of(&files, id.number, &upload)?;
            let mut transfer = Transfer {
                storage: self,
                files: &files,
                id,
                session,
                paid_before: writer.received.paid.clone(),
                upload: &mut upload,
                writer,
                begins: bytes.offset,
                reservations: &mut reservations,
                bandwidth: size,
                kept: &mut kept,
                saved_ms: self.clock.now_ms(),
            };
            match transfer.run(owner, &bytes, least, source, may_store).await {
                Ok(appended) => Ok(appended),
                Err(error) => Err(transfer.leave(error).await),
            }
        };
        let appended = work.await;
        if let Ok(Appended::Finished { .. }) = appended {
            return appended;
        }
        let reserved: u64 = reservations.iter().map(|one| one.bytes).sum();
        if reserved > kept {
            let user_id = &owner.user_id;
            let settling = self
                .peers
                .settle_bandwidth(user_id, &reservations, kept, None);
            // What is not given back now stays taken until midnight.
            let _ = settling.await;
        }
        appended
    }

    /// Takes a part of the day's bandwidth.
    pub(super) async fn reserve_for(
        &self,
        user_id: &str,
        bytes: u64,
    ) -> Result<Reservation, ResumableError> {
        let reservation = self.peers.reserve_bandwidth(user_id, bytes).await?;
        reservation.ok_or(ResumableError::BandwidthExceeded)
    }
}
