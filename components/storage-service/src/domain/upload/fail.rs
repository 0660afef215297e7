//! An upload that failed: giving back what it took, or leaving that to others.

use std::cell::Cell;

use spinreel_gcs::{TokenCache, WRITE_ID};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::running::Running;
use super::{UploadError, stored};
use crate::domain::peers::Peers;
use crate::domain::record::Intent;
use crate::domain::storage::{SettleError, Storage};

/// So many operations before a user may have too many files, dead numbers begin to matter: as a rule nobody does more
/// within a lease.
const NEAR_LIMIT: u64 = 64;

/// What is known of the object of an upload that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It is not there and will not come.
    None,
    /// Whether it is there can be asked now.
    Now,
    /// It may come later: a request is still on its way.
    Later,
}

impl Doubt {
    /// What the failure of a transfer leaves open.
    pub(super) fn after(error: &UploadError, running: &Running<'_>) -> Self {
        match error {
            // A session can be ended, and nothing comes after that.
            _ if running.session.is_some() => Self::Now,
            UploadError::Bucket(error) if error.is_certain() => Self::None,
            UploadError::Bucket(error) if error.may_land_later() => Self::Later,
            UploadError::Bucket(_) => Self::Now,
            // An insert may have been dropped on the way.
            UploadError::Expired => Self::Later,
            UploadError::NameTaken
            | UploadError::NameNotFreeYet
            | UploadError::StorageExceeded
            | UploadError::TooManyFiles
            | UploadError::BandwidthExceeded
            | UploadError::UserGone
            | UploadError::Source(_)
            | UploadError::Ledger(_)
            | UploadError::Peer(_) => Self::None,
        }
    }
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Gives back what a failed upload took. What cannot be done now is left to others: the intent stays.
    pub(super) async fn abandon(
        &self,
        mut running: Running<'_>,
        renewed_ms: &Cell<u64>,
        doubt: Doubt,
    ) {
        if running.is_saved() {
            let leaving = self.leave(&mut running, doubt);
            // An intent that could not be written is as it was, and ends with its lease.
            let _ = self.while_alive(renewed_ms, leaving).await;
        } else {
            self.strike(&running).await;
        }
        if !running.reservations.is_empty() {
            let user_id = running.files.user_id();
            let settled = self
                .peers
                .settle_bandwidth(user_id, &running.reservations, 0, None);
            // What is not given back now stays taken until midnight.
            let _ = settled.await;
        }
    }

    async fn leave(&self, running: &mut Running<'_>, doubt: Doubt) -> Result<(), UploadError> {
        if doubt == Doubt::Later {
            return self.save(running).await;
        }
        match self.undo(running, doubt).await {
            Ok(()) => Ok(()),
            // The object may go yet: others must not take it for a file.
            Err(SettleError::Bucket(error)) if error.may_land_later() => Ok(()),
            // Others need not wait for the lease to end.
            Err(_) if running.is_settled(self.clock.now_ms()) => {
                Ok(self.write_intent(running, 0).await?)
            }
            Err(_) => Ok(()),
        }
    }

    /// Removes the object, where it came about, and gives the quota back.
    async fn undo(&self, running: &mut Running<'_>, doubt: Doubt) -> Result<(), SettleError> {
        let settled = self.settle_intent(running).await;
        settled.map_err(|_| SettleError::Busy)?;
        if let Some(session) = &running.session {
            self.bucket.cancel_upload(session).await?;
        }
        if doubt == Doubt::Now {
            let found = self.bucket.metadata(&running.head.object).await?;
            if let Some(object) = found
                && object.metadata.get(WRITE_ID) == Some(&running.head.id)
            {
                let generation = stored(&object).generation;
                self.bucket.delete(&running.head.object, generation).await?;
            }
        }
        let files = running.files.clone();
        let number = running.number;
        if running.is_certain() && running.reserved > 0 {
            running.moving = true;
            self.save(running).await.map_err(|_| SettleError::Busy)?;
            self.give_back(&files, running.reserved).await?;
            (running.moving, running.reserved) = (false, 0);
        }
        if running.is_certain() {
            files.record(number).delete(&self.store).await?;
            self.strike(running).await;
        } else {
            let recount = Intent::recount(self.clock.now_ms());
            files.set_intent(&self.store, number, recount).await?;
        }
        Ok(())
    }

    /// Strikes the number of an upload that leaves nothing under it, where it would be taken for one of too many files until
    /// its lease is over.
    async fn strike(&self, running: &Running<'_>) {
        if running.number.saturating_add(NEAR_LIMIT) > self.files_per_user {
            // One that is not struck counts for a while.
            let _ = running
                .files
                .roster
                .bury(&self.store, &[running.number])
                .await;
        }
    }
}
