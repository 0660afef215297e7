//! The platform's traits on the simulated [`World`]: the seams at which the domain's own code meets it.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use spinreel_api::Timestamp;
use spinreel_api::alerts::RaiseAlert;
use spinreel_api::internal::{AnnounceVideo, Direction, Reservation};
use spinreel_api::usage::Action;
use spinreel_platform::memory::Pieces;
use spinreel_platform::{Clock, HttpClient, Random, Store, StoreError, TransportError};

use super::effect::{Answer, Effect, Fault};
use super::mutation;
use super::peers::ServiceCall;
use super::store::Operation;
use super::world::World;
use crate::domain::peers::{Announced, PeerFailure, Peers};

/// One client's view of the world.
#[derive(Clone, Copy)]
pub(super) struct Handle<'w> {
    world: &'w World,
    /// By how much the instance's clock is fast, in milliseconds.
    fast_ms: u64,
}

impl<'w> Handle<'w> {
    pub(super) fn new(world: &'w World) -> Self {
        let fast_ms = world.dice.below(world.profile.skew_ms + 1);
        Self { world, fast_ms }
    }

    async fn operate(self, operation: Operation) -> Result<Answer, StoreError> {
        let operation = match mutation::operation(self.world, operation) {
            mutation::Instead::Do(operation) => operation,
            mutation::Instead::Answer(answer) => return Ok(answer),
        };
        let answer = self.world.call(Effect::Store(operation)).await;
        answer.map_err(|fault| StoreError::Failed(format!("{fault:?}")))
    }

    async fn tell(self, call: ServiceCall) -> Result<Answer, PeerFailure> {
        if mutation::is_untold(self.world, &call) {
            return Ok(Answer::Done);
        }
        let answer = self.world.call(Effect::Service(call)).await;
        answer.map_err(|fault| PeerFailure(format!("{fault:?}")))
    }
}

impl Store for Handle<'_> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let answer = self.operate(Operation::Get(key.to_owned())).await?;
        Ok(mutation::value(self.world, key, answer.value()))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let pairs = vec![(key.to_owned(), value.to_owned())];
        self.operate(Operation::Set(pairs)).await.map(drop)
    }

    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.operate(Operation::Set(pairs.to_vec())).await.map(drop)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let keys = vec![key.to_owned()];
        self.operate(Operation::Delete(keys)).await.map(drop)
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        let keys = keys.to_vec();
        self.operate(Operation::Delete(keys)).await.map(drop)
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        let counter = key.to_owned();
        let operation = Operation::Increment {
            key: counter,
            delta,
        };
        let answer = self.operate(operation).await?;
        Ok(mutation::sum(self.world, key, delta, answer.sum()))
    }
}

impl HttpClient for Handle<'_> {
    type Body = Pieces;

    async fn send(&self, request: Request<Vec<Bytes>>) -> Result<Response<Pieces>, TransportError> {
        let world = self.world;
        let request = match mutation::request(world, request) {
            Ok(request) => Box::new(request),
            Err(status) => return Ok(answered(status)),
        };
        let is_deletion = mutation::is_deletion_of_object(&request);
        let fault = match world.call(Effect::Bucket(request)).await {
            Ok(Answer::Response(mut response)) => {
                let status = mutation::status(world, is_deletion, response.status());
                *response.status_mut() = status;
                return Ok(response);
            }
            Ok(other) => unreachable!("{other:?} is no response"),
            Err(fault) => fault,
        };
        let temporary = [
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::INTERNAL_SERVER_ERROR,
        ];
        // A request that was answered is over; one that was not may still take effect.
        match fault {
            Fault::Refused => Ok(answered(StatusCode::FORBIDDEN)),
            Fault::Before | Fault::After if world.dice.below(2) == 0 => {
                Ok(answered(world.dice.pick(&temporary)))
            }
            Fault::Before if world.dice.below(3) == 0 => {
                Err(TransportError::Unreachable("refused".to_owned()))
            }
            _ if world.dice.below(4) == 0 => Err(TransportError::Timeout),
            _ => Err(TransportError::Connection(format!("{fault:?}"))),
        }
    }
}

fn answered(status: StatusCode) -> Response<Pieces> {
    let mut response = Response::new(Pieces::default());
    *response.status_mut() = status;
    response
}

impl Clock for Handle<'_> {
    fn now_ms(&self) -> u64 {
        self.world.now_ms() + self.fast_ms
    }

    async fn sleep_ms(&self, ms: u64) {
        if !mutation::is_skipped(self.world, ms) {
            self.world.pause(ms).await;
        }
    }
}

impl Random for Handle<'_> {
    fn fill(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let random = self.world.dice.roll().to_le_bytes();
            part.copy_from_slice(&random[..part.len()]);
        }
    }
}

impl Peers for Handle<'_> {
    async fn reserve_bandwidth(
        &self,
        _: &str,
        bytes: u64,
    ) -> Result<Option<Reservation>, PeerFailure> {
        let reservation = Reservation {
            day: Timestamp::from_ms(self.world.now_ms()).day(),
            direction: Direction::In,
            bytes,
            playback: None,
        };
        match self.tell(ServiceCall::Reserve).await? {
            Answer::Granted(granted) => Ok(granted.then_some(reservation)),
            other => unreachable!("{other:?} grants nothing"),
        }
    }

    async fn settle_bandwidth(
        &self,
        _: &str,
        _: &[Reservation],
        _: u64,
        _: Option<Action>,
    ) -> Result<(), PeerFailure> {
        self.tell(ServiceCall::Settle).await.map(drop)
    }

    async fn announce(&self, id: &str, video: &AnnounceVideo) -> Result<Announced, PeerFailure> {
        let (id, video) = (id.to_owned(), Box::new(video.stored.clone()));
        let announced = self.tell(ServiceCall::Announce { id, video }).await;
        announced.map(|_| Announced::Taken)
    }

    async fn withdraw(&self, id: &str, _: &str, _: &str) -> Result<(), PeerFailure> {
        let id = id.to_owned();
        self.tell(ServiceCall::Withdraw { id }).await.map(drop)
    }

    async fn report_alert(&self, id: &str, _: &RaiseAlert) -> Result<(), PeerFailure> {
        let id = id.to_owned();
        self.tell(ServiceCall::Alert { id }).await.map(drop)
    }
}
