//! A bucket in memory that speaks as much of the JSON API as the storage uses, and fails when told to.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use spinreel_gcs::Crc32c;
use spinreel_platform::memory::Pieces;
use spinreel_platform::{HttpClient, TransportError};

#[derive(Debug, Clone)]
struct Held {
    bytes: Vec<u8>,
    generation: i64,
    metadata: Value,
}

#[derive(Debug, Clone)]
struct Session {
    metadata: Value,
    /// The generation that the object must have before; 0: none.
    expected: i64,
    bytes: Vec<u8>,
    /// The object that it became.
    done: Option<Held>,
}

/// The bucket.
#[derive(Debug, Default)]
pub(crate) struct MemoryBucket {
    objects: RefCell<BTreeMap<String, Held>>,
    sessions: RefCell<BTreeMap<String, Session>>,
    numbers: Cell<i64>,
    /// How many of the next requests answer 503 and do nothing.
    pub(crate) failures: Cell<u32>,
    /// How many of the next requests answer 503 and have their effect.
    pub(crate) lost_answers: Cell<u32>,
    /// Whether there is no bucket at all.
    pub(crate) is_missing: Cell<bool>,
}

impl MemoryBucket {
    /// The names of all objects.
    pub(crate) fn names(&self) -> Vec<String> {
        self.objects.borrow().keys().cloned().collect()
    }

    /// An object is gone, and nobody knows why.
    pub(crate) fn lose(&self, name: &str) {
        self.objects.borrow_mut().remove(name);
    }

    /// How many upload sessions are open.
    pub(crate) fn sessions(&self) -> usize {
        let sessions = self.sessions.borrow();
        sessions.values().filter(|one| one.done.is_none()).count()
    }

    /// What an object holds.
    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        let objects = self.objects.borrow();
        objects.get(name).map(|held| held.bytes.clone())
    }

    /// Every session is forgotten.
    pub(crate) fn lose_sessions(&self) {
        self.sessions.borrow_mut().clear();
    }

    /// A client sends all its bytes to the session of this URL.
    pub(crate) fn receive(&self, url: &str, bytes: &[u8]) -> StatusCode {
        let id = url.rsplit("upload_id=").next().unwrap_or_default();
        let range = format!("bytes 0-{}/{}", bytes.len().max(1) - 1, bytes.len());
        self.put(id, &range, None, bytes).status()
    }

    fn next_number(&self) -> i64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    fn create(&self, metadata: Value, bytes: Vec<u8>, expected: i64) -> Response<Pieces> {
        let name = metadata["name"].as_str().unwrap_or_default().to_owned();
        let held = self.objects.borrow().get(&name).map(|held| held.generation);
        if held.unwrap_or(0) != expected {
            return status(StatusCode::PRECONDITION_FAILED);
        }
        let held = Held {
            bytes,
            generation: self.next_number(),
            metadata,
        };
        let answer = resource(&name, &held);
        self.objects.borrow_mut().insert(name, held);
        answer
    }

    fn put(&self, id: &str, range: &str, hash: Option<&str>, body: &[u8]) -> Response<Pieces> {
        let mut sessions = self.sessions.borrow_mut();
        let Some(session) = sessions.get_mut(id) else {
            return status(StatusCode::NOT_FOUND);
        };
        let name = session.metadata["name"].as_str().unwrap_or_default();
        if let Some(done) = &session.done {
            return resource(name, done);
        }
        let range = range.strip_prefix("bytes ").expect("a range of bytes");
        let (part, total) = range.split_once('/').expect("a total");
        if let Some((first, _)) = part.split_once('-') {
            // What is there already is passed over; a gap is not filled.
            let first: usize = first.parse().expect("an offset");
            if let Some(skipped) = session.bytes.len().checked_sub(first) {
                session.bytes.extend(body.iter().skip(skipped));
            }
        }
        if total.parse() == Ok(session.bytes.len()) {
            let Session {
                metadata, bytes, ..
            } = session.clone();
            let crc32c = crc32c_text(&bytes);
            if hash.is_some_and(|hash| hash != format!("crc32c={crc32c}")) {
                sessions.remove(id);
                return status(StatusCode::BAD_REQUEST);
            }
            let name = name.to_owned();
            let expected = session.expected;
            let answer = self.create(metadata, bytes, expected);
            match self.objects.borrow().get(&name) {
                Some(held) if answer.status() == StatusCode::OK => {
                    session.done = Some(held.clone());
                }
                _ => drop(sessions.remove(id)),
            }
            return answer;
        }
        let mut answer = status(StatusCode::PERMANENT_REDIRECT);
        if let Some(last) = session.bytes.len().checked_sub(1)
            && let Ok(value) = format!("bytes=0-{last}").parse()
        {
            answer.headers_mut().insert("range", value);
        }
        answer
    }

    fn answer(&self, request: &Request<Vec<Bytes>>) -> Response<Pieces> {
        if self.is_missing.get() {
            return status(StatusCode::NOT_FOUND);
        }
        let query = request.uri().query().unwrap_or_default();
        let body: Vec<u8> = request.body().concat();
        let range = request.headers().get("content-range");
        let range = range
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let hash = request.headers().get("x-goog-hash");
        let hash = hash.and_then(|value| value.to_str().ok());
        let session = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("upload_id="));
        match (request.method(), session) {
            (&Method::PUT, Some(id)) => return self.put(id, range, hash, &body),
            (&Method::DELETE, Some(id)) => {
                self.sessions.borrow_mut().remove(id);
                return status(StatusCode::from_u16(499).expect("a status"));
            }
            _ => {}
        }
        if query.contains("uploadType=resumable") {
            let id = self.next_number().to_string();
            let metadata = serde_json::from_slice(&body).expect("metadata");
            let session = Session {
                metadata,
                expected: expected_generation(query),
                bytes: Vec::new(),
                done: None,
            };
            self.sessions.borrow_mut().insert(id.clone(), session);
            let location =
                format!("http://bucket.test/upload/storage/v1/b/spinreel/o?upload_id={id}");
            let mut answer = status(StatusCode::OK);
            answer
                .headers_mut()
                .insert("location", location.parse().expect("a header"));
            return answer;
        }
        if query.contains("uploadType=multipart") {
            let (metadata, bytes) = related(request, &body);
            return self.create(metadata, bytes, expected_generation(query));
        }
        let path = request.uri().path();
        if path.ends_with("/o") {
            let prefix = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("prefix="));
            return self.list(&prefix.unwrap_or_default().replace("%2F", "/"));
        }
        if path.ends_with("/compose") {
            return self.compose(&body);
        }
        let name = path
            .rsplit("/o/")
            .next()
            .unwrap_or_default()
            .replace("%2F", "/");
        self.existing(request.method(), &name, query)
    }

    fn compose(&self, body: &[u8]) -> Response<Pieces> {
        let composition: Value = serde_json::from_slice(body).expect("a composition");
        let mut bytes = Vec::new();
        for source in composition["sourceObjects"].as_array().expect("sources") {
            let objects = self.objects.borrow();
            let Some(held) = objects.get(source["name"].as_str().unwrap_or_default()) else {
                return status(StatusCode::NOT_FOUND);
            };
            if source["generation"].as_str() != Some(&held.generation.to_string()) {
                return status(StatusCode::NOT_FOUND);
            }
            bytes.extend_from_slice(&held.bytes);
        }
        self.create(composition["destination"].clone(), bytes, 0)
    }

    /// All objects whose names begin so, as one page.
    fn list(&self, prefix: &str) -> Response<Pieces> {
        let objects = self.objects.borrow();
        let items: Vec<Value> = objects
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, held)| attributes(name, held))
            .collect();
        json_answer(&json!({ "items": items }))
    }

    fn existing(&self, method: &Method, name: &str, query: &str) -> Response<Pieces> {
        let mut objects = self.objects.borrow_mut();
        let Some(held) = objects.get(name) else {
            return status(StatusCode::NOT_FOUND);
        };
        if *method != Method::DELETE {
            return resource(name, held);
        }
        if !query.contains(&format!("ifGenerationMatch={}", held.generation)) {
            return status(StatusCode::PRECONDITION_FAILED);
        }
        objects.remove(name);
        status(StatusCode::NO_CONTENT)
    }
}

