use std::collections::VecDeque;
use std::rc::Rc;

use futures::{Stream, stream};
use http::header::{CONTENT_LENGTH, LOCATION, RANGE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::Timestamp;
use spinreel_api::actions;
use spinreel_api::internal::{Direction, Playback, Reservation, Reserve, Settle};
use spinreel_api::logs::Level;
use spinreel_api::usage::ActionKind;
use spinreel_http::Problem;
use spinreel_http::range::Part;
use spinreel_platform::Clock;
use spinreel_service::{
    Body, Call, Caller, Context, PeerError, Relay, ResponseBody, Splice, Spliced, Transfer,
};

use crate::domain::delivery::seconds_to_midnight;
use crate::domain::pieces::{self, Piece, stretch};
use crate::domain::pseudonym::{Person, pseudonym};
use crate::domain::record::Record;

/// A checksum of the whole file, also beside a part of it (RFC 9530, section 3).
pub(crate) const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// Bytes of a video on their way to a client.
pub(crate) struct Delivery<'a> {
    /// The video.
    pub(crate) record: &'a Record,
    /// Where storage-service has the file.
    pub(crate) path: String,
    /// What the body is made of: at least one piece, and at least one of the file.
    pub(crate) pieces: Vec<Piece>,
    /// How far pieces may lie apart that one read of the file brings, in bytes.
    pub(crate) most_gap: u64,
    /// What it is, seen from the owner.
    pub(crate) kind: ActionKind,
}

/// Where the bytes are to be had.
pub(crate) enum Opened {
    /// Here, as they arrive from storage-service.
    Here {
        /// The body.
        body: Body,
        /// The bucket's checksum of the whole file.
        digest: Option<HeaderValue>,
    },
    /// At an address of the bucket, which is a credential.
    Elsewhere(HeaderValue),
}

/// A part of the file from storage-service.
enum Fetched {
    Here {
        bytes: ResponseBody,
        digest: Option<HeaderValue>,
    },
    Elsewhere(HeaderValue),
}

impl Delivery<'_> {
    /// Opens the bytes, so that nothing is counted where they cannot be had, and takes the bandwidth before the first one
    /// is sent. What is not sent is given back. What the bucket sends itself is billed as asked for: nobody here sees what
    /// arrives.
    pub(crate) async fn open(self, call: &Call) -> Result<Opened, Problem> {
        let context = &call.context;
        let file = File::of(self.record, self.path);
        let first = stretch(&self.pieces, self.most_gap)
            .ok_or_else(|| Problem::internal("a delivery without a byte of the file"))?;
        let fetched = file.fetch(context, first).await?;
        let bytes = pieces::length(&self.pieces);
        let playback = Playback {
            video_id: self.record.id.clone(),
            viewer: viewer(call),
            kind: self.kind,
        };
        let owner = file.owner.clone();
        let reservation = reserve(context, &owner, bytes, playback).await?;
        let (source, digest) = match fetched {
            Fetched::Here { bytes, digest } => (bytes, digest),
            Fetched::Elsewhere(address) => return Ok(Opened::Elsewhere(address)),
        };
        let after = Rc::clone(context);
        let finished = move |transfer: Transfer| {
            if transfer.bytes < reservation.bytes {
                let later = Rc::clone(&after);
                after.after_answer(async move {
                    give_back(&later, owner, reservation, transfer.bytes).await;
                });
            }
            Box::pin(std::future::ready(())) as _
        };
        let body = match self.pieces.as_slice() {
            [Piece::File(_)] => Body::Relay(Relay::new(source).on_finish(finished)),
            _ => {
                let source = Source {
                    bytes: Rc::new(source),
                    next: first.start,
                    end: first.end,
                };
                let parts = Assembly {
                    context: Rc::clone(context),
                    file,
                    source,
                    pieces: self.pieces.into(),
                    most_gap: self.most_gap,
                };
                Body::Spliced(Spliced::new(parts.into_stream()).on_finish(finished))
            }
        };
        Ok(Opened::Here { body, digest })
    }
}

/// A response that brings a stretch of a file.
struct Source {
    bytes: Rc<ResponseBody>,
    /// The place in the file that comes next.
    next: u64,
    /// The last byte that comes.
    end: u64,
}

/// A body while it is put together.
struct Assembly {
    context: Rc<Context>,
    file: File,
    source: Source,
    pieces: VecDeque<Piece>,
    most_gap: u64,
}

impl Assembly {
    fn into_stream(self) -> impl Stream<Item = Result<Splice, Problem>> {
        stream::try_unfold(self, |mut assembly| async move {
            let next = assembly.next().await?;
            Ok(next.map(|splice| (splice, assembly)))
        })
    }

