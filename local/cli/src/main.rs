#![forbid(unsafe_code)]
//! Spinreel without Spin: `up` runs the application on the embedded host with the embedded bucket beside it,
//! `bucket` runs the bucket alone; `sweep`, `reconcile` and `rotate-keys` look after an installation, wherever it runs.

mod admin;
mod bucket;
mod keys;
mod secret;
mod sweep;
mod tick;
mod up;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Spinreel on the embedded host")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs the application and the embedded bucket until Ctrl-C.
    Up(up::Arguments),
    /// Runs the embedded bucket alone until Ctrl-C.
    Bucket(bucket::Arguments),
    /// Brings to its end what dead requests left half-done.
    Sweep(sweep::SweepArguments),
    /// Compares the store with the bucket, and prints what differs.
    Reconcile(sweep::ReconcileArguments),
    /// Makes a new key for access tokens.
    RotateKeys(keys::RotateArguments),
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    match Cli::parse().command {
        Task::Up(arguments) => up::run(arguments).await,
        Task::Bucket(arguments) => bucket::run(arguments).await,
        Task::Sweep(arguments) => sweep::sweep(arguments).await,
        Task::Reconcile(arguments) => sweep::reconcile(arguments).await,
        Task::RotateKeys(arguments) => keys::rotate(arguments).await,
    }
}

/// Resolves at Ctrl-C, or when a service manager asks the program to end.
async fn stopped() -> Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
