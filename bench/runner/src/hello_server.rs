//! The hello component on the embedded host, in a process of its own: this program, started once more.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::ValueEnum;
use spinreel_host::{Host, Options};
use tokio::io::AsyncReadExt as _;

use crate::process::Process;
use crate::profile::Profile;
use crate::repository;

/// What the component answers.
pub(crate) const BODY: &str = include_str!("../../hello/body.txt");

/// Where instances get their memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Allocator {
    /// From slots that are reused: how applications are served.
    Pooling,
    /// From the system, for every instance.
    OnDemand,
}

/// The arguments of the second process.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    allocator: Allocator,
    #[arg(long)]
    profile: Profile,
    /// A folder for the host's state; it is made.
    #[arg(long)]
    state: PathBuf,
}

/// Serves until standard input ends, which it does with the process that holds its other end. The first line
/// on standard output is the address.
pub(crate) async fn serve(arguments: Arguments) -> Result<()> {
    let mut options = Options::new(repository("bench/hello/spin.toml"), arguments.state);
    options.read_environment = false;
    options.allocator = match arguments.allocator {
        Allocator::Pooling => spinreel_host::Allocator::Pooling,
        Allocator::OnDemand => spinreel_host::Allocator::OnDemand,
    };
    options.profile = arguments.profile.into();
    let host = Host::start(options).await?;
    println!("{}", host.address());
    let mut ignored = [0; 64];
    while tokio::io::stdin().read(&mut ignored).await? > 0 {}
    host.shutdown().await;
    Ok(())
}

/// A running second process. Dropping it ends the process.
pub(crate) struct HelloServer {
    _process: Process,
    url: String,
}

impl HelloServer {
    /// Starts a server on a free port; its state goes to a new folder in `folder`.
    pub(crate) async fn start(
        allocator: Allocator,
        profile: Profile,
        folder: &Path,
    ) -> Result<Self> {
        let component = repository("target/wasm32-wasip2/release/bench_hello.wasm");
        ensure!(
            component.is_file(),
            "{} is missing: `cargo xtask bench` builds it",
            component.display()
        );
        let allocator = allocator
            .to_possible_value()
            .context("every allocator has a name")?;
        let (allocator, profile) = (allocator.get_name(), profile.name());
        let state = folder.join(format!("hello-{allocator}-{profile}"));
        let state = state.to_str().context("the folder's name is not UTF-8")?;
        let mut process = Process::start([
            "serve-hello",
            "--allocator",
            allocator,
            "--profile",
            profile,
            "--state",
            state,
        ])?;
        let address: SocketAddr = process
            .line()
            .await?
            .parse()
            .map_err(|_| anyhow!("the embedded host did not start; its message is above"))?;
        Ok(Self {
            _process: process,
            url: format!("http://{address}/"),
        })
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}
