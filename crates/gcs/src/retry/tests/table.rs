//! The table by which Google's own clients are tested: what is answered to which method, and whether the call has to
//! succeed all the same.

use std::cell::RefCell;
use std::collections::VecDeque;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use spinreel_platform::{HttpClient, ReadBody};

use super::*;
use crate::testing::{google, plain};
use crate::{CHUNK_QUANTUM, Client, Crc32c, Credentials, Endpoint, Progress};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    retry_tests: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scenario {
    description: String,
    cases: Vec<Case>,
    methods: Vec<Method>,
    precondition_provided: bool,
    expect_success: bool,
}

#[derive(Deserialize)]
struct Case {
    instructions: Vec<String>,
}

#[derive(Deserialize)]
struct Method {
    name: String,
    group: Option<String>,
}

/// Methods that this crate has no call for: buckets and access lists are set up by other means, and an object is
/// never changed, copied or composed.
const NOT_OURS: [&str; 12] = [
    "storage.bucket_acl.",
    "storage.buckets.",
    "storage.default_object_acl.",
    "storage.hmacKey.",
    "storage.notifications.",
    "storage.object_acl.",
    "storage.objects.compose",
    "storage.objects.copy",
    "storage.objects.patch",
    "storage.objects.rewrite",
    "storage.objects.update",
    "storage.serviceaccount.",
];

/// A call of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Metadata,
    Fetch,
    List,
    Delete,
    Insert,
    Resumable,
}

fn calls(method: &Method) -> &'static [Call] {
    match (method.name.as_str(), method.group.as_deref()) {
        ("storage.objects.get", None) => &[Call::Metadata, Call::Fetch],
        ("storage.objects.get", Some("storage.objects.download")) => &[Call::Fetch],
        ("storage.objects.list", None) => &[Call::List],
        ("storage.objects.delete", None) => &[Call::Delete],
        ("storage.objects.insert", None) => &[Call::Insert, Call::Resumable],
        ("storage.objects.insert", Some("storage.resumable.upload")) => &[Call::Resumable],
        (name, None) if NOT_OURS.iter().any(|other| name.starts_with(other)) => &[],
        (name, group) => panic!("what is {name} of {group:?}?"),
    }
}

/// The size of the object: more than any instruction names.
const SIZE: usize = 9 * 1024 * 1024;
/// What goes out in one request.
const CHUNK: usize = 16 * CHUNK_QUANTUM as usize;

fn content() -> Bytes {
    (0..SIZE).map(|n| (n % 251) as u8).collect()
}

/// A bucket with one object that does what it is told before it behaves.
struct Bucket {
    instructions: RefCell<VecDeque<String>>,
    requests: RefCell<usize>,
    content: Bytes,
    /// What an upload has brought so far.
    stored: RefCell<Vec<u8>>,
}

/// A body that breaks off at its end, or does not.
struct Cut(VecDeque<Bytes>, bool);

impl ReadBody for Cut {
    async fn read(&mut self) -> Result<Option<Bytes>, TransportError> {
        match self.0.pop_front() {
            None if self.1 => Err(TransportError::Connection("reset in the body".into())),
            piece => Ok(piece),
        }
    }
}

