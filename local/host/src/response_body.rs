//! Bodies of another side, which must not stall: of another server's response, or of a client's request.

use std::error::Error as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::Error;

/// A body that ends with an error if nothing arrives for too long.
pub(crate) struct TimedBody {
    body: Incoming,
    between_bytes: Duration,
    /// Set while the body has nothing to give.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Held as long as the request is under way.
    _slot: Option<OwnedSemaphorePermit>,
}

impl TimedBody {
    /// A body whose parts follow each other within `between_bytes`.
    pub(crate) fn new(
        body: Incoming,
        between_bytes: Duration,
        slot: Option<OwnedSemaphorePermit>,
    ) -> TimedBody {
        TimedBody {
            body,
            between_bytes,
            stalled: None,
            _slot: slot,
        }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(frame) => {
                this.stalled = None;
                Poll::Ready(frame.map(|frame| frame.map_err(broken)))
            }
            Poll::Pending => {
                let limit = this.between_bytes;
                let stalled = this.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
                ready!(stalled.as_mut().poll(context));
                Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn broken(error: hyper::Error) -> Error {
    if is_cut_off(&error) {
        Error::HttpResponseIncomplete
    } else if error.is_timeout() {
        Error::HttpResponseTimeout
    } else {
        Error::Hyper(error)
    }
}

/// Whether a connection ended before the message did.
pub(crate) fn is_cut_off(error: &hyper::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>() {
            return true;
        }
        cause = inner.source();
    }
    error.is_incomplete_message() || error.is_body_write_aborted()
}
