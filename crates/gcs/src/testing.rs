//! A scripted bucket: it answers what the script says and remembers what it was asked.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use http::{Request, Response};
use spinreel_platform::memory::SeededRandom;
use spinreel_platform::{Clock, HttpClient, ReadBody, Store, TransportError};

use crate::{
    AccessToken, Client, Crc32c, Credentials, Endpoint, ServiceAccountKey, TokenCache, checksum,
};

pub(crate) type TestClient<'a> = Client<&'a Script, &'a Pauses, SeededRandom>;

/// A client of the bucket `spinreel` at `http://bucket.test`.
pub(crate) fn client<'a>(script: &'a Script, pauses: &'a Pauses) -> TestClient<'a> {
    let endpoint = Endpoint::new("http://bucket.test", "spinreel").expect("it is valid");
    Client::new(
        script,
        pauses,
        SeededRandom::new(7),
        endpoint,
        Credentials::Anonymous,
    )
}

/// Runs a call against a script, all of which must be used; gives the result and the requests.
pub(crate) fn run<T>(
    steps: impl IntoIterator<Item = Step>,
    call: impl AsyncFnOnce(&TestClient<'_>) -> T,
) -> (T, Vec<Seen>) {
    let script = Script::new(steps);
    let pauses = Pauses::default();
    let result = futures::executor::block_on(call(&client(&script, &pauses)));
    script.assert_used();
    (result, script.seen.into_inner())
}

/// A request as it went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// Method, address and headers by name, a line each.
    pub(crate) fn head(&self) -> String {
        let mut head = format!("{} {}\n", self.method, self.uri);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\n"));
        }
        head
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is text")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl From<Request<Vec<Bytes>>> for Seen {
    fn from(request: Request<Vec<Bytes>>) -> Self {
        let text = |value: &http::HeaderValue| value.to_str().expect("it is text").to_owned();
        Self {
            method: request.method().to_string(),
            uri: request.uri().to_string(),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: request.body().concat(),
        }
    }
}

/// What happens to one request.
pub(crate) struct Step(Result<Response<Broken>, TransportError>);

/// An answer with this status.
pub(crate) fn answer(status: u16) -> Step {
    let mut response = Response::new(Broken::default());
    *response.status_mut() = status.try_into().expect("it is a status");
    Step(Ok(response))
}

/// A connection that breaks before an answer.
pub(crate) fn lost() -> Step {
    Step(Err(TransportError::Connection("reset by peer".into())))
}

/// Any other failure of the transport.
pub(crate) fn fails(error: TransportError) -> Step {
    Step(Err(error))
}

impl Step {
    fn response(&mut self) -> &mut Response<Broken> {
        self.0.as_mut().expect("it is an answer")
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.response()
            .headers_mut()
            .append(name, value.parse().expect("it is a header"));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.response().body_mut().0.push_back(Ok(body.into()));
        self
    }

    /// The body breaks off here.
    pub(crate) fn broken(mut self) -> Self {
        let broken = TransportError::Connection("reset in the body".into());
        self.response().body_mut().0.push_back(Err(broken));
        self
    }
}

/// A body that may break off.
#[derive(Debug, Default)]
pub(crate) struct Broken(VecDeque<Result<Bytes, TransportError>>);

impl ReadBody for Broken {
    async fn read(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.0.pop_front().transpose()
    }
}

pub(crate) struct Script {
    steps: RefCell<VecDeque<Step>>,
    pub(crate) seen: RefCell<Vec<Seen>>,
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: RefCell::new(steps.into_iter().collect()),
            seen: RefCell::default(),
        }
    }

    pub(crate) fn assert_used(&self) {
        let left = self.steps.borrow().len();
        assert_eq!(left, 0, "answers that nobody asked for");
    }
}

impl HttpClient for Script {
    type Body = Broken;

    async fn send(
        &self,
        request: Request<Vec<Bytes>>,
    ) -> Result<Response<Self::Body>, TransportError> {
        let seen = Seen::from(request);
        let step = self.steps.borrow_mut().pop_front();
        let step = step.unwrap_or_else(|| panic!("unexpected:\n{}", seen.head()));
        self.seen.borrow_mut().push(seen);
        step.0
    }
}

/// A clock that only sleeping moves on, and that remembers the pauses in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Pauses(pub(crate) RefCell<Vec<u64>>);

impl Clock for Pauses {
    fn now_ms(&self) -> u64 {
        self.0.borrow().iter().sum()
    }

    async fn sleep_ms(&self, ms: u64) {
        self.0.borrow_mut().push(ms);
    }
}

/// The JSON resource of an object whose content is `bytes`.
pub(crate) fn resource(
    name: &str,
    generation: i64,
    bytes: &[u8],
    metadata: &BTreeMap<String, String>,
) -> String {
    serde_json::json!({
        "kind": "storage#object",
        "id": format!("spinreel/{name}/{generation}"),
        "name": name,
        "bucket": "spinreel",
        "generation": generation.to_string(),
        "metageneration": "1",
        "contentType": "video/mp4",
        "size": bytes.len().to_string(),
        "crc32c": checksum::to_base64(Crc32c::of(bytes).value()),
        "etag": "CAE=",
        "timeCreated": "2026-01-02T03:04:05.678Z",
        "metadata": metadata,
    })
    .to_string()
}

/// The same, without custom metadata.
pub(crate) fn plain(name: &str, generation: i64, bytes: &[u8]) -> String {
    resource(name, generation, bytes, &BTreeMap::new())
}

/// A file of Google's own test data, from the source of their Python client.
pub(crate) fn google(path: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/google/sdist");
    match std::fs::read_to_string(format!("{folder}/{path}")) {
        // Some begin with a byte order mark.
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(error) => {
            panic!("{path}: {error}: run `cargo xtask test`, which fetches Google's test data")
        }
    }
}

/// The key file of the account in Google's examples.
pub(crate) fn test_key_file() -> String {
    google("tests/unit/url_signer_v4_test_account.json")
}

/// The account in Google's examples.
pub(crate) fn test_account() -> ServiceAccountKey {
    ServiceAccountKey::from_json(&test_key_file()).expect("it is a key")
}

/// Keeps the token under one key of a store, in the clear.
#[derive(Debug, Clone)]
pub(crate) struct TokenStore<S> {
    store: S,
    key: String,
}

impl<S: Store> TokenStore<S> {
    /// Keeps the token under `key`, which nothing else uses.
    pub(crate) fn new(store: S, key: impl Into<String>) -> Self {
        Self {
            store,
            key: key.into(),
        }
    }
}

impl<S: Store> TokenCache for TokenStore<S> {
    async fn get(&self) -> Option<AccessToken> {
        let bytes = self.store.get(&self.key).await.ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    async fn put(&self, token: &AccessToken) {
        if let Ok(bytes) = serde_json::to_vec(token) {
            let _ = self.store.set(&self.key, &bytes).await;
        }
    }

    async fn clear(&self) {
        let _ = self.store.delete(&self.key).await;
    }
}
