use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use reqwest::{Client, RequestBuilder};
use spinreel_host::{Host, Profile, StartError, WallClock};
use spinreel_identity::{ServiceCall, ServiceSecret, sign_service};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::bucket::{self, BucketClient, TestBucket};
use crate::eventually::eventually;
use crate::fault::Fault;
use crate::hung;
use crate::reply::Reply;
use crate::user::User;

/// The address of every application's first admin.
pub const ADMIN_EMAIL: &str = "root@example.com";
/// The first admin's password.
pub const ADMIN_PASSWORD: &str = "a password for the admin";

/// A value of the variable `metrics_token`.
pub const METRICS_TOKEN: &str = "a-token_for+scrapers/0123456789ab==";

/// A value of the variable `sweep_token`.
pub const SWEEP_TOKEN: &str = "a-token_for+timers/0123456789abcde==";

const DAY: Duration = Duration::from_secs(86_400);

/// How many applications run at a time: each host reserves about 4 TiB of addresses for the memories of its instances,
/// and a process has 128.
static ROOM: Semaphore = Semaphore::const_new(16);

/// The application, running in this process.
pub struct App {
    host: Host,
    bucket: TestBucket,
    builder: AppBuilder,
    folder: TempDir,
    client: Client,
    users: AtomicU32,
    /// The ids of requests whose work after the answer may go on.
    unfinished: Mutex<Vec<String>>,
    requests: AtomicU32,
    room: SemaphorePermit<'static>,
}

/// What an application is started with.
#[derive(Debug, Clone, Default)]
pub struct AppBuilder {
    variables: BTreeMap<String, String>,
    memory_limits: BTreeMap<String, usize>,
    anonymous_bucket: bool,
    strange_credentials: bool,
    clock: WallClock,
    profile: Profile,
    client_timeout: Option<Duration>,
    hung: Option<&'static str>,
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

    /// Runs it on a host that is never faster or more patient than Spin is.
    #[must_use]
    pub fn as_spin(mut self) -> Self {
        self.profile = Profile::AsSpin;
        self
    }

    /// Has its host wait for clients that stand still for so long.
    #[must_use]
    pub fn client_timeout(mut self, time: Duration) -> Self {
        self.client_timeout = Some(time);
        self
    }

    /// Gives it a bucket that asks nobody who it is. Without this, the bucket wants credentials, and storage-service
    /// has them.
    #[must_use]
    pub fn anonymous_bucket(mut self) -> Self {
        self.anonymous_bucket = true;
        self
    }

    /// Gives storage-service the key of an account that the bucket does not know.
    #[must_use]
    pub fn strange_credentials(mut self) -> Self {
        self.strange_credentials = true;
        self
    }

    /// Starts it so long before a midnight (UTC). Its bucket asks nobody who it is: it lives by the machine's clock, and
    /// would not believe what storage-service signs at another time.
    #[must_use]
    pub fn before_midnight(self, time: Duration) -> Self {
        let tomorrow = until_midnight(self.clock.now()) + DAY;
        self.clock.advance(tomorrow - time);
        self.anonymous_bucket()
    }

    /// Starts it, with an empty state.
    pub async fn start(mut self) -> App {
        let defaults = [
            ("service_secret", new_secret()),
            ("admin_email", ADMIN_EMAIL.to_owned()),
            ("admin_password", ADMIN_PASSWORD.to_owned()),
            // A test has nothing to do but sign up and in.
            ("password_hashes_per_second", "1000".to_owned()),
            // Tests read what was logged: all of it, and on a busy machine, too.
            ("log_sample", "1".to_owned()),
            ("log_wait_ms", "30000".to_owned()),
        ];
        for (name, value) in defaults {
            self.variables.entry(name.to_owned()).or_insert(value);
        }
        let folder = TempDir::new().unwrap();
        let room = ROOM.acquire().await.unwrap();
        self.start_in(folder, room).await
    }