    async fn next(&mut self) -> Result<Option<Splice>, Problem> {
        let part = match self.pieces.pop_front() {
            None => return Ok(None),
            Some(Piece::Made(bytes)) => return Ok(Some(Splice::Made(bytes))),
            Some(Piece::File(part)) => part,
        };
        if part.start < self.source.next || self.source.end < part.end {
            let piece = Piece::File(part);
            let ahead = std::iter::once(&piece).chain(&self.pieces);
            let ahead = stretch(ahead, self.most_gap).unwrap_or(part);
            self.source = match self.file.fetch(&self.context, ahead).await {
                Ok(Fetched::Here { bytes, .. }) => Source {
                    bytes: Rc::new(bytes),
                    next: ahead.start,
                    end: ahead.end,
                },
                Ok(Fetched::Elsewhere(_)) => return Err(self.give_up("a redirect on the way")),
                Err(problem) => return Err(self.give_up(problem)),
            };
        }
        let skip = part.start - self.source.next;
        self.source.next = part.end + 1;
        Ok(Some(Splice::Taken {
            from: Rc::clone(&self.source.bytes),
            skip,
            length: part.length(),
        }))
    }

    /// Says why the body is cut off: its head is with the client.
    fn give_up(&self, reason: impl std::fmt::Debug) -> Problem {
        let problem = Problem::unavailable(format!("{reason:?}"));
        self.context.log.internal(
            Level::Error,
            actions::Action::RequestFailed,
            problem.internal.clone().unwrap_or_default(),
            json!({}),
        );
        problem
    }
}

/// A file of storage-service.
struct File {
    owner: String,
    path: String,
    size: u64,
}

impl File {
    fn of(record: &Record, path: String) -> Self {
        Self {
            owner: record.stored.owner.clone(),
            path,
            size: record.stored.size,
        }
    }

    /// A part of its bytes: exactly that, or where the bucket has them, or a problem.
    async fn fetch(&self, context: &Context, part: Part) -> Result<Fetched, Problem> {
        let bytes = part.length();
        let (range, expected) = if bytes == self.size {
            (None, StatusCode::OK)
        } else {
            let range = format!("bytes={}-{}", part.start, part.end);
            (Some(range), StatusCode::PARTIAL_CONTENT)
        };
        let headers: Vec<(HeaderName, &str)> =
            range.iter().map(|range| (RANGE, range.as_str())).collect();
        let storage = context.storage().about(&self.owner);
        let response = storage.fetch(Method::GET, &self.path, &headers).await?;
        let status = response.status();
        if status == StatusCode::TEMPORARY_REDIRECT {
            let address = response.headers().get(LOCATION).cloned();
            let address =
                address.ok_or_else(|| Problem::unavailable("a redirect without an address"))?;
            return Ok(Fetched::Elsewhere(address));
        }
        let promised = response
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if status == StatusCode::NOT_FOUND {
            return Err(Problem::not_found().because("storage-service has no such file"));
        }
        if status != expected || promised.is_some_and(|promised| promised != bytes) {
            return Err(Problem::unavailable(format!(
                "storage-service answered {status} with {promised:?} bytes instead of {bytes}"
            )));
        }
        let digest = response.headers().get(REPR_DIGEST).cloned();
        let bytes = response.into_body();
        Ok(Fetched::Here { bytes, digest })
    }
}

/// Who looks, in a word for usage-service, which knows nobody by it.
fn viewer(call: &Call) -> String {
    let context = &call.context;
    let address = context.client_address();
    let person = match &call.caller {
        Caller::User(user) => Person::User(&user.user_id),
        Caller::Anonymous | Caller::Service(_) => {
            Person::Address(address.and_then(|address| address.parse().ok()))
        }
    };
    let today = Timestamp::from_ms(context.clock.now_ms()).day();
    pseudonym(context.settings.text("service_secret"), person, today)
}

/// Takes the bandwidth of the owner's day.
async fn reserve(
    context: &Context,
    owner: &str,
    bytes: u64,
    playback: Playback,
) -> Result<Reservation, Problem> {
    let reserve = Reserve {
        user_id: owner.to_owned(),
        direction: Direction::Out,
        bytes,
        playback: Some(playback),
    };
    let usage = context.usage().about(owner);
    let answer = usage
        .call(Method::POST, "/internal/usage/reservations", &reserve)
        .await;
    match answer {
        Err(PeerError::Refused { code, .. }) if code == "bandwidth_exceeded" => {
            let now = Timestamp::from_ms(context.clock.now_ms());
            Err(Problem::too_many(
                "bandwidth_exceeded",
                "The bandwidth of this video's owner is used up for today.",
                seconds_to_midnight(now),
            ))
        }
        answer => Ok(answer?),
    }
}

/// Gives back what the client did not receive. Where that fails, it stays taken until midnight.
async fn give_back(context: &Context, owner: String, reservation: Reservation, moved: u64) {
    let settle = Settle {
        user_id: owner,
        reservations: vec![reservation],
        moved,
        action: None,
    };
    let usage = context.usage().about(&settle.user_id);
    if let Err(error) = usage
        .call::<Value>(Method::POST, "/internal/usage/settlements", &settle)
        .await
    {
        context.log.internal(
            Level::Warn,
            actions::Action::UsageUnsettled,
            error.to_string(),
            json!({ "transfer.bytes": moved }),
        );
    }
}
