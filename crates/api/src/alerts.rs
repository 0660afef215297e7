//! Alerts: a user's use crossed a share of a limit (usage-service).

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AlertKind {
    /// The bytes that a user stores.
    Storage,
    /// The bytes that a user moves in and out on one UTC day.
    Bandwidth,
}

/// `PUT /internal/usage/alerts/{id}`: tells of one crossing. The id is the caller's: a repeated call with the same id,
/// for the same user, tells nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaiseAlert {
    /// Whose use.
    pub user_id: String,
    /// What is used.
    pub kind: AlertKind,
    /// The share of the limit that was crossed, 1 to 100.
    pub threshold_percent: u8,
    /// Bytes used after the crossing.
    pub used_bytes: u64,
    /// The limit at that moment, in bytes.
    pub limit_bytes: u64,
    /// When it was crossed.
    pub at: Timestamp,
}

/// `GET /v1/usage/alerts`: one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alert {
    /// Opaque; no other alert of the user has it.
    pub id: String,
    /// What is used.
    pub kind: AlertKind,
    /// The share of the limit that was crossed, 1 to 100.
    pub threshold_percent: u8,
    /// Bytes used after the crossing.
    pub used_bytes: u64,
    /// The limit at that moment, in bytes.
    pub limit_bytes: u64,
    /// When it was crossed.
    pub at: Timestamp,
}

/// What is sent to the webhook of an installation: the payload of Standard Webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertEvent {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// When it happened; the alert's `at`.
    pub timestamp: Timestamp,
    /// To whom, and more.
    pub data: UserAlert,
}

/// The type of an [`AlertEvent`]: the actions of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventType {
    /// A user stores most of what they may.
    #[serde(rename = "alert.storage")]
    Storage,
    /// A user moved most of what they may on that day.
    #[serde(rename = "alert.bandwidth")]
    Bandwidth,
}

impl From<AlertKind> for EventType {
    fn from(kind: AlertKind) -> Self {
        match kind {
            AlertKind::Storage => Self::Storage,
            AlertKind::Bandwidth => Self::Bandwidth,
        }
    }
}

/// An alert and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserAlert {
    /// The user.
    pub user_id: String,
    /// The alert, whose members stand beside the user.
    #[serde(flatten)]
    pub alert: Alert,
}
