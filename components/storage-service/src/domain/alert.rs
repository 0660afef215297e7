//! Who has used most of the quota is told so: once per crossing.
//!
//! A crossing has the number of times that the use has fallen below the threshold before it, and an id made of that. So
//! it can be reported by several, and after a crash again, and is one alert all the same.

use spinreel_api::Timestamp;
use spinreel_api::alerts::{AlertKind, RaiseAlert};
use spinreel_gcs::TokenCache;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::UserFiles;
use super::storage::{SettleError, Storage, signed};

/// The share of the quota whose crossing is reported, in percent.
const THRESHOLD_PERCENT: u8 = 80;

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Reports that the use is over the threshold, unless that was done since it got there; `true` if it was reported
    /// now.
    pub async fn report_use(&self, files: &UserFiles) -> Result<bool, SettleError> {
        let limit = self.limit_of(files).await?;
        let used = files.used.get(&self.store).await?;
        if !is_over_threshold(used, limit) {
            return Ok(false);
        }
        let fall = files.falls().get(&self.store).await?;
        if files.alerted().get(&self.store).await? == Some(fall) {
            return Ok(false);
        }
        let alert = RaiseAlert {
            user_id: files.user_id().to_owned(),
            kind: AlertKind::Storage,
            threshold_percent: THRESHOLD_PERCENT,
            used_bytes: u64::try_from(used).unwrap_or(0),
            limit_bytes: u64::try_from(limit).unwrap_or(0),
            at: Timestamp::from_ms(self.clock.now_ms()),
        };
        let id = format!("storage-{}-{fall}", files.user_id());
        self.peers.report_alert(&id, &alert).await?;
        files.alerted().set(&self.store, &fall).await?;
        Ok(true)
    }

    /// Gives bytes back to the quota, and notes it where the use falls below the threshold by that.
    pub(super) async fn give_back(&self, files: &UserFiles, bytes: u64) -> Result<(), LedgerError> {
        let bytes = signed(bytes);
        let used = files.used.add(&self.store, -bytes).await?;
        // The counter has moved: nothing that fails after it may look as if it had not.
        if let Ok(limit) = self.limit_of(files).await {
            let before = used.saturating_add(bytes);
            self.note_fall(files, (before, limit), (used, limit)).await;
        }
        Ok(())
    }

    /// Notes it where the use was over the threshold and is not any more: what is used, and of how much, in bytes.
    pub(super) async fn note_fall(&self, files: &UserFiles, before: (i64, i64), now: (i64, i64)) {
        if is_over_threshold(before.0, before.1) && !is_over_threshold(now.0, now.1) {
            // One that is not noted is a crossing that is not reported, no more.
            let _ = files.falls().add(&self.store, 1).await;
        }
    }
}

fn is_over_threshold(used: i64, limit: i64) -> bool {
    used > 0 && i128::from(used) * 100 >= i128::from(limit) * i128::from(THRESHOLD_PERCENT)
}
