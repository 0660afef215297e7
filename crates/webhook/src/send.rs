//! One request, and what its receiver said.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderName, Method, Request, StatusCode};
use spinreel_platform::{Clock, HttpClient, Timeouts};

use super::endpoint::Endpoint;
use super::schedule::retry_after_ms;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How long a receiver may take, in milliseconds: 15 seconds in all, as no body is read. The scheme recommends 15 to 30.
const TIMEOUTS: Timeouts = Timeouts {
    connect_ms: 5_000,
    first_byte_ms: 10_000,
    between_bytes_ms: 5_000,
};

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The same for each try of one message. It has no full stop ("Signature scheme").
    pub id: &'a str,
    /// JSON.
    pub body: &'a [u8],
}

/// What the receiver said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It took the message, with this status of 200 to 299.
    Taken(StatusCode),
    /// It says that it is gone (410): it wants nothing more.
    Gone,
    /// It did not take it.
    No {
        /// The status or what went wrong.
        reason: String,
        /// How long it wants to be left alone, in milliseconds; 0 where it does not say.
        retry_after_ms: u64,
    },
}

/// The request of a try at `now_s` (seconds since the Unix epoch).
pub fn request(
    endpoint: &Endpoint,
    message: Message<'_>,
    now_s: u64,
) -> Result<Request<Vec<Bytes>>, String> {
    let signature = endpoint.secrets.sign(message.id, now_s, message.body);
    let mut signature = HeaderValue::try_from(signature).map_err(|error| error.to_string())?;
    signature.set_sensitive(true);
    Request::builder()
        .method(Method::POST)
        .uri(endpoint.uri.clone())
        .header(CONTENT_TYPE, "application/json")
        .header(WEBHOOK_ID, message.id)
        .header(WEBHOOK_TIMESTAMP, now_s)
        .header(WEBHOOK_SIGNATURE, signature)
        .body(vec![Bytes::copy_from_slice(message.body)])
        .map_err(|error| error.to_string())
}

/// Sends it. Whatever is no 2xx is a failure: redirects are not followed, since the receiver that was configured is the
/// only one that may see it, so `http` must not follow them either. The body of the answer says nothing that is wanted,
/// and is not read.
pub async fn send(
    http: &impl HttpClient,
    clock: &impl Clock,
    endpoint: &Endpoint,
    message: Message<'_>,
) -> Answer {
    let no = |reason: String| Answer::No {
        reason,
        retry_after_ms: 0,
    };
    let mut request = match request(endpoint, message, clock.now_ms() / 1_000) {
        Ok(request) => request,
        Err(reason) => return no(reason),
    };
    request.extensions_mut().insert(TIMEOUTS);
    let response = match http.send(request).await {
        Ok(response) => response,
        Err(error) => return no(error.to_string()),
    };
    match response.status() {
        StatusCode::GONE => Answer::Gone,
        status if status.is_success() => Answer::Taken(status),
        status => Answer::No {
            reason: format!("the receiver answered {}", status.as_u16()),
            retry_after_ms: response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .map_or(0, |value| retry_after_ms(value, clock.now_ms())),
        },
    }
}
