//! `GET /v1/usage/…`.

use std::time::Duration;

use http::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};
use spinreel_api::usage::{Action, ActionKind, DayUsage};
use spinreel_api::{Page, Timestamp};
use spinreel_tests::{App, CLIP, Reply, User, eventually};

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
async fn both_ways_share_a_limit_and_what_was_not_moved_is_free_again() {
    let app = App::builder()
        .variable("bandwidth_limit_bytes", "1000")
        .start()
        .await;
    let user = app.with_user().await;
    let tell = async |what: &str, mut body: Value| {
        body["user_id"] = user.id.as_str().into();
        let path = format!("/internal/usage/{what}");
        let services = ("video-service", "usage-service");
        let request = app.as_service(services, Method::POST, &path, Some(&user.id));
        Reply::to(request.json(&body)).await
    };
    let reserve = async |direction: &str, bytes: u64, viewer: Option<&str>| {
        let mut body = json!({"direction": direction, "bytes": bytes});
        if let Some(viewer) = viewer {
            body["playback"] = json!({"video_id": "v", "viewer": viewer, "kind": "stream"});
        }
        tell("reservations", body).await
    };
    let upload: Value = reserve("in", 300, None)
        .await
        .expect(StatusCode::CREATED)
        .json();
    assert_eq!(
        (&upload["direction"], &upload["bytes"]),
        (&json!("in"), &json!(300))
    );
    let mut ranges = Vec::new();
    for (viewer, bytes) in [("a", 200), ("b", 300), ("a", 200)] {
        let reply = reserve("out", bytes, Some(viewer)).await;
        ranges.push(reply.expect(StatusCode::CREATED).json::<Value>());
    }
    let refused = reserve("out", 1, Some("a")).await;
    assert_eq!(refused.problem(), (403, "bandwidth_exceeded".to_owned()));
    assert_eq!(reserve("in", 1, None).await.status, 403);
    let today = user.today().await;
    assert_eq!((today.upload_bytes, today.download_bytes), (300, 700));
    assert_eq!((today.uploads, today.downloads), (0, 2));

    let settle = async |reservation: &Value, moved: u64, action: Value| {
        let body = json!({"reservations": [reservation], "moved": moved, "action": action});
        assert_eq!(tell("settlements", body).await.seen(), (204, ""));
    };
    let now = Timestamp::from_ms(app.now().as_millis() as u64);
    let stored = json!({"at": now, "action": "upload", "video_id": "v", "bytes": 250});
    settle(&upload, 250, stored).await;
    settle(&ranges[2], 50, Value::Null).await;
    let today = user.today().await;
    assert_eq!((today.upload_bytes, today.download_bytes), (250, 550));
    assert_eq!((today.uploads, today.downloads), (1, 2));
    let seen: Vec<(ActionKind, u64)> = user
        .actions()
        .await
        .iter()
        .map(|action| (action.action, action.bytes))
        .collect();
    assert_eq!(
        seen,
        [
            (ActionKind::Upload, 250),
            (ActionKind::Stream, 300),
            (ActionKind::Stream, 250)
        ]
    );
    assert_eq!(reserve("in", 201, None).await.status, 403);
    assert_eq!(reserve("out", 200, Some("c")).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_days_are_shown_as_they_were() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    user.get(&video.links.content).await.expect(StatusCode::OK);
    let first = user
        .settled("both are written down", |today| {
            (today.uploads, today.downloads) == (1, 1)
        })
        .await;
    // The bucket's clock stays where it is: nothing that needs it happens later. The first action of a later day seals what
    // is over.
    let mut later = user;
    for (days, bytes) in [(1, 1_u64), (2, 22), (1, 333)] {
        app.advance_clock(Duration::from_secs(days * 86_400));
        later = User::sign_in(&app, &later.email, User::PASSWORD).await;
        let now = Timestamp::from_ms(app.now().as_millis() as u64);
        let deletion = json!({"at": now, "action": "delete", "video_id": null, "bytes": bytes});
        let body = json!({"user_id": later.id, "moved": 0, "action": deletion});
        let services = ("storage-service", "usage-service");
        let path = "/internal/usage/settlements";
        let request = app.as_service(services, Method::POST, path, Some(&later.id));
        let reply = Reply::to(request.json(&body)).await;
        assert_eq!(reply.seen(), (204, ""));
    }
    eventually("the first days are sealed", || async {
        let store = Connection::open(app.state_dir().join("usage.db")).unwrap();
        let segments: i64 = store
            .query_row(
                "SELECT count(*) FROM spin_key_value WHERE key GLOB ?1",
                [format!("usage/{}/*/segment/*", later.id)],
                |row| row.get(0),
            )
            .unwrap();
        (segments >= 2).then_some(())
    })
    .await;
    let days: Page<DayUsage> = later.read("/v1/usage/daily?days=5").await;
    let deletions: Vec<u64> = days.items.iter().map(|day| day.deletions).collect();
    assert_eq!(deletions, [1, 1, 0, 1, 0]);
    assert_eq!(days.items[4], first);
    let actions = later.actions().await;
    let bytes: Vec<u64> = actions.iter().map(|action| action.bytes).collect();
    let size = CLIP.len() as u64;
    assert_eq!(bytes, [333, 22, 1, size, size]);
    assert_eq!(actions[3].action, ActionKind::Stream);
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
