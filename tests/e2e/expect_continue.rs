//! `Expect: 100-continue` (RFC 9110, section 10.1.1): clients that wait to be told to send their body, or say so and send it.

use std::io;

use http::StatusCode;
use spinreel_tests::{App, Form, User, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// More than the buffers of both sockets.
const LARGE: usize = 20_000_000;
/// How often each request is made.
const TIMES: usize = 20;

/// How a client goes about its body.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// It waits until it is told to send it, and stops where it hears something else.
    Waits,
    /// It does not wait, and reads when all is sent.
    SendsAtOnce,
}

/// Sends a request and returns the answer's head.
async fn ask(app: &App, head: &str, body: &[u8], manner: Manner) -> io::Result<String> {
    let mut stream = raw::begin(app.address(), head.as_bytes()).await?;
    if let Manner::Waits = manner {
        let interim = read_head(&mut stream).await?;
        if !interim.starts_with("HTTP/1.1 100 ") {
            return Ok(interim);
        }
    }
    // Where the other side has closed, the answer is there.
    let _ = stream.write_all(body).await;
    loop {
        let head = read_head(&mut stream).await?;
        if !head.starts_with("HTTP/1.1 100 ") {
            return Ok(head);
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn head(token: Option<&str>, content_type: &str, length: usize) -> String {
    let token = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    format!(
        "POST /upload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{token}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    )
}

async fn always_heard(app: &App, head: &str, body: &[u8], status: u16) {
    for manner in [Manner::Waits, Manner::SendsAtOnce] {
        for time in 0..TIMES {
            let heard = ask(app, head, body, manner).await;
            let expected = format!("HTTP/1.1 {status} ");
            assert!(
                heard.as_ref().is_ok_and(|head| head.starts_with(&expected)),
                "{manner:?}, time {time}: {heard:?}"
            );
        }
    }
}

async fn with_clip(app: &App) -> User<'_> {
    let user = app.with_user().await;
    user.upload("clip.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
    user
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_before_the_body_hears_it() {
    for builder in [App::builder(), App::builder().as_spin()] {
        let app = builder.start().await;
        let form = Form::of_file("clip.mp4", &vec![b'x'; LARGE]);
        let content_type = form.content_type();
        let body = form.into_body();
        always_heard(&app, &head(None, &content_type, body.len()), &body, 401).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_in_the_middle_of_the_body_hears_it() {
    for builder in [App::builder(), App::builder().as_spin()] {
        let app = builder.start().await;
        let user = with_clip(&app).await;
        for size in [10, 300_000, LARGE] {
            let form = Form::of_file("clip.mp4", &vec![b'x'; size]);
            let content_type = form.content_type();
            let body = form.into_body();
            let head = head(Some(&user.token), &content_type, body.len());
            always_heard(&app, &head, &body, 409).await;
        }
        assert_eq!(user.status().await.files.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_refused_is_told_to_send_the_body() {
    let app = App::start().await;
    let user = app.with_user().await;
    let form = Form::of_file("clip.mp4", &vec![b'x'; 1_000_000]);
    let content_type = form.content_type();
    let body = form.into_body();
    let head = head(Some(&user.token), &content_type, body.len());
    let mut stream = raw::begin(app.address(), head.as_bytes()).await.unwrap();
    let interim = read_head(&mut stream).await.unwrap();
    assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&body).await.unwrap();
    let answer = raw::read_answer(&mut stream).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
