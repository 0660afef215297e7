//! The hello component on the embedded host, in a process of its own: this program, started once more.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::ValueEnum;
use spinreel_host::{Host, Options};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::repository;

/// What the component answers.
pub(crate) const BODY: &str = include_str!("../../hello/body.txt");

/// How long compiling the component and starting may take.
const PATIENCE: Duration = Duration::from_secs(60);

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
    listen: SocketAddr,
    /// A folder for the host's state; it is made.
    #[arg(long)]
    state: PathBuf,
}

/// Serves until standard input ends, which it does with the process that holds its other end. The first line
/// on standard output is the address.
pub(crate) async fn serve(arguments: Arguments) -> Result<()> {
    let mut options = Options::new(repository("bench/hello/spin.toml"), arguments.state);
    options.listen = arguments.listen;
    options.read_environment = false;
    options.allocator = match arguments.allocator {
        Allocator::Pooling => spinreel_host::Allocator::Pooling,
        Allocator::OnDemand => spinreel_host::Allocator::OnDemand,
    };
    let host = Host::start(options).await?;
    println!("{}", host.address());
    let mut ignored = [0; 64];
    while tokio::io::stdin().read(&mut ignored).await? > 0 {}
    host.shutdown().await;
    Ok(())
}

/// A running second process. Dropping it ends the process.
pub(crate) struct HelloServer {
    // Its standard input is open as long as this is here.
    _process: Child,
    url: String,
}

impl HelloServer {
    /// Starts a server on a free port; its state goes to a new folder in `folder`.
    pub(crate) async fn start(allocator: Allocator, folder: &Path) -> Result<Self> {
        let component = repository("target/wasm32-wasip2/release/bench_hello.wasm");
        ensure!(
            component.is_file(),
            "{} is missing: `cargo xtask bench` builds it",
            component.display()
        );
        let name = allocator
            .to_possible_value()
            .context("every allocator has a name")?;
        let this = std::env::current_exe().context("this program's own file is not known")?;
        let mut process = Command::new(this)
            .args(["serve-hello", "--allocator", name.get_name()])
            .args(["--listen", "127.0.0.1:0", "--state"])
            .arg(folder.join(name.get_name()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the embedded host could not be started")?;
        let output = process.stdout.take().context("its output was piped")?;
        let mut line = String::new();
        tokio::time::timeout(PATIENCE, BufReader::new(output).read_line(&mut line))
            .await
            .map_err(|_| anyhow!("the embedded host did not start within {PATIENCE:?}"))??;
        let address: SocketAddr = line
            .trim()
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
