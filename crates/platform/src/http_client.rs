use bytes::Bytes;
use http::{Request, Response};
use thiserror::Error;

/// Sends HTTP requests.
pub trait HttpClient {
    /// The body of a response, still arriving.
    type Body: ReadBody;

    /// Sends a request and waits for the response's head.
    ///
    /// The body is a list of pieces, so that a chunk collected from a stream can be sent, and sent again, without
    /// copying it together. A [`Timeouts`] among the request's extensions replaces the default one.
    async fn send(
        &self,
        request: Request<Vec<Bytes>>,
    ) -> Result<Response<Self::Body>, TransportError>;
}

/// A body that arrives piece by piece.
pub trait ReadBody {
    /// The next piece, never empty; `None` at the end.
    async fn read(&mut self) -> Result<Option<Bytes>, TransportError>;
}

/// How long to wait for a peer, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect_ms: u64,
    /// From the last byte of the request that the peer took until the next, or until the response's head.
    pub first_byte_ms: u64,
    /// Between two pieces of the response's body.
    pub between_bytes_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect_ms: 5_000,
            first_byte_ms: 30_000,
            between_bytes_ms: 30_000,
        }
    }
}

/// Why no (whole) response came.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    /// No connection came about: the peer cannot have acted on the request.
    #[error("the peer cannot be reached: {0}")]
    Unreachable(String),
    /// The connection broke. The peer may have acted on the request, or do so yet.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// The peer took longer than the [`Timeouts`] allow; of a request's body, the client was slower than it may be.
    #[error("the peer did not answer in time")]
    Timeout,
    /// The host does not allow requests to this address.
    #[error("requests to this address are not allowed")]
    Denied,
    /// The body is longer than the reader accepts.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Reads a whole body that may have at most `limit` bytes.
pub async fn collect(body: &mut impl ReadBody, limit: usize) -> Result<Vec<u8>, TransportError> {
    let mut collected = Vec::new();
    while let Some(piece) = body.read().await? {
        if collected.len() + piece.len() > limit {
            return Err(TransportError::TooLong { limit });
        }
        collected.extend_from_slice(&piece);
    }
    Ok(collected)
}

impl<T: HttpClient> HttpClient for &T {
    type Body = T::Body;
    async fn send(
        &self,
        request: Request<Vec<Bytes>>,
    ) -> Result<Response<Self::Body>, TransportError> {
        (**self).send(request).await
    }
}
