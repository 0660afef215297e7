//! The application and the hello component, each in a process of its own on a host of the same profile, with the users and
//! files that are asked for.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::build::Build;
use super::loads::{Kind, Load, PAGE, RANGE, UPLOAD, VIDEO};
use super::results::Figures;
use super::server::Server;
use super::uploads::Clients;
use crate::application::User;
use crate::client::Client;
use crate::content::Content;
use crate::hello_server::{Allocator, HelloServer};
use crate::profile::Profile;
use crate::wrk::{self, CONNECTIONS, Wrk};

/// How long each load is sent before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);

/// How long an answer may take: slow is not wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// A build on a host.
pub(super) struct Site {
    pub(super) build: &'static str,
    pub(super) profile: Profile,
    server: Server,
    hello: HelloServer,
    /// Who has one video.
    user: User,
    video: String,
    /// Who has [`PAGE`] of them.
    collector: User,
    clients: Clients,
}

impl Site {
    /// Starts everything; state goes to new folders in `folder`.
    pub(super) async fn start(build: &Build, profile: Profile, folder: &Path) -> Result<Self> {
        let folder = folder.join(format!("{}-{}", build.name, profile.name()));
        std::fs::create_dir(&folder)?;
        let hello = HelloServer::start(Allocator::Pooling, profile, &folder).await?;
        let server = Server::start(&build.manifest, profile, &folder.join("application")).await?;
        let client = Client::new();
        let sign_up = async |name: &str| User::sign_up(&client, &server.origin, name).await;
        let user = sign_up("somebody").await?;
        let film = user.upload("film.mp4", &Content::new(VIDEO))?;
        client.ask(film).await?;
        let collector = sign_up("collector").await?;
        for number in 0..PAGE {
            let name = format!("film-{number}.mp4");
            let film = collector.upload(&name, &Content::new(UPLOAD))?;
            client.ask(film).await?;
        }
        let mut uploaders = Vec::new();
        for number in 0..CONNECTIONS {
            uploaders.push(sign_up(&format!("uploader-{number}")).await?);
        }
        let page = page(&client, &user, "/v1/videos").await?;
        let video = page.first().and_then(|video| video["id"].as_str());
        let site = Self {
            build: build.name,
            profile,
            video: video.context("the video has no id")?.to_owned(),
            server,
            hello,
            user,
            collector,
            clients: Clients::new(uploaders),
        };
        site.check(&client).await?;
        Ok(site)
    }

    /// What to call it.
    pub(super) fn name(&self) -> String {
        format!("{} build, {}", self.build, self.profile.name())
    }

    /// Looks at what is answered, so that no number comes from answers that are wrong.
    async fn check(&self, client: &Client) -> Result<()> {
        let status = client.ask(self.user.get("/storage-status")?).await?;
        let status: Value = serde_json::from_slice(&status).context("the status is no JSON")?;
        let files = status["files"].as_array().map_or(0, Vec::len);
        ensure!(files == 1, "{files} files are listed instead of one");
        let videos = page(client, &self.collector, Self::PAGE_PATH).await?.len();
        ensure!(videos == PAGE, "a page has {videos} videos");
        let bytes = client.count(self.user.get(&self.content())?).await?;
        ensure!(bytes == VIDEO, "the video has {bytes} bytes");
        Ok(())
    }

    const PAGE_PATH: &str = "/v1/videos?limit=10";

    fn content(&self) -> String {
        format!("/v1/videos/{}/content", self.video)
    }

    /// Sends requests of a kind for so long.
    pub(super) async fn measure(
        &mut self,
        load: &Load,
        wrk: &Wrk,
        duration: Duration,
    ) -> Result<Figures> {
        match self.request(load.kind) {
            Some(request) => self.by_wrk(&request, wrk, duration).await,
            None => {
                let before = self.server.settled().await?;
                let round = match load.kind {
                    Kind::Delete => self.clients.delete(duration).await?,
                    _ => self.clients.upload(duration).await?,
                };
                let after = self.server.settled().await?;
                Ok(Figures::new(round, before, after))
            }
        }
    }

    async fn by_wrk(
        &mut self,
        request: &wrk::Load,
        wrk: &Wrk,
        duration: Duration,
    ) -> Result<Figures> {
        wrk.count(request, WARM_UP, PATIENCE).await?;
        let before = self.server.settled().await?;
        let round = wrk.count(request, duration, PATIENCE).await?;
        let after = self.server.settled().await?;
        Ok(Figures::new(round, before, after))
    }

    /// What wrk is to send; nothing where it cannot.
    fn request(&self, kind: Kind) -> Option<wrk::Load> {
        let by = |user: &User, path: &str, status| wrk::Load {
            url: user.url(path),
            headers: vec![format!("Authorization: {}", user.authorization())],
            status: Some(status),
        };
        Some(match kind {
            Kind::Hello => wrk::Load {
                status: Some(200),
                ..wrk::Load::of(self.hello.url())
            },
            Kind::Open(path) => wrk::Load {
                status: Some(200),
                ..wrk::Load::of(&self.user.url(path))
            },
            Kind::User(path) => by(&self.user, path, 200),
            Kind::Video => by(&self.user, &format!("/v1/videos/{}", self.video), 200),
            Kind::Page => by(&self.collector, Self::PAGE_PATH, 200),
            Kind::Range => {
                let mut load = by(&self.user, &self.content(), 206);
                load.headers.push(format!("Range: {RANGE}"));
                load
            }
            Kind::Upload | Kind::Delete => return None,
        })
    }
}

/// The videos that a user is shown.
async fn page(client: &Client, user: &User, path: &str) -> Result<Vec<Value>> {
    let page = client.ask(user.get(path)?).await?;
    let mut page: Value = serde_json::from_slice(&page).context("a page is no JSON")?;
    match page["items"].take() {
        Value::Array(items) => Ok(items),
        other => anyhow::bail!("a page has the items {other}"),
    }
}
