//! Health.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The state of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Ok,
    /// It does not.
    Down,
}

/// `GET /v1/health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// `ok` where every part is.
    pub status: State,
    /// The services, by component id.
    pub services: BTreeMap<String, State>,
    /// The key-value store.
    pub store: State,
    /// The bucket.
    pub bucket: State,
    /// The application's version.
    pub version: String,
}

/// `GET /v1/{users,videos,storage,usage,logs}/health`: one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceHealth {
    /// `ok` where every part is.
    pub status: State,
    /// The component's id.
    pub service: String,
    /// Its key-value store.
    pub store: State,
    /// The bucket; only storage-service reaches it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bucket: Option<State>,
    /// Names of variables whose values are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub wrong_variables: Vec<String>,
    /// The application's version.
    pub version: String,
}
