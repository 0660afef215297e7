//! Who crosses 80 % of the storage, or of the day's bandwidth, is told so.

use http::StatusCode;
use serde_json::Value;
use spinreel_api::Page;
use spinreel_api::logs::LogEntry;
use spinreel_tests::{App, User, eventually};

async fn alerts(user: &User<'_>) -> Vec<Value> {
    let page: Page<Value> = user.read("/v1/usage/alerts").await;
    page.items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crossing_four_fifths_of_the_storage_alerts_once_per_crossing() {
    let app = App::builder()
        .variable("storage_limit_bytes", "1000")
        .start()
        .await;
    let (user, other) = (app.with_user().await, app.with_user().await);
    let upload = async |name: &str, size: usize| {
        let reply = user.upload(name, &vec![1; size]).await;
        reply.expect(StatusCode::OK);
    };
    upload("a.mp4", 700).await;
    upload("b.mp4", 99).await;
    // 79.9 %, then 85 %.
    upload("c.mp4", 51).await;
    let first = eventually("the crossing is reported", || async {
        alerts(&user).await.pop()
    })
    .await;
    assert_eq!(first["kind"], "storage", "{first}");
    assert_eq!(first["threshold_percent"], 80, "{first}");
    assert_eq!(first["used_bytes"], 850, "{first}");
    assert_eq!(first["limit_bytes"], 1_000, "{first}");
    assert!(
        first["id"].is_string() && first["at"].is_string(),
        "{first}"
    );
    let line = eventually("the crossing is in the log", || async {
        let lines: Page<LogEntry> = user.read("/v1/logs?action=alert.storage").await;
        let mut lines = lines.items;
        assert!(lines.len() <= 1, "{lines:?}");
        lines.pop()
    })
    .await;
    assert_eq!(line.user_id.as_deref(), Some(user.id.as_str()));

    // Above already: no crossing.
    upload("d.mp4", 50).await;
    upload("e.mp4", 100).await;
    assert_eq!(user.upload("too-much.mp4", b"x").await.status, 403);
    user.delete_file("e.mp4").await.expect(StatusCode::OK);
    // Below, and up again.
    user.delete_file("a.mp4").await.expect(StatusCode::OK);
    assert_eq!(user.status().await.used_storage, 200);
    upload("f.mp4", 600).await;
    let all = eventually("the second crossing is reported", || async {
        let alerts = alerts(&user).await;
        (alerts.len() > 1).then_some(alerts)
    })
    .await;
    assert_eq!(all.len(), 2, "{all:#?}");
    assert_eq!(all[0]["used_bytes"], 800, "newest first: {all:#?}");
    assert_eq!(all[1]["id"], first["id"]);
    user.settled("all is settled", |today| {
        (today.uploads, today.deletions) == (6, 2)
    })
    .await;
    assert_eq!(alerts(&user).await.len(), 2);
    assert!(alerts(&other).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crossing_four_fifths_of_the_days_bandwidth_alerts_once() {
    let app = App::builder()
        .variable("bandwidth_limit_bytes", "1000")
        .start()
        .await;
    let (user, other) = (app.with_user().await, app.with_user().await);
    let video = user.upload_video("clip.mp4", &[1; 300]).await;
    let watch = async || {
        let reply = user.get(&video.links.content).await;
        reply.expect(StatusCode::OK);
    };
    watch().await;
    user.settled("600 bytes are settled", |today| today.total_bytes == 600)
        .await;
    assert!(alerts(&user).await.is_empty());
    // 60 %, then 90 %.
    watch().await;
    let alert = eventually("the crossing is reported", || async {
        alerts(&user).await.pop()
    })
    .await;
    assert_eq!(alert["kind"], "bandwidth", "{alert}");
    assert_eq!(alert["used_bytes"], 900, "{alert}");
    assert_eq!(alert["limit_bytes"], 1_000, "{alert}");
    let line = eventually("the crossing is in the log", || async {
        let lines: Page<LogEntry> = user.read("/v1/logs?action=alert.bandwidth").await;
        let mut lines = lines.items;
        assert!(lines.len() <= 1, "{lines:?}");
        lines.pop()
    })
    .await;
    assert_eq!(line.user_id.as_deref(), Some(user.id.as_str()));
    // Above already: no crossing.
    user.upload("more.mp4", &[1; 50])
        .await
        .expect(StatusCode::OK);
    user.settled("the last upload is settled", |today| today.uploads == 2)
        .await;
    assert_eq!(alerts(&user).await.len(), 1);
    assert!(alerts(&other).await.is_empty());
}
