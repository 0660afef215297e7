//! `storage`: what the bytes cost. Big files through the components and through nginx, to and from the same bucket;
//! and uploads, deletions and lists in milliseconds and in calls of the key-value stores.
//!
//! - `transfers`: big files, beside nginx
//! - `requests`: small ones, with their store calls
//! - `results`: the table and the JSON

mod requests;
mod results;
mod transfers;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

pub(crate) use self::requests::Cost;
use self::results::Results;
use crate::application::Application;
use crate::report::Report;
use crate::step;

/// The bytes of a big file: 256 MiB.
const BIG: u64 = 256 * 1024 * 1024;

/// Rounds of big files. The servers alternate, so that what else the machine does meets all of them.
const ROUNDS: usize = 9;

/// The bytes of a small file.
const SMALL: u64 = 100_000;

/// Small uploads, one after another, and as many deletions.
const UPLOADS: usize = 50;

/// Files of a user that has few, and of one that has many.
const FILES: [usize; 2] = [10, 10_000];

/// Their bytes.
const TINY: u64 = 100;

/// Uploads at a time while the files of the two users are made.
const AT_A_TIME: usize = 16;

/// Requests for a page, and for the status, of each of the two users. They alternate.
const LISTS: usize = 100;

/// Measures everything in one run.
pub(crate) async fn run() -> Result<Report> {
    step("Starting the application");
    // Declared first, so that it is removed last.
    let folder = tempfile::tempdir()?;
    let application = Application::start(folder.path()).await?;
    let (download, upload) = transfers::measure(&application, folder.path()).await?;
    let (small_upload, deletion) = requests::uploads_and_deletions(&application).await?;

    step("Uploading the files of two users");
    let few = application.sign_up("few").await?;
    let many = application.sign_up("many").await?;
    for (user, files) in [&few, &many].into_iter().zip(FILES) {
        requests::fill(&application, user, files).await?;
        let status = application.client.ask(user.get("/storage-status")?).await?;
        let status: Value = serde_json::from_slice(&status).context("the status is no JSON")?;
        let listed = status["files"].as_array().map_or(0, Vec::len);
        ensure!(listed == files, "{listed} of {files} files are listed");
    }
    let users = [&few, &many];
    step("Asking for pages");
    let page = "/v1/videos?limit=10";
    let pages: [Cost; 2] = requests::alternating(&application, users, page).await?;
    step("Asking for the status");
    let statuses = requests::alternating(&application, users, "/storage-status").await?;
    application.shutdown().await;

    let results = Results {
        download,
        upload,
        small_upload,
        deletion,
        pages,
        statuses,
    };
    Ok(results.report())
}
