//! Clients that stand still: in the middle of a body, or while they should read.

use std::io;
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use http::{Method, StatusCode};
use serde_json::json;
use spinreel_tests::{App, Form, Reply, User, eventually, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// More than there are instances.
const CROWD: usize = 1_100;

/// The head of a request whose body has `length` bytes.
fn head(method: &Method, path: &str, length: usize, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{more}\r\n")
}

fn bearer(user: &User<'_>) -> String {
    format!("Authorization: Bearer {}\r\n", user.token)
}

/// Many connections that have sent a head and send nothing more.
async fn crowd(app: &App, head: &str) -> Vec<TcpStream> {
    let connections = (0..CROWD).map(|_| raw::begin(app.address(), head.as_bytes()));
    try_join_all(connections).await.unwrap()
}

async fn others_are_served(app: &App) {
    eventually("others are served", || async {
        let reply = app.get("/v1/users/health").await;
        (reply.status == 200).then_some(())
    })
    .await;
}

/// Sends a byte now and then, and returns the answer, which comes before all of the body was sent.
async fn trickle(stream: TcpStream) -> String {
    let (mut reading, mut writing) = stream.into_split();
    let trickling = async {
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    let answered = async {
        let mut answer = Vec::new();
        // The service does not read on for ever after its answer, so that the end may be a reset.
        let _ = reading.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    };
    tokio::select! {
        answer = answered => answer,
        () = trickling => String::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_is_refused_and_sends_no_body_is_in_nobodys_way() {
    let app = App::builder().as_spin().start().await;
    others_are_served(&app).await;
    for (method, path) in [
        (Method::POST, "/v1/users/nowhere/at/all"),
        (Method::POST, "/upload"),
        (Method::PUT, "/v1/sessions"),
    ] {
        let crowd = crowd(&app, &head(&method, path, 1, "")).await;
        others_are_served(&app).await;
        // They are there still, and hold no instance.
        app.idle().await;
        drop(crowd);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_whose_bodies_are_waited_for_is_in_the_way_for_ten_seconds_at_most() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    let crowd = crowd(&app, &head(&Method::POST, "/v1/sessions", 1, "")).await;
    others_are_served(&app).await;
    app.idle().await;
    let mut heard = 0;
    for mut stream in crowd {
        let answer = raw::read_answer(&mut stream).await.unwrap_or_default();
        assert!(
            ["HTTP/1.1 408 ", "HTTP/1.1 500 "]
                .iter()
                .any(|start| answer.starts_with(start)),
            "{answer}"
        );
        heard += usize::from(answer.contains("request_timeout"));
    }
    assert!(heard > CROWD / 2, "{heard}");
    user.get("/v1/users/me").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_body_that_does_not_come_in_time_changes_nothing() {
    let app = App::start().await;
    let user = app.with_user().await;
    user.upload("clip.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
    let account = json!({"email": "late@example.com", "password": "correct horse battery", "username": "late"});
    let account = account.to_string();
    let own = bearer(&user);
    let requests = [
        (
            head(&Method::POST, "/v1/users", 1_000, ""),
            account.as_str(),
        ),
        (head(&Method::PATCH, "/v1/users/me", 1_000, &own), "{"),
        (head(&Method::DELETE, "/v1/users/me", 1_000, &own), ""),
        (
            head(&Method::DELETE, "/delete-file", 1_000, &own),
            "{\"filename\": \"clip.mp4\"}",
        ),
    ];
    let address = app.address();
    let answers = join_all(requests.iter().map(|(head, sent)| async move {
        let request = format!("{head}{sent}");
        let stream = raw::begin(address, request.as_bytes()).await.unwrap();
        trickle(stream).await
    }));
    let answers = answers.await;
    for answer in &answers {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    assert!(
        answers[0].contains("\"code\":\"request_timeout\""),
        "{}",
        answers[0]
    );
    let error = "{\"error\":\"The body did not come in time.\"}";
    assert!(answers[3].ends_with(error), "{}", answers[3]);

    assert_eq!(user.status().await.files.len(), 1);
    let account = serde_json::from_str(&account).unwrap();
    app.post("/v1/users", &account)
        .await
        .expect(StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_below_the_least_rate_is_given_up_and_leaves_nothing() {
    let size = 100_000;
    let app = App::builder()
        .variable("upload_least_rate", "1000")
        .variable("upload_rate_window_seconds", "1")
        .variable("storage_limit_bytes", &size.to_string())
        .start()
        .await;
    let user = app.with_user().await;
    let form = Form::of_file("clip.mp4", &vec![b'x'; size]);
    let more = format!("{}Content-Type: {}\r\n", bearer(&user), form.content_type());
    let body = form.into_body();
    let head = head(&Method::POST, "/upload", body.len(), &more);
    let error = "{\"error\":\"The body did not come in time.\"}";
    for sent in [0, 20, 50_000] {
        let request = [head.as_bytes(), &body[..sent]].concat();
        let stream = raw::begin(app.address(), &request).await.unwrap();
        let answer = trickle(stream).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{sent} {answer}");
        assert!(answer.ends_with(error), "{sent} {answer}");
    }
    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (0, 0));
    assert!(app.objects().await.is_empty());
    user.upload("clip.mp4", &vec![b'y'; size])
        .await
        .expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_was_refused_and_stands_still_holds_nothing_up() {
    let app = App::builder().as_spin().start().await;
    let admin = app.with_admin().await;
    let user = app.with_user().await;
    user.upload("clip.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
    let form = Form::of_file("clip.mp4", &[b'x'; 100_000]);
    let more = format!(
        "X-Request-Id: refused\r\n{}Content-Type: {}\r\n",
        bearer(&user),
        form.content_type()
    );
    let body = form.into_body();
    let head = head(&Method::POST, "/upload", body.len(), &more);
    let request = [head.as_bytes(), &body[..50_000]].concat();
    let mut stream = raw::begin(app.address(), &request).await.unwrap();
    let answer = raw::read_answer(&mut stream).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 409 "), "{answer}");
    // The work after the answer is done, and the instance is gone, while the connection is still there.
    eventually("the refusal is in the log", || async {
        let lines: serde_json::Value = admin.read("/v1/logs?request_id=refused").await;
        (lines["items"] != json!([])).then_some(())
    })
    .await;
    app.idle().await;
    drop(stream);
}

/// Asks for a file that is larger than all buffers, and does not read it.
async fn ask_and_do_not_read(app: &App, user: &User<'_>) -> io::Result<TcpStream> {
    let video = user.video_of("long.mp4").await;
    let path = &video.links.content;
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{}\r\n", bearer(user));
    raw::begin(app.address(), request.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_reading_is_given_up() {
    let size = 40_000_000;
    // Spin ends no connection; there the service itself gives up, after half a minute.
    let soon = App::builder().client_timeout(Duration::from_secs(1));
    for builder in [soon, App::builder().as_spin()] {
        let app = builder.start().await;
        let user = app.with_user().await;
        user.upload("long.mp4", &vec![b'x'; size])
            .await
            .expect(StatusCode::OK);
        app.idle().await;
        let mut stream = ask_and_do_not_read(&app, &user).await.unwrap();
        eventually("somebody works on the answer", || async {
            (app.host().guests() > 0).then_some(())
        })
        .await;
        app.idle().await;
        // What is in the kernels is still to be had, and then it is cut.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!rest.is_empty() && rest.len() < size, "{}", rest.len());
        let billed = user.today().await.download_bytes as usize;
        assert!(billed < size, "{billed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_does_not_wait_for_bodies_either() {
    let app = App::builder()
        .client_timeout(Duration::from_millis(500))
        .start()
        .await;
    let user = app.with_user().await;
    let form = Form::of_file("clip.mp4", &[b'x'; 1_000]);
    let more = format!("{}Content-Type: {}\r\n", bearer(&user), form.content_type());
    // The service would wait for half a minute.
    let head = head(&Method::POST, "/upload", form.into_body().len(), &more);
    let mut stream = raw::begin(app.address(), head.as_bytes()).await.unwrap();
    let answer = raw::read_answer(&mut stream).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    app.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_window_of_nothing_is_a_wrong_value() {
    let app = App::builder()
        .variable("upload_rate_window_seconds", "0")
        .start()
        .await;
    let reply = Reply::to(app.request(Method::POST, "/upload")).await;
    assert_eq!(reply.status, 500);
    let health = app.get("/v1/storage/health").await;
    assert!(
        health.text().contains("upload_rate_window_seconds"),
        "{}",
        health.text()
    );
}
