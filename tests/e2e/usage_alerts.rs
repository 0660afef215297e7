//! `PUT /internal/usage/alerts/{id}` and `GET /v1/usage/alerts`.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::Page;
use spinreel_api::alerts::Alert;
use spinreel_api::logs::{Level, LogEntry};
use spinreel_tests::{App, Reply, User, eventually};

const AT: &str = "2024-02-29T12:00:00.000Z";

fn alert(user: &User<'_>, used_bytes: u64) -> Value {
    json!({
        "user_id": user.id,
        "kind": "storage",
        "threshold_percent": 80,
        "used_bytes": used_bytes,
        "limit_bytes": 1_000,
        "at": AT,
    })
}

async fn tell(app: &App, id: &str, alert: &Value) -> Reply {
    let services = ("storage-service", "usage-service");
    let path = format!("/internal/usage/alerts/{id}");
    let request = app.as_service(services, Method::PUT, &path, alert["user_id"].as_str());
    Reply::to(request.json(alert)).await
}

async fn lines(user: &User<'_>) -> Vec<LogEntry> {
    let page: Page<LogEntry> = user.read("/v1/logs?action=alert.storage").await;
    page.items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_is_shown_and_logged_once_however_often_it_is_told() {
    let app = App::start().await;
    let (ada, bob) = (app.with_user().await, app.with_user().await);
    assert_eq!(
        ada.get("/v1/usage/alerts").await.seen(),
        (200, r#"{"items":[],"next_cursor":null}"#)
    );
    assert_eq!(tell(&app, "a-1", &alert(&ada, 810)).await.seen(), (201, ""));
    for used_bytes in [810, 990] {
        let reply = tell(&app, "a-1", &alert(&ada, used_bytes)).await;
        assert_eq!(reply.seen(), (200, ""));
    }
    let shown: Value = ada.read("/v1/usage/alerts").await;
    let expected = json!({
        "items": [{
            "id": "a-1",
            "kind": "storage",
            "threshold_percent": 80,
            "used_bytes": 810,
            "limit_bytes": 1_000,
            "at": AT,
        }],
        "next_cursor": null,
    });
    assert_eq!(shown, expected);
    // A second alert's line comes after all lines of the first.
    assert_eq!(tell(&app, "a-2", &alert(&ada, 820)).await.status, 201);
    let told = eventually("both alerts are in the log", || async {
        let lines = lines(&ada).await;
        let both = ["a-2", "a-1"]
            .iter()
            .all(|id| lines.iter().any(|line| line.fields["alert.id"] == **id));
        both.then_some(lines)
    })
    .await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|line| line.level == Level::Warn));
    assert!(
        told.iter()
            .all(|line| line.user_id.as_deref() == Some(ada.id.as_str()))
    );

    let of_bob: Page<Alert> = bob.read("/v1/usage/alerts").await;
    assert!(of_bob.items.is_empty());
    assert!(lines(&bob).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_are_paged_from_the_newest_and_a_cursor_is_of_its_list() {
    let app = App::start().await;
    let (ada, bob) = (app.with_user().await, app.with_user().await);
    for number in 1..=5 {
        let reply = tell(&app, &format!("a%2F{number}"), &alert(&ada, 810)).await;
        assert_eq!(reply.status, 201);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/usage/alerts?limit=2".to_owned();
    loop {
        let page: Page<Alert> = ada.read(&path).await;
        assert!(page.items.len() <= 2);
        seen.extend(page.items.into_iter().map(|alert| alert.id));
        let Some(cursor) = page.next_cursor else {
            break;
        };
        path = format!("/v1/usage/alerts?limit=2&cursor={cursor}");
        assert_eq!(bob.get(&path).await.status, 400);
    }
    assert_eq!(seen, ["a/5", "a/4", "a/3", "a/2", "a/1"]);
    let reply = ada.get("/v1/usage/alerts?limit=0").await;
    assert_eq!(reply.wrong_fields(), ["limit"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_alert_is_refused_and_leaves_nothing() {
    let app = App::start().await;
    let ada = app.with_user().await;
    for (member, value) in [
        ("user_id", json!("a/b")),
        ("kind", json!("patience")),
        ("threshold_percent", json!(0)),
        ("threshold_percent", json!(300)),
        ("used_bytes", json!(-1)),
        ("limit_bytes", json!(u64::MAX)),
        ("at", json!("yesterday")),
        ("at", json!("2999-01-01T00:00:00Z")),
    ] {
        let mut wrong = alert(&ada, 810);
        wrong[member] = value;
        let reply = tell(&app, "a-1", &wrong).await;
        assert_eq!(reply.wrong_fields(), [member]);
    }
    for id in ["a%20b", "%C3%A4", &"x".repeat(101)] {
        let reply = tell(&app, id, &alert(&ada, 810)).await;
        assert_eq!(reply.wrong_fields(), ["id"], "{id}");
    }
    let shown: Page<Alert> = ada.read("/v1/usage/alerts").await;
    assert!(shown.items.is_empty());
    assert_eq!(tell(&app, "a-1", &alert(&ada, 810)).await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_services_tell_of_alerts_and_only_users_see_them() {
    let app = App::start().await;
    let (ada, admin) = (app.with_user().await, app.with_admin().await);
    let path = "/internal/usage/alerts/a-1";
    let ask = || app.request(Method::PUT, path).json(&alert(&ada, 810));
    let refused = Reply::to(ask()).await;
    assert_eq!(refused.problem(), (401, "token_required".to_owned()));
    for token in [&ada.token, &admin.token] {
        let refused = Reply::to(ask().bearer_auth(token)).await;
        assert_eq!(refused.problem(), (401, "token_invalid".to_owned()));
    }
    let refused = app.get("/v1/usage/alerts").await;
    assert_eq!(refused.problem(), (401, "token_required".to_owned()));
    let services = ("storage-service", "usage-service");
    let request = app.as_service(services, Method::GET, "/v1/usage/alerts", Some(&ada.id));
    let refused = Reply::to(request).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let shown: Page<Alert> = ada.read("/v1/usage/alerts").await;
    assert!(shown.items.is_empty());
}
