//! What services must know to trust access tokens.

use serde::{Deserialize, Serialize};

use crate::keys::Jwks;

/// The keys of access tokens, and whose tokens were revoked lately (`GET /internal/users/trust?since=`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// The public keys.
    pub keys: Jwks,
    /// How long an access token lives, in seconds.
    pub token_seconds: u64,
    /// The ids of users some of whose tokens were revoked, some of them perhaps more than once: those since the number
    /// that was asked with, or those that a living token may belong to.
    pub revoked: Vec<String>,
    /// The number to ask with the next time.
    pub next: u64,
    /// Whether more were revoked than are told: then anybody's may be.
    pub lagging: bool,
}
