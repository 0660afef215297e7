//! Parts of what becomes a file: what they are, and how they end.
//!
//! A part is an upload whose object has a name that no file has. With its last byte it is whole: it keeps what it took of the
//! quota, and waits for a final upload to take it. From then on it is changed under the lock of the user's parts, as final
//! uploads are. A part says who is [taking](crate::domain::record::Part::taken_by) it. That counts as long as that one says
//! so, too; where its lease is over, whoever wants the part brings it to its end first.

use spinreel_api::internal::Reservation;
use spinreel_gcs::TokenCache;
use spinreel_ledger::{LedgerError, Patience};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::ResumableError;
use crate::domain::peers::Peers;
use crate::domain::record::{
    Concat, Intent, Operation, Part, PartId, Phase, Rest, Resumable, StoredObject, UserFiles,
};
use crate::domain::settle::Settled;
use crate::domain::storage::{SettleError, Storage};

/// A part that is whole.
#[derive(Debug, Clone)]
pub(super) struct WholePart {
    pub(super) number: u64,
    pub(super) upload: Resumable,
    pub(super) object: StoredObject,
    /// When it expires, in milliseconds since the Unix epoch.
    pub(super) until_ms: u64,
}

/// The parts of a final upload at a moment.
pub(super) enum Parts {
    /// All of them are whole.
    Whole(Vec<WholePart>),
    /// Some are still coming in.
    Open {
        /// When the first of them expires, in milliseconds since the Unix epoch.
        until_ms: u64,
        /// How many bytes they have together, where that is known.
        length: Option<u64>,
    },
    /// One is none, or is gone.
    Gone,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Makes a part whole, whose object is there: under the lock of its number. When it expires, in milliseconds since the
    /// Unix epoch.
    pub(super) async fn keep_part(
        &self,
        files: &UserFiles,
        number: u64,
        upload: &Resumable,
        object: StoredObject,
        paid: Vec<Reservation>,
    ) -> Result<u64, SettleError> {
        if upload.moving || upload.reserved != object.size {
            let rest = Rest {
                recount: true,
                ..Rest::default()
            };
            self.note(files, Operation::Rest(rest)).await?;
        }
        let expires_ms = self.expires_ms(&upload.head, self.clock.now_ms());
        let part = Part {
            object: Some(object),
            paid,
            taken_by: None,
        };
        let whole = Resumable {
            length: Some(object.size),
            reserved: object.size,
            moving: false,
            session: None,
            concat: Some(Concat::Part(part)),
            ..upload.in_phase(Phase::Whole)
        };
        self.write_upload(files, number, &whole, expires_ms).await?;
        Ok(expires_ms)
    }

    /// The parts of a final upload: one `get` for each that is whole, three for each that is open.
    pub(super) async fn parts(
        &self,
        files: &UserFiles,
        ids: &[PartId],
    ) -> Result<Parts, LedgerError> {
        let now_ms = self.clock.now_ms();
        let mut whole = Vec::new();
        let (mut first_ms, mut length) = (u64::MAX, Some(0_u64));
        for id in ids {
            let Some(Intent {
                until_ms,
                operation: Operation::Resumable(upload),
            }) = files.intent(&self.store, id.number).await?
            else {
                return Ok(Parts::Gone);
            };
            if upload.head.id != id.id || upload.part().is_none() {
                return Ok(Parts::Gone);
            }
            length = length
                .zip(upload.length)
                .map(|(sum, more)| sum.saturating_add(more));
            let until_ms = match (upload.phase, upload.part_object()) {
                (Phase::Whole, Some(object)) => {
                    whole.push(WholePart {
                        number: id.number,
                        upload: *upload,
                        object,
                        until_ms,
                    });
                    until_ms
                }
                (Phase::Open | Phase::Finishing, _) => {
                    let current = self.current(files, id.number, &upload.head).await?;
                    current.received.expires_ms
                }
                _ => return Ok(Parts::Gone),
            };
            if until_ms <= now_ms {
                return Ok(Parts::Gone);
            }
            first_ms = first_ms.min(until_ms);
        }
        Ok(match whole.len() == ids.len() {
            true => Parts::Whole(whole),
            false => Parts::Open {
                until_ms: first_ms,
                length,
            },
        })
    }

