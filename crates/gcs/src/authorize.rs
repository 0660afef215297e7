//! How a request gets its token.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, Method, Request, Response, StatusCode};
use serde::Deserialize;
use spinreel_platform::{Clock, HttpClient, Random, TransportError, collect};

use crate::client::Client;
use crate::credentials::{Credentials, CredentialsError};
use crate::endpoint;
use crate::error::Error;
use crate::request;
use crate::service_account::ServiceAccountKey;
use crate::token::{AccessToken, TokenCache};

/// How much of a token server's answer is read.
const ANSWER_LIMIT: usize = 64 * 1024;
/// RFC 7523 section 2.1, percent-encoded.
const JWT_BEARER: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
/// So many characters of a part of an assertion do not turn up in a message by chance.
const TELLING_LENGTH: usize = 16;
const METADATA_FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");
const METADATA_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

/// RFC 6749 section 5.2.
#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl<H: HttpClient, C: Clock, R: Random, T: TokenCache> Client<H, C, R, T> {
    /// Sends one request, once, with what proves who sends it: the one place where credentials come in.
    ///
    /// A token that was kept may have been withdrawn since. So a 401 to one is answered with a new token, once.
    pub(crate) async fn send(
        &self,
        request: Request<Vec<Bytes>>,
    ) -> Result<Response<H::Body>, Error> {
        let Some(account) = self.account() else {
            return self.send_unauthorized(request).await;
        };
        if let Some(token) = self.kept_token(&account).await {
            let response = self
                .send_unauthorized(bearing(&token, request.clone())?)
                .await?;
            if response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            self.held.take();
            self.tokens.clear().await;
        }
        let token = self.new_token(&account).await?;
        self.send_unauthorized(bearing(&token, request)?).await
    }

    /// Sends one request, once, which needs no proof or carries it already.
    pub(crate) async fn send_unauthorized(
        &self,
        request: Request<Vec<Bytes>>,
    ) -> Result<Response<H::Body>, Error> {
        Ok(self.http.send(request).await?)
    }

    /// Names whom tokens are for, so that one of other credentials is not used; `None` if none are needed.
    fn account(&self) -> Option<String> {
        match &self.credentials {
            Credentials::Anonymous => None,
            Credentials::ServiceAccount(key) => Some(format!(
                "{} {} {}",
                key.client_email(),
                key.private_key_id(),
                key.token_uri()
            )),
            Credentials::MetadataServer { origin } => Some(origin.clone()),
        }
    }

    async fn kept_token(&self, account: &str) -> Option<AccessToken> {
        let now_ms = self.clock.now_ms();
        let held = self.held.borrow().clone();
        if let Some(token) = held.filter(|token| token.serves(account, now_ms)) {
            return Some(token);
        }
        let kept = self.tokens.get().await;
        let token = kept.filter(|token| token.serves(account, now_ms))?;
        self.held.replace(Some(token.clone()));
        Some(token)
    }

    async fn new_token(&self, account: &str) -> Result<AccessToken, CredentialsError> {
        // From before the request: the token's life has begun when the answer arrives.
        let now_ms = self.clock.now_ms();
        let granted = match &self.credentials {
            Credentials::ServiceAccount(key) => self.exchange(key, now_ms).await,
            Credentials::MetadataServer { origin } => self.ask_metadata_server(origin).await,
            Credentials::Anonymous => Err(Error::InvalidArgument("there is no account")),
        };
        let granted = granted.map_err(|error| match error {
            Error::Credentials(error) => error,
            error => CredentialsError::NoToken(Box::new(error)),
        })?;
        let expires_ms = now_ms.saturating_add(granted.expires_in.saturating_mul(1_000));
        let token = AccessToken::new(granted.access_token, account, expires_ms);
        self.held.replace(Some(token.clone()));
        self.tokens.put(&token).await;
        Ok(token)
    }

    /// A service account's key for a token.
    async fn exchange(&self, key: &ServiceAccountKey, now_ms: u64) -> Result<Granted, Error> {
        let assertion = key.assertion(now_ms / 1_000)?;
        let form = Bytes::from(format!("grant_type={JWT_BEARER}&assertion={assertion}"));
        let headers = [(CONTENT_TYPE, "application/x-www-form-urlencoded")];
        // Idempotent: another token does no harm.
        self.with_retries(async || {
            let request =
                request::build(Method::POST, key.token_uri(), &headers, vec![form.clone()])?;
            let response = self.send_unauthorized(request).await?;
            granted(response).await
        })
        .await
        .map_err(|error| without(&assertion, error))
    }

    /// The token of the machine's own account.
    async fn ask_metadata_server(&self, origin: &str) -> Result<Granted, Error> {
        let uri = format!("{}{METADATA_PATH}", endpoint::origin(origin)?);
        let headers = [(METADATA_FLAVOR, "Google")];
        self.with_retries(async || {
            let request = request::build(Method::GET, &uri, &headers, vec![])?;
            let response = self.send_unauthorized(request).await?;
            // Somebody else may answer at that address on a machine that is not Google's.
            if request::text(response.headers(), METADATA_FLAVOR) != Some("Google") {
                return Err(match request::refusal(response).await {
                    error if error.is_temporary() => error,
                    _ => Error::Malformed("this is no metadata server"),
                });
            }
            granted(response).await
        })
        .await
    }
}

/// The same request with a token.
fn bearing(
    token: &AccessToken,
    mut request: Request<Vec<Bytes>>,
) -> Result<Request<Vec<Bytes>>, CredentialsError> {
    let header = token.header().ok_or_else(|| {
        CredentialsError::NoToken(Box::new(Error::Malformed("the token cannot be one")))
    })?;
    request.headers_mut().insert(AUTHORIZATION, header);
    Ok(request)
}

/// What a token server answers.
async fn granted(response: Response<impl spinreel_platform::ReadBody>) -> Result<Granted, Error> {
    let (head, mut body) = response.into_parts();
    if head.status == StatusCode::OK {
        let body = collect(&mut body, ANSWER_LIMIT).await?;
        return serde_json::from_slice(&body)
            .map_err(|_| Error::Malformed("the token server's JSON is not the documented"));
    }
    let body = collect(&mut body, ANSWER_LIMIT).await.unwrap_or_default();
    let refused = request::judge(head.status, &head.headers, &body);
    match serde_json::from_slice::<Denied>(&body) {
        Ok(denied) if !refused.is_temporary() => Err(CredentialsError::Rejected {
            code: request::one_line(&denied.error),
            description: request::one_line(&denied.error_description),
        }
        .into()),
        _ => Err(refused),
    }
}

/// Takes an assertion out of an error: it is good for an hour, and a server may repeat what it does not accept.
fn without(assertion: &str, error: Error) -> Error {
    const WITHHELD: &str = "(withheld: the message repeats a secret)";
    // The beginnings are enough: an error may have only the beginning of a message.
    let told = |message: &str| {
        assertion
            .split('.')
            .filter_map(|part| part.get(..TELLING_LENGTH))
            .any(|beginning| message.contains(beginning))
    };
    match error {
        Error::Refused { status, message } if told(&message) => Error::Refused {
            status,
            message: WITHHELD.to_owned(),
        },
        Error::Transport(TransportError::Connection(message)) if told(&message) => {
            TransportError::Connection(WITHHELD.to_owned()).into()
        }
        Error::Credentials(CredentialsError::Rejected { code, description })
            if told(&code) || told(&description) =>
        {
            CredentialsError::Rejected {
                code: "withheld".to_owned(),
                description: WITHHELD.to_owned(),
            }
            .into()
        }
        error => error,
    }
}

#[cfg(test)]
mod tests;
