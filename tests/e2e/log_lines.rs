//! What the services log.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::Value;
use spinreel_api::Page;
use spinreel_api::actions::Action;
use spinreel_api::logs::LogEntry;
use spinreel_tests::{App, CLIP, Form, Reply, User, eventually, raw};

async fn lines(reader: &User<'_>, query: &str) -> Vec<LogEntry> {
    let page: Page<LogEntry> = reader.read(&format!("/v1/logs?limit=200&{query}")).await;
    page.items
}

/// The line that ends the request with this id, of the service that got it from the client.
async fn request_line(admin: &User<'_>, id: &str, service: &str) -> LogEntry {
    let query = format!("request_id={id}&service={service}&action=request");
    eventually("the request has its line", || async {
        lines(admin, &query).await.pop()
    })
    .await
}

fn number(line: &LogEntry, field: &str) -> u64 {
    line.fields[field].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requests_line_says_what_it_was_and_what_it_cost() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let form = Form::of_file("clip.mp4", CLIP);
    let content_type = form.content_type();
    let body = form.into_body();
    let length = body.len() as u64;
    let upload = user
        .request(Method::POST, "/upload")
        .header("x-request-id", "the-upload")
        .header("content-type", content_type)
        .body(body);
    let answer = Reply::to(upload).await.expect(StatusCode::OK);
    let line = request_line(&admin, "the-upload", "storage-service").await;
    let names: Vec<&str> = line.fields.keys().map(String::as_str).collect();
    let expected = [
        "http.latency_ms",
        "http.method",
        "http.request_bytes",
        "http.response_bytes",
        "http.route",
        "http.status",
        "store.calls",
    ];
    assert_eq!(names, expected);
    assert_eq!(line.message, "POST /upload answered 200");
    assert_eq!(line.fields["http.method"], "POST");
    assert_eq!(line.fields["http.route"], "/upload");
    assert_eq!(number(&line, "http.status"), 200);
    assert_eq!(number(&line, "http.request_bytes"), length);
    assert_eq!(
        number(&line, "http.response_bytes"),
        answer.body.len() as u64
    );
    assert!(number(&line, "http.latency_ms") < 60_000);
    // An upload takes its number, its intent, its quota and its name at least.
    assert!((5..100).contains(&number(&line, "store.calls")), "{line:?}");

    let video = user.video_of("clip.mp4").await;
    let playback = user
        .request(Method::GET, &video.links.content)
        .header("x-request-id", "the-playback")
        .header("range", "bytes=100-199");
    Reply::to(playback)
        .await
        .expect(StatusCode::PARTIAL_CONTENT);
    let line = request_line(&admin, "the-playback", "video-service").await;
    assert_eq!(line.fields["http.route"], "/v1/videos/:id/content");
    assert_eq!(number(&line, "http.status"), 206);
    assert_eq!(number(&line, "http.request_bytes"), 0);
    assert_eq!(number(&line, "http.response_bytes"), 100);

    let rejected = app
        .request(Method::GET, "/storage-status")
        .header("x-request-id", "rejected");
    Reply::to(rejected).await.expect(StatusCode::UNAUTHORIZED);
    let line = request_line(&admin, "rejected", "storage-service").await;
    assert_eq!((number(&line, "http.status"), line.user_id), (401, None));
}

