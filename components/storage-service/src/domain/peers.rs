//! What the storage needs of other services.

use spinreel_api::alerts::RaiseAlert;
use spinreel_api::internal::{Part, StoredVideo};
use spinreel_api::usage::Action;
use thiserror::Error;

/// Another service did not do what it was asked; the effect is uncertain.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct PeerFailure(pub String);

/// The other services, as the storage sees them.
#[expect(async_fn_in_trait, reason = "used by generic code on one thread")]
pub trait Peers {
    /// Takes `bytes` of the user's bandwidth of the day for the transfer `id`; `false` where that is too much.
    async fn reserve_bandwidth(
        &self,
        id: &str,
        user_id: &str,
        bytes: u64,
    ) -> Result<bool, PeerFailure>;

    /// Ends the transfer `id`: `action` with the bytes that were truly moved, all of them or `part`, or nothing.
    async fn settle_bandwidth(
        &self,
        id: &str,
        user_id: &str,
        action: Option<Action>,
        part: Option<Part>,
    ) -> Result<(), PeerFailure>;

    /// Tells the catalogue of a file. Harmless when repeated.
    async fn announce(&self, id: &str, video: &StoredVideo) -> Result<(), PeerFailure>;

    /// Tells the catalogue that a file of the user is gone. Harmless when repeated.
    async fn withdraw(&self, id: &str, user_id: &str) -> Result<(), PeerFailure>;

    /// Tells usage-service that a threshold was crossed. Harmless when repeated with the same id.
    async fn report_alert(&self, id: &str, alert: &RaiseAlert) -> Result<(), PeerFailure>;
}

impl<T: Peers> Peers for &T {
    async fn reserve_bandwidth(
        &self,
        id: &str,
        user_id: &str,
        bytes: u64,
    ) -> Result<bool, PeerFailure> {
        (**self).reserve_bandwidth(id, user_id, bytes).await
    }
    async fn settle_bandwidth(
        &self,
        id: &str,
        user_id: &str,
        action: Option<Action>,
        part: Option<Part>,
    ) -> Result<(), PeerFailure> {
        (**self).settle_bandwidth(id, user_id, action, part).await
    }
    async fn announce(&self, id: &str, video: &StoredVideo) -> Result<(), PeerFailure> {
        (**self).announce(id, video).await
    }
    async fn withdraw(&self, id: &str, user_id: &str) -> Result<(), PeerFailure> {
        (**self).withdraw(id, user_id).await
    }
    async fn report_alert(&self, id: &str, alert: &RaiseAlert) -> Result<(), PeerFailure> {
        (**self).report_alert(id, alert).await
    }
}
