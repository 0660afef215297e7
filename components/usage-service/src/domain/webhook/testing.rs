//! A receiver, for tests.
#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::future::{pending, poll_fn};
use std::task::Poll;

use bytes::Bytes;
use futures::executor::block_on;
use http::{Request, Response};
use spinreel_api::Timestamp;
use spinreel_api::alerts::{Alert, AlertKind};
use spinreel_platform::memory::{ManualClock, MemoryStore, Pieces, SeededRandom};
use spinreel_platform::{Clock, HttpClient, Store, TransportError};

use super::queue::LOOK_AT_LEAST_EVERY_MS;
use super::{Delivery, Endpoint, Run, Webhooks};
use crate::domain::Usage;
use crate::domain::testing::{NOON, alert};
use spinreel_ledger::DEAD_AFTER_MS;

pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new("http://receiver.test", "/hooks", SECRET).unwrap()
}

/// A delivery of the user `u` that nobody wrote down.
pub(super) fn delivery(id: &str) -> Delivery {
    let alert = Alert {
        id: id.to_owned(),
        kind: AlertKind::Storage,
        threshold_percent: 80,
        used_bytes: 810,
        limit_bytes: 1_000,
        at: Timestamp::from_ms(NOON),
    };
    Delivery::new("u", alert, 1, NOON)
}

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Does {
    /// It answers with this status.
    Answer(u16),
    /// It asks for a pause, in a value of `Retry-After`.
    AskFor(&'static str),
    /// It sends the request elsewhere.
    Redirect,
    /// It has the request and never answers: who asked has died.
    KeepWaiting,
    /// There is none.
    BeUnreachable,
    /// It answers 200 after so many milliseconds.
    TakeLong(u64),
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) uri: String,
    pub(super) webhook_id: String,
    pub(super) timestamp: u64,
    pub(super) alert_id: String,
}

/// A receiver that does what it is told, request by request, and then answers 200. It lets others run before each answer.
pub(super) struct Receiver<'a> {
    clock: &'a ManualClock,
    script: RefCell<VecDeque<Does>>,
    otherwise: Cell<Does>,
    received: RefCell<Vec<Received>>,
}

impl<'a> Receiver<'a> {
    pub(super) fn new(clock: &'a ManualClock) -> Self {
        Self {
            clock,
            script: RefCell::default(),
            otherwise: Cell::new(Does::Answer(200)),
            received: RefCell::default(),
        }
    }

    pub(super) fn next(&self, does: impl IntoIterator<Item = Does>) {
        self.script.borrow_mut().extend(does);
    }

    pub(super) fn always(&self, does: Does) {
        self.otherwise.set(does);
    }

    /// What arrived since the last time.
    pub(super) fn take(&self) -> Vec<Received> {
        self.received.take()
    }

    /// The alerts of what arrived since the last time.
    pub(super) fn take_alerts(&self) -> Vec<String> {
        let received = self.take();
        received.into_iter().map(|one| one.alert_id).collect()
    }
}

impl HttpClient for Receiver<'_> {
    type Body = Pieces;

    async fn send(&self, request: Request<Vec<Bytes>>) -> Result<Response<Pieces>, TransportError> {
        let does = self.script.borrow_mut().pop_front();
        let does = does.unwrap_or(self.otherwise.get());
        if matches!(does, Does::BeUnreachable) {
            return Err(TransportError::Unreachable("ConnectionRefused".into()));
        }
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        let body: serde_json::Value = serde_json::from_slice(&request.body().concat()).unwrap();
        self.received.borrow_mut().push(Received {
            uri: request.uri().to_string(),
            webhook_id: header("webhook-id"),
            timestamp: header("webhook-timestamp").parse().unwrap(),
            alert_id: body["data"]["id"].as_str().unwrap().to_owned(),
        });
        let mut waited = false;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            match std::mem::replace(&mut waited, true) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        let response = Response::builder();
        let response = match does {
            Does::Answer(status) => response.status(status),
            Does::AskFor(pause) => response.status(503).header("retry-after", pause),
            Does::Redirect => response
                .status(307)
                .header("location", "http://elsewhere.test/"),
            Does::TakeLong(ms) => {
                self.clock.sleep_ms(ms).await;
                response.status(200)
            }
            Does::KeepWaiting | Does::BeUnreachable => pending().await,
        };
        Ok(response.body(Pieces::default()).unwrap())
    }
}

/// Deliveries to the receiver.
pub(super) struct World<'a, S> {
    pub(super) store: &'a S,
    pub(super) clock: &'a ManualClock,
    pub(super) receiver: &'a Receiver<'a>,
    pub(super) endpoint: Endpoint,
    pub(super) random: SeededRandom,
}

impl<'a, S: Store> World<'a, S> {
    pub(super) fn new(store: &'a S, clock: &'a ManualClock, receiver: &'a Receiver<'a>) -> Self {
        Self {
            store,
            clock,
            receiver,
            endpoint: endpoint(),
            random: SeededRandom::new(clock.now_ms()),
        }
    }

    pub(super) fn webhooks(&self) -> Webhooks<'_, S, ManualClock, SeededRandom, Receiver<'a>> {
        Webhooks {
            store: self.store,
            clock: self.clock,
            random: &self.random,
            http: self.receiver,
            endpoint: &self.endpoint,
            offline: false,
        }
    }

    /// Delivers what is due, now.
    pub(super) fn deliver(&self) -> Run {
        block_on(self.webhooks().deliver_due()).unwrap()
    }

    /// Comes by every second for so many milliseconds; what happened.
    pub(super) fn pass(&self, ms: u64) -> Vec<super::Event> {
        let end = self.clock.now_ms() + ms;
        let mut events = Vec::new();
        while self.clock.now_ms() < end {
            events.extend(self.deliver().events);
            self.clock.advance_ms(1_000);
        }
        events
    }
}

/// The numbers that have a delivery.
pub(super) fn pending_numbers(store: &MemoryStore) -> BTreeSet<u64> {
    let keys = store.keys().into_iter();
    keys.filter_map(|key| key.strip_prefix("usage/webhooks/")?.parse().ok())
        .collect()
}

/// The domain, with a webhook.
pub(super) fn usage<'a, S: Store>(
    store: &'a S,
    clock: &'a ManualClock,
) -> Usage<'a, S, ManualClock> {
    Usage::new(store, clock, 1_000).with_webhook(true)
}

/// Raises an alert of the user `u`.
pub(super) fn raise(store: &impl Store, clock: &ManualClock, id: &str) {
    block_on(usage(store, clock).raise(id, &alert(810))).unwrap();
}

/// As long as it takes at most until everything that was left behind is looked at again.
pub(super) const LONG: u64 = LOOK_AT_LEAST_EVERY_MS + DEAD_AFTER_MS;
