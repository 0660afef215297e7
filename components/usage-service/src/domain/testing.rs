//! What the domain's tests share.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::{LocalBoxFuture, poll_fn};
use futures::task::noop_waker;
use spinreel_api::Timestamp;
use spinreel_api::alerts::{AlertKind, RaiseAlert};
use spinreel_api::internal::{Direction, Playback, Reservation, Reserve, Settle};
use spinreel_api::usage::{Action, ActionKind};
use spinreel_platform::memory::{ManualClock, MemoryStore, SeededRandom};
use spinreel_platform::{Clock, Random, Store, StoreError};

use super::days::DayKeys;
use super::{Granted, Outcome, Usage};

/// 2023-11-14T12:00:00Z.
pub(super) const NOON: u64 = 1_699_963_200_000;

/// A request of the user `u` to reserve bytes that come in.
pub(super) fn incoming(bytes: u64) -> Reserve {
    Reserve {
        user_id: "u".to_owned(),
        direction: Direction::In,
        bytes,
        playback: None,
    }
}

/// The same, for bytes that go out and are no playback's.
pub(super) fn outgoing(bytes: u64) -> Reserve {
    Reserve {
        direction: Direction::Out,
        ..incoming(bytes)
    }
}

/// The same, for a part of a playback of one video by one viewer.
pub(super) fn playback(bytes: u64) -> Reserve {
    viewed("viewer", bytes)
}

/// The same, by this viewer.
pub(super) fn viewed(viewer: &str, bytes: u64) -> Reserve {
    Reserve {
        playback: Some(Playback {
            video_id: "video".to_owned(),
            viewer: viewer.to_owned(),
            kind: ActionKind::Stream,
        }),
        ..outgoing(bytes)
    }
}

/// What a request takes of a day that has room for it.
pub(super) async fn granted(
    usage: &Usage<'_, impl Store, ManualClock>,
    request: &Reserve,
) -> Granted {
    match usage.reserve(request).await.unwrap() {
        Outcome::Granted(granted) => granted,
        Outcome::Refused => panic!("{request:?} was refused"),
    }
}

/// The same, and what is to be handed back.
pub(super) async fn reserved(
    usage: &Usage<'_, impl Store, ManualClock>,
    request: &Reserve,
) -> Reservation {
    granted(usage, request).await.reservation
}

/// Bytes that were reserved to come in, now.
pub(super) fn reservation(clock: &ManualClock, bytes: u64) -> Reservation {
    Reservation {
        day: Timestamp::from_ms(clock.now_ms()).day(),
        direction: Direction::In,
        bytes,
        playback: None,
    }
}

/// A settlement of the user `u`; a deletion moves nothing, any other action its bytes.
pub(super) fn settle(reservations: Vec<Reservation>, action: Option<Action>) -> Settle {
    let moves = action
        .as_ref()
        .filter(|action| action.action != ActionKind::Delete);
    Settle {
        user_id: "u".to_owned(),
        reservations,
        moved: moves.map_or(0, |action| action.bytes),
        action,
    }
}

/// A settlement of the user `u` that gives back what was not moved, and no more.
pub(super) fn give_back(reservation: Reservation, moved: u64) -> Settle {
    Settle {
        moved,
        ..settle(vec![reservation], None)
    }
}

/// Uploads so many bytes, with as many reserved.
pub(super) async fn uploaded(
    usage: &Usage<'_, impl Store, ManualClock>,
    clock: &ManualClock,
    bytes: u64,
) {
    let reservation = reserved(usage, &incoming(bytes)).await;
    let settlement = settle(vec![reservation], Some(upload(clock, bytes)));
    usage.settle(&settlement).await.unwrap();
}

/// An action that happens now.
pub(super) fn action(clock: &ManualClock, kind: ActionKind, bytes: u64) -> Action {
    Action {
        at: Timestamp::from_ms(clock.now_ms()),
        action: kind,
        video_id: Some("video".to_owned()),
        bytes,
    }
}

/// An upload that ends now.
pub(super) fn upload(clock: &ManualClock, bytes: u64) -> Action {
    action(clock, ActionKind::Upload, bytes)
}

/// An alert of the user `u`, who crossed 80 % of 1,000 bytes at [`NOON`].
pub(super) fn alert(used_bytes: u64) -> RaiseAlert {
    RaiseAlert {
        user_id: "u".to_owned(),
        kind: AlertKind::Storage,
        threshold_percent: 80,
        used_bytes,
        limit_bytes: 1_000,
        at: Timestamp::from_ms(NOON),
    }
}

