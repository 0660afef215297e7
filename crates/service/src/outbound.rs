use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use spinreel_platform::{HttpClient, ReadBody, Timeouts, TransportError};
use thiserror::Error;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasi::io::streams::{InputStream, OutputStream, StreamError};

use crate::request_body::RequestBody;
use crate::wait::{Deadline, Elapsed, ready, ready_by};

const NS_PER_MS: u64 = 1_000_000;
/// What one read asks for, in bytes.
const READ_SIZE: u64 = 64 * 1024;

/// How long a client may take nothing of its answer, in milliseconds.
pub(crate) const CLIENT_MS: u64 = 30_000;

/// Requests over the host's `wasi:http/outgoing-handler`.
///
/// The [`Timeouts`] are kept here: hosts know none for calls of another component.
#[derive(Debug, Clone, Copy, Default)]
pub struct WasiHttp;

impl HttpClient for WasiHttp {
    type Body = ResponseBody;

    async fn send(
        &self,
        request: Request<Vec<Bytes>>,
    ) -> Result<Response<ResponseBody>, TransportError> {
        let (parts, pieces) = request.into_parts();
        let timeouts = parts.extensions.get().copied().unwrap_or_default();
        let outgoing = outgoing_request(&parts, Some(&pieces))?;
        let body = outgoing
            .body()
            .map_err(|()| broken("the request has no body"))?;
        let response = outgoing_handler::handle(outgoing, Some(options(timeouts)))
            .map_err(|error| transport_error(&error))?;
        write_body(body, &pieces, timeouts.first_byte_ms).await;
        arriving(response, timeouts).await
    }
}

impl WasiHttp {
    /// Sends a request whose body is a client's, as it comes; `Content-Length` is what the request says. The response, and
    /// why the client's body did not come to its end: the peer then sees a body that is cut off.
    pub(crate) async fn pass_on(
        &self,
        request: Request<Vec<Bytes>>,
        body: &mut RequestBody,
    ) -> (
        Result<Response<ResponseBody>, TransportError>,
        Option<TransportError>,
    ) {
        let (parts, _) = request.into_parts();
        let timeouts = parts.extensions.get().copied().unwrap_or_default();
        let begun = outgoing_request(&parts, None).and_then(|outgoing| {
            let sink = outgoing
                .body()
                .map_err(|()| broken("the request has no body"))?;
            let response = outgoing_handler::handle(outgoing, Some(options(timeouts)))
                .map_err(|error| transport_error(&error))?;
            Ok((sink, response))
        });
        let (sink, response) = match begun {
            Ok(begun) => begun,
            Err(error) => return (Err(error), None),
        };
        let passed = pass_on(body, sink, &response, timeouts.first_byte_ms).await;
        (arriving(response, timeouts).await, passed.err())
    }
}

/// Writes what comes of a client's body, until its end, or until the peer has answered or stopped listening.
async fn pass_on(
    body: &mut RequestBody,
    sink: OutgoingBody,
    response: &FutureIncomingResponse,
    limit_ms: u64,
) -> Result<(), TransportError> {
    let Ok(stream) = sink.write() else {
        return Ok(());
    };
    loop {
        let answered = pin!(ready(response.subscribe()));
        let read = pin!(body.read());
        let piece = match select(read, answered).await {
            Either::Left((piece, _)) => piece?,
            // Something happened in the instance: most often that more came.
            Either::Right(_) if !is_ready(response) => continue,
            Either::Right(_) => return Ok(()),
        };
        let Some(piece) = piece else {
            drop(stream);
            // Fails where the peer has stopped listening, and then its response says why.
            let _ = OutgoingBody::finish(sink, None);
            return Ok(());
        };
        let written = write_all(&stream, &piece, limit_ms).await;
        if written.is_err() || is_ready(response) {
            return Ok(());
        }
    }
}

fn is_ready(response: &FutureIncomingResponse) -> bool {
    response.subscribe().ready()
}

