//! What the storage needs of other services.

use http::StatusCode;
use spinreel_api::alerts::RaiseAlert;
use spinreel_api::internal::{AnnounceVideo, Reservation};
use spinreel_api::usage::Action;
use thiserror::Error;

/// Another service did not do what it was asked; the effect is uncertain.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct PeerFailure(pub String);

/// Whether a service that answers with `status` would say the same to the same call at any time: every refusal but of the
/// caller's token, and those that only say "not now".
pub fn is_for_good(status: StatusCode) -> bool {
    status.is_client_error()
        && ![
            StatusCode::UNAUTHORIZED,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::TOO_MANY_REQUESTS,
        ]
        .contains(&status)
}

/// What the catalogue says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// It is that of a video, or was told and nothing comes of telling it again.
    Taken,
    /// The video that it is for is gone.
    Unwanted,
}

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

    /// Tells the catalogue of a file. Harmless when repeated. A catalogue that refuses it [for good](is_for_good) was
    /// told: nothing comes of telling it again.
    async fn announce(&self, id: &str, video: &AnnounceVideo) -> Result<Announced, PeerFailure>;

    /// Tells the catalogue that the file at `location` is not there any more, or will not come, so that the video goes if
    /// that is its file. Harmless when repeated; as for a refusal, [`announce`](Self::announce).
    async fn withdraw(&self, id: &str, user_id: &str, location: &str) -> Result<(), PeerFailure>;

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
    async fn announce(&self, id: &str, video: &AnnounceVideo) -> Result<Announced, PeerFailure> {
        (**self).announce(id, video).await
    }
    async fn withdraw(&self, id: &str, user_id: &str, location: &str) -> Result<(), PeerFailure> {
        (**self).withdraw(id, user_id, location).await
    }
    async fn report_alert(&self, id: &str, alert: &RaiseAlert) -> Result<(), PeerFailure> {
        (**self).report_alert(id, alert).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_for_good_unless_it_is_of_the_token_or_of_the_moment() {
        for (status, for_good) in [
            (400, true),
            (403, true),
            (404, true),
            (409, true),
            (413, true),
            (422, true),
            (401, false),
            (408, false),
            (429, false),
            (500, false),
            (503, false),
            (307, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap_or_default();
            assert_eq!(is_for_good(status), for_good, "{status}");
        }
    }
}
