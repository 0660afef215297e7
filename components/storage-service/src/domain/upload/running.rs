//! An upload that is going on: its intent, its lease, what it took of the quota.

use std::cell::Cell;
use std::pin::pin;

use futures::future::{Either, select};
use spinreel_api::internal::Reservation;
use spinreel_gcs::{ResumableSession, TokenCache};
use spinreel_ledger::{CALL_MS, LEASE_MS, LedgerError, Reserved, while_it_may};
use spinreel_platform::{Clock, HttpClient, Random, Store, is_fresh};

use super::{ESTIMATE_SLACK, UploadError};
use crate::domain::peers::Peers;
use crate::domain::record::{FileHead, Intent, Operation, Upload, UserFiles};
use crate::domain::storage::{Storage, signed};

/// How often an upload that waits gives a sign of life, in milliseconds.
const HEARTBEAT_MS: u64 = LEASE_MS / 4;
/// How long after its last sign of life an upload may still act, in milliseconds: what it does then must have its effect
/// before others take over.
const ALIVE_MS: u64 = LEASE_MS / 2;
/// How long an upload waits for one chunk, or for the bucket, in milliseconds: a client that sends nothing must not hold
/// a part of the quota for ever.
const LONGEST_WAIT_MS: u64 = 1_800_000;

/// An upload that is going on.
pub(super) struct Running<'l> {
    pub(super) files: UserFiles,
    pub(super) number: u64,
    pub(super) head: FileHead,
    /// What the user may store, in bytes, as it was when the upload began.
    pub(super) limit: i64,
    /// Bytes taken of the quota.
    pub(super) reserved: u64,
    /// Whether the counter is being moved.
    pub(super) moving: bool,
    pub(super) session: Option<ResumableSession>,
    /// The bandwidth that was reserved.
    pub(super) reservations: Vec<Reservation>,
    /// Until when a request that was not answered may write the object again if it is deleted; 0 where there is none.
    pub(super) object_settled_ms: u64,
    /// The last sign of life.
    renewed_ms: &'l Cell<u64>,
    /// Until when an intent whose writing failed may be written all the same.
    doubtful_until_ms: u64,
    saved: bool,
}

impl<'l> Running<'l> {
    pub(super) fn new(
        files: UserFiles,
        number: u64,
        head: FileHead,
        limit: i64,
        renewed_ms: &'l Cell<u64>,
    ) -> Self {
        Self {
            files,
            number,
            head,
            limit,
            reserved: 0,
            moving: false,
            session: None,
            reservations: Vec::new(),
            object_settled_ms: 0,
            renewed_ms,
            doubtful_until_ms: 0,
            saved: false,
        }
    }

    /// Whether there is, or may be, an intent.
    pub(super) fn is_saved(&self) -> bool {
        self.saved
    }

    /// Whether the intent says what was last written there, and nothing else any more.
    pub(super) fn is_settled(&self, now_ms: u64) -> bool {
        self.doubtful_until_ms <= now_ms
    }

    /// Bytes that the day's bandwidth pays for.
    fn paid(&self) -> u64 {
        let reservations = self.reservations.iter();
        reservations.map(|reservation| reservation.bytes).sum()
    }

    /// Whether what was taken of the quota is known for certain.
    pub(super) fn is_certain(&self) -> bool {
        !self.moving
    }
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Takes the estimate at once. Where that does not fit, what comes at least is taken, and the rest as it comes: an
    /// estimate can be too high.
    pub(super) async fn reserve_estimate(
        &self,
        running: &mut Running<'_>,
        expected: u64,
    ) -> Result<(), UploadError> {
        match self.ensure_reserved(running, expected).await {
            Err(UploadError::StorageExceeded | UploadError::BandwidthExceeded) => {
                let least = expected.saturating_sub(ESTIMATE_SLACK);
                self.ensure_reserved(running, least).await
            }
            other => other,
        }
    }