    async fn start_in(self, folder: TempDir, room: SemaphorePermit<'static>) -> App {
        let objects = folder.path().join("bucket");
        let bucket = match self.anonymous_bucket {
            true => TestBucket::start_open(&objects).await,
            false => TestBucket::start_strict(&objects).await,
        };
        let mut options = self.host_options(folder.path());
        let credentials = match self.strange_credentials {
            true => bucket::strange_key(bucket.origin()).await,
            false => bucket.key().unwrap_or_default().to_owned(),
        };
        let own = [
            ("gcs_endpoint", bucket.origin().to_owned()),
            ("gcs_credentials", credentials),
        ];
        for (name, value) in own {
            options.variables.entry(name.to_owned()).or_insert(value);
        }
        let host = match Host::start(options).await {
            Ok(host) => host,
            Err(error @ StartError::ComponentMissing { .. }) => {
                panic!("build the components first: {error}")
            }
            Err(error) => panic!("the application does not start: {error}"),
        };
        App {
            host,
            bucket,
            builder: self,
            folder,
            client: Client::builder().no_proxy().build().unwrap(),
            users: AtomicU32::new(0),
            unfinished: Mutex::default(),
            requests: AtomicU32::new(0),
            room,
        }
    }

    /// What the embedded host is started with, for a state below `folder`. The bucket's address and its credentials
    /// are missing.
    pub fn host_options(&self, folder: &Path) -> spinreel_host::Options {
        let manifest = match self.hung {
            Some(component) => hung::manifest(&root(), folder, component),
            None => root().join("spin.toml"),
        };
        let mut options = spinreel_host::Options::new(manifest, state_dir(folder));
        options.runtime_config = Some(root().join("runtime-config.toml"));
        options.cache_dir = Some(root().join("target/e2e-cache"));
        options.variables = self.variables.clone();
        options.memory_limits = self.memory_limits.clone();
        options.clock = self.clock.clone();
        options.profile = self.profile;
        options.client_timeout = self.client_timeout.unwrap_or(options.client_timeout);
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
        self.restart_after(|_| {}).await
    }

    /// Stops it and starts it again with the state that it has, but for one variable.
    pub async fn restart_with(mut self, variable: &str, value: &str) -> Self {
        self.builder = self.builder.variable(variable, value);
        self.restart().await
    }

    /// Stops it and starts it again with the state that it has, but with a component in the place of one of its own that
    /// takes every request and never answers.
    pub async fn restart_with_hung(mut self, component: &'static str) -> Self {
        self.builder.hung = Some(component);
        self.restart().await
    }

    /// Stops it and starts it again with the state that it has, and with the credentials that the bucket wants.
    pub async fn restart_with_good_credentials(mut self) -> Self {
        self.builder.strange_credentials = false;
        self.builder.variables.remove("gcs_credentials");
        self.restart().await
    }

    /// Stops it, lets somebody change the folder of its state, and starts it again with that.
    pub async fn restart_after(self, change: impl FnOnce(&Path)) -> Self {
        self.host.shutdown().await;
        self.bucket.stop().await;
        change(&state_dir(self.folder.path()));
        let app = self.builder.start_in(self.folder, self.room).await;
        app.users.store(self.users.into_inner(), Ordering::Relaxed);
        app
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.host.address()
    }

    /// How long it is to its next midnight (UTC).
    pub fn until_midnight(&self) -> Duration {
        until_midnight(self.now())
    }

    /// What time it is for the components, since the Unix epoch.
    pub fn now(&self) -> Duration {
        self.builder.clock.now()
    }

    /// Moves its clock on, while it runs.
    pub fn advance_clock(&self, by: Duration) {
        self.builder.clock.advance(by);
    }

    /// Sets its clock back, while it runs, to the machine's at most.
    pub fn set_clock_back(&self, by: Duration) {
        self.builder.clock.set_back(by);
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

    /// An id for a request to storage-service, for [`quiet`](Self::quiet) to wait for.
    pub(crate) fn noted_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let id = format!("noted-{number}");
        let mut unfinished = lock(&self.unfinished);
        unfinished.push(id.clone());
        id
    }

