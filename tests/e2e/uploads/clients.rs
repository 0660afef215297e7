//! Clients that others wrote: tuspy and tus-js-client.

use std::path::Path;
use std::process::Command;

use spinreel_tests::foreign::{self, installed, root};

use super::*;

/// Runs a client to its end and gives the last line that it printed.
async fn run(command: Command) -> String {
    let printed = foreign::run(command).await;
    printed.lines().last().unwrap_or_default().to_owned()
}

/// The rest of a client's command line: where, who, what, and the upload that is resumed.
fn arguments(user: &User<'_>, app: &App, film: &Path, what: &str, url: &str) -> Vec<String> {
    let origin = format!("http://{}", app.address());
    let film = film.display().to_string();
    let mut arguments = vec![origin, user.token.clone(), film, what.to_owned()];
    arguments.extend((!url.is_empty()).then(|| url.to_owned()));
    arguments
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tuspy_uploads_whole_checked_and_resumed_in_a_new_process() {
    let app = App::start().await;
    let user = app.with_user().await;
    let film = film(5_000_003);
    let path = app.folder().join("film.mp4");
    std::fs::write(&path, &film).unwrap();
    let tuspy = async |what: &str, url: &str| {
        let mut command = Command::new(installed("interop/tus/venv/bin/python"));
        command
            .args(["-E", "-s", "-B"])
            .arg(root().join("tests/interop/tus/check.py"))
            .args(arguments(&user, &app, &path, what, url));
        run(command).await
    };
    let url = tuspy("begin", "").await;
    assert_eq!(tuspy("resume", &url).await, "5000003");
    for what in ["whole", "checked"] {
        assert_eq!(tuspy(what, "").await, "5000003");
    }
    for name in ["resumed.mp4", "whole.mp4", "checked.mp4"] {
        assert!(
            content(&user, name).await == film,
            "{name}: the bytes differ"
        );
    }
    assert_eq!(user.status().await.used_storage, 3 * 5_000_003);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tus_js_client_uploads_and_resumes_in_a_new_process() {
    let app = App::start().await;
    let user = app.with_user().await;
    let film = film(1_200_001);
    let path = app.folder().join("film.mp4");
    std::fs::write(&path, &film).unwrap();
    let client = async |what: &str, url: &str| {
        let mut command = Command::new("node");
        command
            .env("TUS_MODULES", installed("interop/tus-js/node"))
            .arg(root().join("tests/interop/tus-js/check.mjs"))
            .args(arguments(&user, &app, &path, what, url));
        run(command).await
    };
    let url = client("begin", "").await;
    assert_eq!(client("resume", &url).await, "1200001");
    for what in ["whole", "small", "overridden", "parallel", "draft"] {
        assert_eq!(client(what, "").await, "1200001");
    }
    for what in [
        "resumed",
        "whole",
        "small",
        "overridden",
        "parallel",
        "draft",
    ] {
        let name = format!("{what}-js.mp4");
        assert!(
            content(&user, &name).await == film,
            "{name}: the bytes differ"
        );
    }
    assert_eq!(user.status().await.used_storage, 6 * 1_200_001);
    // The parts are gone.
    assert_eq!(app.objects().await.len(), 6);
}
