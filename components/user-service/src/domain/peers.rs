//! The other services, as far as accounts need them.

use spinreel_api::internal::Purged;
use thiserror::Error;

/// What another service keeps of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Files, and how many bytes a user may store (storage-service).
    Files,
    /// The catalogue's entries (video-service).
    Videos,
    /// What was done, and how many bytes a user may move in a day (usage-service).
    Usage,
}

/// Another service did not do what it was asked, or its answer is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub(crate) struct PeerFailure(pub(crate) String);

/// The other services.
pub(crate) trait Peers {
    /// Gives a user a limit of their own, in bytes; `None`: what everybody has. Harmless when repeated.
    async fn set_limit(
        &self,
        kept: Kept,
        user_id: &str,
        limit_bytes: Option<u64>,
    ) -> Result<(), PeerFailure>;

    /// Removes a part of what is kept of a user; to be repeated until it is done.
    async fn purge(&self, kept: Kept, user_id: &str) -> Result<Purged, PeerFailure>;
}
