use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use spinreel_api::health::ServiceHealth;
use spinreel_http::{FieldError, Problem};
use spinreel_identity::{ServiceCall, ServiceSecret, sign_service};
use spinreel_platform::{Clock, HttpClient, Timeouts, TransportError, collect};
use thiserror::Error;

use crate::context::Context;
use crate::hand_over;
use crate::outbound::{ResponseBody, WasiHttp};
use crate::request_body::RequestBody;
use crate::world::WasiClock;

/// The largest JSON answer that is taken from another service, in bytes.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// How long a health check waits for a service.
const HEALTH_TIMEOUTS: Timeouts = Timeouts {
    connect_ms: 3_000,
    first_byte_ms: 3_000,
    between_bytes_ms: 3_000,
};

/// Another service.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    context: &'a Context,
    id: &'static str,
    origin_variable: &'static str,
    user_id: Option<&'a str>,
    timeouts: Timeouts,
}

/// Why a call to another service came to nothing.
#[derive(Debug, Error)]
pub enum PeerError {
    /// No answer.
    #[error("{service} cannot be reached: {source}")]
    Transport {
        /// The service that was asked.
        service: &'static str,
        /// What went wrong.
        source: TransportError,
    },
    /// An answer that is no success.
    #[error("{service} answered {status} {code}")]
    Refused {
        /// The service that was asked.
        service: &'static str,
        /// The answer's status.
        status: StatusCode,
        /// The code of its problem document; empty where it has none.
        code: String,
        /// What more it says.
        refusal: Box<Refusal>,
    },
    /// The request could not be made or the answer not be read.
    #[error("the exchange with {service} failed: {reason}")]
    Malformed {
        /// The service that was asked.
        service: &'static str,
        /// What went wrong.
        reason: String,
    },
}

/// What a service says of a request that it refuses, besides the status and the code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Refusal {
    /// A sentence for people.
    pub detail: String,
    /// What is wrong with the request, member by member.
    pub errors: Vec<FieldError>,
    /// When to try again, in seconds.
    #[serde(skip)]
    pub retry_after_s: Option<u64>,
}

impl PeerError {
    /// What the client is told: the same as this service was, where the refusal's code is one of `codes`, and that
    /// something is not available where it is none of them.
    pub fn passed_on(self, codes: &[&'static str]) -> Problem {
        let Self::Refused {
            status,
            code,
            refusal,
            ..
        } = self
        else {
            return Problem::unavailable(self);
        };
        let Some(code) = codes.iter().find(|known| **known == code) else {
            let reason = format!("a service answered {status} {code}");
            return Problem::unavailable(reason);
        };
        let mut problem = Problem::new(status, code, refusal.detail);
        problem.errors = refusal.errors;
        match refusal.retry_after_s {
            Some(seconds) => problem.header(RETRY_AFTER, &seconds.to_string()),
            None => problem,
        }
    }
}

impl From<PeerError> for Problem {
    fn from(error: PeerError) -> Self {
        Self::unavailable(error)
    }
}

impl<'a> Peer<'a> {
    pub(crate) fn new(
        context: &'a Context,
        id: &'static str,
        origin_variable: &'static str,
    ) -> Self {
        Self {
            context,
            id,
            origin_variable,
            user_id: None,
            timeouts: Timeouts::default(),
        }
    }

    /// Waits no longer than that.
    #[must_use]
    pub fn within(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Says whose affairs the calls are about: the service tokens are then good for no other user's.
    #[must_use]
    pub fn about(mut self, user_id: &'a str) -> Self {
        self.user_id = Some(user_id);
        self
    }

    /// Asks for the service's own health; `None` where it does not answer in time.
    pub async fn health(&self, path: &str) -> Option<ServiceHealth> {
        let request = self.request(Method::GET, path).ok()?;
        let mut response = self.within(HEALTH_TIMEOUTS).send(request).await.ok()?;
        let answer = collect(response.body_mut(), ANSWER_LIMIT).await.ok()?;
        serde_json::from_slice(&answer).ok()
    }

    /// Sends JSON (no body for what is `null`) and reads the answer's JSON; an answer without a body reads as `null`.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, PeerError> {
        let bytes = serde_json::to_vec(body).map_err(|error| self.malformed(&error))?;
        // Nothing to say is said by nothing.
        let body = (bytes != b"null").then(|| ("application/json", Bytes::from(bytes)));
        self.ask(method, path, body).await
    }

    /// Sends bytes as they are and reads the answer's JSON, as [`call`](Self::call) does.
    pub async fn send_bytes<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        bytes: Bytes,
    ) -> Result<T, PeerError> {
        self.ask(method, path, Some((content_type, bytes))).await
    }

