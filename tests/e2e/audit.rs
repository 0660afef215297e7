//! The audit trail.

use http::{Method, StatusCode};
use serde_json::json;
use spinreel_api::Page;
use spinreel_api::logs::LogEntry;
use spinreel_tests::{App, Reply, User, eventually};

async fn trail(admin: &User<'_>, request_id: &str, action: &str) -> LogEntry {
    let path = format!("/v1/logs?request_id={request_id}&action={action}");
    eventually(action, || async {
        let page: Page<LogEntry> = admin.read(&path).await;
        page.items.into_iter().next()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_matters_for_an_account_is_written_down_with_who_and_from_where() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    let (user, victim) = (app.with_user().await, app.with_user().await);
    let own = |method, path: &str| user.request(method, path);
    let open = |path: &str| app.request(Method::POST, path);
    let of_admin = |body| {
        let path = format!("/v1/users/{}", victim.id);
        admin.request(Method::PATCH, &path).json(&body)
    };
    let account =
        json!({"email": "new@example.com", "password": User::PASSWORD, "username": "new"});
    let good = json!({"email": user.email, "password": User::PASSWORD});
    let wrong = json!({"email": user.email, "password": "a wrong guess"});
    let refresh = json!({"refresh_token": victim.refresh_token});
    let change =
        json!({"current_password": User::PASSWORD, "password": "a horse of another colour"});
    let nobody = None::<&str>;
    let requests = [
        (
            "user.registered",
            open("/v1/users").json(&account),
            201,
            nobody,
        ),
        (
            "session.created",
            open("/v1/sessions").json(&good),
            200,
            Some(&*user.id),
        ),
        (
            "session.failed",
            open("/v1/sessions").json(&wrong),
            401,
            Some(&*user.id),
        ),
        (
            "session.refreshed",
            open("/v1/sessions/refresh").json(&refresh),
            200,
            Some(&*victim.id),
        ),
        (
            "user.password_changed",
            own(Method::PATCH, "/v1/users/me").json(&change),
            200,
            Some(&*user.id),
        ),
        (
            "user.limits_changed",
            of_admin(json!({"storage_limit": 5})),
            200,
            Some(&*victim.id),
        ),
        (
            "user.role_changed",
            of_admin(json!({"role": "admin"})),
            200,
            Some(&*victim.id),
        ),
        (
            "user.disabled",
            of_admin(json!({"disabled": true})),
            200,
            Some(&*victim.id),
        ),
        (
            "user.enabled",
            of_admin(json!({"disabled": false})),
            200,
            Some(&*victim.id),
        ),
        (
            "keys.rotated",
            admin
                .request(Method::POST, "/internal/users/keys/rotate")
                .json(&json!({})),
            200,
            nobody,
        ),
        (
            "session.ended",
            own(Method::DELETE, "/v1/sessions/current"),
            204,
            Some(&*user.id),
        ),
    ];
    let by_admin = [
        "user.limits_changed",
        "user.role_changed",
        "user.disabled",
        "user.enabled",
    ];
    for (number, (action, request, status, about)) in requests.into_iter().enumerate() {
        let id = format!("audit-{number}");
        let reply = Reply::to(request.header("x-request-id", &id)).await;
        assert_eq!(reply.status, status, "{action}: {}", reply.text());
        let line = trail(&admin, &id, action).await;
        match by_admin.contains(&action) {
            // The user may read them: where the admin is, is none of the user's business.
            true => {
                assert_eq!(line.fields["actor.id"], admin.id.as_str(), "{action}");
                assert!(line.fields.get("client.address").is_none(), "{action}");
            }
            false => assert_eq!(line.fields["client.address"], "127.0.0.1", "{action}"),
        }
        assert_eq!(line.service, "user-service", "{action}");
        if let Some(about) = about {
            assert_eq!(line.user_id.as_deref(), Some(about), "{action}");
        }
    }
    let user = User::sign_in(&app, &user.email, "a horse of another colour").await;
    let all = user.request(Method::DELETE, "/v1/sessions");
    Reply::to(all.header("x-request-id", "audit-all"))
        .await
        .expect(StatusCode::NO_CONTENT);
    trail(&admin, "audit-all", "session.ended_all").await;
    let user = User::sign_in(&app, &user.email, "a horse of another colour").await;
    let gone = user.request(Method::DELETE, "/v1/users/me");
    Reply::to(gone.header("x-request-id", "audit-gone"))
        .await
        .expect(StatusCode::NO_CONTENT);
    trail(&admin, "audit-gone", "user.deleted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_is_used_again_is_written_down() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let first = json!({"refresh_token": user.refresh_token});
    let mut shown = first.clone();
    // Two turns on, no answer can have been lost.
    for _ in 0..2 {
        let tokens: serde_json::Value = app
            .post("/v1/sessions/refresh", &shown)
            .await
            .expect(StatusCode::OK)
            .json();
        shown = json!({"refresh_token": tokens["refresh_token"]});
    }
    let request = app
        .request(Method::POST, "/v1/sessions/refresh")
        .header("x-request-id", "audit-reuse");
    assert_eq!(Reply::to(request.json(&first)).await.status, 401);
    let line = trail(&admin, "audit-reuse", "session.refresh_reused").await;
    assert_eq!(line.user_id.as_deref(), Some(user.id.as_str()));
    assert_eq!(line.fields["client.address"], "127.0.0.1");
    assert_eq!(app.post("/v1/sessions/refresh", &shown).await.status, 401);
}
