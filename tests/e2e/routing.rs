//! Paths, methods and what every answer carries.

use http::{Method, StatusCode};
use spinreel_tests::{App, Reply, raw};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_is_nobodys_is_not_found() {
    let app = App::start().await;
    // No service sees these: the host answers them, as Spin does.
    for path in [
        "/nothing",
        "/uploads",
        "/upload/more",
        "/v1",
        "/v1/nothing",
        "/v1/health/more",
        "/v1/metrics/more",
        "/v2/videos",
        "/internal",
    ] {
        assert_eq!(app.get(path).await.seen(), (404, ""), "{path}");
    }
    for path in [
        "/v1/videos/",
        "/v1/videos/a/b/c",
        "/v1/videos/a/content/more",
        "/v1/users/a/b",
        "/v1/usage/tomorrow",
        "/v1/storage/more",
        "/v1/uploads/a/b",
        "/v1/logs/more",
        "/internal/videos/a/b",
    ] {
        let reply = app.get(path).await;
        assert_eq!(reply.problem(), (404, "not_found".to_owned()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_method_is_told_the_right_ones() {
    let app = App::start().await;
    for (method, path, allow) in [
        (Method::GET, "/upload", "POST"),
        (Method::PUT, "/upload", "POST"),
        (Method::POST, "/delete-file", "DELETE"),
        (Method::POST, "/storage-status", "GET, HEAD"),
        (Method::PUT, "/v1/videos/a", "GET, HEAD, PATCH, DELETE"),
        (Method::PUT, "/v1/uploads", "OPTIONS, POST"),
        (Method::POST, "/v1/videos/a/content", "GET, HEAD"),
        (Method::PUT, "/v1/users", "GET, HEAD, POST"),
        (Method::POST, "/v1/users/me", "GET, HEAD, PATCH, DELETE"),
        (Method::DELETE, "/v1/users/a", "GET, HEAD, PATCH"),
        (Method::GET, "/v1/sessions/refresh", "POST"),
        (Method::GET, "/v1/tokens/introspect", "POST"),
        (Method::GET, "/internal/users/keys/rotate", "POST"),
        (Method::POST, "/v1/usage/today", "GET, HEAD"),
        (Method::DELETE, "/v1/logs", "GET, HEAD, POST"),
        (Method::POST, "/v1/health", "GET, HEAD"),
        (Method::POST, "/.well-known/jwks.json", "GET, HEAD"),
        (Method::POST, "/internal/videos/a", "GET, HEAD, PUT, DELETE"),
        (Method::GET, "/internal/usage/settlements", "POST"),
    ] {
        let reply = Reply::to(app.request(method.clone(), path)).await;
        assert_eq!(reply.status, 405, "{method} {path}");
        let mut allowed: Vec<&str> = reply.header("allow").split(", ").collect();
        let mut expected: Vec<&str> = allow.split(", ").collect();
        allowed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(allowed, expected, "{method} {path}");
        if path.starts_with("/v1") {
            assert_eq!(
                reply.problem(),
                (405, "method_not_allowed".to_owned()),
                "{path}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_carries_a_request_id_the_callers_if_it_is_sane() {
    let app = App::start().await;
    let ask = async |id: Option<&str>| {
        let mut request = app.request(Method::GET, "/v1/videos");
        if let Some(id) = id {
            request = request.header("x-request-id", id);
        }
        Reply::to(request).await.header("x-request-id").to_owned()
    };
    assert_eq!(ask(Some("request-17")).await, "request-17");
    let mine = ask(None).await;
    assert!(!mine.is_empty());
    assert_ne!(ask(None).await, mine);
    let too_long = "x".repeat(129);
    for odd in ["two words", "<script>", "", too_long.as_str()] {
        let id = ask(Some(odd)).await;
        assert!(!id.is_empty() && id != odd, "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_shows_nothing_of_the_inside() {
    let app = App::start().await;
    let user = app.with_user().await;
    app.stop_bucket().await;
    let reply = user.upload("clip.mp4", b"bytes").await;
    assert!(reply.status >= 500, "{}", reply.status);
    let seen = format!("{:?} {}", reply.headers, reply.text());
    for inside in [
        "spinreel/",
        "127.0.0.1",
        "storage/v1",
        "spin.internal",
        "panicked",
        ".rs:",
    ] {
        assert!(!seen.contains(inside), "{inside} in {seen}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_no_http_is_refused_and_others_go_on() {
    let app = App::start().await;
    for request in [
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    ] {
        let answer = raw::exchange(app.address(), request.as_bytes())
            .await
            .unwrap();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
    }
    app.get("/v1/videos/health").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_clients_and_clients_of_proxies_are_served() {
    let app = App::start().await;
    for (request, status) in [
        ("GET /v1/users/health HTTP/1.0\r\n\r\n", "200"),
        ("GET /v1/users/health HTTP/1.0\r\nHost: a\r\n\r\n", "200"),
        (
            "GET http://b.example/v1/users/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "200",
        ),
        (
            "GET http://b.example/v1/users/health HTTP/1.0\r\n\r\n",
            "200",
        ),
        (
            "GET http://user-service.spin.internal/v1/users/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "400",
        ),
        (
            "GET /v1/users/health HTTP/1.1\r\nConnection: close\r\n\r\n",
            "400",
        ),
    ] {
        let answer = raw::exchange(app.address(), request.as_bytes())
            .await
            .unwrap();
        let line = answer.lines().next().unwrap_or_default();
        assert_eq!(line.split(' ').nth(1), Some(status), "{request} {answer}");
    }
}
