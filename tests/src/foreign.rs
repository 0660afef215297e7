//! Programs that others wrote, as `cargo xtask clients` installed them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root.
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// What `cargo xtask clients` made, below `target/`.
#[track_caller]
pub fn installed(part: &str) -> PathBuf {
    let path = root().join("target").join(part);
    assert!(path.exists(), "run `cargo xtask clients` first: {part}");
    path
}

/// A film that `cargo xtask clients` made.
#[track_caller]
pub fn film(name: &str) -> Vec<u8> {
    std::fs::read(installed(&format!("films/{name}"))).unwrap()
}

/// Runs a program to its end; gives what it printed. One that fails ends the test, with all that it said.
pub async fn run(mut command: Command) -> String {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{complained}");
    printed.into_owned()
}