    /// Takes quota and, for a video, bandwidth until `total` bytes are covered.
    pub(super) async fn ensure_reserved(
        &self,
        running: &mut Running<'_>,
        total: u64,
    ) -> Result<(), UploadError> {
        let counted = running.head.counted(total);
        let missing = counted.saturating_sub(running.reserved);
        if missing > 0 {
            running.moving = true;
            self.save(running).await?;
            let used = &running.files.used;
            let reserved = used
                .reserve(&self.store, signed(missing), running.limit)
                .await?;
            running.moving = false;
            if reserved == Reserved::No {
                return Err(UploadError::StorageExceeded);
            }
            // The intent hears of it with the next thing that is written there: until then it says "perhaps", and a
            // crash costs a recount.
            running.reserved = counted;
        }
        if !running.head.purpose.is_video() {
            // The day's bandwidth is that of files.
            return Ok(());
        }
        let unpaid = total.saturating_sub(running.paid());
        if unpaid == 0 {
            return Ok(());
        }
        let user_id = running.files.user_id();
        let reservation = self.peers.reserve_bandwidth(user_id, unpaid).await?;
        let reservation = reservation.ok_or(UploadError::BandwidthExceeded)?;
        running.reservations.push(reservation);
        Ok(())
    }

    /// Waits for `work`, and gives signs of life meanwhile.
    pub(super) async fn alive<D>(
        &self,
        running: &mut Running<'_>,
        work: impl Future<Output = D>,
    ) -> Result<D, UploadError> {
        let mut work = pin!(work);
        let began_ms = self.clock.now_ms();
        let done = loop {
            let pause = pin!(self.clock.sleep_ms(HEARTBEAT_MS));
            match select(work.as_mut(), pause).await {
                Either::Left((done, _)) => break done,
                Either::Right(_) => {
                    if self.clock.now_ms().saturating_sub(began_ms) > LONGEST_WAIT_MS {
                        return Err(UploadError::Expired);
                    }
                    // One that fails may be made up for by the next one.
                    let _ = self.save(running).await;
                }
            }
        };
        Ok(done)
    }

    /// Goes on as long as what is done has its effect before others can take over.
    pub(super) async fn while_alive<D>(
        &self,
        renewed_ms: &Cell<u64>,
        work: impl Future<Output = Result<D, UploadError>>,
    ) -> Result<D, UploadError> {
        let is_alive = || is_fresh(renewed_ms.get(), self.clock.now_ms(), ALIVE_MS + 1);
        let done = while_it_may(is_alive, work).await;
        done.unwrap_or(Err(UploadError::Expired))
    }

    /// Writes down how far the upload is, which is its sign of life.
    pub(super) async fn save(&self, running: &mut Running<'_>) -> Result<(), UploadError> {
        let now_ms = self.clock.now_ms();
        self.write_intent(running, now_ms + LEASE_MS).await?;
        running.renewed_ms.set(now_ms);
        Ok(())
    }

    /// Writes down how far the upload is; from `until_ms` on others may take it over.
    pub(super) async fn write_intent(
        &self,
        running: &mut Running<'_>,
        until_ms: u64,
    ) -> Result<(), LedgerError> {
        let intent = Intent {
            until_ms,
            operation: Operation::Upload(Box::new(Upload {
                head: running.head.clone(),
                reserved: running.reserved,
                moving: running.moving,
                session: running.session.clone(),
            })),
        };
        running.saved = true;
        let files = &running.files;
        let written = files.set_intent(&self.store, running.number, intent).await;
        if written.is_err() {
            running.doubtful_until_ms = self.clock.now_ms() + CALL_MS;
        }
        written
    }

    /// Waits until nothing that failed to be written to the intent can be written any more: it would take the place of the
    /// file, or come back after its upload is over.
    pub(super) async fn settle_intent(&self, running: &mut Running<'_>) -> Result<(), UploadError> {
        while !running.is_settled(self.clock.now_ms()) {
            let wait_ms = running.doubtful_until_ms - self.clock.now_ms();
            self.clock.sleep_ms(wait_ms).await;
            self.save(running).await?;
        }
        Ok(())
    }
}
