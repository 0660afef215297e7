//! Cross-origin requests (the Fetch standard).

use http::Method;
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
        .variable("cors_origins", "https://other.example, https://app.example")
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
