//! What holds on every route: headers of answers, limits of requests.

use http::{Method, StatusCode};
use serde_json::json;
use spinreel_tests::{App, Reply};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_tells_browsers_to_be_careful() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    for path in [
        "/v1/users/me",
        "/v1/videos",
        &video.links.content,
        "/storage-status",
        "/v1/usage/today",
        "/v1/logs",
        "/v1/health",
        "/v1/logs/nothing",
        "/.well-known/jwks.json",
    ] {
        for reply in [user.get(path).await, app.get(path).await] {
            assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
            let policy = reply.header("content-security-policy");
            assert!(policy.contains("frame-ancestors 'none'"), "{path}");
            assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
            let caching = reply.header("cache-control");
            match path {
                "/.well-known/jwks.json" => assert!(caching.contains("public"), "{path}"),
                _ => assert!(
                    caching == "no-store" || caching.starts_with("private"),
                    "{path} {caching}"
                ),
            }
            assert_eq!(reply.header("strict-transport-security"), "", "{path}");
        }
    }
    let by_tls = app
        .request(Method::GET, "/v1/health")
        .header("x-forwarded-proto", "https");
    let header = Reply::to(by_tls).await;
    assert!(
        header
            .header("strict-transport-security")
            .contains("max-age=")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_larger_than_any_honest_one_are_refused() {
    let app = App::start().await;
    let user = app.with_user().await;
    let long = format!("/v1/videos?q={}", "a".repeat(9_000));
    assert_eq!(
        user.get(&long).await.problem(),
        (414, "uri_too_long".to_owned())
    );
    let mut request = user.request(Method::GET, "/v1/videos");
    // More than a service takes together with those that the host adds, and not more than a host does.
    for number in 0..95 {
        request = request.header(format!("x-header-{number}"), "value");
    }
    let reply = Reply::to(request).await;
    assert_eq!(reply.problem(), (431, "headers_too_large".to_owned()));
    let request = user
        .request(Method::GET, "/v1/videos")
        .header("x-large", "a".repeat(40_000));
    assert_eq!(Reply::to(request).await.status, 431);
    // A body that no route of that kind takes, also where none is read.
    for (method, path) in [
        (Method::DELETE, "/delete-file"),
        (Method::DELETE, "/v1/sessions"),
        (Method::PATCH, "/v1/users/me"),
        (Method::GET, "/v1/videos"),
    ] {
        let request = user.request(method, path).body(vec![b' '; 70_000]);
        assert_eq!(Reply::to(request).await.status, 413, "{path}");
    }
    user.get("/v1/users/me").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_that_readers_could_understand_differently_is_refused() {
    let app = App::start().await;
    let nested = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let deep = format!(r#"{{"email": "ada@example.com", "x": {nested}}}"#);
    for body in [
        r#"{"email": "a@example.com", "password": "correct horse battery", "username": "ada", "username": "eve"}"#,
        r#"{"email": "a@example.com", "password": "x", "\u0070assword": "correct horse battery", "username": "ada"}"#,
        deep.as_str(),
    ] {
        let request = app
            .request(Method::POST, "/v1/users")
            .header("content-type", "application/json")
            .body(body.to_owned());
        let reply = Reply::to(request).await;
        assert_eq!(
            reply.problem(),
            (400, "malformed_json".to_owned()),
            "{body}"
        );
    }
    let account =
        json!({"email": "a@example.com", "password": "correct horse battery", "username": "ada"});
    app.post("/v1/users", &account)
        .await
        .expect(StatusCode::CREATED);
}
