//! `catalogue`: pages of an owner's videos and of the feed, of a tag and of words, among a thousand videos and among a
//! million; changes; the feed beside nginx; and the room that a video needs.
//!
//! - `fill`: the videos; `site`: an application that has them
//! - `results`: the table and the JSON

mod fill;
mod results;
mod site;

use anyhow::{Context as _, Result, ensure};

use self::fill::{COMMON_WORD, TAG, WORD};
use self::results::{Page, Results};
use self::site::Site;
use crate::nginx::Nginx;
use crate::report::Report;
use crate::step;
use crate::storage::Cost;
use crate::wrk::{Load, ROUND, ROUNDS, Wrk};

/// Videos of the catalogue that has few.
const FEW: u64 = 1_000;
/// Single changes whose store calls are looked at.
const CHANGES: usize = 5;

/// The pages: the name, the path.
fn pages() -> Vec<(&'static str, String)> {
    let limit = site::LIMIT;
    let mut pages = Vec::new();
    for (list, own) in [("/v1/videos", true), ("/v1/feed", false)] {
        let names = match own {
            true => ["own", "own, tag", "own, word", "own, common word and tag"],
            false => [
                "feed",
                "feed, tag",
                "feed, word",
                "feed, common word and tag",
            ],
        };
        let path = |query: &str| format!("{list}?limit={limit}{query}");
        let queries = [
            String::new(),
            format!("&tag={TAG}"),
            format!("&q={WORD}"),
            format!("&q={COMMON_WORD}&tag={TAG}"),
        ];
        pages.extend(names.into_iter().zip(queries.map(|query| path(&query))));
    }
    pages
}

/// What `catalogue` is told.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Options of catalogue")]
pub(crate) struct Settings {
    /// Videos of the catalogue that has many.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    videos: u64,
    /// Requests for each page.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    requests: u64,
}

/// Measures everything in one run.
pub(crate) async fn run(settings: &Settings) -> Result<Report> {
    // Declared first, so that it is removed last.
    let folder = tempfile::tempdir()?;
    let wrk = Wrk::new(folder.path()).await?;
    step(&format!("Recording {FEW} videos"));
    let few = Site::start(FEW).await?;
    step(&format!("Recording {} videos", settings.videos));
    let many = Site::start(settings.videos).await?;
    let room = [few.room()?, many.room()?];

    step("Asking for pages");
    let mut pages: Vec<Page> = pages()
        .into_iter()
        .map(|(name, path)| Page {
            name,
            path,
            costs: Default::default(),
        })
        .collect();
    for _ in 0..settings.requests {
        for page in &mut pages {
            for (site, cost) in [&few, &many].into_iter().zip(&mut page.costs) {
                site.ask(&page.path, cost).await?;
            }
        }
    }

    step("Changing videos");
    let mut change = Cost::default();
    for turn in 0..CHANGES {
        many.change_once(turn, &mut change).await?;
    }
    let mut changes = Vec::new();
    for round in 0..ROUNDS {
        changes.push(many.changes(round, ROUND).await?);
        many.application.settled().await?;
    }

    let path = format!("/v1/feed?limit={}", site::LIMIT);
    let json = many.feed(&path).await?;
    let nginx = Nginx::serving(&json, "application/json", folder.path()).await?;
    let nginx_url = nginx.urls().first().context("nginx has one server")?;
    ensure!(
        crate::client::get(nginx_url).await? == json,
        "nginx serves something else"
    );
    let ours = Load::of(&format!("{}{path}", many.application.origin()));
    let feed = wrk
        .compare(&[ours, Load::of(nginx_url)], async || {
            many.application.settled().await.map(drop)
        })
        .await?;
    let results = Results {
        videos: [few.videos, many.videos],
        pages,
        change,
        changes: changes.into_iter().collect(),
        feed,
        room,
    };
    for site in [few, many] {
        site.application.shutdown().await;
    }
    Ok(results.report())
}