    /// Passes a client's body on as it comes and reads the answer's JSON, as [`call`](Self::call) does. An answer that comes
    /// before the body's end is the answer.
    ///
    /// # Errors
    /// The inner ones are the service's; the outer one is the client's, whose body did not come to its end: the service has
    /// heard of that, and answered.
    pub async fn relay<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        headers: &[(http::HeaderName, &str)],
        body: &mut RequestBody,
    ) -> Result<Result<T, PeerError>, TransportError> {
        let request = match self.request_with(method, path, headers) {
            Ok(mut request) => {
                request.extensions_mut().insert(self.timeouts);
                hand_over::ask_for_lines(request.headers_mut());
                request
            }
            Err(error) => return Ok(Err(error)),
        };
        let (response, cut_off) = WasiHttp.pass_on(request, body).await;
        let answer = async {
            let mut response = response.map_err(|source| self.transport(source))?;
            hand_over::absorb(self.context, response.headers_mut());
            self.read_answer(response).await
        };
        let answer = answer.await;
        match cut_off {
            Some(error) => Err(error),
            None => Ok(answer),
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<T, PeerError> {
        let mut request = self.request(method, path)?;
        if let Some((content_type, bytes)) = body {
            let value =
                HeaderValue::from_str(content_type).map_err(|error| self.malformed(&error))?;
            request.headers_mut().insert(CONTENT_TYPE, value);
            *request.body_mut() = vec![bytes];
        }
        let response = self.send(request).await?;
        self.read_answer(response).await
    }

    async fn read_answer<T: DeserializeOwned>(
        &self,
        mut response: Response<ResponseBody>,
    ) -> Result<T, PeerError> {
        let answer = collect(response.body_mut(), ANSWER_LIMIT)
            .await
            .map_err(|source| self.transport(source))?;
        if !response.status().is_success() {
            return Err(self.refused(&response, &answer));
        }
        let json = if answer.is_empty() {
            b"null"
        } else {
            answer.as_slice()
        };
        serde_json::from_slice(json).map_err(|error| self.malformed(&error))
    }

    /// Asks for something whose answer is no JSON, or is streamed; any status is an answer.
    pub async fn fetch(
        &self,
        method: Method,
        path: &str,
        headers: &[(http::HeaderName, &str)],
    ) -> Result<Response<ResponseBody>, PeerError> {
        let request = self.request_with(method, path, headers)?;
        self.send(request).await
    }

    fn request_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(http::HeaderName, &str)],
    ) -> Result<Request<Vec<Bytes>>, PeerError> {
        let mut request = self.request(method, path)?;
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|error| self.malformed(&error))?;
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }

    fn request(&self, method: Method, path: &str) -> Result<Request<Vec<Bytes>>, PeerError> {
        let settings = &self.context.settings;
        let secret = ServiceSecret::new(settings.text("service_secret"))
            .map_err(|error| self.malformed(&error))?;
        let call = ServiceCall {
            from: self.context.service.id,
            to: self.id,
            method: method.as_str(),
            path: path.split('?').next().unwrap_or(path),
            user_id: self.user_id,
        };
        let token = sign_service(&secret, &call, WasiClock.now_ms() / 1_000);
        let origin = settings.text(self.origin_variable);
        Request::builder()
            .method(method)
            .uri(format!("{origin}{path}"))
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header("x-request-id", &self.context.request_id)
            .body(Vec::new())
            .map_err(|error| self.malformed(&error))
    }

    async fn send(
        &self,
        mut request: Request<Vec<Bytes>>,
    ) -> Result<Response<ResponseBody>, PeerError> {
        request.extensions_mut().insert(self.timeouts);
        hand_over::ask_for_lines(request.headers_mut());
        let mut response = WasiHttp
            .send(request)
            .await
            .map_err(|source| self.transport(source))?;
        hand_over::absorb(self.context, response.headers_mut());
        Ok(response)
    }

    fn transport(&self, source: TransportError) -> PeerError {
        PeerError::Transport {
            service: self.id,
            source,
        }
    }

    fn malformed(&self, reason: &impl ToString) -> PeerError {
        PeerError::Malformed {
            service: self.id,
            reason: reason.to_string(),
        }
    }

    fn refused(&self, response: &Response<ResponseBody>, answer: &[u8]) -> PeerError {
        let problem: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
        let code = problem.get("code").and_then(serde_json::Value::as_str);
        let code = code.unwrap_or_default().to_owned();
        let mut refusal: Refusal = serde_json::from_value(problem).unwrap_or_default();
        let retry_after = response.headers().get(RETRY_AFTER);
        refusal.retry_after_s = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        PeerError::Refused {
            service: self.id,
            status: response.status(),
            code,
            refusal: Box::new(refusal),
        }
    }
}
