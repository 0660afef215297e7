//! A started bucket, and a small client for it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use spinreel_bucket::{Access, Bucket, Options, generate_service_account_key};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The protocol's unit for resumable uploads.
pub(crate) const UNIT: usize = 256 * 1024;

/// A bucket server with the bucket `films`.
pub(crate) struct TestBucket {
    pub(crate) dir: TempDir,
    bucket: Bucket,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A header's value, empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Checks status and code of an error of the XML API.
    pub(crate) fn expect_xml(self, status: u16, code: &str) -> Answer {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{text}");
        assert!(text.starts_with("<?xml "), "{text}");
        assert!(
            text.contains(&format!("<Error><Code>{code}</Code><Message>")),
            "{text}"
        );
        assert!(self.header("content-type").starts_with("application/xml"));
        self
    }

    /// Checks the status, and for an error that it has the API's form.
    pub(crate) fn expect(self, status: u16) -> Answer {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        if status >= 400 && status != 499 && !self.body.is_empty() {
            let error = &self.json()["error"];
            assert_eq!(error["code"], status);
            assert_eq!(error["errors"][0]["message"], error["message"]);
            assert!(error["errors"][0]["reason"].is_string());
        }
        self
    }
}

pub(crate) fn options(dir: &Path) -> Options {
    Options::new(dir, SocketAddr::from(([127, 0, 0, 1], 0)), ["films"])
}

/// A service account's key, one for all tests.
pub(crate) fn key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| generate_service_account_key().unwrap())
}

/// Bytes in which every place looks different.
pub(crate) fn content(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| ((i * 31 + i / 251 + i / 65_521) % 256) as u8)
        .collect()
}

impl TestBucket {
    pub(crate) async fn start() -> TestBucket {
        TestBucket::start_in(TempDir::new().unwrap()).await
    }

    pub(crate) async fn start_in(dir: TempDir) -> TestBucket {
        let options = options(dir.path());
        TestBucket::start_as(dir, options).await
    }

    /// Starts it with these options, the folder of which is in `dir`.
    pub(crate) async fn start_as(dir: TempDir, options: Options) -> TestBucket {
        TestBucket {
            dir,
            bucket: Bucket::start(options).await.unwrap(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// A bucket that wants credentials.
    pub(crate) async fn strict() -> TestBucket {
        TestBucket::start_but(|options| {
            options.access = Access::ServiceAccount {
                key: Some(key().to_owned()),
            };
        })
        .await
    }

    /// A bucket with other options than the common ones.
    pub(crate) async fn start_but(change: impl FnOnce(&mut Options)) -> TestBucket {
        let dir = TempDir::new().unwrap();
        let mut options = options(dir.path());
        change(&mut options);
        TestBucket::start_as(dir, options).await
    }

    /// Stops it in order, and starts another one in the same folder.
    pub(crate) async fn restart(self) -> TestBucket {
        self.restart_but(|_| {}).await
    }

    /// The same, with other options than the common ones.
    pub(crate) async fn restart_but(self, change: impl FnOnce(&mut Options)) -> TestBucket {
        drop(self.client);
        self.bucket.shutdown().await;
        let mut options = options(self.dir.path());
        change(&mut options);
        TestBucket::start_as(self.dir, options).await
    }

    /// Starts another server on a copy of the folder as it is at this moment: what a killed process leaves.
    pub(crate) async fn as_if_killed(&self) -> TestBucket {
        let copy = TempDir::new().unwrap();
        copy_dir(self.dir.path(), copy.path());
        TestBucket::start_in(copy).await
    }

    pub(crate) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.bucket.address()
    }

    /// Sends a request. `target` is a path, or a URL that the bucket gave.
    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let answer = self.try_send(method, target, headers, body).await;
        answer.expect("the connection broke")
    }

    /// Sends a request whose connection may break, before the answer or in the middle of it.
    pub(crate) async fn try_send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, ()> {
        let uri = match target.strip_prefix('/') {
            Some(path) => format!("http://{}/{path}", self.address()),
            None => target.to_owned(),
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.client.request(request).await.map_err(drop)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(drop)?.to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send("GET", target, &[], "").await
    }

    /// Stores an object by a media upload; `query` has what else to ask for.
    pub(crate) async fn put(&self, name: &str, body: impl Into<Bytes>, query: &str) -> Answer {
        let target = format!("/upload/storage/v1/b/films/o?uploadType=media&name={name}&{query}");
        self.send("POST", &target, &[("content-type", "text/plain")], body)
            .await
    }

    /// The bytes of an object.
    pub(crate) async fn media(&self, name: &str) -> Answer {
        self.get(&format!("/storage/v1/b/films/o/{name}?alt=media"))
            .await
    }

    /// Starts a resumable upload, and gives its URL.
    pub(crate) async fn begin(&self, name: &str, query: &str, headers: &[(&str, &str)]) -> String {
        let target =
            format!("/upload/storage/v1/b/films/o?uploadType=resumable&name={name}&{query}");
        let answer = self.send("POST", &target, headers, "{}").await.expect(200);
        assert!(answer.body.is_empty());
        answer.header("location").to_owned()
    }

    /// Sends a part of a resumable upload.
    pub(crate) async fn part(&self, session: &str, range: &str, body: &[u8]) -> Answer {
        let range = [("content-range", range)];
        self.send("PUT", session, &range, Bytes::copy_from_slice(body))
            .await
    }

    /// Sends a request's head and `body`, and gives the connection, with all that is sent on its way.
    pub(crate) async fn open(&self, head: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        let head = format!("{head}\r\nhost: bucket\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        stream
    }

    /// Sends all of this, and gives all that comes until the connection ends.
    pub(crate) async fn raw_bytes(&self, request: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        all
    }

    /// The same, as text.
    pub(crate) async fn raw(&self, request: &str) -> String {
        String::from_utf8_lossy(&self.raw_bytes(request).await).into_owned()
    }

    pub(crate) fn files(&self, part: &str) -> usize {
        std::fs::read_dir(self.dir.path().join(part))
            .unwrap()
            .count()
    }
}

/// What comes on a connection until its end.
pub(crate) async fn read_all(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

fn copy_dir(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
