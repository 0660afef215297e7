//! What only services may call.

use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use spinreel_tests::{App, Reply, service_token};

/// Every internal route: method, path, and the service that it belongs to.
fn routes() -> [(Method, &'static str, &'static str); 9] {
    [
        (
            Method::POST,
            "/internal/usage/reservations",
            "usage-service",
        ),
        (Method::POST, "/internal/usage/settlements", "usage-service"),
        (Method::PUT, "/internal/videos/v-1", "video-service"),
        (Method::DELETE, "/internal/videos/v-1", "video-service"),
        (
            Method::GET,
            "/internal/storage/files/f-1/content",
            "storage-service",
        ),
        (
            Method::DELETE,
            "/internal/storage/files/f-1",
            "storage-service",
        ),
        (
            Method::POST,
            "/internal/storage/attachments",
            "storage-service",
        ),
        (
            Method::DELETE,
            "/internal/storage/attachments/a-1",
            "storage-service",
        ),
        (Method::POST, "/v1/logs", "logging-service"),
    ]
}

async fn assert_refused(request: RequestBuilder, code: &str, what: &str) {
    let reply = Reply::to(request).await;
    assert_eq!(reply.problem(), (401, code.to_owned()), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn internal_routes_take_no_users_and_nobody_without_a_token() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    for (method, path, _) in routes() {
        let ask = || app.request(method.clone(), path).json(&json!({}));
        assert_refused(ask(), "token_required", path).await;
        for token in [&user.token, &admin.token] {
            assert_refused(ask().bearer_auth(token), "token_invalid", path).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_cannot_pretend_to_be_a_service() {
    let app = App::start().await;
    for (method, path, service) in routes() {
        let ask = || app.request(method.clone(), path).json(&json!({}));
        let disguised = ask()
            .header("spin-client-addr", "0.0.0.0:0")
            .header("spin-component-route", "")
            .header("x-forwarded-for", "127.0.0.1");
        assert_refused(disguised, "token_required", path).await;
        let as_peer = ask().header("host", format!("{service}.spin.internal"));
        assert_eq!(Reply::to(as_peer).await.status, 400, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_token_is_good_for_one_service_one_call_and_one_secret() {
    let app = App::start().await;
    let strangers_secret = "0123456789abcdef0123456789abcdef0123456789abcdef";
    for (method, path, service) in routes() {
        let ask = || app.request(method.clone(), path).json(&json!({}));
        let from = "storage-service";
        let purpose = (&method, path);
        let strangers = service_token(strangers_secret, from, service, purpose, None);
        assert_refused(ask().bearer_auth(strangers), "token_invalid", path).await;
        let for_another = match service {
            "usage-service" => "video-service",
            _ => "usage-service",
        };
        let for_another = app.service_token(from, for_another, purpose);
        assert_refused(ask().bearer_auth(for_another), "token_invalid", path).await;
        for other in [(&Method::PATCH, path), (&method, "/internal/other")] {
            let for_other = app.service_token(from, service, other);
            assert_refused(ask().bearer_auth(for_other), "token_invalid", path).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_records_and_forgets_a_video_as_often_as_it_likes() {
    let app = App::start().await;
    let user = app.with_user().await;
    let stored = json!({
        "owner": user.id,
        "filename": "clip.mp4",
        "size": 10,
        "content_type": "video/mp4",
        "location": "nowhere",
        "etag": "\"tag\"",
        "created_at": "2024-02-29T12:00:00Z",
    });
    let services = ("storage-service", "video-service");
    let path = "/internal/videos/v-1";
    let put = async |stored: &Value| {
        let request = app.as_service(services, Method::PUT, path, stored["owner"].as_str());
        Reply::to(request.json(stored)).await
    };
    for _ in 0..2 {
        assert_eq!(put(&stored).await.seen(), (204, ""));
        assert_eq!(user.videos().await.len(), 1);
    }
    // The catalogue knows a video whose bytes are not there.
    let reply = user.get("/v1/videos/v-1/content").await;
    assert_eq!(reply.problem(), (404, "not_found".to_owned()));

    let mut of_another = stored.clone();
    of_another["owner"] = json!("another-user");
    assert_eq!(
        put(&of_another).await.problem(),
        (409, "owner_differs".to_owned())
    );
    let mut wrong = stored.clone();
    wrong["etag"] = json!("no tag");
    assert_eq!(put(&wrong).await.wrong_fields(), ["etag"]);
    for _ in 0..2 {
        let request = app.as_service(services, Method::DELETE, path, Some(&user.id));
        let reply = Reply::to(request).await;
        assert_eq!(reply.seen(), (204, ""));
        assert!(user.videos().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_reads_bytes_that_are_not_there_is_told() {
    let app = App::start().await;
    let services = ("video-service", "storage-service");
    for location in ["nowhere", "a%2Fb", "..", "1", "%00"] {
        let path = format!("/internal/storage/files/{location}/content");
        let reply = Reply::to(app.as_service(services, Method::GET, &path, None)).await;
        assert_eq!(StatusCode::NOT_FOUND, reply.status, "{location}");
    }
}
