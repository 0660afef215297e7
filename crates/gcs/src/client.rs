use std::cell::RefCell;

use http::{Method, StatusCode};
use spinreel_platform::{Clock, HttpClient, Random};

use crate::credentials::Credentials;
use crate::encode::Query;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::object::{NewObject, Object, WRITE_ID};
use crate::request;
use crate::retry::{Retries, RetryPolicy};
use crate::sign::{self, SignedUrl, SigningKey, UrlToSign};
use crate::token::{AccessToken, NoTokenCache, TokenCache};

/// What became of a deletion. Either way that generation is no longer the live object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// This call deleted it. Of all that ever ask for a generation, at most one is told so.
    Yes,
    /// There was no such object, or another generation in its place. Also when an earlier attempt of the same call
    /// deleted it and its answer was lost, or the request arrived twice: then nobody is told `Yes`.
    WasGone,
}

/// A client of one bucket.
///
/// Every call obeys the [`RetryPolicy`]. A call that is dropped may or may not have had its effect. Tokens that its
/// [`Credentials`] need are held by the client, and kept in its [`TokenCache`] for the next one.
#[derive(Debug)]
pub struct Client<H, C, R, T = NoTokenCache> {
    pub(crate) http: H,
    pub(crate) clock: C,
    pub(crate) random: R,
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: Credentials,
    policy: RetryPolicy,
    pub(crate) tokens: T,
    pub(crate) held: RefCell<Option<AccessToken>>,
}

impl<H: HttpClient, C: Clock, R: Random> Client<H, C, R> {
    /// A client with the default [`RetryPolicy`] that keeps its token to itself.
    pub fn new(http: H, clock: C, random: R, endpoint: Endpoint, credentials: Credentials) -> Self {
        Self {
            http,
            clock,
            random,
            endpoint,
            credentials,
            policy: RetryPolicy::default(),
            tokens: NoTokenCache,
            held: RefCell::default(),
        }
    }
}

impl<H: HttpClient, C: Clock, R: Random, T: TokenCache> Client<H, C, R, T> {
    /// The same client with another place for tokens.
    pub fn with_token_cache<U: TokenCache>(self, tokens: U) -> Client<H, C, R, U> {
        Client {
            http: self.http,
            clock: self.clock,
            random: self.random,
            endpoint: self.endpoint,
            credentials: self.credentials,
            policy: self.policy,
            tokens,
            held: self.held,
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

    /// A URL that permits one kind of request to the bucket, from now on and for a while, to everybody who has it. It
    /// is signed with the client's service account; nothing is sent.
    ///
    /// # Errors
    /// [`CredentialsError::CannotSign`](crate::CredentialsError::CannotSign) for other credentials; those of
    /// [`sign_url`](crate::sign_url).
    pub fn signed_url(&self, url: &UrlToSign) -> Result<SignedUrl, Error> {
        let key = SigningKey::of(&self.credentials)?;
        sign::sign_url(&self.endpoint, url, key, self.clock.now_ms(), &self.random)
    }

    /// The client's source of unpredictable bytes.
    pub fn random(&self) -> &R {
        &self.random
    }

    /// The budget of failures for one call.
    pub(crate) fn retries(&self) -> Retries<'_, C, R> {
        Retries::new(self.policy, &self.clock, &self.random)
    }

    /// Runs an idempotent `attempt` until it succeeds or may not be retried.
    pub(crate) async fn with_retries<V>(
        &self,
        attempt: impl AsyncFn() -> Result<V, Error>,
    ) -> Result<V, Error> {
        let mut retries = self.retries();
        loop {
            match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) => retries.pause(error).await?,
            }
        }
    }

    /// The object that `written` became, if an earlier attempt of ours wrote it; `refused` if none did so far. Where
    /// the bucket does not say which, the error is [in doubt](Error::InDoubt), or not certain anyhow.
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
        let found = self.metadata(&written.name).await;
        match found.map_err(Error::in_doubt)? {
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
