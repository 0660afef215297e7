//! `GET /v1/logs` and `POST /v1/logs`.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::Page;
use spinreel_api::logs::{Level, LogEntry};
use spinreel_tests::{App, Reply, User, eventually};

async fn logs(user: &User<'_>, query: &str) -> Vec<LogEntry> {
    let page: Page<LogEntry> = user.read(&format!("/v1/logs?{query}")).await;
    page.items
}

fn entry(action: &str, message: &str) -> Value {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    json!({
        "at": spinreel_api::Timestamp::from_ms(now.as_millis() as u64),
        "level": "info",
        "service": "usage-service",
        "action": action,
        "message": message,
    })
}

async fn hand_in(app: &App, batch: &Value) -> Reply {
    let services = ("usage-service", "logging-service");
    let request = app.as_service(services, Method::POST, "/v1/logs", None);
    Reply::to(request.json(batch)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requests_lines_of_all_services_are_found_by_its_id() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let form = spinreel_tests::Form::of_file("clip.mp4", b"bytes");
    let request = user
        .request(Method::POST, "/upload")
        .header("x-request-id", "upload-17")
        .header("content-type", form.content_type())
        .body(form.into_body());
    Reply::to(request).await.expect(StatusCode::OK);
    let lines = eventually("three services have told of the upload", || async {
        let lines = logs(&admin, "request_id=upload-17").await;
        let told = |service| lines.iter().any(|line: &LogEntry| line.service == service);
        let all = ["storage-service", "video-service", "usage-service"]
            .into_iter()
            .all(told);
        all.then_some(lines)
    })
    .await;
    assert!(
        lines
            .iter()
            .all(|line| line.request_id.as_deref() == Some("upload-17"))
    );
    let uploaded = lines
        .iter()
        .find(|line| line.action == "file.uploaded")
        .unwrap();
    assert_eq!(uploaded.user_id.as_deref(), Some(user.id.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_sees_lines_about_itself_only() {
    let app = App::start().await;
    let (ada, bob, admin) = (
        app.with_user().await,
        app.with_user().await,
        app.with_admin().await,
    );
    for user in [&ada, &bob] {
        user.upload("clip.mp4", b"bytes")
            .await
            .expect(StatusCode::OK);
    }
    for user in [&ada, &bob] {
        let lines = eventually("the upload is in the log", || async {
            let lines = logs(user, "action=file.uploaded").await;
            (!lines.is_empty()).then_some(lines)
        })
        .await;
        assert_eq!(lines.len(), 1);
        let of_others = logs(user, "limit=200").await;
        assert!(
            of_others
                .iter()
                .all(|line| line.user_id.as_deref() == Some(&user.id))
        );
    }
    // Asking for another's gives nothing.
    let foreign = logs(&bob, &format!("user_id={}", ada.id)).await;
    assert!(foreign.is_empty(), "{foreign:?}");
    let seen = logs(&admin, "action=file.uploaded").await;
    assert_eq!(seen.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_filtered_and_paged_from_the_newest() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let batch: Vec<Value> = (1..=5)
        .map(|n| entry("test.line", &format!("line {n}")))
        .collect();
    let reply = hand_in(&app, &json!(batch)).await;
    assert_eq!(reply.seen(), (202, r#"{"accepted":5}"#));
    let mut warning = entry("test.warning", "a Warning");
    warning["level"] = json!("warn");
    assert_eq!(hand_in(&app, &json!([warning])).await.status, 202);

    let messages = |lines: &[LogEntry]| -> Vec<String> {
        lines.iter().map(|line| line.message.clone()).collect()
    };
    let first: Page<LogEntry> = admin.read("/v1/logs?action=test.line&limit=3").await;
    assert_eq!(messages(&first.items), ["line 5", "line 4", "line 3"]);
    let cursor = first.next_cursor.unwrap();
    let rest = logs(&admin, &format!("action=test.line&limit=3&cursor={cursor}")).await;
    assert_eq!(messages(&rest), ["line 2", "line 1"]);

    let warnings = logs(&admin, "service=usage-service&level=warn").await;
    assert_eq!(messages(&warnings), ["a Warning"]);
    assert!(warnings.iter().all(|line| line.level >= Level::Warn));
    let found = logs(&admin, "service=usage-service&q=line%204").await;
    assert_eq!(messages(&found), ["line 4"]);
    let later = logs(&admin, "action=test.line&since=2999-01-01T00:00:00Z").await;
    assert!(later.is_empty());
    let earlier = logs(&admin, "action=test.line&until=2000-01-01T00:00:00Z").await;
    assert!(earlier.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_with_a_bad_line_is_refused_whole_and_the_line_is_named() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let mut bad = entry("test.bad", "third");
    bad["action"] = json!("with spaces");
    let batch = json!([entry("test.bad", "first"), entry("test.bad", "second"), bad]);
    assert_eq!(hand_in(&app, &batch).await.wrong_fields(), ["2.action"]);
    let mut foreign = entry("test.bad", "of another service");
    foreign["service"] = json!("user-service");
    let reply = hand_in(&app, &json!([foreign])).await;
    assert_eq!(reply.wrong_fields(), ["0.service"]);
    for body in [json!({}), json!("text"), json!([5])] {
        assert_eq!(hand_in(&app, &body).await.status, 422, "{body}");
    }
    assert!(logs(&admin, "action=test.bad").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_over_a_mebibyte_is_too_large() {
    let app = App::start().await;
    let batch: Vec<Value> = (0..300)
        .map(|_| entry("test.large", &"x".repeat(4_000)))
        .collect();
    let reply = hand_in(&app, &json!(batch)).await;
    assert_eq!(reply.problem(), (413, "body_too_large".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_gets_into_the_log() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let wrong = json!({"email": user.email, "password": "a wrong password"});
    app.post("/v1/sessions", &wrong).await;
    user.upload("clip.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
    eventually("the upload is in the log", || async {
        (!logs(&user, "action=file.uploaded").await.is_empty()).then_some(())
    })
    .await;
    let all = admin.get("/v1/logs?limit=200").await;
    let all = all.text();
    assert!(all.contains("session.failed"), "{all}");
    let signature = user.token.rsplit('.').next().unwrap();
    for secret in [
        User::PASSWORD,
        "a wrong password",
        &user.refresh_token,
        signature,
        &user.email,
    ] {
        assert!(!all.contains(secret), "{secret}");
    }
}
