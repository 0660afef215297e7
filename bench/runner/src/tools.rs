//! Programs of the system that are needed. Where Debian's package manager may be used, they are installed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::step;

/// Where Debian keeps the programs of administrators, which are not on everybody's `PATH`.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Finds a program whose Debian package has the same name, and installs that package if it is missing.
///
/// An error, which says what to do, where it is missing and cannot be installed: without `apt-get`, or without
/// being root.
pub(crate) async fn find_or_install(program: &str) -> Result<PathBuf> {
    if let Some(found) = find(program) {
        return Ok(found);
    }
    let how = format!(
        "`{program}` is needed and not installed; on Debian and Ubuntu: \
         sudo apt-get install --no-install-recommends {program}"
    );
    ensure!(find("apt-get").is_some() && is_root().await, how);
    step(&format!("Installing {program}"));
    apt_get(&["update", "-qq"]).await.context(how.clone())?;
    apt_get(&["install", "-y", "-qq", "--no-install-recommends", program])
        .await
        .context(how.clone())?;
    // A package of a server may have started it as a service. Where that is so it was not running before,
    // and where there are no services there is nothing to stop.
    let _ = quiet(Command::new("invoke-rc.d").args([program, "stop"]))
        .status()
        .await;
    find(program).context(how)
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

async fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .stderr(Stdio::null())
        .output()
        .await
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

async fn apt_get(arguments: &[&str]) -> Result<()> {
    let shown = format!("apt-get {}", arguments.join(" "));
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| format!("`{shown}` could not be started"))?;
    ensure!(
        output.status.success(),
        "`{shown}` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_are_found() {
        assert!(find("sh").is_some());
        assert_eq!(find("no-program-has-this-name"), None);
        assert!(!is_executable(Path::new("/")));
        assert!(!is_executable(Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/Cargo.toml"
        ))));
    }
}
