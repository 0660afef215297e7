//! What only services say to each other.
//!
//! | call | who asks whom |
//! | --- | --- |
//! | `POST /internal/usage/reservations` [`Reserve`] → 201, 403 `bandwidth_exceeded` | storage, video → usage |
//! | `POST /internal/usage/settlements` [`Settle`] → 204 | storage, video → usage |
//! | `PUT /internal/usage/alerts/{id}` [`RaiseAlert`](crate::alerts::RaiseAlert) → 201 the first time, 200 when repeated | storage → usage |
//! | `PUT /internal/videos/{id}` [`StoredVideo`] → 204 | storage → video |
//! | `DELETE /internal/videos/{id}` → 204 | storage → video |
//! | `GET /internal/storage/files/{location}/content` → 200, 206, 307 (`?link=1`), 404, 416 | video → storage |
//! | `PUT /internal/{storage,usage}/users/{id}/limit` [`SetLimit`] → 204 | user → storage, usage |
//! | `DELETE /internal/{storage,videos,usage}/users/{id}` → 200 [`Purged`] | user → storage, video, usage |
//! | `POST /internal/users/standing` [`AskStanding`] → 200 [`Standing`] | all → user |
//! | `GET /internal/users/trust?since=` → 200 keys and revocations | all → user |

use serde::{Deserialize, Serialize};

use crate::accounts::Role;
use crate::usage::Action;

/// Which way bytes go, seen from the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// An upload.
    In,
    /// A playback or a download.
    Out,
}

/// Takes a part of a user's bandwidth of the day before a transfer begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserve {
    /// The transfer's id, made by the caller: a repeated call with the same id reserves nothing more.
    pub id: String,
    /// Whose bandwidth.
    pub user_id: String,
    /// Which way.
    pub direction: Direction,
    /// How many bytes at most.
    pub bytes: u64,
}

/// Ends a transfer: what was not transferred is given back, and the action is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// The transfer's id; a repeated call with the same id does nothing more.
    pub id: String,
    /// Whose action.
    pub user_id: String,
    /// What was done, with the bytes truly transferred; `None` where nothing came of it.
    pub action: Option<Action>,
    /// Where several transfers moved the bytes of the action: what this one has to do with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

impl Settle {
    /// Whether the action is written down with this transfer: of those that share one, with the last.
    pub fn ends_action(&self) -> bool {
        self.action.is_some() && self.part.is_none_or(|part| part.last)
    }
}

/// What one of several transfers has to do with an action whose bytes they moved. Each counts on the day of its own
/// reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The bytes that this transfer moved.
    pub bytes: u64,
    /// Whether the action is written down, as all others of them are settled.
    pub last: bool,
}

/// A file that became a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredVideo {
    /// The owner's user id.
    pub owner: String,
    /// The name that it was uploaded under, without the user's prefix.
    pub filename: String,
    /// Bytes.
    pub size: u64,
    /// The media type that its upload declared.
    pub content_type: String,
    /// What storage-service calls the file: opaque.
    pub location: String,
    /// The bytes' entity tag, quotes included.
    pub etag: String,
    /// When it was stored.
    pub created_at: crate::Timestamp,
}

/// Gives a user a limit of their own, or takes it away: what the user may store, or move in a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetLimit {
    /// Bytes; `None`: what everybody has. It must be said: a request that says nothing takes nothing away.
    #[serde(deserialize_with = "Option::deserialize")]
    pub limit_bytes: Option<u64>,
}

/// What one call did that removes everything of a user. It removes a part; callers repeat it until it is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// Things that this call removed: files, entries, days. 0 where it is not done: something that goes on has to end first.
    pub removed: u64,
    /// Whether nothing is left, and nothing is going on that may leave something.
    pub done: bool,
}

/// Asks whether a session is good at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskStanding {
    /// The user's id.
    pub user_id: String,
    /// The session's id (`sid`).
    pub session_id: String,
}

/// What a session is good for at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What its user may do; `None` where the session is over, or its user disabled or gone.
    pub role: Option<Role>,
}
