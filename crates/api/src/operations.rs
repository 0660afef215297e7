//! What operators ask of the services: an admin, or another service.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// `POST /internal/sweep`: does a page of what is due in each service. Where one call ends the next goes on, whoever makes
/// it: so a timer repeats one and the same request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SweepAll {
    /// Begins a round of the caller's own, instead of where the last call ended: others go on with theirs.
    pub from_start: bool,
    /// The `next_cursor` of the call before, in a round of the caller's own.
    pub cursor: Option<String>,
    /// See [`Sweep::offline`].
    pub offline: bool,
}

/// What a [`SweepAll`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweptAll {
    /// Uploads and deletions.
    pub storage: Swept,
    /// Deletions of accounts.
    pub users: SweptUsers,
    /// Alerts to the webhook.
    pub usage: SweptUsage,
    /// Videos whose time is over.
    pub videos: SweptVideos,
    /// Whether the next call has more to look at: make it at once.
    pub more: bool,
    /// Where a round of the caller's own goes on; `None` where it is over, and in the round that all others share.
    pub next_cursor: Option<String>,
}

/// `POST /internal/storage/sweep`: brings to its end what was left half-done, for a page of users.
/// `POST /internal/users/sweep`: goes on with departing accounts, for a page of them.
/// `POST /internal/videos/sweep`: ends videos whose time in the trash is over, a few of them; it has no cursor.
/// `POST /internal/usage/sweep`: sends what is due to the webhook, a few of them; it has no cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sweep {
    /// The `next_cursor` of the call before.
    pub cursor: Option<String>,
    /// The caller vouches that no other request is running, so that leases need not be waited for.
    pub offline: bool,
}

/// What a [`Sweep`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// Users that were looked at.
    pub users: u64,
    /// Operations that were brought to their end.
    pub settled: u64,
    /// Users whose counter was made the sum of their files.
    pub recounted: u64,
    /// Operations that go on, or could not be finished now.
    pub pending: u64,
    /// What the next call is to be given; `None` where all users were looked at.
    pub next_cursor: Option<String>,
}

/// `POST /internal/storage/reconcile`: compares a part of what the store says with what the bucket holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reconcile {
    /// The `next_cursor` of the call before.
    pub cursor: Option<String>,
    /// Whether what can be put right is put right.
    pub repair: bool,
    /// Whether a repair goes on that would remove more than a handful, and more than 5 %, of a user's files, or of all.
    pub force: bool,
    /// The caller vouches that no other request is running, so that leases need not be waited for.
    pub offline: bool,
}

/// What a [`Reconcile`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    /// Files and objects that were compared.
    pub checked: u64,
    /// What differs.
    pub findings: Vec<Finding>,
    /// What the next call is to be given; `None` at the end.
    pub next_cursor: Option<String>,
}

/// One difference between the store and the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What differs.
    pub kind: FindingKind,
    /// Whose it is, where that is known.
    pub user_id: Option<String>,
    /// The object's name.
    pub object: Option<String>,
    /// More, for a person.
    pub detail: String,
    /// Whether it was put right.
    pub repaired: bool,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A file whose object is gone, or is another generation. Repair: the file is removed, its quota given back.
    MissingObject,
    /// An object of a file that is not there. Repair: it is deleted.
    OrphanObject,
    /// An object that no upload of ours made. It is left alone.
    ForeignObject,
    /// An object of another size than its file. It is left alone: its owner decides.
    SizeMismatch,
    /// An object with other bytes than its file. It is left alone: its owner decides.
    ChecksumMismatch,
    /// A counter that is not the sum of its files. Repair: it is made that.
    CounterDrift,
}

/// `GET /internal/{users,videos,storage,usage,logs}/routes`: one entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteEntry {
    /// The method; `GET` stands for `HEAD`, too.
    pub method: String,
    /// The path, with `:name` for a segment that may be anything.
    pub path: String,
    /// Who may call it: `open`, `optional` (everybody, but a token that is sent must be good), `user`, `admin`,
    /// `service`, `operator` (an admin or a service), `scraper` (an admin, or who knows `metrics_token`), or `timer` (an
    /// operator, or who knows `sweep_token`).
    pub access: String,
    /// The largest body, in bytes; `None` where what the body is for has a limit of its own.
    pub body_limit: Option<u64>,
}

/// `POST /internal/users/keys/rotate`: makes a new key for access tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RotateKeys {
    /// The present keys may be in wrong hands: they are worth nothing from now on, and whoever is signed in has to
    /// refresh.
    pub emergency: bool,
}

/// What a [`RotateKeys`] came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotatedKeys {
    /// The id of the newest key: a new one, or the one that was waiting already.
    pub kid: String,
    /// From when on it signs.
    pub active_from: Timestamp,
}

/// What a `POST /internal/users/sweep` with a [`Sweep`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SweptUsers {
    /// Departing accounts that were looked at.
    pub departures: u64,
    /// Those of them of which nothing is left.
    pub finished: u64,
    /// Those of them that could not be finished now.
    pub pending: u64,
    /// What the next call is to be given; `None` where all were looked at.
    pub next_cursor: Option<String>,
}

/// What a `POST /internal/usage/sweep` with a [`Sweep`] did: nothing, where there is no webhook or nothing is due.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SweptUsage {
    /// Alerts that the webhook's receiver took.
    pub delivered: u64,
    /// Alerts that it did not take, and that are tried again.
    pub failed: u64,
    /// Alerts that are not tried again: a day is over, or the receiver is gone.
    pub dropped: u64,
    /// Whether something else is due, for the next call.
    pub more: bool,
}

/// What a `POST /internal/videos/sweep` with a [`Sweep`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SweptVideos {
    /// Videos that ended for good, with their files.
    pub ended: u64,
    /// Videos that could not be ended now; the next call tries again.
    pub pending: u64,
    /// Whether there is more to look at, for the next call.
    pub more: bool,
}
