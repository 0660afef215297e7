//! Servers under load in processes of their own: this program, started once more.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long an answer may take; the first one comes when components are compiled.
const PATIENCE: Duration = Duration::from_secs(120);

/// A second process that answers lines with lines. Dropping it ends the process, whose standard input ends with it.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it with these arguments. It shall print a line when it is ready, which the caller reads.
    pub(crate) fn start(
        arguments: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>,
    ) -> Result<Self> {
        let this = std::env::current_exe().context("this program's own file is not known")?;
        let mut command = Command::new(this);
        if std::env::var_os("RUST_LOG").is_none() {
            // What fails is counted by who asked; a line for each would cost as much as the request.
            command.env("RUST_LOG", "off");
        }
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("a server could not be started")?;
        Ok(Self {
            input: child.stdin.take().context("its input was piped")?,
            output: BufReader::new(child.stdout.take().context("its output was piped")?),
            child,
        })
    }

    /// Its next line, without the end.
    pub(crate) async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        tokio::time::timeout(PATIENCE, self.output.read_line(&mut line))
            .await
            .map_err(|_| anyhow!("a server said nothing for {PATIENCE:?}"))??;
        if line.is_empty() {
            bail!(
                "a server ended early: {}; its message is above",
                self.child.wait().await?
            );
        }
        Ok(line.trim_end().to_owned())
    }

    /// Sends it a line and gives what it answers.
    pub(crate) async fn ask(&mut self, line: &str) -> Result<String> {
        // Where this fails the server has ended, and its output tells how.
        let _ = self.input.write_all(format!("{line}\n").as_bytes()).await;
        self.line().await
    }
}
