//! The domain's [`Files`] over HTTP.

use http::Method;
use serde_json::Value;
use spinreel_service::{Context, PeerError};

use crate::domain::beside::Attachments;
use crate::domain::ending::Files;

/// storage-service, as the request's context reaches it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpFiles<'a>(pub(crate) &'a Context);

impl Files for HttpFiles<'_> {
    type Error = PeerError;

    async fn delete(&self, owner: &str, location: &str) -> Result<(), PeerError> {
        let path = format!("/internal/storage/files/{location}");
        let storage = self.0.storage().about(owner);
        storage
            .call::<Value>(Method::DELETE, &path, &Value::Null)
            .await
            .map(drop)
    }
}

impl Attachments for HttpFiles<'_> {
    async fn delete_attached(&self, owner: &str, id: &str) -> Result<(), PeerError> {
        let path = format!("/internal/storage/attachments/{id}?user_id={owner}");
        let storage = self.0.storage().about(owner);
        storage
            .call::<Value>(Method::DELETE, &path, &Value::Null)
            .await
            .map(drop)
    }
}
