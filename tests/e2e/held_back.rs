//! Whoever holds a body back until a right is lost has lost it.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, Reply, User, eventually, raw};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// A request whose head is there, and is being worked on, and whose body is not.
async fn hold_back(app: &App, user: &User<'_>, request: &str, body: &str) -> TcpStream {
    app.idle().await;
    let head = format!(
        "{request} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        user.token,
        body.len()
    );
    let stream = raw::begin(app.address(), head.as_bytes()).await.unwrap();
    eventually("the request is being worked on", || async {
        (app.host().guests() > 0).then_some(())
    })
    .await;
    stream
}

async fn let_go(mut stream: TcpStream, body: &str) -> String {
    stream.write_all(body.as_bytes()).await.unwrap();
    raw::read_answer(&mut stream).await.unwrap()
}

async fn change(admin: &User<'_>, id: &str, wishes: &Value) {
    let request = admin.request(Method::PATCH, &format!("/v1/users/{id}"));
    Reply::to(request.json(wishes)).await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_an_admin_when_the_head_came_is_none_when_the_body_comes() {
    let app = App::start().await;
    let (root, eve) = (app.with_admin().await, app.with_user().await);
    change(&root, &eve.id, &json!({"role": "admin"})).await;
    let eve = User::sign_in(&app, &eve.email, User::PASSWORD).await;
    let wish = json!({"role": "admin", "disabled": false}).to_string();
    let path = format!("PATCH /v1/users/{}", eve.id);
    let held = hold_back(&app, &eve, &path, &wish).await;
    change(&root, &eve.id, &json!({"role": "user", "disabled": true})).await;
    let answer = let_go(held, &wish).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("token_revoked"), "{answer}");
    let users: Value = root.read("/v1/users").await;
    let users = users["items"].as_array().unwrap();
    let eve = users
        .iter()
        .find(|user| user["id"] == eve.id.as_str())
        .unwrap();
    assert_eq!(
        (&eve["role"], &eve["disabled"]),
        (&json!("user"), &json!(true))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_an_admin_no_more_is_refused_even_where_nothing_else_was_lost() {
    let app = App::start().await;
    let (root, eve) = (app.with_admin().await, app.with_user().await);
    let other = app.with_user().await;
    change(&root, &eve.id, &json!({"role": "admin"})).await;
    let eve = User::sign_in(&app, &eve.email, User::PASSWORD).await;
    let wish = json!({"disabled": true}).to_string();
    let held = hold_back(&app, &eve, &format!("PATCH /v1/users/{}", other.id), &wish).await;
    change(&root, &eve.id, &json!({"role": "user"})).await;
    let answer = let_go(held, &wish).await;
    assert!(
        answer.starts_with("HTTP/1.1 401 ") || answer.starts_with("HTTP/1.1 403 "),
        "{answer}"
    );
    other.get("/v1/users/me").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signed_out_everywhere_deletes_no_file_any_more() {
    let app = App::start().await;
    let user = app.with_user().await;
    user.upload("clip.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
    let wish = json!({"filename": "clip.mp4"}).to_string();
    let held = hold_back(&app, &user, "DELETE /delete-file", &wish).await;
    let sign_out = user.request(Method::DELETE, "/v1/sessions");
    Reply::to(sign_out).await.expect(StatusCode::NO_CONTENT);
    let answer = let_go(held, &wish).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.ends_with("{\"error\":\"Unauthorized\"}"), "{answer}");
    let user = User::sign_in(&app, &user.email, User::PASSWORD).await;
    assert_eq!(user.status().await.files.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shows_no_token_is_refused_before_the_body_is_there() {
    let app = App::start().await;
    for request in [
        "PATCH /v1/users/me",
        "DELETE /delete-file",
        "POST /internal/sweep",
        "POST /v1/logs",
    ] {
        let head = format!("{request} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
        let mut stream = raw::begin(app.address(), head.as_bytes()).await.unwrap();
        let answer = raw::read_answer(&mut stream).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{request} {answer}");
    }
}
