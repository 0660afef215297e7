//! The application as `cargo xtask up` runs it, in this process, so that its store calls can be looked at.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use http::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use http::{Method, Request, request};
use serde_json::{Value, json};
use spinreel_bucket::Bucket;
use spinreel_host::{Host, Options, Profile, StoreCalls};
use spinreel_tests::service_token;
use uuid::Uuid;

use crate::client::{Body, Client};
use crate::content::Content;
use crate::repository;

/// The bucket's name.
pub(crate) const BUCKET: &str = "spinreel";

/// The name in the first admin's address, and everybody's password.
const ADMIN: &str = "admin";
const PASSWORD: &str = "a password for benchmarks";

/// Limits that nothing reaches: 1 PiB.
const LIMIT: &str = "1125899906842624";

/// The services go on after an answer. They are done when their stores have not been called for so long.
const SILENCE: Duration = Duration::from_millis(50);

/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The running application.
pub(crate) struct Application {
    host: Host,
    bucket: Bucket,
    service_secret: String,
    /// The client of everything.
    pub(crate) client: Client,
}

impl Application {
    /// Starts it with an empty state below `folder`.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        Self::start_with(folder, &[]).await
    }

    /// As above, with more variables.
    pub(crate) async fn start_with(folder: &Path, more: &[(&str, String)]) -> Result<Self> {
        Self::start_from(&repository("spin.toml"), Profile::Ordinary, folder, more).await
    }

    /// As above, from this manifest, on a host of this profile.
    pub(crate) async fn start_from(
        manifest: &Path,
        profile: Profile,
        folder: &Path,
        more: &[(&str, String)],
    ) -> Result<Self> {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let objects = spinreel_bucket::Options::new(folder.join("bucket"), any_port, [BUCKET]);
        let bucket = Bucket::start(objects).await?;
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let variables = [
            ("service_secret", secret.as_str()),
            ("gcs_endpoint", &format!("http://{}", bucket.address())),
            ("gcs_bucket", BUCKET),
            ("storage_limit_bytes", LIMIT),
            ("bandwidth_limit_bytes", LIMIT),
            ("admin_email", &format!("{ADMIN}@example.com")),
            ("admin_password", PASSWORD),
            ("password_hashes_per_second", "100000"),
            // Longer than any run.
            ("access_token_seconds", "86400"),
        ];
        let mut options = Options::new(manifest, folder.join("state"));
        options.profile = profile;
        options.cache_dir = Some(repository("target/bench-cache"));
        options.read_environment = false;
        options.variables = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let more = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        options.variables.extend(more);
        Ok(Self {
            host: Host::start(options).await?,
            bucket,
            service_secret: secret,
            client: Client::new(),
        })
    }

    /// Where the bucket listens.
    pub(crate) fn bucket_address(&self) -> SocketAddr {
        self.bucket.address()
    }

    /// Somebody new, signed in.
    pub(crate) async fn sign_up(&self, username: &str) -> Result<User> {
        User::sign_up(&self.client, &self.origin(), username).await
    }

    /// The first admin, signed in.
    pub(crate) async fn admin(&self) -> Result<User> {
        User::sign_in(&self.client, &self.origin(), ADMIN).await
    }

    /// Hands log lines of storage-service in, as JSON.
    pub(crate) fn log(&self, lines: &Value) -> Result<Request<Body>> {
        let purpose = (&Method::POST, "/v1/logs");
        let token = service_token(
            &self.service_secret,
            "storage-service",
            "logging-service",
            purpose,
            None,
        );
        Ok(Request::post(format!("{}{}", self.origin(), purpose.1))
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json")
            .body(json_body(lines))?)
    }

    /// Where it answers.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.host.address())
    }

    /// All store calls so far, when nothing is under way any more.
    pub(crate) async fn settled(&self) -> Result<StoreCalls> {
        let started = Instant::now();
        let mut calls = self.host.store_calls();
        loop {
            tokio::time::sleep(SILENCE).await;
            let now = self.host.store_calls();
            if now == calls {
                return Ok(now);
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "the services call their stores without end"
            );
            calls = now;
        }
    }

    /// Ends it.
    pub(crate) async fn shutdown(self) {
        self.host.shutdown().await;
        self.bucket.shutdown().await;
    }
}

/// Somebody who is signed in, as requests.
pub(crate) struct User {
    origin: String,
    authorization: String,
}

impl User {
    /// Somebody new, signed in to the application at this origin.
    pub(crate) async fn sign_up(client: &Client, origin: &str, username: &str) -> Result<Self> {
        let account = json!({
            "username": username,
            "email": format!("{username}@example.com"),
            "password": PASSWORD,
        });
        let sign_up = json_request(&format!("{origin}/v1/users"), &account)?;
        client.ask(sign_up).await?;
        Self::sign_in(client, origin, username).await
    }

    async fn sign_in(client: &Client, origin: &str, username: &str) -> Result<Self> {
        let email = format!("{username}@example.com");
        let credentials = json!({ "email": email, "password": PASSWORD });
        let sign_in = json_request(&format!("{origin}/v1/sessions"), &credentials)?;
        let tokens: Value = serde_json::from_slice(&client.ask(sign_in).await?)?;
        let token = tokens["access_token"]
            .as_str()
            .context("there is no token")?;
        Ok(Self {
            origin: origin.to_owned(),
            authorization: format!("Bearer {token}"),
        })
    }

    /// Where a path is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The `Authorization` header.
    pub(crate) fn authorization(&self) -> &str {
        &self.authorization
    }

    /// Asks for a path.
    pub(crate) fn get(&self, path: &str) -> Result<Request<Body>> {
        Ok(self.request(Method::GET, path).body(Body::default())?)
    }

    /// Uploads a file.
    pub(crate) fn upload(&self, filename: &str, content: &Content) -> Result<Request<Body>> {
        let (content_type, body) = content.form(filename);
        Ok(self
            .request(Method::POST, "/upload")
            .header(CONTENT_TYPE, content_type)
            .body(body)?)
    }

    /// Changes a video, whatever its version is.
    pub(crate) fn change(&self, path: &str, changes: &Value) -> Result<Request<Body>> {
        Ok(self
            .request(Method::PATCH, path)
            .header(IF_MATCH, "*")
            .header(CONTENT_TYPE, "application/json")
            .body(json_body(changes))?)
    }

    /// Deletes a file.
    pub(crate) fn delete(&self, filename: &str) -> Result<Request<Body>> {
        Ok(self
            .request(Method::DELETE, "/delete-file")
            .header(CONTENT_TYPE, "application/json")
            .body(json_body(&json!({ "filename": filename })))?)
    }

    fn request(&self, method: Method, path: &str) -> request::Builder {
        Request::builder()
            .method(method)
            .uri(self.url(path))
            .header(AUTHORIZATION, &self.authorization)
    }
}

fn json_request(url: &str, json: &Value) -> Result<Request<Body>> {
    Ok(Request::post(url)
        .header(CONTENT_TYPE, "application/json")
        .body(json_body(json))?)
}

fn json_body(json: &Value) -> Body {
    [json.to_string().into()].into_iter().collect()
}
