//! An application whose catalogue was filled, and what is asked of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::fill::{Catalogue, room};
use crate::application::{Application, User};
use crate::storage::Cost;

/// Videos of a page.
pub(super) const LIMIT: usize = 10;
/// Users who change a video each, again and again.
pub(super) const CLIENTS: usize = 16;

/// An application with one user's many videos, and one video of each of those who change theirs.
pub(super) struct Site {
    // Declared first, so that it is ended before its folder is removed.
    pub(super) application: Application,
    owner: User,
    clients: Vec<(User, String)>,
    store: PathBuf,
    /// How many videos the owner has.
    pub(super) videos: u64,
    _folder: TempDir,
}

impl Site {
    pub(super) async fn start(videos: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let application = Application::start(folder.path()).await?;
        let store = folder.path().join("state/videos.db");
        let owner = application.sign_up("owner").await?;
        let mut catalogue = Catalogue::new(videos)?;
        catalogue
            .record(&id_of(&application, &owner).await?, videos)
            .await?;
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let client = application.sign_up(&format!("client-{number}")).await?;
            let id = id_of(&application, &client).await?;
            clients.push((client, catalogue.record(&id, 1).await?));
        }
        application.settled().await?;
        catalogue.write(&store).await?;
        Ok(Self {
            application,
            owner,
            clients,
            store,
            videos,
            _folder: folder,
        })
    }

    /// Asks for a page once, and notes what it cost.
    pub(super) async fn ask(&self, path: &str, cost: &mut Cost) -> Result<()> {
        let page = self.page(path).await?;
        let items = page["items"].as_array().map_or(0, Vec::len);
        ensure!(items == LIMIT, "{path} has {items} videos");
        cost.note(&self.application, self.owner.get(path)?).await
    }

    async fn page(&self, path: &str) -> Result<Value> {
        let page = self.application.client.ask(self.owner.get(path)?).await?;
        serde_json::from_slice(&page).context("a page is no JSON")
    }

    /// The first page of the feed, as it is sent.
    pub(super) async fn feed(&self, path: &str) -> Result<Vec<u8>> {
        self.application.client.ask(self.owner.get(path)?).await
    }

    /// Changes in a second: each client gives its video another title as soon as the last one was answered.
    pub(super) async fn changes(&self, round: usize, duration: Duration) -> Result<f64> {
        let began = Instant::now();
        let mut clients = JoinSet::new();
        for (user, video) in &self.clients {
            let client = self.application.client.clone();
            let changes = [0, 1].map(|turn| {
                let title = json!({ "title": format!("a title of round {round} and turn {turn}") });
                user.change(&format!("/v1/videos/{video}"), &title)
            });
            let [one, other] = changes;
            let changes = [one?, other?];
            clients.spawn(async move {
                let mut count = 0_u64;
                while began.elapsed() < duration {
                    for change in &changes {
                        client.ask(change.clone()).await?;
                        count += 1;
                    }
                }
                anyhow::Ok(count)
            });
        }
        let mut count = 0;
        while let Some(changed) = clients.join_next().await {
            count += changed??;
        }
        Ok(count as f64 / began.elapsed().as_secs_f64())
    }

    /// One change while nothing else is under way.
    pub(super) async fn change_once(&self, turn: usize, cost: &mut Cost) -> Result<()> {
        let (user, video) = self.clients.first().context("there are clients")?;
        let title = json!({ "title": format!("a title of turn {turn}") });
        let change = user.change(&format!("/v1/videos/{video}"), &title)?;
        cost.note(&self.application, change).await
    }

    /// Keys and bytes of the store for a video.
    pub(super) fn room(&self) -> Result<(f64, f64)> {
        let (keys, bytes) = room(&self.store)?;
        let videos = (self.videos + CLIENTS as u64) as f64;
        Ok((keys / videos, bytes / videos))
    }
}

async fn id_of(application: &Application, user: &User) -> Result<String> {
    let account = application.client.ask(user.get("/v1/users/me")?).await?;
    let account: Value = serde_json::from_slice(&account).context("an account is no JSON")?;
    let id = account["id"].as_str().context("an account has an id")?;
    Ok(id.to_owned())
}
