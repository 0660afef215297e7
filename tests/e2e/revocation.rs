//! Access tokens whose session has ended, or whose user is disabled or gone.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde_json::json;
use spinreel_tests::{App, Reply, User};

/// How long a revocation may take to reach every service.
const BOUND: Duration = Duration::from_secs(5);

/// Something to read of each service.
const READS: [&str; 5] = [
    "/v1/users/me",
    "/v1/videos",
    "/storage-status",
    "/v1/usage/today",
    "/v1/logs",
];

/// Lets every service see the token, and remember it.
async fn show_everywhere(user: &User<'_>) {
    for path in READS {
        user.get(path).await.expect(StatusCode::OK);
        user.get(path).await.expect(StatusCode::OK);
    }
}

/// Checks that the token opens nothing any more: no change from now on, and no read when the bound is over.
async fn assert_revoked(user: &User<'_>) {
    let began = Instant::now();
    let upload = user.upload("late.mp4", b"bytes").await;
    assert_eq!(upload.seen(), (401, r#"{"error":"Unauthorized"}"#));
    let deletion = user.delete_file("clip.mp4").await;
    assert_eq!(deletion.status, 401);
    let sign_out = Reply::to(user.request(Method::DELETE, "/v1/sessions")).await;
    assert_eq!(sign_out.problem(), (401, "token_revoked".to_owned()));
    tokio::time::sleep(BOUND.saturating_sub(began.elapsed())).await;
    for path in READS {
        let reply = user.get(path).await;
        assert_eq!(reply.status, 401, "{path}");
        if path.starts_with("/v1/") {
            assert_eq!(reply.problem(), (401, "token_revoked".to_owned()), "{path}");
            let challenge = reply.header("www-authenticate");
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        }
    }
}

async fn patch(user: &User<'_>, path: &str, body: &serde_json::Value) -> Reply {
    Reply::to(user.request(Method::PATCH, path).json(body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_ends_the_sessions_tokens_and_no_others() {
    let app = App::start().await;
    let user = app.with_user().await;
    let other = User::sign_in(&app, &user.email, User::PASSWORD).await;
    let stranger = app.with_user().await;
    show_everywhere(&user).await;
    let request = user.request(Method::DELETE, "/v1/sessions/current");
    assert_eq!(Reply::to(request).await.seen(), (204, ""));
    assert_revoked(&user).await;
    show_everywhere(&other).await;
    other
        .upload("clip.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
    show_everywhere(&stranger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_everywhere_ends_all_tokens() {
    let app = App::start().await;
    let user = app.with_user().await;
    let other = User::sign_in(&app, &user.email, User::PASSWORD).await;
    show_everywhere(&other).await;
    let request = user.request(Method::DELETE, "/v1/sessions");
    assert_eq!(Reply::to(request).await.seen(), (204, ""));
    assert_revoked(&other).await;
    assert_revoked(&user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_password_ends_the_other_sessions() {
    let app = App::start().await;
    let user = app.with_user().await;
    let other = User::sign_in(&app, &user.email, User::PASSWORD).await;
    show_everywhere(&other).await;
    let change =
        json!({"current_password": User::PASSWORD, "password": "a horse of another colour"});
    patch(&user, "/v1/users/me", &change)
        .await
        .expect(StatusCode::OK);
    assert_revoked(&other).await;
    user.upload("clip.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_user_is_out_and_comes_back_by_signing_in() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    show_everywhere(&user).await;
    let path = format!("/v1/users/{}", user.id);
    patch(&admin, &path, &json!({"disabled": true}))
        .await
        .expect(StatusCode::OK);
    assert_revoked(&user).await;
    let refresh = json!({"refresh_token": user.refresh_token});
    assert_eq!(app.post("/v1/sessions/refresh", &refresh).await.status, 401);
    let credentials = json!({"email": user.email, "password": User::PASSWORD});
    let reply = app.post("/v1/sessions", &credentials).await;
    assert_eq!(reply.problem(), (403, "account_disabled".to_owned()));
    // Who does not know the password does not learn of it.
    let guess = json!({"email": user.email, "password": "a wrong guess"});
    let reply = app.post("/v1/sessions", &guess).await;
    assert_eq!(reply.problem(), (401, "invalid_credentials".to_owned()));

    patch(&admin, &path, &json!({"disabled": false}))
        .await
        .expect(StatusCode::OK);
    // The old sessions have ended for good.
    assert_eq!(user.get("/v1/users/me").await.status, 401);
    let user = User::sign_in(&app, &user.email, User::PASSWORD).await;
    show_everywhere(&user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_role_counts_at_once_for_changes_and_within_the_bound_for_reads() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let path = format!("/v1/users/{}", user.id);
    let sweep = async || {
        let request = user.request(Method::POST, "/internal/storage/sweep");
        Reply::to(request.json(&json!({}))).await.status
    };
    assert_eq!(sweep().await, 403);
    patch(&admin, &path, &json!({"role": "admin"}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(sweep().await, 200);
    tokio::time::sleep(BOUND).await;
    let others_usage = format!("/v1/usage/users/{}/today", admin.id);
    assert_eq!(user.get(&others_usage).await.status, 200);
    patch(&admin, &path, &json!({"role": "user"}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(sweep().await, 403);
    tokio::time::sleep(BOUND).await;
    assert_eq!(user.get(&others_usage).await.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_user_is_out() {
    let app = App::start().await;
    let user = app.with_user().await;
    show_everywhere(&user).await;
    let request = user.request(Method::DELETE, "/v1/users/me");
    assert_eq!(Reply::to(request).await.seen(), (204, ""));
    assert_revoked(&user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_clock_was_set_back_tokens_are_good_and_revocations_come_in_time() {
    let app = App::builder().anonymous_bucket().start().await;
    app.advance_clock(Duration::from_secs(3_600));
    let early = app.with_user().await;
    show_everywhere(&early).await;
    app.set_clock_back(Duration::from_secs(3_600));
    // What was signed in an hour is not good yet, and is again for who signs in anew.
    let user = User::sign_in(&app, &early.email, User::PASSWORD).await;
    show_everywhere(&user).await;
    let sign_out = Reply::to(user.request(Method::DELETE, "/v1/sessions/current")).await;
    assert_eq!(sign_out.status, 204);
    assert_revoked(&user).await;
}
