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

use serde::{Deserialize, Serialize};

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
