use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use spinreel_platform::{Clock, HttpClient, Random};

use crate::encode::Query;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::object::{NewObject, Object, WRITE_ID};
use crate::request;
use crate::retry::{Retries, RetryPolicy};

/// How requests prove who sends them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// Not at all: emulators, and what is public.
    Anonymous,
}

/// What became of a deletion. Either way that generation is no longer the live object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// This call deleted it.
    Yes,
    /// There was no such object, or another generation in its place. Also when an earlier attempt of the same call
    /// deleted it and its answer was lost: nothing may depend on which of two deletions hears `Yes`.
    WasGone,
}

/// A client of one bucket.
///
/// Every call obeys the [`RetryPolicy`]. A call that is dropped may or may not have had its effect.
#[derive(Debug)]
pub struct Client<H, C, R> {
    http: H,
    clock: C,
    pub(crate) random: R,
    pub(crate) endpoint: Endpoint,
    credentials: Credentials,
    policy: RetryPolicy,
}

impl<H: HttpClient, C: Clock, R: Random> Client<H, C, R> {
    /// A client with the default [`RetryPolicy`].
    pub fn new(http: H, clock: C, random: R, endpoint: Endpoint, credentials: Credentials) -> Self {
        Self {
            http,
            clock,
            random,
            endpoint,
            credentials,
            policy: RetryPolicy::default(),
        }
    }

    /// The same client with another policy.
    #[must_use]
    pub fn with_retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Describes the live object `name`; `None` if there is none.
    ///
    /// A missing bucket is `None`, too: the bucket's answer is the same.
    ///
    /// # Errors
    /// All that [`Error`] lists but those of uploads and ranges.
    pub async fn metadata(&self, name: &str) -> Result<Option<Object>, Error> {
        let uri = self.endpoint.object(name, &Query::default())?;
        let found = self
            .with_retries(async || {
                request::object(
                    self.send(request::build(Method::GET, &uri, &[], vec![])?)
                        .await?,
                )
                .await
            })
            .await;
        match found {
            Ok(object) => Ok(Some(object)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes the object `name` if `generation` is its live one.
    ///
    /// # Errors
    /// All that [`Error`] lists but `NotFound`, `PreconditionFailed` and those of uploads and ranges.
    pub async fn delete(&self, name: &str, generation: i64) -> Result<Deleted, Error> {
        let query = Query::default().with("ifGenerationMatch", generation);
        let uri = self.endpoint.object(name, &query)?;
        self.with_retries(async || {
            let response = self
                .send(request::build(Method::DELETE, &uri, &[], vec![])?)
                .await?;
            if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::OK) {
                return Ok(Deleted::Yes);
            }
            match request::refusal(response).await {
                Error::NotFound | Error::PreconditionFailed => Ok(Deleted::WasGone),
                error => Err(error),
            }
        })
        .await
    }

    /// Adds to a request what proves who sends it: the one place where credentials come in.
    fn authorize(&self, _request: &mut Request<Vec<Bytes>>) {
        match self.credentials {
            Credentials::Anonymous => {}
        }
    }

    /// Sends one request, once.
    pub(crate) async fn send(
        &self,
        mut request: Request<Vec<Bytes>>,
    ) -> Result<Response<H::Body>, Error> {
        self.authorize(&mut request);
        Ok(self.http.send(request).await?)
    }

    /// Sends one request, once, whose URI is its credential.
    pub(crate) async fn send_unauthorized(
        &self,
        request: Request<Vec<Bytes>>,
    ) -> Result<Response<H::Body>, Error> {
        Ok(self.http.send(request).await?)
    }

    /// The budget of failures for one call.
    pub(crate) fn retries(&self) -> Retries<'_, C, R> {
        Retries::new(self.policy, &self.clock, &self.random)
    }

    /// Runs an idempotent `attempt` until it succeeds or may not be retried.
    pub(crate) async fn with_retries<T>(
        &self,
        attempt: impl AsyncFn() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut retries = self.retries();
        loop {
            match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) => retries.pause(error).await?,
            }
        }
    }

    /// The object that `written` became, if an earlier attempt of ours wrote it; else `refused`.
    pub(crate) async fn adopt(
        &self,
        written: &NewObject,
        size: u64,
        crc32c: u32,
        refused: Error,
    ) -> Result<Object, Error> {
        let Some(id) = written.metadata.get(WRITE_ID) else {
            return Err(refused);
        };
        match self.metadata(&written.name).await? {
            Some(object) if object.metadata.get(WRITE_ID) == Some(id) => {
                self.verified(&written.name, object, size, crc32c).await
            }
            _ => Err(refused),
        }
    }

    /// Hands `object` on if it is what was written, and deletes it otherwise.
    pub(crate) async fn verified(
        &self,
        name: &str,
        object: Object,
        size: u64,
        crc32c: u32,
    ) -> Result<Object, Error> {
        if object.name != name {
            return Err(Error::Malformed("it describes another object"));
        }
        if object.matches(size, crc32c) {
            return Ok(object);
        }
        // Best effort: the caller hears of the corruption in any case, which is worse than a leftover.
        let _deleted = self.delete(name, object.generation).await;
        Err(Error::Corrupt {
            expected_size: size,
            expected_crc32c: crc32c,
            size: object.size,
            crc32c: object.crc32c,
        })
    }
}

#[cfg(test)]
mod tests;