/// Waits for a response's head.
async fn arriving(
    response: FutureIncomingResponse,
    timeouts: Timeouts,
) -> Result<Response<ResponseBody>, TransportError> {
    let deadline = Deadline::in_ms(timeouts.first_byte_ms);
    let response = loop {
        match response.get() {
            Some(Ok(result)) => break result.map_err(|error| transport_error(&error))?,
            Some(Err(())) => return Err(broken("the response was taken twice")),
            // Dropping the response cancels the request.
            None => ready_by(response.subscribe(), deadline)
                .await
                .map_err(|Elapsed| TransportError::Timeout)?,
        }
    };
    incoming_response(response, timeouts)
}

/// `pieces`: the body; `None` where it comes later, with the length that the headers say.
fn outgoing_request(
    parts: &http::request::Parts,
    pieces: Option<&[Bytes]>,
) -> Result<OutgoingRequest, TransportError> {
    let mut entries: Vec<(String, Vec<u8>)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    let length = pieces.map(|pieces| pieces.iter().map(Bytes::len).sum::<usize>());
    let has_body =
        |length| length > 0 || !matches!(parts.method, http::Method::GET | http::Method::HEAD);
    if let Some(length) = length.filter(|length| has_body(*length)) {
        let name = http::header::CONTENT_LENGTH;
        entries.retain(|(known, _)| *known != name.as_str());
        entries.push((name.to_string(), length.to_string().into_bytes()));
    }
    let headers = Fields::from_list(&entries).map_err(|error| broken(&error.to_string()))?;
    let outgoing = OutgoingRequest::new(headers);
    let scheme = match parts.uri.scheme_str() {
        Some("https") => Scheme::Https,
        _ => Scheme::Http,
    };
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let path = parts
        .uri
        .path_and_query()
        .map(http::uri::PathAndQuery::as_str);
    outgoing
        .set_method(&method(&parts.method))
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(authority))
        .and_then(|()| outgoing.set_path_with_query(path))
        .map_err(|()| broken("the request's address is not valid"))?;
    Ok(outgoing)
}

