//! Cross-origin requests (the Fetch standard).

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, Reply};

const ORIGIN: &str = "https://app.example";

async fn preflight(app: &App, origin: &str, path: &str) -> Reply {
    let request = app
        .request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization, range");
    Reply::to(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allowed_origin_may_ask_and_see_the_headers_that_it_needs() {
    let app = App::builder()
        .variable(
            "cors_origins",
            "https://other.example, HTTPS://App.Example:443\n",
        )
        .start()
        .await;
    let user = app.with_user().await;
    for path in [
        "/v1/videos",
        "/v1/videos/a/content",
        "/storage-status",
        "/v1/usage/today",
    ] {
        let reply = preflight(&app, ORIGIN, path).await;
        assert_eq!(reply.status, 204, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), ORIGIN);
        assert!(reply.header("access-control-allow-methods").contains("GET"));
        let headers = reply.header("access-control-allow-headers").to_lowercase();
        assert!(
            headers.contains("authorization") && headers.contains("range"),
            "{headers}"
        );
        assert!(reply.header("vary").contains("Origin"));
    }
    let request = user
        .request(Method::GET, "/v1/videos")
        .header("origin", ORIGIN);
    let reply = Reply::to(request).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), ORIGIN);
    let exposed = reply.header("access-control-expose-headers").to_lowercase();
    assert!(
        exposed.contains("content-range") && exposed.contains("x-request-id"),
        "{exposed}"
    );
    // A refusal can be read, too.
    let request = app
        .request(Method::GET, "/v1/videos")
        .header("origin", ORIGIN);
    assert_eq!(
        Reply::to(request)
            .await
            .header("access-control-allow-origin"),
        ORIGIN
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_origin_is_not_told_that_it_may() {
    for allowed in ["", "https://app.example"] {
        let app = App::builder()
            .variable("cors_origins", allowed)
            .start()
            .await;
        for origin in [
            "https://evil.example",
            "https://app.example.evil.example",
            "null",
        ] {
            let reply = preflight(&app, origin, "/v1/videos").await;
            assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
            let request = app
                .request(Method::GET, "/v1/videos")
                .header("origin", origin);
            let reply = Reply::to(request).await;
            assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
        }
    }
}

/// Answers of every kind, asked with the headers of `origin`.
async fn answers(app: &App, origin: Option<&str>) -> Vec<(&'static str, Reply)> {
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let video = user.upload_video("clip.mp4", b"some bytes").await;
    let content = video.links.content.as_str();
    let account =
        json!({"email": "a@example.com", "password": "correct horse battery", "username": "ada"});
    let get = |path: &str| user.request(Method::GET, path);
    let mut replies = Vec::new();
    for (what, request, status) in [
        ("a list", get("/v1/videos"), 200),
        ("no token", app.request(Method::GET, "/v1/videos"), 401),
        (
            "no path",
            app.request(Method::GET, "/v1/users/me/nothing"),
            404,
        ),
        (
            "a wrong method",
            app.request(Method::PUT, "/storage-status"),
            405,
        ),
        (
            "too long",
            get(&format!("/v1/videos?q={}", "a".repeat(9_000))),
            414,
        ),
        ("a file", get(content), 200),
        ("a download", get(&format!("{content}?download=1")), 200),
        ("a part", get(content).header("range", "bytes=0-3"), 206),
        ("no part", get(content).header("range", "bytes=99-"), 416),
        (
            "the same file",
            get(content).header("if-none-match", "*"),
            304,
        ),
        (
            "an account",
            app.request(Method::POST, "/v1/users").json(&account),
            201,
        ),
        ("health", app.request(Method::GET, "/v1/health"), 200),
        (
            "keys",
            app.request(Method::GET, "/.well-known/jwks.json"),
            200,
        ),
        (
            "an export",
            admin.request(Method::GET, "/v1/logs/export"),
            200,
        ),
    ] {
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        let reply = Reply::to(request).await;
        assert_eq!(reply.status, status, "{what}");
        replies.push((what, reply));
    }
    // A stream that does not end.
    let mut tail = admin.request(Method::GET, "/v1/logs/tail");
    if let Some(origin) = origin {
        tail = tail.header("origin", origin);
    }
    let tail = tail.send().await.unwrap();
    assert_eq!(tail.status(), StatusCode::OK);
    let head = Reply {
        status: 200,
        headers: tail.headers().clone(),
        body: bytes::Bytes::new(),
    };
    replies.push(("a tail", head));
    replies
}

/// What is no script's to read, or may be read by all of them (the Fetch standard, section 3.3.2 and "CORS-safelisted
/// response-header name").
const NOT_TO_BE_EXPOSED: [&str; 16] = [
    "access-control-allow-origin",
    "access-control-expose-headers",
    "cache-control",
    "connection",
    "content-language",
    "content-length",
    "content-security-policy",
    "content-type",
    "expires",
    "pragma",
    "referrer-policy",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "x-accel-buffering",
    "x-content-type-options",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_may_read_every_header_that_an_answer_has() {
    let app = App::builder()
        .variable("cors_origins", ORIGIN)
        .start()
        .await;
    for (what, reply) in answers(&app, Some(ORIGIN)).await {
        assert_eq!(
            reply.header("access-control-allow-origin"),
            ORIGIN,
            "{what}"
        );
        let exposed = reply.header("access-control-expose-headers");
        let exposed: Vec<&str> = exposed.split(", ").collect();
        for name in reply.headers.keys() {
            let name = name.as_str();
            assert!(
                exposed.contains(&name) || NOT_TO_BE_EXPOSED.contains(&name),
                "{what}: {name} is not exposed"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caches_are_told_that_answers_differ_by_origin_whoever_asked() {
    let varies = |reply: &Reply| {
        let mut values = reply.headers.get_all("vary").iter();
        values.any(|value| value == "Origin")
    };
    let app = App::builder()
        .variable("cors_origins", ORIGIN)
        .start()
        .await;
    for (what, reply) in answers(&app, None).await {
        assert!(varies(&reply), "{what}");
        assert_eq!(reply.header("access-control-allow-origin"), "", "{what}");
    }
    let evil = app
        .request(Method::GET, "/v1/videos")
        .header("origin", "https://evil.example");
    assert!(varies(&Reply::to(evil).await));
    let app = App::start().await;
    assert!(!varies(&app.get("/v1/videos").await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_may_send_conditions_and_resumable_uploads() {
    let app = App::builder().variable("cors_origins", "*").start().await;
    let reply = preflight(&app, "https://any.example", "/v1/videos/a/content").await;
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    let allowed = reply.header("access-control-allow-headers").to_owned();
    let allowed: Vec<&str> = allowed.split(", ").collect();
    for name in [
        "if-none-match",
        "if-modified-since",
        "if-range",
        "range",
        "last-event-id",
        "cache-control",
        "if-match",
        "tus-resumable",
        "upload-length",
        "upload-metadata",
        "upload-offset",
        "upload-defer-length",
        "upload-checksum",
        "upload-concat",
        "x-http-method-override",
        "upload-complete",
        "upload-draft-interop-version",
        "content-digest",
        "repr-digest",
        "authorization",
        "content-type",
    ] {
        assert!(allowed.contains(&name), "{name}");
    }
    // Without a method that is asked about it is no preflight.
    let request = app
        .request(Method::OPTIONS, "/v1/videos")
        .header("origin", "https://any.example");
    let reply = Reply::to(request).await;
    assert_eq!(
        (reply.status, reply.header("allow")),
        (405, "GET, HEAD, POST, DELETE")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn origins_that_no_browser_sends_are_named_by_health() {
    for wrong in [
        "https://app.example/",
        "null",
        "app.example",
        "*, https://app.example",
    ] {
        let app = App::builder().variable("cors_origins", wrong).start().await;
        for path in ["/v1/users/health", "/v1/logs/health"] {
            let health: Value = app
                .get(path)
                .await
                .expect(StatusCode::SERVICE_UNAVAILABLE)
                .json();
            assert_eq!(
                health["wrong_variables"],
                json!(["cors_origins"]),
                "{wrong}"
            );
        }
    }
}
