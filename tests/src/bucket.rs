//! The embedded bucket of an application, and a client of it that goes behind the application's back.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Method, StatusCode};
use jwt_simple::prelude::{Claims, Duration, RS256KeyPair, RSAKeyPairLike};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, RequestBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spinreel_bucket::{Access, Bucket, Options};
use tokio::sync::{Mutex, OnceCell};

use crate::fault::Fault;
use crate::reply::Reply;

/// The bucket of every application.
pub const BUCKET: &str = "spinreel";

/// What a token for a bucket's objects is asked for.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";

/// The service account of all buckets of this process: making an RSA key takes long.
static KEY: OnceCell<String> = OnceCell::const_new();

/// A bucket that is started, stopped and started again at the same address.
#[derive(Debug)]
pub struct TestBucket {
    running: Mutex<Option<Bucket>>,
    address: SocketAddr,
    folder: PathBuf,
    access: Access,
    key: Option<String>,
    client: BucketClient,
}

impl TestBucket {
    /// A bucket that lets in whoever has the key of this process's service account.
    pub async fn start_strict(folder: &Path) -> Self {
        let key = Some(shared_key().await.to_owned());
        Self::start(folder, Access::ServiceAccount { key }).await
    }

    /// A bucket with the service account that its folder has; a new one where it has none.
    pub async fn start_as_it_was(folder: &Path) -> Self {
        Self::start(folder, Access::ServiceAccount { key: None }).await
    }

    /// A bucket that asks nobody who it is.
    pub async fn start_open(folder: &Path) -> Self {
        Self::start(folder, Access::Open).await
    }

    async fn start(folder: &Path, access: Access) -> Self {
        let running = start_bucket(folder, any_port(), access.clone()).await;
        let key = running.service_account_key().map(str::to_owned);
        let address = running.address();
        Self {
            running: Mutex::new(Some(running)),
            client: BucketClient::new(format!("http://{address}"), key.as_deref()),
            address,
            folder: folder.to_owned(),
            access,
            key,
        }
    }

    /// Where it listens, as an origin.
    pub fn origin(&self) -> &str {
        &self.client.origin
    }

    /// The key of its service account, as JSON.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// A client with that key.
    pub fn client(&self) -> &BucketClient {
        &self.client
    }

    /// Stops it: nobody listens at its address any more.
    pub async fn stop(&self) {
        if let Some(bucket) = self.running.lock().await.take() {
            bucket.shutdown().await;
        }
    }

    /// Starts it again, with its objects, at the address that it had.
    pub async fn start_again(&self) {
        let bucket = start_bucket(&self.folder, self.address, self.access.clone()).await;
        *self.running.lock().await = Some(bucket);
    }
}

/// A client of a bucket's JSON API: what somebody else with access to it could do.
#[derive(Debug)]
pub struct BucketClient {
    origin: String,
    key: Option<Key>,
    http: Client,
    token: OnceCell<String>,
}

/// The members of a service account's key that a client needs.
#[derive(Debug, Deserialize)]
struct Key {
    client_email: String,
    private_key: String,
    token_uri: String,
}

#[derive(Serialize, Deserialize)]
struct Scope {
    scope: &'static str,
}

impl BucketClient {
    /// A client of the bucket at `origin`, with the key of a service account where it asks for one.
    pub fn new(origin: String, key: Option<&str>) -> Self {
        Self {
            origin,
            key: key.map(|key| serde_json::from_str(key).expect("a service account's key")),
            http: Client::builder().no_proxy().build().unwrap(),
            token: OnceCell::new(),
        }
    }

