//! The domain's [`Peers`] over HTTP.

use http::Method;
use serde_json::Value;
use spinreel_api::internal::{Purged, SetLimit};
use spinreel_service::{Context, PeerError};

use crate::domain::peers::{Kept, PeerFailure, Peers};

/// The other services, as the request's context reaches them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpPeers<'a>(pub(crate) &'a Context);

impl HttpPeers<'_> {
    /// The service that keeps this, for calls about the user, and its name in paths.
    fn keeper<'b>(
        &'b self,
        kept: Kept,
        user_id: &'b str,
    ) -> (spinreel_service::Peer<'b>, &'static str) {
        let (peer, name) = match kept {
            Kept::Files => (self.0.storage(), "storage"),
            Kept::Videos => (self.0.videos(), "videos"),
            Kept::Usage => (self.0.usage(), "usage"),
        };
        (peer.about(user_id), name)
    }
}

impl Peers for HttpPeers<'_> {
    async fn set_limit(
        &self,
        kept: Kept,
        user_id: &str,
        limit_bytes: Option<u64>,
    ) -> Result<(), PeerFailure> {
        let (peer, name) = self.keeper(kept, user_id);
        let path = format!("/internal/{name}/users/{user_id}/limit");
        peer.call::<Value>(Method::PUT, &path, &SetLimit { limit_bytes })
            .await
            .map(drop)
            .map_err(failure)
    }

    async fn purge(&self, kept: Kept, user_id: &str) -> Result<Purged, PeerFailure> {
        let (peer, name) = self.keeper(kept, user_id);
        let path = format!("/internal/{name}/users/{user_id}");
        peer.call(Method::DELETE, &path, &Value::Null)
            .await
            .map_err(failure)
    }
}

fn failure(error: PeerError) -> PeerFailure {
    PeerFailure(error.to_string())
}
