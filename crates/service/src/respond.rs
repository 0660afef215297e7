use std::fmt;
use std::rc::Rc;

use futures::future::LocalBoxFuture;
use futures::stream::LocalBoxStream;
use futures::{Stream, StreamExt as _};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;
use spin_sdk::http::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use spinreel_http::Problem;
use wasi::io::streams::{OutputStream, StreamError};

use crate::outbound::{CLIENT_MS, ResponseBody, Stopped, write_all};

/// What one splice asks the host to move, in bytes. Hosts keep a few such pieces for a client that is slow, and what a
/// client that went away never had counts as sent to it.
const SPLICE_SIZE: u64 = 128 * 1024;

/// An answer.
pub type Response = http::Response<Body>;

/// An answer's body.
#[derive(Debug)]
pub enum Body {
    /// None.
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// The body of another service's response, moved by the host without passing through the guest.
    Relay(Relay),
    /// What is put together of bytes made here and parts of other services' responses, which the host moves.
    Spliced(Spliced),
    /// What is made piece by piece while it is sent. The next piece is asked for when the client has taken the last one;
    /// an error cuts the body off, so that the client sees that it is not whole.
    Pieces(Pieces),
}

/// A body that is made while it is sent; a piece may be empty.
pub struct Pieces(LocalBoxStream<'static, Result<Vec<u8>, Problem>>);

impl Pieces {
    /// Of a stream of pieces.
    pub fn new(pieces: impl Stream<Item = Result<Vec<u8>, Problem>> + 'static) -> Self {
        Self(Box::pin(pieces))
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").finish_non_exhaustive()
    }
}

/// A body that comes from another service's response.
pub struct Relay {
    source: ResponseBody,
    finished: Option<Finished>,
}

type Finished = Box<dyn FnOnce(Transfer) -> LocalBoxFuture<'static, ()>>;

/// A part of a [`Spliced`] body.
#[derive(Debug)]
pub enum Splice {
    /// These bytes.
    Made(Vec<u8>),
    /// Bytes of a response.
    Taken {
        /// The response; the next part may go on with it.
        from: Rc<ResponseBody>,
        /// How many of its next bytes are left out.
        skip: u64,
        /// How many are sent after them.
        length: u64,
    },
}

/// A body of parts; each is asked for when the one before it was sent. An error cuts the body off.
pub struct Spliced {
    parts: LocalBoxStream<'static, Result<Splice, Problem>>,
    finished: Option<Finished>,
}

impl Spliced {
    /// Of a stream of parts.
    pub fn new(parts: impl Stream<Item = Result<Splice, Problem>> + 'static) -> Self {
        Self {
            parts: Box::pin(parts),
            finished: None,
        }
    }

    /// Runs `finished` after the last byte, or after the client went away.
    #[must_use]
    pub fn on_finish(
        mut self,
        finished: impl FnOnce(Transfer) -> LocalBoxFuture<'static, ()> + 'static,
    ) -> Self {
        self.finished = Some(Box::new(finished));
        self
    }
}

impl fmt::Debug for Spliced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spliced").finish_non_exhaustive()
    }
}

/// How a [`Relay`] or a [`Spliced`] body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// The bytes that the client's connection took.
    pub bytes: u64,
    /// Whether that was all of them.
    pub complete: bool,
}

impl Relay {
    /// Passes `source` on.
    pub fn new(source: ResponseBody) -> Self {
        Self {
            source,
            finished: None,
        }
    }

