//! A client's body, and how long its client is waited for.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use spin_sdk::http::IncomingRequest;
use spinreel_platform::{ReadBody, TransportError};
use wasi::io::streams::InputStream;

use crate::outbound::try_read;
use crate::pace::Pace;
use crate::wait::{Deadline, now_ns, ready_by};

/// How much of a body is read on after the answer, in bytes.
const DRAIN_LIMIT: u64 = 64 * 1024 * 1024;
/// How long it is read on after the answer, in milliseconds.
const DRAIN_MS: u64 = 5_000;
/// How long nothing may come meanwhile: who has sent nothing for so long is not in the middle of sending.
const DRAIN_PAUSE_MS: u64 = 500;

/// The body of a request, still arriving; `None` where there is none.
#[derive(Debug)]
pub struct RequestBody(Option<Rc<Arriving>>);

/// The fields are dropped in their order: a stream is a child of its body.
#[derive(Debug)]
struct Arriving {
    stream: InputStream,
    ended: Cell<bool>,
    pace: Cell<Pace>,
    is_late: Cell<bool>,
    read: Rc<Cell<u64>>,
    _body: spin_sdk::wit::wasi::http0_2_0::types::IncomingBody,
    _request: IncomingRequest,
}

impl RequestBody {
    /// That of a request without one.
    pub(crate) fn empty() -> Self {
        Self(None)
    }

    /// That of a request; counts what is read in `read`.
    pub(crate) fn of(request: IncomingRequest, read: Rc<Cell<u64>>) -> Option<Self> {
        let body = request.consume().ok()?;
        let stream = body.stream().ok()?;
        Some(Self(Some(Rc::new(Arriving {
            stream,
            ended: Cell::new(false),
            pace: Cell::new(Pace::whole(now_ns())),
            is_late: Cell::new(false),
            read,
            _body: body,
            _request: request,
        }))))
    }

    /// Another handle on the same body.
    pub(crate) fn share(&self) -> Self {
        Self(self.0.clone())
    }

    /// Whether there is something that arrives.
    pub(crate) fn arrives(&self) -> bool {
        self.0.is_some()
    }

    /// Holds the client to a pace from now on.
    pub(crate) fn hold_to(&self, pace: Pace) {
        if let Some(arriving) = &self.0 {
            arriving.pace.set(pace);
        }
    }

    fn has_ended(&self) -> bool {
        self.0.as_ref().is_none_or(|arriving| arriving.ended.get())
    }

    /// Whether the client did not keep the pace.
    pub(crate) fn is_late(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|arriving| arriving.is_late.get())
    }

    /// Reads on after the answer and forgets what comes, while the client is sending: it hears the answer only if
    /// somebody listens on, since a connection that is closed with bytes unread is reset. That takes five seconds at
    /// most, and ends with the first half second in which nothing came.
    pub(crate) async fn drain(mut self) {
        let end = Deadline::in_ms(DRAIN_MS);
        let mut drained = 0;
        while !self.has_ended() && drained < DRAIN_LIMIT && !end.has_passed() {
            let pause = end.min(Deadline::in_ms(DRAIN_PAUSE_MS));
            self.hold_to(Pace::Until(pause.as_ns()));
            match self.read().await {
                Ok(Some(piece)) => drained += piece.len() as u64,
                Ok(None) | Err(_) => break,
            }
        }
    }
}

impl Arriving {
    /// The next piece; [`TransportError::Timeout`] where the client does not keep the pace.
    async fn next(&self) -> Result<Option<Bytes>, TransportError> {
        loop {
            if let Poll::Ready(piece) = try_read(&self.stream)? {
                let bytes = piece.as_ref().map_or(0, Bytes::len) as u64;
                self.pace.set(self.pace.get().after_bytes(bytes));
                return Ok(piece);
            }
            let began = now_ns();
            let deadline = Deadline::at_ns(self.pace.get().deadline(began));
            if ready_by(self.stream.subscribe(), deadline).await.is_err() {
                return Err(TransportError::Timeout);
            }
            let waited = now_ns().saturating_sub(began);
            self.pace.set(self.pace.get().after_wait(waited));
        }
    }
}

impl ReadBody for RequestBody {
    async fn read(&mut self) -> Result<Option<Bytes>, TransportError> {
        let Some(arriving) = self.0.as_ref().filter(|arriving| !arriving.ended.get()) else {
            return Ok(None);
        };
        let piece = arriving.next().await;
        match &piece {
            Ok(Some(bytes)) => arriving.read.set(arriving.read.get() + bytes.len() as u64),
            Err(TransportError::Timeout) => arriving.is_late.set(true),
            Ok(None) | Err(_) => arriving.ended.set(true),
        }
        piece
    }
}
