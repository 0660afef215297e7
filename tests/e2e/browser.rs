//! A browser: the console in it, and players that others wrote.

use std::path::{Path, PathBuf};
use std::process::Command;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, Reply};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn film(name: &str) -> PathBuf {
    let film = root().join("target/films").join(name);
    assert!(film.exists(), "run `cargo xtask clients` first");
    film
}

/// Runs a script of `tests/interop/browser`; gives what it printed.
async fn run(script: &str, arguments: Vec<String>) -> String {
    let mut command = Command::new("node");
    command
        .env(
            "BROWSER_MODULES",
            root().join("target/interop/browser/node"),
        )
        .arg(root().join("tests/interop/browser").join(script))
        .args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{complained}");
    printed.into_owned()
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
        ("vp9-opus.webm", 2, &["video"]),
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
    let printed = run("check.mjs", vec![file.display().to_string()]).await;
    assert_eq!(printed.lines().count(), count, "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_signs_up_uploads_watches_and_shows_a_film_on_the_console() {
    for language in ["en", "de"] {
        let app = App::start().await;
        let origin = format!("http://{}", app.address());
        let film = film("twelve-seconds.mp4").display().to_string();
        let printed = run("console.mjs", vec![origin, film, language.to_owned()]).await;
        assert_eq!(printed.lines().count(), 4, "{printed}");
    }
}