    /// Runs `finished` after the last byte, or after the client went away.
    #[must_use]
    pub fn on_finish(
        mut self,
        finished: impl FnOnce(Transfer) -> LocalBoxFuture<'static, ()> + 'static,
    ) -> Self {
        self.finished = Some(Box::new(finished));
        self
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}

/// An answer in JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(value).map_err(Problem::internal)?;
    let mut response = Response::new(Body::Bytes(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

/// Sends an answer to its end and returns the bytes of its body that were sent.
pub(crate) async fn send(response: Response, method: &Method, out: ResponseOutparam) -> u64 {
    let (mut parts, body) = response.into_parts();
    if let Body::Bytes(bytes) = &body
        && !parts.headers.contains_key(CONTENT_LENGTH)
    {
        parts.headers.insert(CONTENT_LENGTH, bytes.len().into());
    }
    if matches!(body, Body::Empty) && *method != Method::HEAD && !bodiless(parts.status) {
        parts.headers.insert(CONTENT_LENGTH, 0.into());
    }
    let entries: Vec<(String, Vec<u8>)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    let headers = Fields::from_list(&entries).unwrap_or_else(|_| {
        let headers = Fields::new();
        for (name, value) in &entries {
            // The host refuses names that are its own affair, such as `connection`.
            let _ = headers.append(name, value);
        }
        headers
    });
    let outgoing = OutgoingResponse::new(headers);
    // A status of the http crate is always one of HTTP.
    let _ = outgoing.set_status_code(parts.status.as_u16());
    let Ok(outgoing_body) = outgoing.body() else {
        return 0;
    };
    out.set(outgoing);
    match body {
        _ if *method == Method::HEAD => {
            finish(outgoing_body);
            0
        }
        Body::Empty => {
            finish(outgoing_body);
            0
        }
        Body::Bytes(bytes) => {
            let sent = match outgoing_body.write() {
                Ok(stream) => write_all(&stream, &bytes, CLIENT_MS).await.is_ok(),
                Err(()) => false,
            };
            finish(outgoing_body);
            if sent { bytes.len() as u64 } else { 0 }
        }
        Body::Relay(relay) => send_relay(relay, outgoing_body).await,
        Body::Spliced(spliced) => send_spliced(spliced, outgoing_body).await,
        Body::Pieces(pieces) => send_pieces(pieces, outgoing_body).await,
    }
}

fn bodiless(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

async fn send_relay(relay: Relay, outgoing_body: OutgoingBody) -> u64 {
    let mut transfer = Transfer {
        bytes: 0,
        complete: false,
    };
    if let Ok(stream) = outgoing_body.write() {
        loop {
            match relay.source.splice(&stream, SPLICE_SIZE).await {
                Ok(moved) => transfer.bytes += moved,
                // Either side may have closed; only the source's end is a whole body.
                Err(Stopped::Stream(StreamError::Closed)) => {
                    transfer.complete = stream.check_write().is_ok();
                    break;
                }
                Err(Stopped::Stream(StreamError::LastOperationFailed(_)) | Stopped::Stalled(_)) => {
                    break;
                }
            }
        }
    }
    if transfer.complete {
        finish(outgoing_body);
    } else {
        // Dropped without an end, so that the client sees a cut body and not a short one.
        drop(outgoing_body);
    }
    drop(relay.source);
    if let Some(finished) = relay.finished {
        finished(transfer).await;
    }
    transfer.bytes
}

async fn send_spliced(mut spliced: Spliced, outgoing_body: OutgoingBody) -> u64 {
    let mut transfer = Transfer {
        bytes: 0,
        complete: false,
    };
    if let Ok(stream) = outgoing_body.write() {
        loop {
            match spliced.parts.next().await {
                Some(Ok(part)) => {
                    if send_splice(&part, &stream, &mut transfer.bytes)
                        .await
                        .is_err()
                    {
                        break;
                    }
                }
                Some(Err(_)) => break,
                None => {
                    transfer.complete = stream.check_write().is_ok();
                    break;
                }
            }
        }
    }
    if transfer.complete {
        finish(outgoing_body);
    } else {
        // As in a relay, the client is to see that it is cut off.
        drop(outgoing_body);
    }
    drop(spliced.parts);
    if let Some(finished) = spliced.finished {
        finished(transfer).await;
    }
    transfer.bytes
}

/// Sends one part, and counts its bytes as they are taken.
async fn send_splice(part: &Splice, stream: &OutputStream, sent: &mut u64) -> Result<(), Stopped> {
    match part {
        Splice::Made(bytes) => {
            write_all(stream, bytes, CLIENT_MS).await?;
            *sent += bytes.len() as u64;
        }
        Splice::Taken { from, skip, length } => {
            from.skip(*skip).await?;
            let mut left = *length;
            while left > 0 {
                let moved = from.splice(stream, left.min(SPLICE_SIZE)).await?;
                left -= moved;
                *sent += moved;
            }
        }
    }
    Ok(())
}

async fn send_pieces(Pieces(mut pieces): Pieces, outgoing_body: OutgoingBody) -> u64 {
    let Ok(stream) = outgoing_body.write() else {
        return 0;
    };
    let mut sent = 0;
    loop {
        match pieces.next().await {
            // An empty piece asks whether the client is still there.
            Some(Ok(piece))
                if stream.check_write().is_ok()
                    && write_all(&stream, &piece, CLIENT_MS).await.is_ok() =>
            {
                sent += piece.len() as u64;
            }
            None => {
                drop(stream);
                finish(outgoing_body);
                break;
            }
            // The client went away, or there is no more to be had: dropped without an end, it is seen to be cut.
            Some(_) => break,
        }
    }
    sent
}

fn finish(body: OutgoingBody) {
    // Fails where the client is gone, or did not want a body (HEAD).
    let _ = OutgoingBody::finish(body, None);
}
