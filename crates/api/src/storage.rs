//! The seed's storage contract (storage-service): exactly these members, no others.

use serde::{Deserialize, Serialize};

/// `POST /upload` and `DELETE /delete-file`, when they succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// What was done.
    pub message: String,
}

/// Any of the seed's errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorMessage {
    /// What was wrong.
    pub error: String,
}

/// `DELETE /delete-file`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeleteFile {
    /// `video.mp4` and `username/video.mp4` alike.
    #[cfg_attr(feature = "openapi", schema(required, value_type = String, min_length = 1))]
    pub filename: Option<String>,
}

/// A stored file, as the status lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoredFile {
    /// `username/video.mp4`.
    pub filename: String,
    /// Bytes.
    pub size: u64,
}

/// `GET /storage-status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StorageStatus {
    /// The user's limit, in bytes.
    pub total_storage: i64,
    /// The bytes in use.
    pub used_storage: i64,
    /// The share in use, with at most two decimals.
    pub storage_percentage: f64,
    /// Every file of the user.
    pub files: Vec<StoredFile>,
}