/// How often each action came with each reason.
fn outcomes(lines: &[LogEntry]) -> BTreeMap<(&str, &str), usize> {
    let mut outcomes = BTreeMap::new();
    for line in lines {
        if ["file.uploaded", "upload.refused", "upload.failed"].contains(&line.action.as_str()) {
            let reason = line.fields.get("upload.reason").and_then(Value::as_str);
            *outcomes
                .entry((line.action.as_str(), reason.unwrap_or_default()))
                .or_default() += 1;
        }
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_upload_ends_in_one_line_that_says_how() {
    let app = App::builder()
        .variable("storage_limit_bytes", "1000000")
        .variable("bandwidth_limit_bytes", "2000000")
        .start()
        .await;
    let user = app.with_user().await;
    let ok = StatusCode::OK;
    user.upload("clip.mp4", &[1; 400_000]).await.expect(ok);
    for (name, bytes, status) in [
        ("clip.mp4", 10, 409),
        ("large.mp4", 700_000, 403),
        ("a/b.mp4", 10, 400),
        ("", 10, 400),
    ] {
        let reply = user.upload(name, &vec![1; bytes]).await;
        assert_eq!(reply.status, status, "{name}: {}", reply.text());
    }
    let no_form = user.request(Method::POST, "/upload").body("no form");
    Reply::to(no_form).await.expect(StatusCode::BAD_REQUEST);
    let form = Form::of_file("cut.mp4", &[1; 10_000]);
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: {}\r\n\
         Content-Length: 20000\r\n\r\n",
        user.token,
        form.content_type()
    )
    .into_bytes();
    let body = form.into_body();
    for sent in [10, 5_000] {
        let request = [&head, &body[..sent]].concat();
        raw::send_and_hang_up(app.address(), &request)
            .await
            .unwrap();
    }
    app.stop_bucket().await;
    assert_eq!(user.upload("later.mp4", &[1; 10]).await.status, 503);

    let expected = BTreeMap::from([
        (("file.uploaded", ""), 1),
        (("upload.failed", "unavailable"), 1),
        (("upload.failed", "upload_cut_off"), 2),
        (("upload.refused", "file_exists"), 1),
        (("upload.refused", "invalid_file_name"), 1),
        (("upload.refused", "no_file_part"), 1),
        (("upload.refused", "no_selected_file"), 1),
        (("upload.refused", "quota_exceeded"), 1),
    ]);
    eventually("every upload has its line", || async {
        let lines = lines(&user, "service=storage-service").await;
        (outcomes(&lines).values().sum::<usize>() == 9).then_some(())
    })
    .await;
    let lines = lines(&user, "service=storage-service").await;
    assert_eq!(outcomes(&lines), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actions_are_of_the_list_and_fields_have_dotted_names() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    let video = user.video_of("clip.mp4").await;
    user.get(&video.links.content).await.expect(StatusCode::OK);
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    let change = serde_json::json!({ "role": "admin", "storage_limit": 5 });
    let path = format!("/v1/users/{}", user.id);
    let request = admin.request(Method::PATCH, &path).json(&change);
    Reply::to(request).await.expect(StatusCode::OK);
    user.get("/v1/videos/nothing")
        .await
        .expect(StatusCode::NOT_FOUND);
    Reply::to(user.request(Method::DELETE, "/v1/users/me"))
        .await
        .expect(StatusCode::NO_CONTENT);
    // The last thing that is done.
    eventually("the account is gone", || async {
        lines(&admin, "action=user.departed").await.pop()
    })
    .await;
    let mut all = Vec::new();
    for service in ["user", "video", "storage", "usage"] {
        all.extend(lines(&admin, &format!("service={service}-service")).await);
    }
    for action in ["user.limits_changed", "file.deleted", "video.recorded"] {
        assert!(all.iter().any(|line| line.action == action), "{action}");
    }
    for line in &all {
        let known = Action::ALL
            .iter()
            .any(|action| action.as_str() == line.action);
        assert!(known, "{}", line.action);
        for name in line.fields.keys() {
            assert!(
                name.split('.').count() > 1,
                "{name} of {} has no dot",
                line.action
            );
        }
    }
}

/// The access lines that a component printed about a request.
fn printed(app: &App, service: &str, id: &str) -> Vec<LogEntry> {
    let file = app.state_dir().join(format!("logs/{service}_stdout.txt"));
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str::<LogEntry>(line).unwrap())
        .filter(|line| line.request_id.as_deref() == Some(id))
        .collect()
}

/// Asks for something with this request id.
async fn ask(user: &User<'_>, id: &str, path: &str) -> Reply {
    let request = user.request(Method::GET, path).header("x-request-id", id);
    Reply::to(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_on_standard_output_and_events_in_the_log() {
    let app = App::builder().variable("log_sample", "0").start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let status = ask(&user, "a-read", "/storage-status").await;
    status.expect(StatusCode::OK);
    let missing = ask(&user, "no-video", "/v1/videos/nothing").await;
    missing.expect(StatusCode::NOT_FOUND);
    let upload = Form::of_file("clip.mp4", CLIP);
    let upload = user
        .request(Method::POST, "/upload")
        .header("x-request-id", "a-change")
        .header("content-type", upload.content_type())
        .body(upload.into_body());
    Reply::to(upload).await.expect(StatusCode::OK);

    // One batch, with the lines of all services that the request came to, before and after its answer.
    let of_upload = eventually("the upload is in the log", || async {
        let lines = lines(&admin, "request_id=a-change").await;
        (!lines.is_empty()).then_some(lines)
    })
    .await;
    let of = |service: &str, action: &str| {
        let lines = of_upload.iter();
        lines
            .filter(|line| line.service == service && line.action == action)
            .count()
    };
    assert_eq!(of("storage-service", "file.uploaded"), 1, "{of_upload:?}");
    assert_eq!(of("storage-service", "request"), 1, "{of_upload:?}");
    assert_eq!(of("video-service", "video.recorded"), 1, "{of_upload:?}");
    assert!(of("usage-service", "request") >= 2, "{of_upload:?}");
    assert!(
        of_upload
            .iter()
            .all(|line| line.fields.get("log.weight").is_none())
    );

    for (id, service, route, status) in [
        ("a-read", "storage-service", "/storage-status", 200),
        ("no-video", "video-service", "/v1/videos/:id", 404),
        ("a-change", "storage-service", "/upload", 200),
    ] {
        let lines = eventually("the access line is printed", || async {
            let mut lines = printed(&app, service, id);
            lines.retain(|line| line.fields["http.route"] == route);
            (!lines.is_empty()).then_some(lines)
        })
        .await;
        assert_eq!(
            (lines.len(), number(&lines[0], "http.status")),
            (1, status),
            "{id}"
        );
    }
    // They were over long before the upload.
    for id in ["a-read", "no-video"] {
        let found = lines(&admin, &format!("request_id={id}")).await;
        assert!(found.is_empty(), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_the_sample_stands_for_many_and_nothing_is_printed_where_that_is_off() {
    let app = App::builder()
        .variable("log_sample", "2")
        .variable("access_log", "off")
        .start()
        .await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    // One in two, so that it takes 100 without one only once in 2¹⁰⁰ times.
    for number in 0..100 {
        let status = ask(&user, &format!("read-{number}"), "/storage-status").await;
        status.expect(StatusCode::OK);
    }
    let sampled = eventually("some are in the log", || async {
        let query = "service=storage-service&action=request";
        let lines = lines(&admin, query).await;
        (!lines.is_empty()).then_some(lines)
    })
    .await;
    assert!(sampled.iter().all(|line| number(line, "log.weight") == 2));
    for service in ["storage-service", "user-service"] {
        let file = app.state_dir().join(format!("logs/{service}_stdout.txt"));
        let text = std::fs::read_to_string(file).unwrap_or_default();
        assert_eq!(text, "", "{service}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_called_service_gives_its_lines_to_a_service_that_asks_and_to_nobody_else() {
    const HEADER: &str = "x-spinreel-log";
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let video = user.upload_video("clip.mp4", CLIP).await;
    for path in [
        "/storage-status",
        "/v1/videos/nothing",
        &video.links.content,
    ] {
        let request = user.request(Method::GET, path).header(HEADER, "answer");
        assert_eq!(Reply::to(request).await.header(HEADER), "", "{path}");
    }
    let by_admin = admin
        .request(Method::POST, "/internal/storage/sweep")
        .header(HEADER, "answer");
    assert_eq!(Reply::to(by_admin).await.header(HEADER), "");
    let path = format!("/internal/usage/users/{}/limit", user.id);
    let call = || {
        let services = ("user-service", "usage-service");
        app.as_service(services, Method::PUT, &path, Some(&user.id))
            .json(&serde_json::json!({ "limit_bytes": 5 }))
    };
    assert_eq!(Reply::to(call()).await.header(HEADER), "");
    let asked = Reply::to(call().header(HEADER, "answer")).await;
    assert_ne!(asked.header(HEADER), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_behind_says_so_at_once() {
    // Whoever waits for nothing finds every log too slow.
    let app = App::builder().variable("log_wait_ms", "0").start().await;
    let services = ("usage-service", "logging-service");
    let request = app.as_service(services, Method::POST, "/v1/logs", None);
    let reply = Reply::to(request.json(&serde_json::json!([]))).await;
    assert_eq!(reply.problem(), (503, "log_behind".to_owned()));
    assert_ne!(reply.header("retry-after"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_method_has_its_line_and_a_preflight_has_none() {
    let app = App::builder()
        .variable("cors_origins", "https://app.example")
        .start()
        .await;
    let admin = app.with_admin().await;
    let preflight = app
        .request(Method::OPTIONS, "/v1/videos/a")
        .header("x-request-id", "the-preflight")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "GET");
    assert_eq!(Reply::to(preflight).await.status, 204);
    for (id, path, service, route) in [
        (
            "wrong-1",
            "/storage-status",
            "storage-service",
            "/storage-status",
        ),
        ("wrong-2", "/v1/videos/a", "video-service", "/v1/videos/:id"),
    ] {
        let request = app.request(Method::PUT, path).header("x-request-id", id);
        assert_eq!(Reply::to(request).await.status, 405, "{path}");
        let line = request_line(&admin, id, service).await;
        assert_eq!(line.fields["http.route"], route);
        assert_eq!(number(&line, "http.status"), 405);
    }
    app.idle().await;
    assert!(lines(&admin, "request_id=the-preflight").await.is_empty());
}