    /// Brings whoever was taking a part to its end, where nobody is at work on that any more: under the parts' lock. Whether
    /// somebody was.
    pub(super) async fn free_part(
        &self,
        files: &UserFiles,
        upload: &Resumable,
        patience: Patience,
    ) -> Result<bool, SettleError> {
        let Some(taker) = upload.part().and_then(|part| part.taken_by) else {
            return Ok(false);
        };
        let Some(intent) = files.intent(&self.store, taker).await? else {
            return Ok(false);
        };
        let is_abandoned = intent.is_abandoned(self.clock.now_ms(), patience);
        let Operation::Resumable(taking) = intent.operation else {
            return Ok(false);
        };
        let Some(of_parts) = taking.as_final() else {
            return Ok(false);
        };
        let has_it = of_parts.parts.iter().any(|part| part.id == upload.head.id);
        if !has_it || !matches!(taking.phase, Phase::Joining | Phase::Joined) {
            return Ok(false);
        }
        if !is_abandoned {
            return Err(SettleError::Busy);
        }
        match taking.phase {
            Phase::Joining => drop(self.undo_join(files, taker, &taking).await?),
            _ => drop(self.complete_join(files, taker, &taking).await?),
        }
        Ok(true)
    }

    /// Ends a part that is whole, or a final upload, at its owner's word: under the parts' lock.
    pub(super) async fn end_of_parts(
        &self,
        files: &UserFiles,
        number: u64,
        upload: Resumable,
        until_ms: u64,
    ) -> Result<Settled, SettleError> {
        match upload.phase {
            Phase::Waiting => {
                self.forget_final(files, number).await?;
                Ok(Settled::Gone)
            }
            Phase::Joining | Phase::Joined => {
                if self.clock.now_ms() <= until_ms {
                    return Err(SettleError::Busy);
                }
                let settled = self
                    .settle_parts(files, number, upload, Patience::Leases)
                    .await?;
                if settled == Settled::Open {
                    self.forget_final(files, number).await?;
                    return Ok(Settled::Gone);
                }
                Ok(settled)
            }
            _ => self.end_part(files, number, upload, Patience::Leases).await,
        }
    }

    /// Ends a part that is whole: under the parts' lock.
    async fn end_part(
        &self,
        files: &UserFiles,
        number: u64,
        upload: Resumable,
        patience: Patience,
    ) -> Result<Settled, SettleError> {
        if !self.free_part(files, &upload, patience).await? {
            return self.end_upload(files, number, &upload, true).await;
        }
        match files.intent(&self.store, number).await? {
            Some(Intent {
                operation: Operation::Resumable(upload),
                ..
            }) => self.end_upload(files, number, &upload, true).await,
            // It is in a file by now.
            Some(_) | None => Ok(Settled::Gone),
        }
    }

    /// Brings a part that has expired, or a final upload that nobody is at work on, to its end: under the parts' lock.
    pub(in crate::domain) async fn settle_parts(
        &self,
        files: &UserFiles,
        number: u64,
        upload: Resumable,
        patience: Patience,
    ) -> Result<Settled, SettleError> {
        let Some(of_parts) = upload.as_final() else {
            return self.end_part(files, number, upload, patience).await;
        };
        match upload.phase {
            Phase::Joining => self.undo_join(files, number, &upload).await,
            Phase::Joined => {
                self.complete_join(files, number, &upload).await?;
                Ok(Settled::File)
            }
            _ => match self.parts(files, &of_parts.parts).await? {
                Parts::Open { until_ms, .. } => {
                    let waiting = upload.in_phase(Phase::Waiting);
                    self.write_upload(files, number, &waiting, until_ms).await?;
                    Ok(Settled::Open)
                }
                // They were joined with the last of them, or at the next look of a client, unless somebody died.
                Parts::Whole(parts) => match self.join(files, number, upload, parts).await {
                    Ok(_) => Ok(Settled::File),
                    Err(ResumableError::Bucket(error)) => Err(error.into()),
                    Err(ResumableError::Ledger(error)) => Err(error.into()),
                    Err(ResumableError::Peer(error)) => Err(error.into()),
                    Err(
                        ResumableError::NameTaken
                        | ResumableError::Corrupt
                        | ResumableError::NoPart,
                    ) => Ok(Settled::Gone),
                    Err(_) => Err(SettleError::Busy),
                },
                Parts::Gone => {
                    self.forget_final(files, number).await?;
                    Ok(Settled::Gone)
                }
            },
        }
    }
}
