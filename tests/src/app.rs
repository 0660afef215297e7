use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use reqwest::{Client, RequestBuilder};
use spinreel_bucket::Bucket;
use spinreel_host::{Host, StartError};
use spinreel_identity::{ServiceSecret, sign_service};
use tempfile::TempDir;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

use crate::reply::Reply;
use crate::user::User;

/// The address of every application's first admin.
pub const ADMIN_EMAIL: &str = "root@example.com";
const ADMIN_PASSWORD: &str = "a password for the admin";
/// The bucket of every application.
pub const BUCKET: &str = "spinreel";

/// How many applications run at a time: each host reserves about 4 TiB of addresses for the memories of its instances,
/// and a process has 128.
static ROOM: Semaphore = Semaphore::const_new(16);

/// The application, running in this process.
pub struct App {
    host: Host,
    bucket: Mutex<Option<Bucket>>,
    bucket_address: SocketAddr,
    builder: AppBuilder,
    folder: TempDir,
    client: Client,
    users: AtomicU32,
    room: SemaphorePermit<'static>,
}

/// What an application is started with.
#[derive(Debug, Clone, Default)]
pub struct AppBuilder {
    variables: BTreeMap<String, String>,
    memory_limits: BTreeMap<String, usize>,
}

impl AppBuilder {
    /// Sets an application variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Gives the instances of a component at most so many bytes of memory.
    #[must_use]
    pub fn memory_limit(mut self, component: &str, bytes: usize) -> Self {
        self.memory_limits.insert(component.to_owned(), bytes);
        self
    }

    /// Starts it, with an empty state.
    pub async fn start(mut self) -> App {
        let defaults = [
            ("service_secret", new_secret()),
            ("admin_email", ADMIN_EMAIL.to_owned()),
            ("admin_password", ADMIN_PASSWORD.to_owned()),
        ];
        for (name, value) in defaults {
            self.variables.entry(name.to_owned()).or_insert(value);
        }
        let folder = TempDir::new().unwrap();
        let room = ROOM.acquire().await.unwrap();
        self.start_in(folder, room).await
    }

    async fn start_in(self, folder: TempDir, room: SemaphorePermit<'static>) -> App {
        let bucket = start_bucket(folder.path(), any_port()).await;
        let bucket_address = bucket.address();
        let mut options = self.host_options(folder.path());
        options.variables.insert(
            "gcs_endpoint".to_owned(),
            format!("http://{bucket_address}"),
        );
        let host = match Host::start(options).await {
            Ok(host) => host,
            Err(error @ StartError::ComponentMissing { .. }) => {
                panic!("build the components first: {error}")
            }
            Err(error) => panic!("the application does not start: {error}"),
        };
        App {
            host,
            bucket: Mutex::new(Some(bucket)),
            bucket_address,
            builder: self,
            folder,
            client: Client::builder().no_proxy().build().unwrap(),
            users: AtomicU32::new(0),
            room,
        }
    }

    /// What the embedded host is started with, for a state below `folder`. The bucket's address is missing.
    pub fn host_options(&self, folder: &Path) -> spinreel_host::Options {
        let mut options =
            spinreel_host::Options::new(root().join("spin.toml"), folder.join("state"));
        options.cache_dir = Some(root().join("target/e2e-cache"));
        options.variables = self.variables.clone();
        options.memory_limits = self.memory_limits.clone();
        options.read_environment = false;
        options.log_to_stderr = std::env::var_os("E2E_LOG").is_some();
        options
    }
}

impl App {
    /// The application as it comes.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// An application with settings of its own.
    pub fn builder() -> AppBuilder {
        AppBuilder::default()
    }

    /// Stops it and starts it again with the state that it has.
    pub async fn restart(self) -> Self {
        let builder = self.builder.clone();
        self.restart_as(builder).await
    }

    /// Stops it and starts it again with the state that it has, but for one variable.
    pub async fn restart_with(self, variable: &str, value: &str) -> Self {
        let builder = self.builder.clone().variable(variable, value);
        self.restart_as(builder).await
    }

    async fn restart_as(self, builder: AppBuilder) -> Self {
        self.host.shutdown().await;
        if let Some(bucket) = self.bucket.into_inner() {
            bucket.shutdown().await;
        }
        let app = builder.start_in(self.folder, self.room).await;
        app.users.store(self.users.into_inner(), Ordering::Relaxed);
        app
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.host.address()
    }

    /// The host that runs it.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// A request without a token. `path` begins with a slash.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address());
        self.client.request(method, url)
    }

    /// Asks without a token.
    pub async fn get(&self, path: &str) -> Reply {
        Reply::to(self.request(Method::GET, path)).await
    }

    /// Sends JSON without a token.
    pub async fn post(&self, path: &str, json: &serde_json::Value) -> Reply {
        Reply::to(self.request(Method::POST, path).json(json)).await
    }

    /// Somebody new, signed up and signed in.
    pub async fn with_user(&self) -> User<'_> {
        let number = self.users.fetch_add(1, Ordering::Relaxed) + 1;
        User::sign_up(self, &format!("user-{number}")).await
    }

    /// The first admin, signed in.
    pub async fn with_admin(&self) -> User<'_> {
        User::sign_in(self, ADMIN_EMAIL, ADMIN_PASSWORD).await
    }

    /// A token with which the service `from` may call the service `to`.
    pub fn service_token(&self, from: &str, to: &str) -> String {
        service_token(&self.builder.variables["service_secret"], from, to)
    }

    /// The names of all objects in the bucket, asked of the bucket itself.
    pub async fn objects(&self) -> Vec<String> {
        let url = format!("http://{}/storage/v1/b/{BUCKET}/o", self.bucket_address);
        let list: serde_json::Value = Reply::to(self.client.get(url)).await.json();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|item| item["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Stops the bucket: nobody listens at its address any more.
    pub async fn stop_bucket(&self) {
        if let Some(bucket) = self.bucket.lock().await.take() {
            bucket.shutdown().await;
        }
    }

    /// Starts the bucket again, with its objects, at the address that it had.
    pub async fn start_bucket_again(&self) {
        let bucket = start_bucket(self.folder.path(), self.bucket_address).await;
        *self.bucket.lock().await = Some(bucket);
    }
}

/// A token that is signed with `secret`, for a call of the service `from` to the service `to`.
pub fn service_token(secret: &str, from: &str, to: &str) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    sign_service(&ServiceSecret::new(secret).unwrap(), from, to, now)
}

async fn start_bucket(folder: &Path, listen: SocketAddr) -> Bucket {
    let options = spinreel_bucket::Options {
        dir: folder.join("bucket"),
        listen,
        buckets: vec![BUCKET.to_owned()],
    };
    match Bucket::start(options).await {
        Ok(bucket) => bucket,
        Err(error) => panic!("the bucket does not start: {error}"),
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// 48 hexadecimal digits. The standard library keys its hash maps with randomness of the system.
fn new_secret() -> String {
    (0..3)
        .map(|part| format!("{:016x}", RandomState::new().hash_one(part)))
        .collect()
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}