    /// Waits until no guest runs: all that is done after the answers is done.
    pub async fn idle(&self) {
        eventually("no guest runs", || async {
            (self.host.guests() == 0).then_some(())
        })
        .await;
    }

    /// Waits until storage-service has done what it does after its answers to users' uploads, deletions and questions
    /// for their status: the last of it is the line in the log.
    pub async fn quiet(&self, admin: &User<'_>) {
        let ids = std::mem::take(&mut *lock(&self.unfinished));
        for id in ids {
            let path = format!("/v1/logs?service=storage-service&request_id={id}&limit=1");
            eventually("storage-service is quiet", || async {
                let lines: serde_json::Value = admin.read(&path).await;
                (lines["items"] != serde_json::json!([])).then_some(())
            })
            .await;
        }
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

    /// A token with which the service `from` may ask the service `to` for `purpose`, a method and a path.
    pub fn service_token(&self, from: &str, to: &str, purpose: (&Method, &str)) -> String {
        token_at(self.now(), self.secret(), from, to, purpose, None)
    }

    /// A request that the service `from` makes of the service `to`, about the user with this id.
    pub fn as_service(
        &self,
        (from, to): (&str, &str),
        method: Method,
        path: &str,
        user_id: Option<&str>,
    ) -> RequestBuilder {
        let purpose = (&method, path);
        let token = token_at(self.now(), self.secret(), from, to, purpose, user_id);
        self.request(method, path).bearer_auth(token)
    }

    /// The secret of the services.
    pub fn secret(&self) -> &str {
        &self.builder.variables["service_secret"]
    }

    /// The folder that holds the stores and the components' output.
    pub fn state_dir(&self) -> PathBuf {
        state_dir(self.folder.path())
    }

    /// The folder that holds all that the application and the bucket write.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The bucket, behind the application's back.
    pub fn bucket(&self) -> &BucketClient {
        self.bucket.client()
    }

    /// The bucket's origin, as storage-service knows it.
    pub fn bucket_origin(&self) -> &str {
        self.bucket.origin()
    }

    /// The names of all objects in the bucket, asked of the bucket itself.
    pub async fn objects(&self) -> Vec<String> {
        self.bucket().names().await
    }

    /// Makes the bucket fail in these ways from now on, and in no others.
    pub async fn bucket_faults(&self, faults: &[Fault]) {
        self.bucket().clear_faults().await;
        self.bucket().add_faults(faults).await;
    }

    /// Stops the bucket: nobody listens at its address any more.
    pub async fn stop_bucket(&self) {
        self.bucket.stop().await;
    }

    /// Starts the bucket again, with its objects, at the address that it had.
    pub async fn start_bucket_again(&self) {
        self.bucket.start_again().await;
    }
}

/// A token that is signed with `secret`, for a call of one service to another.
pub fn service_token(
    secret: &str,
    from: &str,
    to: &str,
    purpose: (&Method, &str),
    user_id: Option<&str>,
) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    token_at(now, secret, from, to, purpose, user_id)
}

/// The same, at a time since the Unix epoch.
fn token_at(
    now: Duration,
    secret: &str,
    from: &str,
    to: &str,
    (method, path): (&Method, &str),
    user_id: Option<&str>,
) -> String {
    let call = ServiceCall {
        from,
        to,
        method: method.as_str(),
        path,
        user_id,
    };
    sign_service(&ServiceSecret::new(secret).unwrap(), &call, now.as_secs())
}

fn until_midnight(now: Duration) -> Duration {
    let days = now.as_secs() / DAY.as_secs();
    DAY * u32::try_from(days + 1).unwrap() - now
}

fn lock(ids: &Mutex<Vec<String>>) -> std::sync::MutexGuard<'_, Vec<String>> {
    ids.lock().unwrap_or_else(PoisonError::into_inner)
}

fn state_dir(folder: &Path) -> PathBuf {
    folder.join("state")
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
