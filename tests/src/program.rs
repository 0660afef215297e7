//! The application as a process of its own, which can be killed.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// How long a start may take: components that were never compiled take longest.
const PATIENCE: Duration = Duration::from_secs(180);
/// The last line that the program prints when it is up.
const LAST_LINE: &str = "Ctrl-C ends it.";

/// `spinreel-local up`, as a child of this process. Dropped, it is killed.
#[derive(Debug)]
pub struct Program {
    child: Child,
    address: SocketAddr,
    bucket: Option<String>,
    /// Kept open: a program that writes to a closed pipe is ended by that.
    _output: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it with its state in `folder`, on any free port, with these variables, and waits until it is up.
    pub async fn start(folder: &Path, variables: &[(&str, String)]) -> Self {
        share_compiled_components(folder);
        let errors = folder.join("stderr.txt");
        let stderr = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&errors)
            .unwrap();
        let program = root().join("target/debug/spinreel-local");
        let mut command = Command::new(&program);
        command
            .args(["up", "--listen", "127.0.0.1:0", "--state-dir"])
            .arg(folder)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .kill_on_drop(true);
        for (name, value) in variables {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SPIN_VARIABLE_") {
                command.env_remove(name);
            }
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!(
                "cannot run {} ({error}): `cargo xtask test` builds it",
                program.display()
            ),
        };
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let up = tokio::time::timeout(PATIENCE, announced(&mut output)).await;
        let Ok(Some((address, bucket))) = up else {
            let log = std::fs::read_to_string(&errors).unwrap_or_default();
            panic!("the program did not start: {log}");
        };
        Self {
            child,
            address,
            bucket,
            _output: output,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The origin of the bucket inside it, if there is one.
    pub fn bucket(&self) -> Option<&str> {
        self.bucket.as_deref()
    }

    /// Ends it by SIGKILL, wherever it is, and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Reads what the program prints until it is up: its address, and the origin of its bucket.
async fn announced(output: &mut BufReader<ChildStdout>) -> Option<(SocketAddr, Option<String>)> {
    let (mut address, mut bucket) = (None, None);
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if let Some(url) = line.strip_prefix("Spinreel is up at http://") {
            address = url.parse().ok();
        } else if let Some(origin) = line.strip_prefix("bucket ") {
            bucket = Some(origin.trim().to_owned());
        } else if line == LAST_LINE {
            return Some((address?, bucket));
        }
    }
}

/// Gives the program the compiled components of all tests, which it keeps in its state folder.
fn share_compiled_components(folder: &Path) {
    let shared = root().join("target/e2e-cache");
    std::fs::create_dir_all(&shared).unwrap();
    std::fs::create_dir_all(folder).unwrap();
    let link = folder.join("cache");
    if !link.exists() {
        std::os::unix::fs::symlink(shared, link).unwrap();
    }
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}
