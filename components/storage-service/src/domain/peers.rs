//! What the storage needs of other services.

use spinreel_api::alerts::RaiseAlert;
use spinreel_api::internal::{Reservation, StoredVideo};
use spinreel_api::usage::Action;
use thiserror::Error;

/// Another service did not do what it was asked; the effect is uncertain.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct PeerFailure(pub String);

/// The other services, as the storage sees them.
#[expect(async_fn_in_trait, reason = "used by generic code on one thread")]
pub trait Peers {
    /// Takes `bytes` that come in of the user's bandwidth of the day; `None` where that is too much. Each call takes it anew:
    /// one whose answer is lost may have taken it until midnight.
    async fn reserve_bandwidth(
        &self,
        user_id: &str,
        bytes: u64,
    ) -> Result<Option<Reservation>, PeerFailure>;

    /// Gives back what was reserved beyond the bytes that were `moved`, and writes `action` down. To be called once, and not
    /// again where it failed: what is lost stays taken until midnight.
    async fn settle_bandwidth(
        &self,
        user_id: &str,
        reservations: &[Reservation],
        moved: u64,
        action: Option<Action>,
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
        user_id: &str,
        bytes: u64,
    ) -> Result<Option<Reservation>, PeerFailure> {
        (**self).reserve_bandwidth(user_id, bytes).await
    }
    async fn settle_bandwidth(
        &self,
        user_id: &str,
        reservations: &[Reservation],
        moved: u64,
        action: Option<Action>,
    ) -> Result<(), PeerFailure> {
        (**self)
            .settle_bandwidth(user_id, reservations, moved, action)
            .await
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
