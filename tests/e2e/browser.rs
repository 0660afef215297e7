//! A browser with players that others wrote. The console in it is in [`console`](crate::console).

use std::path::PathBuf;
use std::process::Command;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::foreign::{installed, root, run};
use spinreel_tests::{App, Reply};

/// A film, made by `cargo xtask clients`.
pub(crate) fn film(name: &str) -> PathBuf {
    installed(&format!("films/{name}"))
}

/// Runs a script of `tests/interop/browser`; gives what it printed.
pub(crate) async fn run_script(script: &str, arguments: Vec<String>) -> String {
    let mut command = Command::new("node");
    command
        .env("BROWSER_MODULES", installed("interop/browser/node"))
        .arg(root().join("tests/interop/browser").join(script))
        .args(arguments);
    run(command).await
}

/// The browser's own player, hls.js, Shaka and dash.js, on a page of another origin, each play a private film by its links, seek to
/// ten places and reach its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn players_play_seek_and_reach_the_end() {
    let app = App::builder().variable("cors_origins", "*").start().await;
    let user = app.with_user().await;
    let mut films = Vec::new();
    for (name, seconds, players) in [
        (
            "twelve-seconds.mp4",
            12,
            &["video", "hls.js", "shaka", "dash.js"][..],
        ),
        ("vp9-opus.webm", 2, &["video", "hls.js", "shaka", "dash.js"]),
        ("av1-opus.mp4", 2, &["hls.js", "shaka"]),
    ] {
        let bytes = std::fs::read(film(name)).unwrap();
        let video = user.upload_video(name, &bytes).await;
        let path = format!("{}/playback", video.links.this);
        let reply = Reply::to(user.request(Method::POST, &path).json(&json!({}))).await;
        let links: Value = reply.expect(StatusCode::CREATED).json();
        for player in players {
            let url = match *player {
                "video" => &links["content_url"],
                "hls.js" => &links["hls_url"],
                _ => &links["dash_url"],
            };
            films.push(json!({ "player": player, "url": url, "seconds": seconds }));
        }
    }
    let count = films.len();
    let file = app.folder().join("films.json");
    std::fs::write(&file, json!(films).to_string()).unwrap();
    let printed = run_script("check.mjs", vec![file.display().to_string()]).await;
    assert_eq!(printed.lines().count(), count, "{printed}");
}
