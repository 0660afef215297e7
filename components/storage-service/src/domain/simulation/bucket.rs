//! The bucket: as much of Cloud Storage's JSON API as the storage uses
//! (<https://cloud.google.com/storage/docs/json_api/v1>).

mod message;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use spinreel_gcs::{CHUNK_QUANTUM, Crc32c};
use spinreel_platform::memory::Pieces;

use self::message::{Described, Range, Target};
pub(super) use self::message::{is_chunk, part};
use super::world::World;

/// An object, or the bytes of one that is still coming in.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) generation: i64,
    pub(super) size: u64,
    pub(super) crc32c: u32,
    pub(super) pieces: Vec<Bytes>,
    created_ms: u64,
    described: Described,
}

/// An upload session.
#[derive(Debug)]
struct Session {
    described: Described,
    create_only: bool,
    pieces: Vec<Bytes>,
    size: u64,
    /// The answer to whoever asks again after the end.
    complete: Option<Object>,
}

/// The bucket's content.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    objects: BTreeMap<String, Object>,
    sessions: BTreeMap<u64, Session>,
    /// Bytes by the first segment of the objects' names.
    stored: BTreeMap<String, i64>,
    numbers: i64,
    now_ms: u64,
}

impl Bucket {
    /// All objects by name.
    pub(super) fn objects(&self) -> &BTreeMap<String, Object> {
        &self.objects
    }

    /// Who stores more than `limit`, and how much.
    pub(super) fn more_than(&self, limit: i64) -> Option<(&str, i64)> {
        let mut stored = self.stored.iter();
        let (user, bytes) = stored.find(|(_, bytes)| **bytes > limit)?;
        Some((user, *bytes))
    }

    /// Takes a request.
    pub(super) fn answer(
        &mut self,
        request: &Request<Vec<Bytes>>,
        world: &World,
    ) -> Response<Pieces> {
        self.now_ms = world.now_ms();
        let response = match message::target(request) {
            Target::Session(id) => self.at_session(id, request, world),
            Target::Upload {
                create_only,
                resumable,
            } => self.upload(request, create_only, resumable),
            Target::Composition { create_only } => self.compose(request, create_only),
            Target::List { prefix, after, max } => self.list(&prefix, &after, max),
            Target::Object {
                name,
                generation,
                media,
            } => self.existing(request, &name, generation, media),
        };
        world.trace(format_args!("  → {}", response.status()));
        response
    }

    fn number(&mut self) -> i64 {
        self.numbers += 1;
        self.numbers
    }

    fn upload(
        &mut self,
        request: &Request<Vec<Bytes>>,
        create_only: bool,
        resumable: bool,
    ) -> Response<Pieces> {
        if resumable {
            let id = self.number().unsigned_abs();
            let session = Session {
                described: Described::parse(&request.body().concat()),
                create_only,
                pieces: Vec::new(),
                size: 0,
                complete: None,
            };
            self.sessions.insert(id, session);
            return message::session(id);
        }
        let (described, pieces) = message::related(request.body());
        match self.create(described, pieces, create_only) {
            Ok(object) => message::resource(&object.described, &object),
            Err(status) => message::status(status),
        }
    }

    fn create(
        &mut self,
        described: Described,
        pieces: Vec<Bytes>,
        create_only: bool,
    ) -> Result<Object, StatusCode> {
        let mut checksum = Crc32c::new();
        pieces.iter().for_each(|piece| checksum.update(piece));
        if described
            .crc32c
            .is_some_and(|crc32c| crc32c != checksum.value())
        {
            return Err(StatusCode::BAD_REQUEST);
        }
        if create_only && self.objects.contains_key(&described.name) {
            return Err(StatusCode::PRECONDITION_FAILED);
        }
        let object = Object {
            generation: self.number(),
            size: checksum.length(),
            crc32c: checksum.value(),
            pieces,
            created_ms: self.now_ms,
            described,
        };
        self.count(&object.described.name, object.size.cast_signed());
        let name = object.described.name.clone();
        if let Some(old) = self.objects.insert(name, object.clone()) {
            self.count(&old.described.name, -old.size.cast_signed());
        }
        Ok(object)
    }

    fn count(&mut self, name: &str, delta: i64) {
        let user = name.split('/').next().unwrap_or_default();
        *self.stored.entry(user.to_owned()).or_default() += delta;
    }