/// What the counters of `u` say, in and out, on the day of `at_ms`.
pub(super) fn bytes_of(store: &MemoryStore, at_ms: u64) -> (i64, i64) {
    let keys = DayKeys::new("u", Timestamp::from_ms(at_ms).day());
    let read = |direction| {
        let read = keys.bytes(direction).get(store).now_or_never();
        read.unwrap().unwrap()
    };
    (read(Direction::In), read(Direction::Out))
}

/// A store that lets others run before each of its calls, and may stop for ever.
#[derive(Debug)]
pub(super) struct Stepping<'a> {
    store: &'a MemoryStore,
    dies_after: Option<u64>,
    calls: Cell<u64>,
}

impl<'a> Stepping<'a> {
    /// Lets others run before each call.
    pub(super) fn new(store: &'a MemoryStore) -> Self {
        Self {
            store,
            dies_after: None,
            calls: Cell::new(0),
        }
    }

    /// Lets `calls` calls through at once and never answers the next one: its caller has died.
    pub(super) fn dying_after(store: &'a MemoryStore, calls: u64) -> Self {
        Self {
            dies_after: Some(calls),
            ..Self::new(store)
        }
    }

    async fn step(&self) {
        self.calls.set(self.calls.get() + 1);
        let mut waited = false;
        poll_fn(|context| match self.dies_after {
            Some(calls) if self.calls.get() > calls => Poll::Pending,
            Some(_) => Poll::Ready(()),
            None if waited => Poll::Ready(()),
            None => {
                waited = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await;
    }
}

impl Store for Stepping<'_> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.step().await;
        self.store.get(key).await
    }
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.step().await;
        self.store.set(key, value).await
    }
    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.step().await;
        self.store.set_many(pairs).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.step().await;
        self.store.delete(key).await
    }
    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        self.step().await;
        self.store.delete_many(keys).await
    }
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        self.step().await;
        self.store.increment(key, delta).await
    }
}

/// A store on which time passes right before one of its calls.
pub(super) struct Clockwork<'a> {
    store: Stepping<'a>,
    clock: &'a ManualClock,
    moves: (u64, u64),
    calls: Cell<u64>,
}

impl<'a> Clockwork<'a> {
    /// `moves`: before which call, counted from 0, and by how many milliseconds.
    pub(super) fn new(store: Stepping<'a>, clock: &'a ManualClock, moves: (u64, u64)) -> Self {
        Self {
            store,
            clock,
            moves,
            calls: Cell::new(0),
        }
    }

    /// Whether the time has passed.
    pub(super) fn has_moved(&self) -> bool {
        self.calls.get() > self.moves.0
    }

    fn tick(&self) -> &Stepping<'a> {
        if self.calls.get() == self.moves.0 {
            self.clock.advance_ms(self.moves.1);
        }
        self.calls.set(self.calls.get() + 1);
        &self.store
    }
}

impl Store for Clockwork<'_> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.tick().get(key).await
    }
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.tick().set(key, value).await
    }
    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.tick().set_many(pairs).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.tick().delete(key).await
    }
    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        self.tick().delete_many(keys).await
    }
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        self.tick().increment(key, delta).await
    }
}

/// Runs the calls to their ends, one step of one of them at a time, in an order that belongs to `seed`.
pub(super) fn interleave<T>(seed: u64, calls: Vec<LocalBoxFuture<'_, T>>) -> Vec<T> {
    let random = SeededRandom::new(seed.wrapping_mul(2));
    let mut outcomes: Vec<Option<T>> = calls.iter().map(|_| None).collect();
    let mut running: Vec<_> = calls.into_iter().enumerate().collect();
    let waker = noop_waker();
    let mut context = Context::from_waker(&waker);
    while !running.is_empty() {
        let mut byte = [0];
        random.fill(&mut byte);
        let chosen = usize::from(byte[0]) % running.len();
        let (index, mut call) = running.swap_remove(chosen);
        match call.as_mut().poll(&mut context) {
            Poll::Ready(outcome) => outcomes[index] = Some(outcome),
            Poll::Pending => running.push((index, call)),
        }
    }
    outcomes.into_iter().map(Option::unwrap).collect()
}
