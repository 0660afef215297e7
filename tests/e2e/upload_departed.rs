//! `POST /upload`: accounts that are deleted or disabled while a file is on its way.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_host::StoreOperation;
use spinreel_tests::{App, Form, Reply, User, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An upload whose client takes its time.
struct Slow {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Slow {
    /// Sends the request's head and so many bytes of its body, and waits until the service has taken them in.
    async fn begin(app: &App, user: &User<'_>, sent: usize) -> Self {
        let form = Form::of_file("clip.mp4", &[b'x'; 50_000]);
        let content_type = form.content_type();
        let body = form.into_body();
        let head = format!(
            "POST /upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            user.token,
            body.len()
        );
        // Without a file the user is judged; with the head of one its upload takes a number.
        let (label, operation, calls) = match sent {
            0 => ("users", StoreOperation::Get, 2),
            _ => ("storage", StoreOperation::Increment, 1),
        };
        let before = app.host().store_calls();
        let mut stream = TcpStream::connect(app.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body[..sent]).await.unwrap();
        eventually("the upload has begun", || async {
            let since = app.host().store_calls().since(&before);
            (since.of(label, operation) >= calls).then_some(())
        })
        .await;
        Self {
            stream,
            rest: body[sent..].to_vec(),
        }
    }

    /// Sends the rest; the answer. It may have come before, and the connection be closed.
    async fn finish(mut self) -> String {
        let _ = self.stream.write_all(&self.rest).await;
        let mut answer = Vec::new();
        let _ = self.stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn assert_unauthorized(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains(r#"{"error":"Unauthorized"}"#), "{answer}");
}

async fn delete_account(user: &User<'_>) {
    let gone = Reply::to(user.request(Method::DELETE, "/v1/users/me")).await;
    assert_eq!(gone.seen(), (204, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_an_account_that_was_disabled_meanwhile_is_not_stored() {
    let app = App::start().await;
    let admin = app.with_admin().await;
    for sent in [0, 20_000] {
        let user = app.with_user().await;
        app.idle().await;
        let upload = Slow::begin(&app, &user, sent).await;
        let disable = admin.request(Method::PATCH, &format!("/v1/users/{}", user.id));
        let disabled = Reply::to(disable.json(&json!({"disabled": true}))).await;
        disabled.expect(StatusCode::OK);
        assert_unauthorized(&upload.finish().await);
        assert!(app.objects().await.is_empty());
        let enable = admin.request(Method::PATCH, &format!("/v1/users/{}", user.id));
        let enabled = Reply::to(enable.json(&json!({"disabled": false}))).await;
        enabled.expect(StatusCode::OK);
        let again = User::sign_in(&app, &user.email, User::PASSWORD).await;
        eventually("what it took is free", || async {
            let reply = again.upload("clip.mp4", b"bytes").await;
            (reply.status == 200).then_some(())
        })
        .await;
        again.delete_file("clip.mp4").await.expect(StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_an_account_that_was_deleted_meanwhile_leaves_nothing() {
    // Its clock does not go with the host's, so that it takes no assertion from later.
    // And its upload must not be given up meanwhile.
    let app = App::builder()
        .anonymous_bucket()
        .variable("upload_rate_window_seconds", "600")
        .start()
        .await;
    let admin = app.with_admin().await;
    let (one, other) = (app.with_user().await, app.with_user().await);
    app.idle().await;
    let begun = Slow::begin(&app, &one, 20_000).await;
    let waiting = Slow::begin(&app, &other, 0).await;
    for user in [&one, &other] {
        delete_account(user).await;
    }
    assert_unauthorized(&begun.finish().await);
    // The other one's account is gone altogether before its form comes. The number of the refused upload is only known to
    // be over a lease after somebody looked.
    let mut pending = Value::Null;
    for _ in 0..4 {
        app.advance_clock(Duration::from_secs(150));
        let request = admin.request(Method::POST, "/internal/users/sweep");
        let swept = Reply::to(request.json(&json!({}))).await;
        pending = swept.expect(StatusCode::OK).json::<Value>()["pending"].clone();
        if pending == 0 {
            break;
        }
    }
    assert_eq!(pending, 0);
    assert_unauthorized(&waiting.finish().await);
    assert!(app.objects().await.is_empty());
    // Whoever has the names now is in nobody's way, and nobody in theirs.
    for user in [&one, &other] {
        let account =
            json!({"email": user.email, "password": User::PASSWORD, "username": user.username});
        app.post("/v1/users", &account)
            .await
            .expect(StatusCode::CREATED);
        let next = User::sign_in(&app, &user.email, User::PASSWORD).await;
        next.upload("clip.mp4", b"new").await.expect(StatusCode::OK);
        assert_eq!(next.status().await.files.len(), 1);
    }
    admin.sweep_clean().await;
    assert_eq!(admin.reconcile(false).await, []);
}
