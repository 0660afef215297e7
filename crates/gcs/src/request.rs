use bytes::Bytes;
use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use spinreel_platform::{ReadBody, collect};

use crate::error::Error;
use crate::object::{Object, Resource};

/// The JSON of one object is small: custom metadata is at most 8 KiB.
const OBJECT_LIMIT: usize = 256 * 1024;
/// How much of a refusal is read.
const REFUSAL_LIMIT: usize = 64 * 1024;
/// How many characters of a refusal are kept for a log.
const MESSAGE_LENGTH: usize = 300;

/// How many bytes the pieces have together.
pub(crate) fn length(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

/// A request with exactly these headers, and the length of its body where it may have one: without it a body would
/// be sent in HTTP's chunked coding, and an empty one without any length, which the bucket answers with 411.
pub(crate) fn build(
    method: Method,
    uri: &str,
    headers: &[(HeaderName, &str)],
    body: Vec<Bytes>,
) -> Result<Request<Vec<Bytes>>, Error> {
    let has_length = method != Method::GET;
    let mut builder = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(name, *value);
    }
    if has_length {
        builder = builder.header(CONTENT_LENGTH, length(&body));
    }
    builder
        .body(body)
        .map_err(|_| Error::InvalidArgument("this cannot be sent as an HTTP request"))
}

/// What an answer means that is not one of the documented successes.
pub(crate) async fn refusal(response: Response<impl ReadBody>) -> Error {
    let (head, mut body) = response.into_parts();
    match judge(head.status, &head.headers, b"") {
        // The status alone says enough if its explanation does not arrive.
        Error::Refused { .. } => {
            let body = collect(&mut body, REFUSAL_LIMIT).await.unwrap_or_default();
            judge(head.status, &head.headers, &body)
        }
        error => error,
    }
}

/// The same for an answer that has been read.
pub(crate) fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    match status.as_u16() {
        404 => Error::NotFound,
        412 => Error::PreconditionFailed,
        status @ (408 | 429 | 500 | 502 | 503 | 504) => Error::Unavailable {
            status,
            retry_after_s: retry_after_s(headers),
        },
        status => Error::Refused {
            status,
            message: message(body),
        },
    }
}

/// The resource in a successful answer.
pub(crate) async fn object(response: Response<impl ReadBody>) -> Result<Object, Error> {
    json::<Resource>(response, OBJECT_LIMIT).await?.try_into()
}

/// The JSON in a successful answer of at most `limit` bytes.
pub(crate) async fn json<T: DeserializeOwned>(
    response: Response<impl ReadBody>,
    limit: usize,
) -> Result<T, Error> {
    if response.status() != StatusCode::OK && response.status() != StatusCode::CREATED {
        return Err(refusal(response).await);
    }
    let body = collect(&mut response.into_body(), limit).await?;
    serde_json::from_slice(&body).map_err(|_| Error::Malformed("its JSON is not the documented"))
}

/// The value of a header that is text.
pub(crate) fn text(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// RFC 9110 section 10.2.3; the form with a date needs a clock that agrees with the bucket's and is not in use there.
fn retry_after_s(headers: &HeaderMap) -> Option<u64> {
    text(headers, RETRY_AFTER)?.trim().parse().ok()
}

/// The words of <https://cloud.google.com/storage/docs/json_api/v1/status-codes>, or the beginning of whatever a
/// proxy in between answered; on one line.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Answer {
        error: Reason,
    }
    #[derive(Deserialize)]
    struct Reason {
        message: String,
    }
    let words = match serde_json::from_slice::<Answer>(body) {
        Ok(answer) => answer.error.message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    one_line(&words)
}

/// The beginning of a text as one line for a log.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .take(MESSAGE_LENGTH)
        .collect()
}

#[cfg(test)]
mod tests;