fn reply(status: u16, body: impl Into<Bytes>) -> Response<Cut> {
    let mut response = Response::new(Cut([body.into()].into(), false));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// `256K` and the like, in bytes.
fn kibibytes(text: &str) -> usize {
    text.strip_suffix('K').unwrap().parse::<usize>().unwrap() * 1024
}

impl Bucket {
    /// Takes the new bytes of an upload, up to `limit` in all; gives what the bucket then says.
    fn accept(&self, request: &Request<Vec<Bytes>>, limit: usize) -> Response<Cut> {
        let mut stored = self.stored.borrow_mut();
        let range = request.headers()["content-range"].to_str().unwrap();
        let (bounds, total) = range
            .strip_prefix("bytes ")
            .unwrap()
            .split_once('/')
            .unwrap();
        if let Some((first, _)) = bounds.split_once('-') {
            let first: usize = first.parse().unwrap();
            assert_eq!(first, stored.len(), "a gap, or bytes that were stored");
            stored.extend(request.body().concat());
            stored.truncate(limit);
        }
        if total.parse() == Ok(stored.len()) {
            return reply(200, plain("a", 7, &stored));
        }
        let mut response = reply(308, "");
        if let Some(last) = stored.len().checked_sub(1) {
            let range = format!("bytes=0-{last}").parse().unwrap();
            response.headers_mut().insert("range", range);
        }
        response
    }

    fn media(&self) -> Response<Cut> {
        let mut response = reply(200, self.content.clone());
        for (name, value) in [
            ("content-length", SIZE.to_string()),
            ("x-goog-generation", "7".into()),
            (
                "x-goog-hash",
                format!(
                    "crc32c={}",
                    crate::checksum::to_base64(Crc32c::of(&self.content).value())
                ),
            ),
        ] {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    }

    /// What a bucket answers that nobody instructed.
    fn behave(&self, request: &Request<Vec<Bytes>>) -> Response<Cut> {
        let query = request.uri().query().unwrap_or_default();
        match request.method().as_str() {
            "GET" if query.contains("alt=media") => self.media(),
            "GET" if query.contains("prefix=") => reply(
                200,
                format!("{{\"items\":[{}]}}", plain("a", 7, &self.content)),
            ),
            "GET" => reply(200, plain("a", 7, &self.content)),
            "DELETE" => reply(204, ""),
            "PUT" => self.accept(request, usize::MAX),
            "POST" if query.contains("uploadType=resumable") => {
                let mut response = reply(200, "");
                let session = "http://bucket.test/session?upload_id=x".parse().unwrap();
                response.headers_mut().insert("location", session);
                response
            }
            "POST" => reply(200, plain("a", 7, &self.content)),
            method => panic!("{method}"),
        }
    }

    /// Whether an instruction concerns this request: some wait until an upload has come that far.
    fn is_due(&self, instruction: &str, request: &Request<Vec<Bytes>>) -> bool {
        match instruction.strip_prefix("return-503-after-") {
            Some(limit) => {
                let new: usize = request.body().iter().map(Bytes::len).sum();
                request.method() == "PUT" && self.stored.borrow().len() + new > kibibytes(limit)
            }
            None => true,
        }
    }
}

impl HttpClient for Bucket {
    type Body = Cut;

    async fn send(&self, request: Request<Vec<Bytes>>) -> Result<Response<Cut>, TransportError> {
        *self.requests.borrow_mut() += 1;
        let mut instructions = self.instructions.borrow_mut();
        let due = instructions
            .front()
            .is_some_and(|instruction| self.is_due(instruction, &request));
        let Some(instruction) = due.then(|| instructions.pop_front()).flatten() else {
            return Ok(self.behave(&request));
        };
        let instruction = instruction.strip_prefix("return-").unwrap();
        if instruction == "reset-connection" {
            return Err(TransportError::Connection("reset by peer".into()));
        }
        if let Some(limit) = instruction.strip_prefix("503-after-") {
            let _ = self.accept(&request, kibibytes(limit));
            return Ok(reply(503, ""));
        }
        if let Some(place) = instruction.strip_prefix("broken-stream") {
            let limit = place.strip_prefix("-after-").map_or(10, kibibytes);
            let mut response = self.behave(&request);
            *response.body_mut() = Cut([self.content.slice(..limit)].into(), true);
            return Ok(response);
        }
        Ok(reply(instruction.parse().unwrap(), ""))
    }
}

/// Does what `call` says; an answer that is wrong without being an error fails the test here.
async fn act(
    client: &Client<&Bucket, &Pauses, SeededRandom>,
    call: Call,
    precondition: bool,
    content: &Bytes,
) -> Result<(), Error> {
    let object = NewObject {
        if_generation_match: precondition.then_some(0),
        ..NewObject::create_only("a", "video/mp4")
    };
    let crc32c = Crc32c::of(content).value();
    match call {
        Call::Metadata => assert_eq!(client.metadata("a").await?.unwrap().size, SIZE as u64),
        Call::Fetch => assert!(client.fetch("a", None, None, SIZE).await? == *content),
        Call::List => assert_eq!(client.list("", None, 10).await?.objects.len(), 1),
        // One generation and no other: there is no deletion without a precondition here.
        Call::Delete => assert_eq!(client.delete("a", 7).await?, crate::Deleted::Yes),
        Call::Insert => {
            let body = vec![content.clone()];
            assert_eq!(client.insert(&object, body, crc32c).await?.generation, 7);
        }
        Call::Resumable => {
            let session = client.start_upload(&object, None).await?;
            let mut offset = 0;
            loop {
                let end = SIZE.min(offset + CHUNK);
                let part = match end {
                    SIZE => Part::Last { crc32c },
                    _ => Part::More,
                };
                let chunk = [content.slice(offset..end)];
                let put = client.put_chunk(&session, offset as u64, &chunk, part);
                if let Progress::Complete(object) = put.await? {
                    assert!(object.matches(SIZE as u64, crc32c));
                    break;
                }
                offset = end;
            }
        }
    }
    Ok(())
}

#[test]
fn googles_retry_table_holds() {
    let table = google("tests/conformance/retry_strategy_test_data.json");
    let table: Table = serde_json::from_str(&table).unwrap();
    let content = content();
    let mut runs = 0;
    for scenario in &table.retry_tests {
        for (case, call) in scenario.cases.iter().flat_map(|case| {
            let calls = scenario.methods.iter().flat_map(calls);
            calls.map(move |call| (case, *call))
        }) {
            let instructions = &case.instructions;
            let bucket = Bucket {
                instructions: RefCell::new(instructions.clone().into()),
                requests: RefCell::default(),
                content: content.clone(),
                stored: RefCell::default(),
            };
            let endpoint = Endpoint::new("http://bucket.test", "spinreel").unwrap();
            let (clock, random) = (Pauses::default(), SeededRandom::new(7));
            let client = Client::new(&bucket, &clock, random, endpoint, Credentials::Anonymous);
            let precondition = scenario.precondition_provided;
            let result = block_on(act(&client, call, precondition, &content));
            let what = format!(
                "{}: {call:?} {instructions:?}: {result:?}",
                scenario.description
            );
            let requests = *bucket.requests.borrow();
            runs += 1;
            if call == Call::Insert && !precondition {
                // The table has what the Python client does, which repeats such a write nevertheless. By Google's
                // list of idempotent operations it is none: it might replace what somebody else wrote in between.
                // A resumable upload without a precondition is repeated: the session is good for one object.
                assert!(result.is_err(), "{what}");
                assert_eq!(requests, 1, "{what}");
                continue;
            }
            assert_eq!(result.is_ok(), scenario.expect_success, "{what}");
            assert_eq!(bucket.instructions.borrow().len(), 0, "{what}");
            if !scenario.expect_success {
                assert_eq!(requests, instructions.len(), "{what}");
            }
        }
    }
    assert_eq!(runs, 54);
}
