//! The application in a process of its own: this program, started once more. Its first line is where it listens; to every
//! line that it reads it answers, once its services have nothing left to do, with the calls of its stores.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use spinreel_host::{StoreCalls, StoreOperation};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::application::Application;
use crate::process::Process;
use crate::profile::Profile;

/// The arguments of the second process.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    manifest: PathBuf,
    #[arg(long)]
    profile: Profile,
    /// A folder for everything; it is made.
    #[arg(long)]
    folder: PathBuf,
}

/// How often the services called their stores since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Calls {
    pub(super) reads: u64,
    pub(super) writes: u64,
}

impl Calls {
    fn of(calls: &StoreCalls) -> Self {
        let mut sums = Self {
            reads: 0,
            writes: 0,
        };
        for label in calls.labels() {
            for operation in StoreOperation::ALL {
                let sum = match operation {
                    StoreOperation::Get
                    | StoreOperation::GetMany
                    | StoreOperation::Exists
                    | StoreOperation::ListKeys => &mut sums.reads,
                    StoreOperation::Set
                    | StoreOperation::SetMany
                    | StoreOperation::Delete
                    | StoreOperation::DeleteMany
                    | StoreOperation::Increment
                    | StoreOperation::Swap => &mut sums.writes,
                };
                *sum += calls.of(label, operation);
            }
        }
        sums
    }
}

/// Serves until standard input ends, which it does with the process that holds its other end.
pub(crate) async fn serve(arguments: Arguments) -> Result<()> {
    let Arguments {
        manifest,
        profile,
        folder,
    } = arguments;
    std::fs::create_dir(&folder)?;
    let application = Application::start_from(&manifest, profile.into(), &folder, &[]).await?;
    println!("{}", application.origin());
    let mut questions = BufReader::new(tokio::io::stdin()).lines();
    while questions.next_line().await?.is_some() {
        let calls = Calls::of(&application.settled().await?);
        println!("{}", serde_json::to_string(&calls)?);
    }
    application.shutdown().await;
    Ok(())
}

/// The application in such a process.
pub(super) struct Server {
    process: Process,
    /// Where it answers.
    pub(super) origin: String,
}

impl Server {
    /// Starts it with an empty state in the new folder `folder`.
    pub(super) async fn start(manifest: &Path, profile: Profile, folder: &Path) -> Result<Self> {
        let path = |path: &Path| path.to_str().map(str::to_owned);
        let manifest = path(manifest).context("the manifest's name is not UTF-8")?;
        let folder = path(folder).context("the folder's name is not UTF-8")?;
        let mut process = Process::start([
            "serve-application",
            "--manifest",
            &manifest,
            "--profile",
            profile.name(),
            "--folder",
            &folder,
        ])?;
        let origin = process.line().await?;
        Ok(Self { process, origin })
    }

    /// The calls so far, when nothing is under way any more.
    pub(super) async fn settled(&mut self) -> Result<Calls> {
        let answer = self.process.ask("settled").await?;
        serde_json::from_str(&answer).with_context(|| format!("the application said {answer}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_in_a_line() {
        let calls = Calls {
            reads: 3,
            writes: 2,
        };
        let line = serde_json::to_string(&calls).unwrap_or_default();
        assert_eq!(line, r#"{"reads":3,"writes":2}"#);
        assert_eq!(serde_json::from_str::<Calls>(&line).ok(), Some(calls));
    }
}
