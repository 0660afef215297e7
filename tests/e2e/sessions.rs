//! `POST /v1/sessions`, `POST /v1/sessions/refresh`, `DELETE /v1/sessions/current` and their like.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, Reply, User};

async fn refresh(app: &App, token: &str) -> Reply {
    app.post("/v1/sessions/refresh", &json!({"refresh_token": token}))
        .await
}

fn member(reply: &Reply, name: &str) -> String {
    let body: Value = reply.json();
    body[name].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_gives_tokens() {
    let app = App::start().await;
    let user = app.with_user().await;
    let credentials = json!({"email": user.email, "password": User::PASSWORD});
    let reply = app
        .post("/v1/sessions", &credentials)
        .await
        .expect(StatusCode::OK);
    let tokens: Value = reply.json();
    assert_eq!(
        tokens,
        json!({
            "access_token": tokens["access_token"],
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_token": tokens["refresh_token"],
        })
    );
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let app = App::start().await;
    let user = app.with_user().await;
    let attempt = async |email: &str, password: &str| {
        let reply = app
            .post(
                "/v1/sessions",
                &json!({"email": email, "password": password}),
            )
            .await;
        assert_eq!(reply.problem(), (401, "invalid_credentials".to_owned()));
        let mut body: Value = reply.json();
        body["request_id"] = Value::Null;
        body
    };
    let wrong = attempt(&user.email, "another password").await;
    assert_eq!(attempt("nobody@example.com", User::PASSWORD).await, wrong);
    assert_eq!(attempt("no address", User::PASSWORD).await, wrong);
    assert_eq!(attempt(&user.email, "").await, wrong);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_gives_new_tokens_once() {
    let app = App::start().await;
    let user = app.with_user().await;
    let second = refresh(&app, &user.refresh_token)
        .await
        .expect(StatusCode::OK);
    let renewed = member(&second, "access_token");
    let request = app
        .request(Method::GET, "/v1/users/me")
        .bearer_auth(&renewed);
    let me: Value = Reply::to(request).await.expect(StatusCode::OK).json();
    assert_eq!(me["id"], json!(user.id));

    let third = refresh(&app, &member(&second, "refresh_token")).await;
    let third = third.expect(StatusCode::OK);
    let used = refresh(&app, &user.refresh_token).await;
    assert_eq!(used.problem(), (401, "refresh_token_invalid".to_owned()));
    // A token that is used twice was stolen, so the whole family ends.
    let newest = refresh(&app, &member(&third, "refresh_token")).await;
    assert_eq!(newest.problem(), (401, "refresh_token_invalid".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_refresh_token_is_refused() {
    let app = App::start().await;
    let user = app.with_user().await;
    for token in ["", "abc", "a.b.c", user.token.as_str(), &"x".repeat(5_000)] {
        let reply = refresh(&app, token).await;
        assert_eq!(
            reply.problem(),
            (401, "refresh_token_invalid".to_owned()),
            "{token}"
        );
    }
    let reply = app.post("/v1/sessions/refresh", &json!({})).await;
    assert_eq!(reply.wrong_fields(), ["refresh_token"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_ends_this_session_and_no_other() {
    let app = App::start().await;
    let first = app.with_user().await;
    let second = User::sign_in(&app, &first.email, User::PASSWORD).await;
    let reply = Reply::to(first.request(Method::DELETE, "/v1/sessions/current")).await;
    assert_eq!(reply.seen(), (204, ""));
    assert_eq!(refresh(&app, &first.refresh_token).await.status, 401);
    refresh(&app, &second.refresh_token)
        .await
        .expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_everywhere_ends_all_sessions() {
    let app = App::start().await;
    let first = app.with_user().await;
    let second = User::sign_in(&app, &first.email, User::PASSWORD).await;
    let list: Value = first.read("/v1/sessions").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    let reply = Reply::to(second.request(Method::DELETE, "/v1/sessions")).await;
    assert_eq!(reply.seen(), (204, ""));
    for user in [&first, &second] {
        assert_eq!(refresh(&app, &user.refresh_token).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_passwords_is_stopped() {
    let app = App::start().await;
    let user = app.with_user().await;
    let wrong = json!({"email": user.email, "password": "not the password"});
    let mut statuses = Vec::new();
    for _ in 0..40 {
        let reply = app.post("/v1/sessions", &wrong).await;
        statuses.push(reply.status);
        if reply.status == 429 {
            assert_eq!(reply.problem(), (429, "too_many_attempts".to_owned()));
            return;
        }
    }
    panic!("never refused: {statuses:?}");
}
