//! `GET /v1/health` and the health of each service.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, METRICS_TOKEN, Reply, SWEEP_TOKEN};

/// Longer than what the bucket said is believed.
const REMEMBERED: Duration = Duration::from_secs(11);

const SERVICES: [(&str, &str); 5] = [
    ("user-service", "/v1/users/health"),
    ("video-service", "/v1/videos/health"),
    ("storage-service", "/v1/storage/health"),
    ("usage-service", "/v1/usage/health"),
    ("logging-service", "/v1/logs/health"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_application_says_so() {
    let app = App::start().await;
    let health: Value = app.get("/v1/health").await.expect(StatusCode::OK).json();
    assert_eq!(
        health,
        json!({
            "status": "ok",
            "services": {
                "user-service": "ok",
                "video-service": "ok",
                "storage-service": "ok",
                "usage-service": "ok",
                "logging-service": "ok",
            },
            "store": "ok",
            "bucket": "ok",
            "version": health["version"],
        })
    );
    assert!(
        health["version"]
            .as_str()
            .is_some_and(|version| !version.is_empty())
    );
    for (service, path) in SERVICES {
        let health: Value = app.get(path).await.expect(StatusCode::OK).json();
        assert_eq!(
            (&health["status"], &health["service"]),
            (&json!("ok"), &json!(service))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_bucket_the_application_is_down_and_says_what_is() {
    let app = App::builder().anonymous_bucket().start().await;
    app.stop_bucket().await;
    let reply = app.get("/v1/health").await;
    assert_eq!(reply.status, 503);
    assert!(!reply.header("retry-after").is_empty());
    let health: Value = reply.json();
    assert_eq!(
        health,
        json!({
            "status": "down",
            "services": {
                "user-service": "ok",
                "video-service": "ok",
                "storage-service": "down",
                "usage-service": "ok",
                "logging-service": "ok",
            },
            "store": "ok",
            "bucket": "down",
            "version": health["version"],
        })
    );
    for (service, path) in SERVICES {
        let expected = if service == "storage-service" {
            503
        } else {
            200
        };
        assert_eq!(app.get(path).await.status, expected, "{service}");
    }
    app.start_bucket_again().await;
    app.advance_clock(REMEMBERED);
    app.get("/v1/health").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bucket_is_not_asked_each_time_that_somebody_asks() {
    let app = App::builder().anonymous_bucket().start().await;
    app.get("/v1/health").await.expect(StatusCode::OK);
    app.stop_bucket().await;
    // What it said is believed for a while, by the service's own health, too.
    for path in ["/v1/health", "/v1/storage/health"] {
        app.get(path).await.expect(StatusCode::OK);
    }
    app.advance_clock(REMEMBERED);
    for path in ["/v1/health", "/v1/storage/health"] {
        let reply = app.get(path).await;
        reply.expect(StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_comes_from_a_file_may_end_with_a_line_feed() {
    let app = App::builder()
        .variable("service_secret", "0123456789abcdef0123456789abcdef\n")
        .variable("metrics_token", &format!("{METRICS_TOKEN}\n"))
        .variable("sweep_token", &format!("{SWEEP_TOKEN}\r\n"))
        .variable(
            "alert_webhook_secret",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
        )
        .start()
        .await;
    app.get("/v1/health").await.expect(StatusCode::OK);
    // The services believe each other.
    let user = app.with_user().await;
    user.upload("clip.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
    for (method, path, token) in [
        (Method::GET, "/v1/metrics", METRICS_TOKEN),
        (Method::POST, "/internal/sweep", SWEEP_TOKEN),
    ] {
        let request = app.request(method, path).bearer_auth(token);
        Reply::to(request).await.expect(StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_variable_stops_requests_and_health_names_it() {
    let app = App::builder()
        .variable("storage_limit_bytes", "fifty")
        .start()
        .await;
    let health = app.get("/v1/storage/health").await;
    assert_eq!(health.status, 503);
    let health: Value = health.json();
    assert_eq!(health["wrong_variables"], json!(["storage_limit_bytes"]));
    assert_eq!(app.get("/v1/health").await.status, 503);
    let user = app.with_user().await;
    let reply = user.get("/storage-status").await;
    assert_eq!(reply.status, 500);
    assert!(
        !reply.text().contains("storage_limit_bytes"),
        "{}",
        reply.text()
    );
    user.get("/v1/videos").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_service_secret_stops_requests() {
    let app = App::builder()
        .variable("service_secret", "short")
        .start()
        .await;
    let health: Value = app.get("/v1/videos/health").await.json();
    assert_eq!(health["wrong_variables"], json!(["service_secret"]));
    assert_eq!(
        app.get("/v1/videos").await.problem(),
        (500, "internal_error".to_owned())
    );
}
