//! The domain's [`Files`] and [`Contents`] over HTTP.

use bytes::Bytes;
use http::header::RANGE;
use http::{Method, StatusCode};
use serde_json::Value;
use spinreel_platform::{ReadBody, TransportError};
use spinreel_service::{Context, PeerError};
use thiserror::Error;

use crate::domain::beside::Attachments;
use crate::domain::ending::Files;
use crate::domain::inspection::Contents;

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

    async fn end_upload(&self, owner: &str, upload: &str) -> Result<(), PeerError> {
        let path = format!("/internal/storage/uploads/{upload}?user_id={owner}");
        let storage = self.0.storage().about(owner);
        storage
            .call::<Value>(Method::DELETE, &path, &Value::Null)
            .await
            .map(drop)
    }
}

/// Why bytes of a file could not be had.
#[derive(Debug, Error)]
pub(crate) enum ContentError {
    /// No answer.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The answer broke off, or had more than was asked for.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Another answer than the bytes.
    #[error("storage-service answered {0} with {1} bytes")]
    Unexpected(StatusCode, usize),
}

impl Contents for HttpFiles<'_> {
    type Error = ContentError;

    async fn read(
        &self,
        owner: &str,
        location: &str,
        offset: u64,
        length: u64,
    ) -> Result<Option<Bytes>, ContentError> {
        let path = format!("/internal/storage/files/{location}/content");
        let range = format!("bytes={offset}-{}", offset + length.saturating_sub(1));
        let storage = self.0.storage().about(owner);
        let response = storage
            .fetch(Method::GET, &path, &[(RANGE, &range)])
            .await?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let mut body = response.into_body();
        let limit = length as usize;
        // At once as large as it gets: one that grew would need twice as much for a moment.
        let mut bytes = Vec::with_capacity(limit);
        while let Some(piece) = body.read().await? {
            if bytes.len() + piece.len() > limit {
                return Err(TransportError::TooLong { limit }.into());
            }
            bytes.extend_from_slice(&piece);
        }
        match status == StatusCode::PARTIAL_CONTENT && bytes.len() == limit {
            true => Ok(Some(bytes.into())),
            false => Err(ContentError::Unexpected(status, bytes.len())),
        }
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
