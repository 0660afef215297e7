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
    let mut foreign = entry("test.bad", "of no service");
    foreign["service"] = json!("another-service");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_may_be_an_entry_a_line() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let hand_in_lines = async |lines: &str| {
        let services = ("usage-service", "logging-service");
        let request = app.as_service(services, Method::POST, "/v1/logs", None);
        let request = request
            .header("content-type", "application/x-ndjson")
            .body(lines.to_owned());
        Reply::to(request).await
    };
    let (first, second) = (entry("test.line", "first"), entry("test.line", "second"));
    let reply = hand_in_lines(&format!("{first}\n{second}\n")).await;
    assert_eq!(reply.seen(), (202, r#"{"accepted":2}"#));
    let reply = hand_in_lines(&format!("{first}\n{{\n{second}")).await;
    assert_eq!(reply.wrong_fields(), ["1"]);
    let lines = logs(&admin, "action=test.line&order=asc").await;
    let messages: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages, ["first", "second"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_pretends_to_be_others_is_one_line_wherever_it_is_printed() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let forged = "done\r\n\r\nid: 9-9\ndata: {\"forged\": true}\n\n\u{1b}[2Jgone\u{202e}";
    let mut line = entry("test.forged", forged);
    line["fields"] = json!({ "a.b\n": "\u{1b}]0;title\u{7}" });
    assert_eq!(hand_in(&app, &json!([line])).await.status, 202);
    let (list, export) = (
        admin.get("/v1/logs?action=test.forged").await,
        admin.get("/v1/logs/export?action=test.forged").await,
    );
    for reply in [&list, &export] {
        let text = reply.text().trim_end();
        assert!(
            !text.chars().any(|character| character.is_control()),
            "{text}"
        );
        assert!(!text.contains('\u{202e}'), "{text}");
    }
    let line: LogEntry = serde_json::from_str(export.text()).unwrap();
    let expected = r#"done\r\n\r\nid: 9-9\ndata: {"forged": true}\n\n\u{1b}[2Jgone\u{202e}"#;
    assert_eq!(line.message, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_far_from_now_and_messages_of_a_mebibyte_are_named() {
    let app = App::start().await;
    let mut future = entry("test.bad", "future");
    future["at"] = json!("2999-01-01T00:00:00Z");
    let mut ancient = entry("test.bad", "ancient");
    ancient["at"] = json!("1970-01-01T00:00:01Z");
    let long = entry("test.bad", &"x".repeat(1_000_000));
    for (bad, field) in [(future, "1.at"), (ancient, "1.at"), (long, "1.message")] {
        let batch = json!([entry("test.bad", "good"), bad]);
        assert_eq!(hand_in(&app, &batch).await.wrong_fields(), [field]);
    }
    let admin = app.with_admin().await;
    assert!(logs(&admin, "action=test.bad").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_good_for_its_own_query_only() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let batch: Vec<Value> = (1..=5)
        .map(|n| entry("test.line", &format!("{n}")))
        .collect();
    assert_eq!(hand_in(&app, &json!(batch)).await.status, 202);
    let page: Page<LogEntry> = admin.read("/v1/logs?action=test.line&limit=2").await;
    let cursor = page.next_cursor.unwrap();
    for query in [
        "",
        "action=test.other&",
        "action=test.line&order=asc&",
        "action=test.line&level=warn&",
    ] {
        let reply = admin.get(&format!("/v1/logs?{query}cursor={cursor}")).await;
        assert_eq!(
            reply.problem(),
            (400, "invalid_cursor".to_owned()),
            "{query}"
        );
    }
    let reply = user
        .get(&format!("/v1/logs?action=test.line&cursor={cursor}"))
        .await;
    assert_eq!(reply.problem(), (400, "invalid_cursor".to_owned()));
    for forged in ["x", "bnVsbA", &cursor[1..]] {
        let reply = admin
            .get(&format!("/v1/logs?action=test.line&cursor={forged}"))
            .await;
        assert_eq!(
            reply.problem(),
            (400, "invalid_cursor".to_owned()),
            "{forged}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_has_every_entry_of_a_time_once_from_the_oldest_on() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let times: Vec<Value> = (0..1_500)
        .map(|n| {
            let mut line = entry("test.line", &n.to_string());
            line["user_id"] = json!(if n % 3 == 0 { &user.id } else { "another" });
            line
        })
        .collect();
    for batch in times.chunks(500) {
        assert_eq!(hand_in(&app, &json!(batch)).await.status, 202);
    }
    let export = async |user: &User<'_>, query: &str| -> Vec<usize> {
        let reply = user
            .get(&format!("/v1/logs/export?action=test.line{query}"))
            .await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), "application/x-ndjson");
        let lines = reply.text().lines();
        lines
            .map(|line| {
                serde_json::from_str::<LogEntry>(line)
                    .unwrap()
                    .message
                    .parse()
                    .unwrap()
            })
            .collect()
    };
    let all: Vec<usize> = (0..1_500).collect();
    assert_eq!(export(&admin, "").await, all);
    let own: Vec<usize> = (0..1_500).step_by(3).collect();
    assert_eq!(export(&user, "").await, own);
    assert_eq!(export(&user, "&user_id=another").await, [0_usize; 0]);
    let middle = times[700]["at"].as_str().unwrap();
    let mut both = export(&admin, &format!("&until={middle}")).await;
    both.extend(export(&admin, &format!("&since={middle}")).await);
    assert_eq!(both, all);
    let reply = admin.get("/v1/logs/export?since=yesterday").await;
    assert_eq!(reply.wrong_fields(), ["since"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_entries_than_shall_be_kept_are_dropped_from_the_oldest() {
    let app = App::builder()
        .variable("log_retention_entries", "100")
        .start()
        .await;
    let admin = app.with_admin().await;
    // Each is a cell of the journal; a stretch has 64.
    for n in 0..400 {
        let reply = hand_in(&app, &json!([entry("test.line", &n.to_string())])).await;
        assert_eq!(reply.status, 202);
    }
    let left = eventually("old entries are gone", || async {
        let reply = admin.get("/v1/logs/export?action=test.line").await;
        let lines = reply.text().lines().count();
        (lines <= 100 + 2 * 64).then_some(lines)
    })
    .await;
    assert!(left >= 100 - 50, "{left}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_access_lines_nor_events_push_out_the_audit_trail() {
    let app = App::builder()
        .variable("log_retention_access_entries", "100")
        .variable("log_retention_entries", "100")
        .variable("log_sample", "0")
        .start()
        .await;
    let admin = app.with_admin().await;
    let count = async |filter: &str| {
        let reply = admin.get(&format!("/v1/logs/export?{filter}")).await;
        reply.text().lines().count()
    };
    // The line comes after the answer.
    let signed_in = eventually("the admin's sign-in", || async {
        let lines = count("action=session.created").await;
        (lines > 0).then_some(lines)
    })
    .await;
    for action in ["request", "session.failed"] {
        for n in 0..400 {
            let line = entry(action, &n.to_string());
            assert_eq!(hand_in(&app, &json!([line])).await.status, 202);
        }
    }
    for action in ["request", "session.failed"] {
        eventually("old lines are gone", || async {
            let lines = count(&format!("service=usage-service&action={action}")).await;
            (lines <= 100 + 2 * 64).then_some(())
        })
        .await;
    }
    assert_eq!(count("action=session.created").await, signed_in);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_is_found_whatever_its_case_and_however_its_accents_are_written() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let message = "Stra\u{df}e/CAFE\u{301}.mp4";
    let reply = hand_in(&app, &json!([entry("test.line", message)])).await;
    assert_eq!(reply.status, 202);
    for (q, expected) in [
        ("strasse", 1),
        ("STRA%E1%BA%9EE", 1),
        ("caf%C3%A9", 1),
        ("Cafe%CC%81", 1),
        ("cafe.", 0),
        ("strase", 0),
    ] {
        let page: Value = admin
            .read(&format!("/v1/logs?action=test.line&q={q}"))
            .await;
        assert_eq!(page["items"].as_array().unwrap().len(), expected, "{q}");
    }
}
