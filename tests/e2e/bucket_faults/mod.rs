//! A bucket that answers 503, breaks connections, is slow, or breaks off what it sends.

mod deletions;
mod downloads;
mod uploads;

use std::time::Duration;

use http::StatusCode;
use spinreel_tests::{App, Reply, User};

/// Small enough for one request to the bucket, in bytes.
const SMALL: usize = 10_000;
/// Large enough for three of them.
const LARGE: usize = 9 * 1024 * 1024;
/// Nothing takes as long, however busy the machine is.
const BOUND: Duration = Duration::from_secs(120);

/// An application in which a file of `size` bytes fits exactly.
async fn with_room_for(size: usize) -> App {
    App::builder()
        .variable("storage_limit_bytes", &size.to_string())
        .variable("bandwidth_limit_bytes", &(1_u64 << 40).to_string())
        .start()
        .await
}

fn bytes(size: usize) -> Vec<u8> {
    spinreel_tests::body::pieces(size as u64)
        .collect::<Vec<_>>()
        .concat()
}

/// Waits for an answer, which comes within bounds whatever the bucket does.
async fn bounded(reply: impl Future<Output = Reply>) -> Reply {
    let reply = tokio::time::timeout(BOUND, reply).await;
    reply.expect("an answer within bounds")
}

/// An answer of the seed's routes that asks to come back later.
fn assert_try_again(reply: &Reply) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    let seconds = reply.header("retry-after").parse::<u64>();
    assert!(seconds.is_ok_and(|seconds| seconds > 0), "no Retry-After");
    let error: serde_json::Value = reply.json();
    let members = error.as_object().unwrap();
    assert!(
        members.len() == 1 && error["error"].is_string(),
        "{error}: the seed's errors have one member"
    );
}

/// Files, quota, catalogue and bucket say the same, and a comparison of them finds nothing.
async fn assert_consistent(app: &App, user: &User<'_>, admin: &User<'_>) {
    let status = user.status().await;
    let sum: u64 = status.files.iter().map(|file| file.size).sum();
    assert_eq!(status.used_storage as u64, sum);
    let mut listed: Vec<String> = status
        .files
        .iter()
        .map(|file| file.filename.clone())
        .collect();
    let mut objects = app.objects().await;
    let mut videos: Vec<String> = user
        .videos()
        .await
        .iter()
        .map(|video| format!("{}/{}", user.username, video.filename))
        .collect();
    for names in [&mut listed, &mut objects, &mut videos] {
        names.sort();
    }
    assert_eq!(listed, objects);
    assert_eq!(listed, videos);
    let findings = admin.reconcile(false).await;
    assert!(findings.is_empty(), "{findings:#?}");
}

/// The whole quota is free, and so is the name: a file of `size` bytes has room, and not a byte more.
async fn assert_all_free(app: &App, user: &User<'_>, admin: &User<'_>, size: usize) {
    admin.sweep_clean().await;
    assert_eq!(user.status().await.used_storage, 0);
    let content = bytes(size);
    let reply = user.upload("clip.mp4", &content).await;
    reply.expect(StatusCode::OK);
    let reply = user.upload("one-byte.mp4", b"x").await;
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert_consistent(app, user, admin).await;
    let video = user.video_of("clip.mp4").await;
    let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(reply.body == content, "the bytes differ");
}
