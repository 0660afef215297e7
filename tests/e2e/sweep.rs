//! `POST /internal/storage/sweep` and `/reconcile`.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::Page;
use spinreel_api::logs::LogEntry;
use spinreel_tests::upkeep::{self, Finding};
use spinreel_tests::{App, Fault, Form, Reply, User, eventually, raw};

const PATHS: [&str; 2] = ["/internal/storage/sweep", "/internal/storage/reconcile"];

async fn with_storage(limit: usize) -> App {
    App::builder()
        .variable("storage_limit_bytes", &limit.to_string())
        .start()
        .await
}

/// What a comparison found, in short.
fn kinds(findings: &[Finding]) -> Vec<(&str, Option<&str>, bool)> {
    findings
        .iter()
        .map(|finding| {
            let object = finding.object.as_deref();
            (finding.kind.as_str(), object, finding.repaired)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_admins_and_services_sweep() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    user.upload("clip.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
    for path in PATHS {
        let purpose = (&Method::POST, path);
        let service = app.service_token("usage-service", "storage-service", purpose);
        let misdirected = app.service_token("usage-service", "video-service", purpose);
        let ask = || app.request(Method::POST, path).json(&json!({}));
        let nobody = Reply::to(ask()).await;
        assert_eq!(nobody.problem(), (401, "token_required".to_owned()));
        let stranger = Reply::to(ask().bearer_auth(&user.token)).await;
        assert_eq!(stranger.problem(), (403, "forbidden".to_owned()));
        for token in ["nonsense", misdirected.as_str()] {
            let refused = Reply::to(ask().bearer_auth(token)).await;
            assert_eq!(refused.problem(), (401, "token_invalid".to_owned()));
        }
        for token in [&service, &admin.token] {
            let reply = Reply::to(ask().bearer_auth(token)).await;
            reply.expect(StatusCode::OK);
            // The body may be left out.
            let bare = app.request(Method::POST, path).bearer_auth(token);
            Reply::to(bare).await.expect(StatusCode::OK);
        }
        let get = Reply::to(admin.request(Method::GET, path)).await;
        assert_eq!((get.status, get.header("allow")), (405, "POST"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_to_sweep_is_refused() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    for path in PATHS {
        for (body, statuses) in [
            ("{", &[400][..]),
            ("5", &[422]),
            (r#"{"cursor": 5}"#, &[422]),
            (r#"{"offline": "yes"}"#, &[422]),
            (r#"{"cursor": "no such place"}"#, &[400]),
            (r#"{"cursor": ""}"#, &[400]),
            (r#"{"cursor": "-1"}"#, &[400]),
        ] {
            let request = admin
                .request(Method::POST, path)
                .header("content-type", "application/json")
                .body(body);
            let reply = Reply::to(request).await;
            let (status, _) = reply.problem();
            assert!(statuses.contains(&status), "{path} {body}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweep_comes_to_every_user_who_stores_something() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    for _ in 0..5 {
        let user = app.with_user().await;
        user.upload("clip.mp4", b"bytes")
            .await
            .expect(StatusCode::OK);
    }
    let post = |path: &str| admin.request(Method::POST, path);
    for offline in [false, true] {
        let swept = upkeep::sweep(post, offline).await;
        assert_eq!((swept.users, swept.pending), (5, 0), "{swept:?}");
    }
    assert_eq!(admin.reconcile(false).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_upload_that_the_bucket_would_not_let_go_is_settled_by_the_sweep() {
    let size = 12_000_000;
    let app = with_storage(size).await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let form = Form::of_file("clip.mp4", &vec![b'x'; size]);
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nX-Request-Id: dead-1\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        user.token,
        form.content_type(),
        form.clone().into_body().len(),
    );
    let mut request = head.into_bytes();
    request.extend(&form.into_body()[..9_000_000]);
    // The bucket takes the bytes, and does not hear that they are all.
    app.bucket_faults(&[Fault::status(503, None).on("DELETE")])
        .await;
    raw::send_and_hang_up(app.address(), &request)
        .await
        .unwrap();
    eventually("the upload has failed", || async {
        let lines: Page<LogEntry> = admin
            .read("/v1/logs?service=storage-service&request_id=dead-1")
            .await;
        (!lines.items.is_empty()).then_some(())
    })
    .await;
    app.bucket().clear_faults().await;
    admin.sweep_clean().await;
    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (0, 0));
    assert!(app.objects().await.is_empty());
    assert_eq!(admin.reconcile(false).await, []);
    user.upload("clip.mp4", &vec![b'y'; size])
        .await
        .expect(StatusCode::OK);
    assert_eq!(user.upload("more.mp4", b"x").await.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_put_into_the_bucket_is_reported_and_left_alone() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    user.upload("own.mp4", b"own bytes")
        .await
        .expect(StatusCode::OK);
    let beside = format!("{}/by-hand.mp4", user.username);
    for name in [beside.as_str(), "stray/thing.bin"] {
        app.bucket().put(name, b"put by hand").await;
    }
    let expected = [
        ("foreign_object", Some("stray/thing.bin"), false),
        ("foreign_object", Some(beside.as_str()), false),
    ];
    for repair in [false, true, false] {
        let findings = admin.reconcile(repair).await;
        let mut found = kinds(&findings);
        found.sort_unstable();
        assert_eq!(found, expected, "repair: {repair}");
    }
    for name in [beside.as_str(), "stray/thing.bin"] {
        assert_eq!(app.bucket().read(name).await, "put by hand");
    }
    // The name is taken, though the user has no such file.
    let reply = user.upload("by-hand.mp4", b"other").await;
    assert_eq!(
        reply.seen(),
        (
            409,
            r#"{"error":"File with the same name already exists."}"#
        )
    );
    assert_eq!(user.delete_file("by-hand.mp4").await.status, 404);
    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (9, 1));
    assert_eq!(user.videos().await.len(), 1);
    assert_eq!(app.bucket().read(&beside).await, "put by hand");

    app.bucket().delete(&beside).await;
    user.upload("by-hand.mp4", b"other")
        .await
        .expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_object_somebody_deleted_is_reported_and_its_quota_freed_on_request() {
    let app = with_storage(1_000).await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    user.upload("kept.mp4", &[1; 400])
        .await
        .expect(StatusCode::OK);
    let video = user.upload_video("gone.mp4", &[2; 600]).await;
    let object = format!("{}/gone.mp4", user.username);
    app.bucket().delete(&object).await;

    let reply = user.get(&video.links.content).await;
    assert!([404, 500, 503].contains(&reply.status), "{}", reply.text());
    for (repair, repaired) in [(false, false), (true, true)] {
        let findings = admin.reconcile(repair).await;
        let expected = [("missing_object", Some(object.as_str()), repaired)];
        assert_eq!(kinds(&findings), expected);
        assert_eq!(findings[0].user_id.as_deref(), Some(user.id.as_str()));
    }
    admin.sweep_clean().await;
    assert_eq!(admin.reconcile(false).await, []);
    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (400, 1));
    eventually("the catalogue forgets it", || async {
        (user.videos().await.len() == 1).then_some(())
    })
    .await;
    user.upload("gone.mp4", &[3; 600])
        .await
        .expect(StatusCode::OK);
    assert_eq!(user.upload("more.mp4", b"x").await.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_against_the_wrong_bucket_removes_nothing() {
    let app = App::start().await;
    let email = {
        let user = app.with_user().await;
        for number in 0..5 {
            let name = format!("{number}.mp4");
            user.upload(&name, b"bytes").await.expect(StatusCode::OK);
        }
        user.email.clone()
    };
    let app = app.restart_with("gcs_bucket", "another-bucket").await;
    let ask = async |body: Value| {
        let admin = app.with_admin().await;
        let request = admin.request(Method::POST, PATHS[1]);
        Reply::to(request.json(&body)).await
    };
    for body in [
        json!({}),
        json!({"repair": true}),
        json!({"repair": true, "force": true}),
    ] {
        let reply = ask(body).await;
        assert_eq!(reply.problem(), (409, "bucket_missing".to_owned()));
    }
    let app = app.restart_with("gcs_bucket", "spinreel").await;
    let user = User::sign_in(&app, &email, User::PASSWORD).await;
    for name in app.objects().await {
        app.bucket().delete(&name).await;
    }
    let mut cursor = Value::Null;
    let refusal = loop {
        let admin = app.with_admin().await;
        let request = admin.request(Method::POST, PATHS[1]);
        let body = json!({"repair": true, "offline": true, "cursor": cursor});
        let reply = Reply::to(request.json(&body)).await;
        if reply.status != 200 {
            break reply;
        }
        cursor = reply.json::<Value>()["next_cursor"].clone();
        assert_ne!(cursor, Value::Null, "all was repaired");
    };
    assert_eq!(refusal.problem(), (409, "repair_refused".to_owned()));
    assert!(
        refusal.text().contains("5 of the 5 files"),
        "{}",
        refusal.text()
    );
    assert_eq!(user.status().await.files.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_object_somebody_replaced_is_reported_and_never_served_as_the_old_one() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let video = user.upload_video("clip.mp4", b"the user's bytes").await;
    let object = format!("{}/clip.mp4", user.username);
    app.bucket().put(&object, b"other bytes").await;
    let findings = admin.reconcile(false).await;
    assert!(
        findings
            .iter()
            .any(|finding| finding.object.as_deref() == Some(&object) && !finding.repaired),
        "{findings:#?}"
    );
    let reply = user.get(&video.links.content).await;
    assert_ne!(reply.status, 200, "{}", reply.text());
    // Nobody's bytes are thrown away by a deletion that means others.
    let deleted = user.delete_file("clip.mp4").await;
    assert!([200, 404].contains(&deleted.status), "{}", deleted.text());
    assert_eq!(app.bucket().read(&object).await, "other bytes");
}

/// Moves the counter of bytes in use behind the service's back.
fn move_counter(state: &std::path::Path, user_id: &str, delta: i64) {
    let store = rusqlite::Connection::open(state.join("storage.db")).unwrap();
    let key = format!("storage/{user_id}/used");
    let value: Vec<u8> = store
        .query_row(
            "SELECT value FROM spin_key_value WHERE key = ?1",
            [&key],
            |row| row.get(0),
        )
        .unwrap();
    let moved = i64::from_le_bytes(value.try_into().unwrap()) + delta;
    let changed = store
        .execute(
            "UPDATE spin_key_value SET value = ?1 WHERE key = ?2",
            (moved.to_le_bytes(), &key),
        )
        .unwrap();
    assert_eq!(changed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_drifted_is_reported_and_repaired_on_request() {
    for delta in [300, -300] {
        let app = with_storage(1_000).await;
        let (email, user_id) = {
            let user = app.with_user().await;
            user.upload("clip.mp4", &[1; 500])
                .await
                .expect(StatusCode::OK);
            (user.email.clone(), user.id.clone())
        };
        let app = app
            .restart_after(|state| move_counter(state, &user_id, delta))
            .await;
        let user = User::sign_in(&app, &email, User::PASSWORD).await;
        let admin = app.with_admin().await;
        // What is used is what the files are, whatever the counter says.
        assert_eq!(user.status().await.used_storage, 500);
        for (repair, repaired) in [(false, false), (true, true)] {
            let findings = admin.reconcile(repair).await;
            assert_eq!(kinds(&findings), [("counter_drift", None, repaired)]);
            assert_eq!(findings[0].user_id.as_deref(), Some(user_id.as_str()));
        }
        admin.sweep_clean().await;
        assert_eq!(admin.reconcile(false).await, []);
        assert_eq!(user.upload("more.mp4", &[1; 501]).await.status, 403);
        user.upload("more.mp4", &[1; 500])
            .await
            .expect(StatusCode::OK);
    }
}
