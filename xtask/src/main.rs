#![forbid(unsafe_code)]
//! The commands of this repository: `cargo xtask …`.
//!
//! Each prepares all that it needs, so that it works on a fresh machine, and is quick where that is done.

mod build;
mod clients;
mod films;
mod fuzz;
mod run;
mod wasm_target;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Spinreel: run it, test it, measure it")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs the application: the embedded bucket and the embedded host, until Ctrl-C.
    #[command(disable_help_flag = true)]
    Up(PassedOn),
    /// Runs all tests: native, and end to end on the components.
    Test(PassedOn),
    /// Runs the property tests of what reads bytes of strangers, with many cases, over and over.
    Fuzz {
        /// How long; the round that is under way then is finished.
        #[arg(long, default_value_t = 5)]
        minutes: u32,
    },
    /// Installs the clients that others wrote (Google's, PyJWT, Standard Webhooks), and makes the films, which some tests need;
    /// `test` does it first.
    #[command(visible_alias = "google")]
    Clients,
    /// Builds the five components that spin.toml points to.
    Build,
    /// Runs the embedded bucket alone.
    #[command(disable_help_flag = true)]
    Bucket(PassedOn),
    /// Brings to its end what dead requests left half-done, in a running installation.
    #[command(disable_help_flag = true)]
    Sweep(PassedOn),
    /// Compares the store of a running installation with its bucket.
    #[command(disable_help_flag = true)]
    Reconcile(PassedOn),
    /// Makes a new key for access tokens, in a running installation.
    #[command(disable_help_flag = true)]
    RotateKeys(PassedOn),
    /// Measures; names of benchmarks, or all of them.
    #[command(disable_help_flag = true)]
    Bench(PassedOn),
    /// Checks what CI checks before the tests: formatting and lints.
    Lint,
}

#[derive(clap::Args)]
struct PassedOn {
    /// Passed on as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Task::Up(passed) => {
            if passed
                .arguments
                .iter()
                .any(|argument| argument == "--quiet")
            {
                run::be_quiet();
            }
            build::components()?;
            build::local("up", &passed.arguments)
        }
        Task::Bucket(passed) => build::local("bucket", &passed.arguments),
        Task::Fuzz { minutes } => fuzz::run(minutes),
        Task::Clients => build::foreign_clients(),
        Task::Sweep(passed) => build::local("sweep", &passed.arguments),
        Task::Reconcile(passed) => build::local("reconcile", &passed.arguments),
        Task::RotateKeys(passed) => build::local("rotate-keys", &passed.arguments),
        Task::Build => build::components(),
        Task::Test(passed) => {
            build::foreign_clients()?;
            build::components()?;
            build::local_program()?;
            build::tests(&passed.arguments)
        }
        Task::Bench(passed) => {
            build::components()?;
            build::bench(&passed.arguments)
        }
        Task::Lint => build::lint(),
    }
}
