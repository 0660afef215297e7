//! Big files: through the components, through nginx, and without anything between client and bucket.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use http::{Method, Request};
use serde_json::Value;

use super::{BIG, ROUNDS};
use crate::application::{Application, BUCKET, User};
use crate::client::{Body, Client};
use crate::content::Content;
use crate::nginx::Nginx;
use crate::statistics::Samples;
use crate::step;

/// nginx's settings for big bodies. What it buffers of a download stays in memory; an upload that it buffers it keeps in
/// a file first, which is its default.
const SETTINGS: [&str; 2] = [
    "client_max_body_size 0; client_body_buffer_size 256k; proxy_request_buffering on; \
     proxy_buffering on; proxy_max_temp_file_size 0; proxy_buffer_size 64k; proxy_buffers 8 256k; \
     proxy_busy_buffers_size 512k;",
    "client_max_body_size 0; client_body_buffer_size 256k; proxy_request_buffering off; \
     proxy_buffering off; proxy_buffer_size 256k; proxy_buffers 8 256k;",
];

/// Whose throughput is measured; the numbers are places in [`Throughputs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// The components.
    Spinreel,
    /// nginx, which reads downloads ahead and sends uploads on when it has them whole.
    NginxBuffering,
    /// nginx, which sends on what it has before it reads more.
    NginxUnbuffered,
    /// The bucket itself.
    Bucket,
}

impl Server {
    /// All of them, in the table's order.
    pub(crate) const ALL: [Server; 4] = [
        Server::Spinreel,
        Server::NginxBuffering,
        Server::NginxUnbuffered,
        Server::Bucket,
    ];
}

/// Megabytes (10⁶ bytes) a second, one sample a round, for each of [`Server::ALL`].
pub(crate) type Throughputs = [Samples; Server::ALL.len()];

/// Measures downloads and uploads.
pub(crate) async fn measure(
    application: &Application,
    folder: &Path,
) -> Result<(Throughputs, Throughputs)> {
    let bucket = application.bucket_address();
    let nginx = Nginx::proxying(bucket, &SETTINGS, folder).await?;
    let [buffering, unbuffered] = nginx.urls() else {
        anyhow::bail!("nginx has one server for each of the settings");
    };
    let transfers = Transfers {
        application,
        user: application.sign_up("big").await?,
        content: Content::new(BIG),
        origins: [
            buffering.clone(),
            unbuffered.clone(),
            format!("http://{bucket}"),
        ],
    };
    Ok((transfers.downloads().await?, transfers.uploads().await?))
}

/// What is transferred, and by which ways.
struct Transfers<'a> {
    application: &'a Application,
    user: User,
    content: Content,
    /// The ways to the bucket without components, in the order of [`Server::ALL`].
    origins: [String; 3],
}

impl Transfers<'_> {
    fn client(&self) -> &Client {
        &self.application.client
    }

    /// The same object by all ways.
    async fn downloads(&self) -> Result<Throughputs> {
        step("Uploading the file that is downloaded");
        self.client()
            .ask(self.user.upload("download.mp4", &self.content)?)
            .await?;
        let video = format!("/v1/videos/{}/content", self.only_video().await?);
        let object = self.only_object().await?;
        let request = |server| match self.origin(server) {
            None => self.user.get(&video),
            Some(origin) => Ok(Request::get(format!("{origin}{object}")).body(Body::default())?),
        };
        for server in Server::ALL {
            let crc32c = self.client().crc32c(request(server)?).await?;
            ensure!(
                crc32c == self.content.crc32c(),
                "{server:?} gives other bytes than were uploaded"
            );
        }
        let throughputs = rounds("Downloads", async |server, _| {
            let request = request(server)?;
            self.timed(async || {
                let size = self.client().count(request).await?;
                ensure!(size == BIG, "{server:?} gives {size} of {BIG} bytes");
                Ok(())
            })
            .await
        })
        .await?;
        self.client().ask(self.user.delete("download.mp4")?).await?;
        Ok(throughputs)
    }

    /// The same bytes by all ways, under a new name each time; afterwards they are deleted.
    async fn uploads(&self) -> Result<Throughputs> {
        rounds("Uploads", async |server, round| {
            let name = format!("upload-{server:?}-{round}.mp4");
            let objects = format!("/storage/v1/b/{BUCKET}/o");
            let (upload, delete) = match self.origin(server) {
                None => (
                    self.user.upload(&name, &self.content)?,
                    self.user.delete(&name)?,
                ),
                Some(origin) => (
                    Request::post(format!(
                        "{origin}/upload{objects}?uploadType=media&name={name}"
                    ))
                    .body(self.content.plain())?,
                    Request::delete(format!("{origin}{objects}/{name}")).body(Body::default())?,
                ),
            };
            let rate = self
                .timed(async || self.client().ask(upload).await.map(drop))
                .await?;
            self.client().ask(delete).await?;
            Ok(rate)
        })
        .await
    }

    /// Where a way begins; `None` for the components.
    fn origin(&self, server: Server) -> Option<&str> {
        let place = (server as usize).checked_sub(1)?;
        self.origins.get(place).map(String::as_str)
    }

    /// Megabytes a second of one transfer, which begins when nothing else is under way.
    async fn timed(&self, transfer: impl AsyncFnOnce() -> Result<()>) -> Result<f64> {
        self.application.settled().await?;
        let started = Instant::now();
        transfer().await?;
        Ok(BIG as f64 / 1e6 / started.elapsed().as_secs_f64())
    }

    /// The id of the user's video.
    async fn only_video(&self) -> Result<String> {
        let page = self.client().ask(self.user.get("/v1/videos")?).await?;
        let page: Value = serde_json::from_slice(&page)?;
        let id = page["items"][0]["id"].as_str();
        Ok(id.context("the video is not listed")?.to_owned())
    }

    /// The path of the bytes of the bucket's one object.
    async fn only_object(&self) -> Result<String> {
        let list = Request::builder()
            .method(Method::GET)
            .uri(format!("{}/storage/v1/b/{BUCKET}/o", self.origins[2]))
            .body(Body::default())?;
        let list: Value = serde_json::from_slice(&self.client().ask(list).await?)?;
        let link = list["items"][0]["mediaLink"].as_str();
        let link: http::Uri = link.context("the bucket is empty")?.parse()?;
        Ok(link
            .path_and_query()
            .context("the link has no path")?
            .to_string())
    }
}

/// Measures every server in every round.
async fn rounds(
    what: &str,
    measure: impl AsyncFn(Server, usize) -> Result<f64>,
) -> Result<Throughputs> {
    let mut rates = [const { Vec::new() }; Server::ALL.len()];
    for round in 0..ROUNDS {
        step(&format!("{what}, round {} of {ROUNDS}", round + 1));
        for turn in 0..Server::ALL.len() {
            // Each round begins with another server, so that none always follows the same one.
            let server = Server::ALL[(round + turn) % Server::ALL.len()];
            rates[server as usize].push(measure(server, round).await?);
        }
    }
    Ok(rates.map(Samples::from_iter))
}
