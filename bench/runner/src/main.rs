#![forbid(unsafe_code)]
//! The benchmarks: `cargo xtask bench [NAME …] [--json]`.
//!
//! # Layout
//! - one module a benchmark: `host`, `auth`, `storage`, `catalogue`, `logs`, `spin_like`
//! - what they use: `wrk` (load), `client` (single requests), `hello_server` and `nginx` (what is measured, each in
//!   processes of its own), `process` (those that are this program), `application` (all components, with the embedded host
//!   and bucket, in this process), `profile` (of hosts), `content` (the bytes of files), `tools` (programs of the system),
//!   `machine`
//! - `report`: the table and the JSON; `statistics`: many measurements of one thing

mod application;
mod auth;
mod catalogue;
mod client;
mod content;
mod hello_server;
mod host;
mod logs;
mod machine;
mod nginx;
mod process;
mod profile;
mod report;
mod spin_like;
mod statistics;
mod storage;
mod tools;
mod wrk;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand, ValueEnum};

use crate::machine::Machine;
use crate::report::Report;

#[derive(Parser)]
#[command(
    name = "cargo xtask bench",
    about = "Measures Spinreel on this machine"
)]
struct Cli {
    /// The benchmarks to run; all of them when there is no name.
    names: Vec<Benchmark>,
    /// Print JSON to standard output; the tables go to standard error then.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    spin_like: spin_like::Settings,
    #[command(flatten)]
    catalogue: catalogue::Settings,
    #[command(subcommand)]
    server: Option<Server>,
}

/// Servers under load run in processes of their own, made from this program.
#[derive(Subcommand)]
enum Server {
    /// Serves the hello component until standard input ends.
    #[command(hide = true)]
    ServeHello(hello_server::Arguments),
    /// Serves the application until standard input ends.
    #[command(hide = true)]
    ServeApplication(spin_like::Arguments),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// Small requests: the embedded host with both allocators, and nginx.
    Host,
    /// Requests with a token, good and bad, beside a component that does nothing.
    Auth,
    /// Big files, beside nginx; what uploads, deletions and lists cost in calls of the store.
    Storage,
    /// Lists among a thousand videos and a million; changes, the feed beside nginx, the room of a video.
    Catalogue,
    /// Small requests while the log is healthy, gone, broken or slow.
    Logs,
    /// Small requests on a host that is never better than Spin, beside a component that does nothing there.
    SpinLike,
}

impl Benchmark {
    async fn run(self, cli: &Cli) -> Result<Report> {
        match self {
            Self::Host => host::run().await,
            Self::Auth => auth::run().await,
            Self::Storage => storage::run().await,
            Self::Catalogue => catalogue::run(&cli.catalogue).await,
            Self::Logs => logs::run().await,
            Self::SpinLike => spin_like::run(&cli.spin_like).await,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    match cli.server {
        Some(Server::ServeHello(arguments)) => return hello_server::serve(arguments).await,
        Some(Server::ServeApplication(arguments)) => return spin_like::serve(arguments).await,
        None => {}
    }
    // What was started ends when the future is dropped, so a signal must not end the process at once.
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        outcome = measure(&cli) => outcome,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

async fn measure(cli: &Cli) -> Result<()> {
    let names = match cli.names.as_slice() {
        [] => Benchmark::value_variants(),
        names => names,
    };
    let machine = Machine::look().await?;
    let mut reports = Vec::with_capacity(names.len());
    for name in names {
        let report = name.run(cli).await?;
        let text = report.to_text(&machine);
        if cli.json {
            write!(std::io::stderr(), "\n{text}")?;
        } else {
            write!(std::io::stdout(), "\n{text}")?;
        }
        reports.push(report);
    }
    if cli.json {
        let json = report::to_json(&machine, &reports);
        writeln!(std::io::stdout(), "{json:#}")?;
    }
    Ok(())
}

/// A folder or file of the repository that this program was built from.
fn repository(path: &str) -> PathBuf {
    let runner = Path::new(env!("CARGO_MANIFEST_DIR"));
    runner.ancestors().nth(2).unwrap_or(runner).join(path)
}

/// Prints one line of progress.
fn step(what: &str) {
    eprintln!("==> {what}");
}