    fn at_session(
        &mut self,
        id: u64,
        request: &Request<Vec<Bytes>>,
        world: &World,
    ) -> Response<Pieces> {
        // A bucket may forget an upload at any time before its end.
        let forgets = world.happens(world.profile.bucket_faults / 20);
        let open = self.sessions.get(&id);
        if forgets && open.is_some_and(|session| session.complete.is_none()) {
            self.sessions.remove(&id);
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return message::status(StatusCode::GONE);
        };
        if *request.method() == Method::DELETE {
            self.sessions.remove(&id);
            return message::cancelled();
        }
        if let Some(object) = &session.complete {
            return message::resource(&object.described, object);
        }
        let range = Range::parse(request);
        let body: u64 = request.body().iter().map(|piece| piece.len() as u64).sum();
        let new = match range.first {
            // What was stored before is not written again; a gap is not written at all.
            Some(first) if first <= session.size => (first + body).saturating_sub(session.size),
            _ => 0,
        };
        let end = session.size + new;
        let is_whole = range.total == Some(end);
        let taken = match is_whole {
            true => new,
            false => (end - end % CHUNK_QUANTUM).saturating_sub(session.size),
        };
        let mut skipped = body - new;
        let mut taken_left = taken;
        for piece in request.body() {
            let skip = skipped.min(piece.len() as u64);
            skipped -= skip;
            let take = taken_left.min(piece.len() as u64 - skip);
            taken_left -= take;
            if take > 0 {
                let (from, to) = (skip as usize, (skip + take) as usize);
                session.pieces.push(piece.slice(from..to));
            }
        }
        session.size += taken;
        if !is_whole {
            return message::incomplete(session.size);
        }
        let described = Described {
            crc32c: message::hash(request),
            ..session.described.clone()
        };
        let (pieces, create_only) = (session.pieces.clone(), session.create_only);
        match self.create(described, pieces, create_only) {
            Ok(object) => {
                let answer = message::resource(&object.described, &object);
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.pieces.clear();
                    session.complete = Some(object);
                }
                answer
            }
            Err(status) => {
                self.sessions.remove(&id);
                message::status(status)
            }
        }
    }

    fn compose(&mut self, request: &Request<Vec<Bytes>>, create_only: bool) -> Response<Pieces> {
        let (described, sources) = message::composition(&request.body().concat());
        let mut pieces = Vec::new();
        for (name, generation) in sources {
            match self.objects.get(&name) {
                Some(object) if object.generation == generation => {
                    pieces.extend_from_slice(&object.pieces);
                }
                Some(_) => return message::status(StatusCode::PRECONDITION_FAILED),
                None => return message::status(StatusCode::NOT_FOUND),
            }
        }
        match self.create(described, pieces, create_only) {
            Ok(object) => message::resource(&object.described, &object),
            Err(status) => message::status(status),
        }
    }

    fn list(&self, prefix: &str, after: &str, max: usize) -> Response<Pieces> {
        let all = self.objects.range(prefix.to_owned()..);
        let mut matching = all
            .take_while(|(name, _)| name.starts_with(prefix))
            .filter(|(name, _)| after.is_empty() || name.as_str() > after);
        let page: Vec<&Object> = matching
            .by_ref()
            .take(max)
            .map(|(_, object)| object)
            .collect();
        let more = matching.next().is_some();
        message::listing(&page, more)
    }

    fn existing(
        &mut self,
        request: &Request<Vec<Bytes>>,
        name: &str,
        generation: Option<i64>,
        media: bool,
    ) -> Response<Pieces> {
        let Some(object) = self.objects.get(name) else {
            return message::status(StatusCode::NOT_FOUND);
        };
        let is_meant = generation.is_none_or(|generation| generation == object.generation);
        match *request.method() {
            Method::DELETE if !is_meant => message::status(StatusCode::PRECONDITION_FAILED),
            Method::DELETE => {
                let size = object.size.cast_signed();
                self.objects.remove(name);
                self.count(name, -size);
                message::status(StatusCode::NO_CONTENT)
            }
            _ if !is_meant => message::status(StatusCode::NOT_FOUND),
            _ if media => message::media(object),
            _ => message::resource(&object.described, object),
        }
    }
}

impl Object {
    /// Whether it holds exactly these bytes.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        self.pieces
            .iter()
            .all(|piece| match rest.split_at_checked(piece.len()) {
                Some((start, end)) => {
                    rest = end;
                    start == piece
                }
                None => false,
            })
            && rest.is_empty()
    }

    /// What its writer left in its custom metadata.
    pub(super) fn metadata(&self, key: &str) -> Option<&str> {
        self.described.metadata.get(key).map(String::as_str)
    }
}
