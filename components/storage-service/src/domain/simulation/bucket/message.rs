//! The bucket's requests and answers on the wire.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use spinreel_api::Timestamp;
use spinreel_gcs::CHUNK_QUANTUM;
use spinreel_platform::memory::Pieces;

use super::super::dice::Dice;
use super::Object;

/// What a writer says of an object.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Described {
    pub(super) name: String,
    #[serde(default)]
    pub(super) content_type: String,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "checksum")]
    pub(super) crc32c: Option<u32>,
}

fn checksum<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(from)?;
    Ok(decode_checksum(&text))
}

fn decode_checksum(text: &str) -> Option<u32> {
    let bytes = STANDARD.decode(text).ok()?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

impl Described {
    pub(super) fn parse(json: &[u8]) -> Self {
        serde_json::from_slice(json).expect("the client describes its object")
    }
}

/// What a request is about.
pub(super) enum Target {
    Session(u64),
    Upload {
        create_only: bool,
        resumable: bool,
    },
    Composition {
        create_only: bool,
    },
    List {
        prefix: String,
        after: String,
        max: usize,
    },
    Object {
        name: String,
        generation: Option<i64>,
        media: bool,
    },
}

pub(super) fn target(request: &Request<Vec<Bytes>>) -> Target {
    let query = request.uri().query().unwrap_or_default();
    let parameter = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        Some(decode(value))
    };
    let number = |name: &str| parameter(name)?.parse::<i64>().ok();
    if let Some(id) = number("upload_id") {
        return Target::Session(id.unsigned_abs());
    }
    let path = request.uri().path();
    if path.ends_with("/compose") {
        return Target::Composition {
            create_only: number("ifGenerationMatch") == Some(0),
        };
    }
    if *request.method() == Method::POST {
        return Target::Upload {
            create_only: number("ifGenerationMatch") == Some(0),
            resumable: parameter("uploadType").as_deref() == Some("resumable"),
        };
    }
    match path.split_once("/o/") {
        Some((_, name)) => Target::Object {
            name: decode(name),
            generation: number("ifGenerationMatch").or_else(|| number("generation")),
            media: parameter("alt").as_deref() == Some("media"),
        },
        None => Target::List {
            prefix: parameter("prefix").unwrap_or_default(),
            after: parameter("pageToken").unwrap_or_default(),
            max: number("maxResults").unwrap_or(1_000).unsigned_abs() as usize,
        },
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte.unwrap_or(b'0')).to_digit(16).unwrap_or(0);
        match byte {
            b'%' => bytes.push((digit(rest.next()) * 16 + digit(rest.next())) as u8),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).expect("names are UTF-8")
}

/// Whether it brings bytes of an upload session.
pub(in super::super) fn is_chunk(request: &Request<Vec<Bytes>>) -> bool {
    *request.method() == Method::PUT
}

/// The request as it looks to a bucket that did not get all of it.
pub(in super::super) fn part(mut request: Request<Vec<Bytes>>, dice: &Dice) -> Request<Vec<Bytes>> {
    if !is_chunk(&request) {
        return request;
    }
    let length: u64 = request.body().iter().map(|piece| piece.len() as u64).sum();
    let mut left = dice.below(length / CHUNK_QUANTUM + 1) * CHUNK_QUANTUM;
    request.body_mut().retain_mut(|piece| {
        piece.truncate(left.min(piece.len() as u64) as usize);
        left -= piece.len() as u64;
        !piece.is_empty()
    });
    request
}

/// `Content-Range: bytes FIRST-LAST/TOTAL`, or `bytes */TOTAL`.
pub(super) struct Range {
    pub(super) first: Option<u64>,
    pub(super) total: Option<u64>,
}

impl Range {
    pub(super) fn parse(request: &Request<Vec<Bytes>>) -> Self {
        let header = header(request, "content-range").unwrap_or_default();
        let range = header.strip_prefix("bytes ").unwrap_or_default();
        let (bounds, total) = range.split_once('/').unwrap_or_default();
        let first = bounds.split_once('-').map(|(first, _)| first.parse());
        Self {
            first: first.and_then(Result::ok),
            total: total.parse().ok(),
        }
    }
}

fn header<'a>(request: &'a Request<Vec<Bytes>>, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The checksum that comes with the last chunk.
pub(super) fn hash(request: &Request<Vec<Bytes>>) -> Option<u32> {
    decode_checksum(header(request, "x-goog-hash")?.strip_prefix("crc32c=")?)
}