impl HttpClient for MemoryBucket {
    type Body = Pieces;

    async fn send(&self, request: Request<Vec<Bytes>>) -> Result<Response<Pieces>, TransportError> {
        // Lets others run in between, as the network does.
        super::yield_once().await;
        if self.failures.get() > 0 {
            self.failures.set(self.failures.get() - 1);
            return Ok(status(StatusCode::SERVICE_UNAVAILABLE));
        }
        let answer = self.answer(&request);
        super::yield_once().await;
        if self.lost_answers.get() > 0 {
            self.lost_answers.set(self.lost_answers.get() - 1);
            return Ok(status(StatusCode::SERVICE_UNAVAILABLE));
        }
        Ok(answer)
    }
}

fn expected_generation(query: &str) -> i64 {
    let mut pairs = query.split('&');
    let expected = pairs.find_map(|pair| pair.strip_prefix("ifGenerationMatch="));
    expected.map_or(0, |number| number.parse().expect("a generation"))
}

/// The two parts of a multipart/related body.
fn related(request: &Request<Vec<Bytes>>, body: &[u8]) -> (Value, Vec<u8>) {
    let content_type = request.headers()["content-type"].to_str().expect("text");
    let boundary = content_type.split("boundary=").nth(1).expect("a boundary");
    let find = |needle: &str, from: usize| {
        let needle = needle.as_bytes();
        let found = body[from..]
            .windows(needle.len())
            .position(|window| window == needle);
        from + found.expect("a part")
    };
    let json_at = find("\r\n\r\n", 0) + 4;
    let json_end = find(&format!("\r\n--{boundary}"), json_at);
    let bytes_at = find("\r\n\r\n", json_end) + 4;
    let bytes_end = find(&format!("\r\n--{boundary}--"), bytes_at);
    let metadata = serde_json::from_slice(&body[json_at..json_end]).expect("metadata");
    (metadata, body[bytes_at..bytes_end].to_vec())
}

fn crc32c_text(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let crc32c = Crc32c::of(bytes).value().to_be_bytes();
    base64::engine::general_purpose::STANDARD.encode(crc32c)
}

fn resource(name: &str, held: &Held) -> Response<Pieces> {
    json_answer(&attributes(name, held))
}

fn attributes(name: &str, held: &Held) -> Value {
    json!({
        "kind": "storage#object",
        "name": name,
        "generation": held.generation.to_string(),
        "metageneration": "1",
        "size": held.bytes.len().to_string(),
        "crc32c": crc32c_text(&held.bytes),
        "contentType": held.metadata["contentType"],
        "metadata": held.metadata["metadata"],
        "timeCreated": "2024-01-01T00:00:00Z",
        "etag": "e",
    })
}

fn json_answer(body: &Value) -> Response<Pieces> {
    let mut answer = status(StatusCode::OK);
    *answer.body_mut() = Pieces::new([Bytes::from(body.to_string())]);
    answer
}

fn status(status: StatusCode) -> Response<Pieces> {
    let mut response = Response::new(Pieces::default());
    *response.status_mut() = status;
    response
}
