use std::fmt;

use http::Uri;
use serde::{Deserialize, Serialize};
use spinreel_platform::TransportError;

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::object::NewObject;

/// Parts of a session's URI that are at least this long are taken for its secret.
const SECRET_LENGTH: usize = 12;

/// A resumable upload that was started
/// (<https://cloud.google.com/storage/docs/resumable-uploads#session-uris>). It lives for a week.
///
/// Whoever knows it can write to the bucket: `Debug` keeps quiet about it, but what `serde` writes contains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumableSession {
    pub(crate) path: SessionPath,
    object: NewObject,
    total: Option<u64>,
}

impl ResumableSession {
    /// The session that a `Location` header names.
    pub(crate) fn new(
        location: &str,
        object: NewObject,
        total: Option<u64>,
    ) -> Result<Self, Error> {
        Ok(Self {
            path: SessionPath::from_location(location)?,
            object,
            total,
        })
    }

    /// What the upload becomes when it is complete, with its [`WRITE_ID`](crate::WRITE_ID).
    pub fn object(&self) -> &NewObject {
        &self.object
    }

    /// The size in bytes that was announced at the start.
    pub fn total(&self) -> Option<u64> {
        self.total
    }
}

/// The path and query of a session's URI.
///
/// The origin is left out on purpose. A bucket behind another name (an emulator in a container, a proxy) answers with
/// a `Location` that leads elsewhere, or nowhere; and a URI that is a credential must not be sent to whatever host a
/// response or a stored record names. So the origin is always the configured one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct SessionPath(String);

impl SessionPath {
    fn from_location(location: &str) -> Result<Self, Error> {
        const NO_PLACE: Error = Error::Malformed("the Location of an upload session is none");
        let uri: Uri = location.parse().map_err(|_| NO_PLACE)?;
        let path = uri.path_and_query().ok_or(NO_PLACE)?.as_str();
        Self::try_from(path.to_owned())
    }

    /// The URI at `endpoint`.
    pub(crate) fn at(&self, endpoint: &Endpoint) -> String {
        format!("{}{}", endpoint.origin(), self.0)
    }

    /// Takes the session's URI out of an error: a transport may name the address that it could not reach, and a
    /// bucket the upload that it does not accept.
    pub(crate) fn scrub(&self, error: Error) -> Error {
        const WITHHELD: &str = "(withheld: the message names the upload session)";
        match error {
            Error::Refused { status, message } if self.is_named_in(&message) => Error::Refused {
                status,
                message: WITHHELD.to_owned(),
            },
            Error::Transport(TransportError::Connection(message)) if self.is_named_in(&message) => {
                TransportError::Connection(WITHHELD.to_owned()).into()
            }
            error => error,
        }
    }

    fn is_named_in(&self, message: &str) -> bool {
        message.contains(&self.0)
            || self
                .0
                .split(['/', '?', '&', '='])
                .any(|part| part.len() >= SECRET_LENGTH && message.contains(part))
    }
}

impl TryFrom<String> for SessionPath {
    type Error = Error;

    fn try_from(path: String) -> Result<Self, Error> {
        if path.len() < 2 || !path.starts_with('/') {
            return Err(Error::Malformed("the path of an upload session is none"));
        }
        Ok(Self(path))
    }
}

impl From<SessionPath> for String {
    fn from(path: SessionPath) -> Self {
        path.0
    }
}

impl fmt::Debug for SessionPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(withheld)")
    }
}

#[cfg(test)]
mod tests;
