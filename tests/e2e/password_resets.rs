//! Forgotten passwords.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::Page;
use spinreel_api::logs::LogEntry;
use spinreel_tests::{Answer, App, AppBuilder, Receiver, Reply, User, eventually};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "a password that is new";

fn sending_to(receiver: &Receiver) -> AppBuilder {
    App::builder()
        .variable("alert_webhook_origin", &receiver.origin())
        .variable("alert_webhook_path", "/hooks")
        .variable("alert_webhook_secret", SECRET)
}

async fn forget(app: &App, email: &str) -> Reply {
    app.post("/v1/password-resets", &json!({ "email": email }))
        .await
}

async fn complete(app: &App, token: &str, password: &str) -> Reply {
    let body = json!({"token": token, "password": password});
    app.post("/v1/password-resets/complete", &body).await
}

/// What arrived, once there are so many.
async fn arrived(receiver: &Receiver, count: usize) -> Vec<Value> {
    let received = eventually("the tokens arrive", || async {
        let received = receiver.received();
        (received.len() >= count).then_some(received)
    })
    .await;
    let bodies = received.iter();
    bodies
        .map(|one| serde_json::from_str(&one.body).unwrap())
        .collect()
}

fn token_of(event: &Value) -> &str {
    event["data"]["token"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_goes_out_by_the_webhook_and_sets_a_password_once() {
    let receiver = Receiver::start().await;
    let app = sending_to(&receiver).start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let accepted = forget(&app, &user.email.to_uppercase())
        .await
        .expect(StatusCode::ACCEPTED);
    let unknown = forget(&app, "nobody@example.com")
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(accepted.body, unknown.body);
    let events = arrived(&receiver, 1).await;
    let event = &events[0];
    assert_eq!(event["type"], "password.reset_requested");
    assert_eq!(event["data"]["email"], json!(user.email));
    assert_eq!(event["data"]["username"], json!(user.username));
    assert!(event["data"]["expires_at"].is_string());
    let received = receiver.received();
    assert!(received[0].header("webhook-signature").starts_with("v1,"));
    assert!(received[0].target.ends_with("/hooks"));
    let token = token_of(event);
    let refused = complete(&app, token, "short").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.wrong_fields(), ["password"]);
    assert_eq!(user.get("/v1/users/me").await.status, StatusCode::OK);
    complete(&app, token, NEW)
        .await
        .expect(StatusCode::NO_CONTENT);
    let again = complete(&app, token, "another one that is new").await;
    assert_eq!(again.problem(), (401, "reset_token_invalid".to_owned()));
    assert_eq!(
        user.get("/v1/users/me").await.status,
        StatusCode::UNAUTHORIZED
    );
    let old = json!({"email": user.email, "password": User::PASSWORD});
    assert_eq!(
        app.post("/v1/sessions", &old).await.status,
        StatusCode::UNAUTHORIZED
    );
    User::sign_in(&app, &user.email, NEW).await;
    assert_eq!(receiver.received().len(), 1);
    for action in [
        "password.reset_requested",
        "password.reset_completed",
        "password.reset_delivered",
    ] {
        let path = format!("/v1/logs?action={action}");
        let lines = eventually(action, || async {
            let page: Page<LogEntry> = admin.read(&path).await;
            (!page.items.is_empty()).then_some(page.items)
        })
        .await;
        let text = serde_json::to_string(&lines).unwrap();
        let (_, secret) = token.split_once('.').unwrap();
        assert!(!text.contains(secret), "{action}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_down_gets_it_later_and_a_newer_token_ends_the_older_one() {
    let receiver = Receiver::start().await;
    let app = sending_to(&receiver).start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    receiver.next([Answer::Status(503)]);
    forget(&app, &user.email).await.expect(StatusCode::ACCEPTED);
    let first = arrived(&receiver, 1).await;
    app.idle().await;
    app.advance_clock(std::time::Duration::from_secs(10));
    let sweep = admin.request(Method::POST, "/internal/sweep");
    Reply::to(sweep).await.expect(StatusCode::OK);
    let both = arrived(&receiver, 2).await;
    assert_eq!(token_of(&first[0]), token_of(&both[1]));
    let received = receiver.received();
    assert_eq!(
        received[0].header("webhook-id"),
        received[1].header("webhook-id")
    );
    forget(&app, &user.email).await.expect(StatusCode::ACCEPTED);
    let all = arrived(&receiver, 3).await;
    let old = complete(&app, token_of(&all[0]), NEW).await;
    assert_eq!(old.problem(), (401, "reset_token_invalid".to_owned()));
    complete(&app, token_of(&all[2]), NEW)
        .await
        .expect(StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_over_wrong_or_anothers_sets_nothing() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let path = format!("/v1/users/{}/password-reset", user.id);
    let reset: Value = Reply::to(admin.request(Method::POST, &path))
        .await
        .expect(StatusCode::CREATED)
        .json();
    let token = reset["token"].as_str().unwrap();
    let anothers = token.replace(&user.id, &admin.id);
    for wrong in ["", "x", &token[1..], &anothers, &format!("{token}x")] {
        let refused = complete(&app, wrong, NEW).await;
        assert_eq!(
            refused.problem(),
            (401, "reset_token_invalid".to_owned()),
            "{wrong}"
        );
    }
    let nothing = app.post("/v1/password-resets/complete", &json!({})).await;
    assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
    app.advance_clock(std::time::Duration::from_secs(1_800));
    let over = complete(&app, token, NEW).await;
    assert_eq!(over.problem(), (401, "reset_token_invalid".to_owned()));
    User::sign_in(&app, &user.email, User::PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_makes_a_token_for_an_account_that_can_be_used() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let path = format!("/v1/users/{}/password-reset", user.id);
    let ask = |by: &User<'_>| Reply::to(by.request(Method::POST, &path));
    assert_eq!(ask(&user).await.status, StatusCode::FORBIDDEN);
    let reset: Value = ask(&admin).await.expect(StatusCode::CREATED).json();
    let token = reset["token"].as_str().unwrap();
    assert!(reset["expires_at"].is_string());
    let disable = |disabled: bool| {
        let account = format!("/v1/users/{}", user.id);
        let request = admin.request(Method::PATCH, &account);
        Reply::to(request.json(&json!({ "disabled": disabled })))
    };
    disable(true).await.expect(StatusCode::OK);
    assert_eq!(
        ask(&admin).await.problem(),
        (409, "account_disabled".to_owned())
    );
    assert_eq!(complete(&app, token, NEW).await.problem().0, 401);
    disable(false).await.expect(StatusCode::OK);
    complete(&app, token, NEW)
        .await
        .expect(StatusCode::NO_CONTENT);
    User::sign_in(&app, &user.email, NEW).await;
    let nobody = admin.request(Method::POST, "/v1/users/none/password-reset");
    assert_eq!(Reply::to(nobody).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_to_one_address_are_few_and_requests_of_one_client_have_to_pause() {
    let receiver = Receiver::start().await;
    let app = sending_to(&receiver).start().await;
    let user = app.with_user().await;
    for _ in 0..12 {
        forget(&app, &user.email).await.expect(StatusCode::ACCEPTED);
    }
    app.idle().await;
    let sent = receiver.received().len();
    assert!((5..12).contains(&sent), "{sent}");
    let mut refused = None;
    for number in 0..100 {
        let reply = forget(&app, &format!("{number}@example.com")).await;
        if reply.status != StatusCode::ACCEPTED {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.problem(), (429, "too_many_attempts".to_owned()));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_webhook_nothing_comes_of_it() {
    let app = App::start().await;
    let user = app.with_user().await;
    for email in [&user.email, "nobody@example.com", "no address"] {
        let accepted = forget(&app, email).await.expect(StatusCode::ACCEPTED);
        assert!(accepted.body.is_empty());
    }
    let nothing = app.post("/v1/password-resets", &json!({})).await;
    assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
}
