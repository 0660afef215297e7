//! `GET /v1/usage/…`.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::usage::{Action, ActionKind, DayUsage};
use spinreel_api::{Page, Timestamp};
use spinreel_tests::{App, CLIP, Reply};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_without_transfers_is_all_zero() {
    let app = App::start().await;
    let user = app.with_user().await;
    let today: Value = user.read("/v1/usage/today").await;
    assert_eq!(
        today,
        serde_json::json!({
            "date": today["date"],
            "upload_bytes": 0,
            "download_bytes": 0,
            "total_bytes": 0,
            "limit_bytes": 104_857_600,
            "percentage": 0.0,
            "uploads": 0,
            "downloads": 0,
            "deletions": 0,
        })
    );
    assert_eq!(
        user.get("/v1/usage/actions").await.seen(),
        (200, r#"{"items":[],"next_cursor":null}"#)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_a_playback_a_download_and_a_deletion_are_written_down() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let size = CLIP.len() as u64;
    let video = user.upload_video("clip.mp4", CLIP).await;
    user.settled("the upload is written down", |today| today.uploads == 1)
        .await;
    user.get(&video.links.content).await.expect(StatusCode::OK);
    user.settled("the playback is written down", |today| today.downloads == 1)
        .await;
    let download = format!("{}?download=1", video.links.content);
    user.get(&download).await.expect(StatusCode::OK);
    user.settled("the download is written down", |today| today.downloads == 2)
        .await;
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    let today = user
        .settled("the deletion is written down", |today| today.deletions == 1)
        .await;

    assert_eq!((today.upload_bytes, today.download_bytes), (size, 2 * size));
    assert_eq!(today.total_bytes, 3 * size);
    assert_eq!((today.uploads, today.downloads, today.deletions), (1, 2, 1));
    assert_eq!(today.limit_bytes, 104_857_600);
    // 3 × 87,529 of 104,857,600 bytes.
    assert_eq!(today.percentage, 0.25);

    let actions = user.actions().await;
    let kinds: Vec<ActionKind> = actions.iter().map(|action| action.action).collect();
    assert_eq!(
        kinds,
        [
            ActionKind::Delete,
            ActionKind::Download,
            ActionKind::Stream,
            ActionKind::Upload
        ]
    );
    for action in &actions {
        assert_eq!(action.video_id.as_deref(), Some(video.id.as_str()));
        assert_eq!(action.bytes, size);
    }

    let seen: DayUsage = admin
        .read(&format!("/v1/usage/users/{}/today", user.id))
        .await;
    assert_eq!(seen, today);
    let seen: Page<Action> = admin
        .read(&format!("/v1/usage/users/{}/actions", user.id))
        .await;
    assert_eq!(seen.items, actions);
    assert_eq!(admin.today().await.total_bytes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_that_is_reserved_and_settled_again_and_again_counts_once() {
    let app = App::builder()
        .variable("bandwidth_limit_bytes", "1000")
        .start()
        .await;
    let user = app.with_user().await;
    let tell = async |what: &str, id: &str, more: Value| {
        let mut body = more;
        body["id"] = id.into();
        body["user_id"] = user.id.as_str().into();
        let path = format!("/internal/usage/{what}");
        let services = ("video-service", "usage-service");
        let request = app.as_service(services, Method::POST, &path, Some(&user.id));
        Reply::to(request.json(&body)).await.status
    };
    let reserve = |bytes: u64| json!({"direction": "out", "bytes": bytes});
    let now = Timestamp::from_ms(app.now().as_millis() as u64);
    let stream = json!({"at": now, "action": "stream", "video_id": "v", "bytes": 300});
    for _ in 0..3 {
        assert_eq!(tell("reservations", "a", reserve(700)).await, 201);
    }
    assert_eq!(tell("reservations", "b", reserve(301)).await, 403);
    for _ in 0..3 {
        let settlement = json!({ "action": stream });
        assert_eq!(tell("settlements", "a", settlement).await, 204);
        let today = user.today().await;
        assert_eq!((today.downloads, today.download_bytes), (1, 300));
    }
    assert_eq!(user.actions().await.len(), 1);
    // What it did not use is there again, once.
    assert_eq!(tell("reservations", "c", reserve(701)).await, 403);
    assert_eq!(tell("reservations", "d", reserve(700)).await, 201);
    // A settlement of nothing after the real one takes nothing back.
    let nothing = json!({ "action": null });
    assert_eq!(tell("settlements", "a", nothing).await, 204);
    assert_eq!(user.today().await.download_bytes, 300);
    assert_eq!(tell("reservations", "e", reserve(1)).await, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_uploads_are_no_usage() {
    let app = App::start().await;
    let user = app.with_user().await;
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    assert_eq!(user.upload("clip.mp4", CLIP).await.status, 409);
    assert_eq!(user.upload("a/b.mp4", CLIP).await.status, 400);
    let today = user
        .settled("the upload is written down", |today| today.uploads == 1)
        .await;
    assert_eq!(today.total_bytes, CLIP.len() as u64);
    assert_eq!(user.actions().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_days_are_listed_from_today() {
    let app = App::start().await;
    let user = app.with_user().await;
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    let today = user
        .settled("the upload is written down", |today| today.uploads == 1)
        .await;
    let days: Page<DayUsage> = user.read("/v1/usage/daily?days=7").await;
    assert_eq!(days.items.len(), 7);
    assert_eq!(days.items[0], today);
    assert!(
        days.items
            .windows(2)
            .all(|pair| pair[0].date > pair[1].date)
    );
    assert!(days.items[1..].iter().all(|day| day.total_bytes == 0));
    for days in ["0", "91", "-1", "many"] {
        let reply = user.get(&format!("/v1/usage/daily?days={days}")).await;
        assert_eq!(reply.wrong_fields(), ["days"], "{days}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actions_are_paged() {
    let app = App::start().await;
    let user = app.with_user().await;
    for number in 1..=5_u8 {
        let bytes = vec![0; usize::from(number)];
        user.upload(&format!("{number}.mp4"), &bytes)
            .await
            .expect(StatusCode::OK);
        user.settled("it is written down", |today| {
            today.uploads == u64::from(number)
        })
        .await;
    }
    let mut sizes = Vec::new();
    let mut path = "/v1/usage/actions?limit=2".to_owned();
    loop {
        let page: Page<Action> = user.read(&path).await;
        assert!(page.items.len() <= 2);
        sizes.extend(page.items.iter().map(|action| action.bytes));
        match page.next_cursor {
            Some(cursor) => path = format!("/v1/usage/actions?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(sizes, [5, 4, 3, 2, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_admins_see_the_usage_of_others() {
    let app = App::start().await;
    let (ada, bob) = (app.with_user().await, app.with_user().await);
    for what in ["today", "daily", "actions"] {
        let reply = bob.get(&format!("/v1/usage/users/{}/{what}", ada.id)).await;
        assert_eq!(reply.problem(), (403, "forbidden".to_owned()), "{what}");
    }
}
