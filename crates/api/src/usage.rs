//! Actions and daily bandwidth (usage-service).

use serde::{Deserialize, Serialize};

use crate::{Day, Timestamp};

/// What a user did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ActionKind {
    /// Bytes came in.
    Upload,
    /// Bytes went out to a player.
    Stream,
    /// Bytes went out as a file.
    Download,
    /// A file was deleted.
    Delete,
}

/// `GET /v1/usage/actions`: one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Action {
    /// When it ended; of a playback, when it began.
    pub at: Timestamp,
    /// What was done.
    pub action: ActionKind,
    /// The video it was done to.
    pub video_id: Option<String>,
    /// The bytes truly moved; for a deletion, the bytes set free.
    pub bytes: u64,
}

/// `GET /v1/usage/today`, and one day of `GET /v1/usage/daily`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DayUsage {
    /// The UTC day.
    pub date: Day,
    /// Bytes in. Those that are reserved at this moment count, too.
    pub upload_bytes: u64,
    /// Bytes out, counted in the same way.
    pub download_bytes: u64,
    /// Bytes in and out.
    pub total_bytes: u64,
    /// The day's limit on them.
    pub limit_bytes: u64,
    /// The share of the limit, with at most two decimals.
    pub percentage: f64,
    /// Files that came in.
    pub uploads: u64,
    /// Playbacks and downloads: what a viewer takes of a video within an hour is one.
    pub downloads: u64,
    /// Files deleted.
    pub deletions: u64,
}
