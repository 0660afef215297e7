//! Google's own clients against the embedded bucket: what they upload, resume, read, list, sign and delete is checked
//! by the scripts in `google/python` and `google/javascript`. `cargo xtask clients` installs the clients.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use spinreel_bucket::{Access, Bucket, Options};
use tempfile::TempDir;
use tokio::process::Command;

const BUCKET: &str = "films";

/// Where `cargo xtask clients` puts the clients.
fn installed(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/google");
    let path = root.join(path);
    assert!(
        path.exists(),
        "Google's clients are not installed: run `cargo xtask clients` once"
    );
    path
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/google")
        .join(name)
}

fn python() -> Command {
    let mut command = Command::new(installed("venv/bin/python"));
    // Without Python's variables and the user's own packages; nothing is written beside the script.
    command
        .args(["-E", "-s", "-B"])
        .arg(script("python/client.py"));
    command
}

fn javascript() -> Command {
    let mut command = Command::new("node");
    command
        .arg(script("javascript/client.mjs"))
        .env("GOOGLE_MODULES", installed("node"));
    command
}

/// Runs a client's checks against a bucket of its own, and shows what they print if one fails.
async fn check(mut client: Command, access: Access) {
    let folder = TempDir::new().unwrap();
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let bucket = Bucket::start(Options {
        access,
        faults: true,
        ..Options::new(folder.path().join("bucket"), anywhere, [BUCKET])
    })
    .await
    .unwrap();
    let output = client
        .env("BUCKET_ENDPOINT", format!("http://{}", bucket.address()))
        .env("BUCKET_NAME", BUCKET)
        .env("BUCKET_KEY", bucket.service_account_key().unwrap_or(""))
        // No credentials of this machine or its user, and no proxy on the way to a loopback address.
        .env("METADATA_SERVER_DETECTION", "none")
        .env("NO_GCE_CHECK", "true")
        .env("HOME", folder.path())
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .env_remove("GOOGLE_APPLICATION_CREDENTIALS")
        .env_remove("STORAGE_EMULATOR_HOST")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    bucket.shutdown().await;
}

/// A bucket that lets in its own service account, with a key that it made.
const STRICT: Access = Access::ServiceAccount { key: None };

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_works_with_a_bucket_that_asks_for_no_credentials() {
    check(python(), Access::Open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_works_with_a_bucket_that_asks_for_credentials() {
    check(python(), STRICT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_client_works_with_a_bucket_that_asks_for_no_credentials() {
    check(javascript(), Access::Open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_client_works_with_a_bucket_that_asks_for_credentials() {
    check(javascript(), STRICT).await;
}
