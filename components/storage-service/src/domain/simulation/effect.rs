//! Calls that cross the network, and the ways in which they fail.

use bytes::Bytes;
use http::{Method, Request, Response};
use spinreel_platform::memory::Pieces;

use super::bucket;
use super::peers::ServiceCall;
use super::profile::Provider;
use super::store::{Operation, Value};
use super::world::World;

/// A call that somebody made.
#[derive(Debug)]
pub(super) enum Effect {
    Store(Operation),
    Bucket(Box<Request<Vec<Bytes>>>),
    Service(ServiceCall),
}

/// What a call that took effect is answered.
#[derive(Debug)]
pub(super) enum Answer {
    Value(Option<Vec<u8>>),
    Sum(i64),
    Done,
    Response(Response<Pieces>),
    Granted(bool),
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing does.
    None,
    /// It fails and never takes effect.
    Before,
    /// It is refused for good.
    Refused,
    /// It takes effect, and its answer is lost.
    After,
    /// Its answer is lost first, and then it takes effect.
    Late,
    /// It arrives twice.
    Twice,
    /// It fails half-way.
    Part,
    /// Less of it is done than was asked, and the answer says so.
    Less,
}

impl Effect {
    /// What goes wrong with it.
    pub(super) fn fault(&self, world: &World) -> Fault {
        let (profile, dice) = (&world.profile, &world.dice);
        match self {
            Self::Store(operation) => {
                if matches!(operation, Operation::Increment { .. })
                    && world.happens(profile.contention)
                {
                    return Fault::Before;
                }
                if !world.happens(profile.store_faults) {
                    return Fault::None;
                }
                match operation.is_batch() && profile.provider == Provider::DynamoDb {
                    true => Fault::Part,
                    false => dice.pick(&[Fault::Before, Fault::After, Fault::Late]),
                }
            }
            Self::Bucket(request) => {
                if !world.happens(profile.bucket_faults) {
                    return Fault::None;
                }
                match bucket::is_chunk(request) {
                    true => dice.pick(&[
                        Fault::Before,
                        Fault::After,
                        Fault::Late,
                        Fault::Twice,
                        Fault::Part,
                        Fault::Less,
                        Fault::Refused,
                    ]),
                    false => dice.pick(&[
                        Fault::Before,
                        Fault::Before,
                        Fault::After,
                        Fault::After,
                        Fault::Late,
                        Fault::Twice,
                        Fault::Refused,
                    ]),
                }
            }
            Self::Service(_) => match world.happens(profile.peer_faults) {
                true => dice.pick(&[Fault::Before, Fault::After, Fault::Late]),
                false => Fault::None,
            },
        }
    }

    /// Whether it changes nothing.
    pub(super) fn is_read(&self) -> bool {
        match self {
            Self::Store(operation) => matches!(operation, Operation::Get(_)),
            Self::Bucket(request) => *request.method() == Method::GET,
            Self::Service(_) => false,
        }
    }

    /// Does it.
    pub(super) fn apply(&self, world: &World) -> Answer {
        match self {
            Self::Store(operation) => world.store.borrow_mut().apply(operation, world),
            Self::Bucket(request) => {
                Answer::Response(world.bucket.borrow_mut().answer(request, world))
            }
            Self::Service(call) => world.services.borrow_mut().apply(call, world),
        }
    }

    /// What is done of it when it breaks off.
    pub(super) fn part(self, world: &World) -> Self {
        match self {
            Self::Store(operation) if world.profile.provider == Provider::DynamoDb => {
                Self::Store(operation.part(&world.dice))
            }
            Self::Bucket(request) => Self::Bucket(Box::new(bucket::part(*request, &world.dice))),
            whole => whole,
        }
    }

    /// One line for whoever replays a seed.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Store(operation) => operation.describe(),
            Self::Bucket(request) => {
                let length: usize = request.body().iter().map(Bytes::len).sum();
                let range = request.headers().get("content-range");
                format!(
                    "{} {} {range:?} with {length} bytes",
                    request.method(),
                    request.uri()
                )
            }
            Self::Service(call) => format!("{call:?}"),
        }
    }
}

impl Answer {
    pub(super) fn value(self) -> Option<Vec<u8>> {
        match self {
            Self::Value(value) => value,
            other => unreachable!("{other:?} is no value"),
        }
    }

    pub(super) fn sum(self) -> i64 {
        match self {
            Self::Sum(sum) => sum,
            other => unreachable!("{other:?} is no sum"),
        }
    }
}

impl From<Option<&Value>> for Answer {
    fn from(value: Option<&Value>) -> Self {
        Self::Value(value.map(Value::to_bytes))
    }
}