/// What a composition makes, and of what: names and generations.
pub(super) fn composition(json: &[u8]) -> (Described, Vec<(String, i64)>) {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Composition {
        source_objects: Vec<Source>,
        destination: Described,
    }
    #[derive(Deserialize)]
    struct Source {
        name: String,
        generation: String,
    }
    let composition: Composition =
        serde_json::from_slice(json).expect("the client describes its composition");
    let sources = composition.source_objects.into_iter().map(|source| {
        let generation = source.generation.parse().expect("a generation");
        (source.name, generation)
    });
    (composition.destination, sources.collect())
}

/// The parts of a `multipart/related` body. The client sends the bytes as pieces of their own, between what it adds.
pub(super) fn related(body: &[Bytes]) -> (Described, Vec<Bytes>) {
    let [head, media @ .., _] = body else {
        unreachable!("a multipart body has a beginning and an end");
    };
    let start = head.iter().position(|byte| *byte == b'{').unwrap_or(0);
    let mut values = serde_json::Deserializer::from_slice(&head[start..]).into_iter();
    let described = values.next().expect("a description");
    (described.expect("a description"), media.to_vec())
}

pub(super) fn status(status: StatusCode) -> Response<Pieces> {
    let mut response = Response::new(Pieces::default());
    *response.status_mut() = status;
    response
}

/// The documented answer to a cancellation.
pub(super) fn cancelled() -> Response<Pieces> {
    status(StatusCode::from_u16(499).expect("it is a status"))
}

pub(super) fn session(id: u64) -> Response<Pieces> {
    let location = format!("http://bucket.test/upload/storage/v1/b/spinreel/o?upload_id={id}");
    with_header("location", &location)
}

pub(super) fn incomplete(size: u64) -> Response<Pieces> {
    let mut response = match size {
        0 => status(StatusCode::OK),
        size => with_header("range", &format!("bytes=0-{}", size - 1)),
    };
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response
}

fn with_header(name: &'static str, value: &str) -> Response<Pieces> {
    let mut response = status(StatusCode::OK);
    let value = value.parse().expect("it is a header's value");
    response.headers_mut().insert(name, value);
    response
}

/// An object's bytes.
pub(super) fn media(object: &Object) -> Response<Pieces> {
    let mut response = with_header("x-goog-generation", &object.generation.to_string());
    let size = object.size.to_string();
    for name in ["x-goog-stored-content-length", "content-length"] {
        let value = size.parse().expect("it is a header's value");
        response.headers_mut().insert(name, value);
    }
    let hash = format!("crc32c={}", encoded(object.crc32c));
    let hash = hash.parse().expect("it is a header's value");
    response.headers_mut().insert("x-goog-hash", hash);
    *response.body_mut() = Pieces::new(object.pieces.iter().cloned());
    response
}

fn encoded(crc32c: u32) -> String {
    STANDARD.encode(crc32c.to_be_bytes())
}

/// An object's resource.
pub(super) fn resource(described: &Described, object: &Object) -> Response<Pieces> {
    let mut json = String::new();
    write_resource(&mut json, described, object);
    with_body(json)
}

pub(super) fn listing(objects: &[&Object], more: bool) -> Response<Pieces> {
    let mut json = String::from(r#"{"items":["#);
    for (index, object) in objects.iter().enumerate() {
        json.push_str(if index == 0 { "" } else { "," });
        write_resource(&mut json, &object.described, object);
    }
    json.push(']');
    if let (true, Some(last)) = (more, objects.last()) {
        let _ = write!(json, r#","nextPageToken":"{}""#, last.described.name);
    }
    json.push('}');
    with_body(json)
}

fn write_resource(json: &mut String, described: &Described, object: &Object) {
    let metadata = serde_json::to_string(&described.metadata).expect("it came as JSON");
    let Described {
        name, content_type, ..
    } = described;
    let Object {
        generation, size, ..
    } = object;
    let crc32c = encoded(object.crc32c);
    let created = Timestamp::from_ms(object.created_ms);
    // The names of a simulation need no escaping.
    let _ = write!(
        json,
        r#"{{"name":"{name}","generation":"{generation}","metageneration":"1","size":"{size}","crc32c":"{crc32c}","contentType":"{content_type}","metadata":{metadata},"timeCreated":"{created}","etag":"e"}}"#
    );
}

fn with_body(json: String) -> Response<Pieces> {
    let mut response = status(StatusCode::OK);
    *response.body_mut() = Pieces::new([Bytes::from(json)]);
    response
}