    /// The names of all objects.
    pub async fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut path = format!("/storage/v1/b/{BUCKET}/o");
        loop {
            let list: Value = self.ask(Method::GET, &path).await.json();
            let items = list["items"].as_array().cloned().unwrap_or_default();
            names.extend(items.iter().map(|item| text(&item["name"])));
            let Some(next) = list["nextPageToken"].as_str() else {
                return names;
            };
            path = format!("/storage/v1/b/{BUCKET}/o?pageToken={}", encode(next));
        }
    }

    /// The bytes of an object.
    pub async fn read(&self, name: &str) -> Bytes {
        let path = format!("/storage/v1/b/{BUCKET}/o/{}?alt=media", encode(name));
        self.ask(Method::GET, &path).await.body
    }

    /// Puts an object there, in place of what has that name, and gives its generation.
    pub async fn put(&self, name: &str, bytes: &'static [u8]) -> String {
        let path = format!(
            "/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={}",
            encode(name)
        );
        let request = self.request(Method::POST, &path).await;
        let request = request
            .header("content-type", "application/octet-stream")
            .body(bytes);
        let object: Value = Reply::to(request).await.expect(StatusCode::OK).json();
        text(&object["generation"])
    }

    /// Deletes an object.
    pub async fn delete(&self, name: &str) {
        let path = format!("/storage/v1/b/{BUCKET}/o/{}", encode(name));
        let reply = Reply::to(self.request(Method::DELETE, &path).await).await;
        assert_eq!(reply.status, 204, "{}", reply.text());
    }

    /// Makes the bucket fail from now on.
    pub async fn add_faults(&self, faults: &[Fault]) {
        let faults: Vec<Value> = faults.iter().map(Fault::to_json).collect();
        let request = self.faults(Method::POST).json(&json!({ "faults": faults }));
        let reply = Reply::to(request).await;
        assert_eq!(reply.status, 204, "{}", reply.text());
    }

    /// Ends all faults.
    pub async fn clear_faults(&self) {
        let reply = Reply::to(self.faults(Method::DELETE)).await;
        assert_eq!(reply.status, 204, "{}", reply.text());
    }

    /// The admin call asks for no token, so that it works whatever fails.
    fn faults(&self, method: Method) -> RequestBuilder {
        let url = format!("{}/_spinreel/faults", self.origin);
        self.http.request(method, url)
    }

    async fn ask(&self, method: Method, path: &str) -> Reply {
        let request = self.request(method, path).await;
        Reply::to(request).await.expect(StatusCode::OK)
    }

    async fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.origin));
        match &self.key {
            None => request,
            Some(key) => {
                let token = self.token.get_or_init(|| self.sign_in(key)).await;
                request.bearer_auth(token)
            }
        }
    }

    /// Exchanges an assertion for a token (RFC 7523, section 2.1).
    async fn sign_in(&self, key: &Key) -> String {
        let pair = RS256KeyPair::from_pem(&key.private_key).unwrap();
        let claims = Claims::with_custom_claims(Scope { scope: SCOPE }, Duration::from_mins(30))
            .with_issuer(&key.client_email)
            .with_audience(&key.token_uri);
        let assertion = pair.sign(claims).unwrap();
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.as_str()),
        ];
        let request = self.http.post(format!("{}/token", self.origin)).form(&form);
        let answer: Value = Reply::to(request).await.expect(StatusCode::OK).json();
        text(&answer["access_token"])
    }
}

/// The key that all buckets of this process are started with.
pub async fn shared_key() -> &'static str {
    KEY.get_or_init(new_key).await
}

/// The key of an account that the bucket at `origin` does not know, and that gets its tokens there.
pub async fn strange_key(origin: &str) -> String {
    let mut key: Value = serde_json::from_str(&new_key().await).unwrap();
    key["token_uri"] = json!(format!("{origin}/token"));
    key.to_string()
}

async fn new_key() -> String {
    let folder = tempfile::tempdir().unwrap();
    let access = Access::ServiceAccount { key: None };
    let bucket = start_bucket(folder.path(), any_port(), access).await;
    let key = bucket.service_account_key().map(str::to_owned);
    bucket.shutdown().await;
    key.expect("a strict bucket has a key")
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn start_bucket(folder: &Path, listen: SocketAddr, access: Access) -> Bucket {
    let options = Options {
        access,
        faults: true,
        ..Options::new(folder, listen, [BUCKET])
    };
    match Bucket::start(options).await {
        Ok(bucket) => bucket,
        Err(error) => panic!("the bucket does not start: {error}"),
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