fn method(method: &http::Method) -> Method {
    match method.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn options(timeouts: Timeouts) -> RequestOptions {
    let options = RequestOptions::new();
    // A host that supports no such option keeps its own timeouts; the later of both is not waited for.
    let _ = options.set_connect_timeout(Some(timeouts.connect_ms * NS_PER_MS));
    let _ = options.set_first_byte_timeout(Some(timeouts.first_byte_ms * NS_PER_MS));
    let _ = options.set_between_bytes_timeout(Some(timeouts.between_bytes_ms * NS_PER_MS));
    options
}

/// Writes the pieces; where the peer stops listening, its response (or the lack of one) says why. So it does where
/// the peer takes nothing for `limit_ms`.
async fn write_body(body: OutgoingBody, pieces: &[Bytes], limit_ms: u64) {
    let Ok(stream) = body.write() else { return };
    for piece in pieces {
        if write_all(&stream, piece, limit_ms).await.is_err() {
            return;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// Writes all bytes, waiting for room where there is none, `limit_ms` at most each time.
pub(crate) async fn write_all(
    stream: &OutputStream,
    bytes: &[u8],
    limit_ms: u64,
) -> Result<(), Stopped> {
    let mut rest = bytes;
    let mut deadline = None;
    while !rest.is_empty() {
        let room = stream.check_write()? as usize;
        if room == 0 {
            let deadline = *deadline.get_or_insert_with(|| Deadline::in_ms(limit_ms));
            ready_by(stream.subscribe(), deadline).await?;
            continue;
        }
        deadline = None;
        let (now, later) = rest.split_at(room.min(rest.len()));
        stream.write(now)?;
        rest = later;
    }
    Ok(())
}

fn incoming_response(
    response: IncomingResponse,
    timeouts: Timeouts,
) -> Result<Response<ResponseBody>, TransportError> {
    let mut converted = Response::builder().status(
        StatusCode::from_u16(response.status()).map_err(|error| broken(&error.to_string()))?,
    );
    for (name, value) in response.headers().entries() {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(&value),
        ) {
            converted = converted.header(name, value);
        }
    }
    let body = response
        .consume()
        .map_err(|()| broken("the response has no body"))?;
    let stream = body
        .stream()
        .map_err(|()| broken("the response has no body"))?;
    converted
        .body(ResponseBody {
            stream,
            between_ms: timeouts.between_bytes_ms,
            _body: body,
            _response: response,
        })
        .map_err(|error| broken(&error.to_string()))
}

/// The body of a response, still arriving.
///
/// The fields are dropped in their order: a stream is a child of its body.
#[derive(Debug)]
pub struct ResponseBody {
    stream: InputStream,
    /// How long its next piece may take, in milliseconds.
    between_ms: u64,
    _body: IncomingBody,
    // Dropping the response cancels the request where the host has not sent all of it.
    _response: IncomingResponse,
}

impl ResponseBody {
    /// Moves what has arrived to `sink` without passing through the guest, and waits where that is nothing: for the
    /// peer as long as its [`Timeouts`] say, for the sink [`CLIENT_MS`]. The end is [`StreamError::Closed`], as is a
    /// sink or a peer that is gone.
    pub(crate) async fn splice(&self, sink: &OutputStream, most: u64) -> Result<u64, Stopped> {
        let (mut by_peer, mut by_client) = (None, None);
        loop {
            let moved = sink.splice(&self.stream, most)?;
            if moved > 0 {
                return Ok(moved);
            }
            if sink.check_write()? == 0 {
                let deadline = *by_client.get_or_insert_with(|| Deadline::in_ms(CLIENT_MS));
                ready_by(sink.subscribe(), deadline).await?;
            } else {
                let deadline = *by_peer.get_or_insert_with(|| Deadline::in_ms(self.between_ms));
                ready_by(self.stream.subscribe(), deadline).await?;
            }
        }
    }
}

impl ResponseBody {
    /// Drops the next `count` bytes where they arrive, without moving them into the guest.
    pub(crate) async fn skip(&self, count: u64) -> Result<(), Stopped> {
        let (mut left, mut by_peer) = (count, None);
        while left > 0 {
            match self.stream.skip(left)? {
                0 => {
                    let deadline = *by_peer.get_or_insert_with(|| Deadline::in_ms(self.between_ms));
                    ready_by(self.stream.subscribe(), deadline).await?;
                }
                skipped => {
                    left -= skipped;
                    by_peer = None;
                }
            }
        }
        Ok(())
    }
}

impl ReadBody for ResponseBody {
    async fn read(&mut self) -> Result<Option<Bytes>, TransportError> {
        let mut deadline = None;
        loop {
            if let Poll::Ready(piece) = try_read(&self.stream)? {
                return Ok(piece);
            }
            let deadline = *deadline.get_or_insert_with(|| Deadline::in_ms(self.between_ms));
            ready_by(self.stream.subscribe(), deadline)
                .await
                .map_err(|Elapsed| TransportError::Timeout)?;
        }
    }
}

/// Why no more can be moved.
#[derive(Debug, Error)]
pub(crate) enum Stopped {
    /// A stream has ended or failed.
    #[error("a stream has ended or failed")]
    Stream(#[from] StreamError),
    /// Nothing moved for too long.
    #[error("nothing moved for too long")]
    Stalled(#[from] Elapsed),
}

/// What has arrived of a stream, `None` at its end; pending where nothing has.
pub(crate) fn try_read(stream: &InputStream) -> Result<Poll<Option<Bytes>>, TransportError> {
    match stream.read(READ_SIZE) {
        Ok(bytes) if bytes.is_empty() => Ok(Poll::Pending),
        Ok(bytes) => Ok(Poll::Ready(Some(Bytes::from(bytes)))),
        Err(StreamError::Closed) => Ok(Poll::Ready(None)),
        Err(StreamError::LastOperationFailed(error)) => {
            Err(match wasi::http::types::http_error_code(&error) {
                Some(code) => transport_error(&code),
                None => broken(&error.to_debug_string()),
            })
        }
    }
}

fn transport_error(code: &ErrorCode) -> TransportError {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => TransportError::Denied,
        ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_) => TransportError::Unreachable(format!("{code:?}")),
        ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => TransportError::Timeout,
        other => broken(&format!("{other:?}")),
    }
}

fn broken(reason: &str) -> TransportError {
    TransportError::Connection(reason.to_owned())
}
