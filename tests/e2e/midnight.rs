//! Midnight (UTC) in the middle of a transfer: each byte counts on the day on which its bandwidth was reserved.

use std::time::Duration;

use spinreel_api::Page;
use spinreel_api::usage::DayUsage;
use spinreel_tests::{App, Form, User, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What storage-service takes of an upload at a time, in bytes.
const CHUNK: usize = 4 * 1024 * 1024;

/// An application in which it is late, and what a user may move in a day.
async fn late(limit: usize) -> App {
    App::builder()
        .variable("bandwidth_limit_bytes", &limit.to_string())
        .before_midnight(Duration::from_secs(600))
        .start()
        .await
}

/// It is a moment before midnight now.
fn almost_midnight(app: &App) {
    let moment = Duration::from_secs(30);
    app.advance_clock(app.until_midnight().saturating_sub(moment));
}

/// It is a moment after midnight now.
fn midnight(app: &App) {
    let left = app.until_midnight();
    // A transfer that stands still for longer is taken for dead.
    assert!(left <= Duration::from_secs(30), "midnight was long ago");
    app.advance_clock(left + Duration::from_millis(10));
}

/// Waits until so many bytes are reserved of what comes in.
async fn holds(user: &User<'_>, bytes: usize) {
    eventually("bandwidth is reserved", || async {
        (user.today().await.upload_bytes == bytes as u64).then_some(())
    })
    .await;
}

/// The evening and the new day, when they are as they should be.
async fn both_days(
    user: &User<'_>,
    what: &str,
    test: impl Fn(&DayUsage, &DayUsage) -> bool,
) -> (DayUsage, DayUsage) {
    eventually(what, || async {
        let days: Page<DayUsage> = user.read("/v1/usage/daily?days=2").await;
        let [today, evening]: [DayUsage; 2] = days.items.try_into().unwrap();
        test(&evening, &today).then_some((evening, today))
    })
    .await
}

async fn send(app: &App, request: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    stream.write_all(request).await.unwrap();
    stream
}

/// The answer to what was sent with `Connection: close`.
async fn answer(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

fn upload_head(user: &User<'_>, form: &Form, framing: &str) -> Vec<u8> {
    format!(
        "POST /upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: {}\r\n{framing}\r\n\r\n",
        user.token,
        form.content_type()
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_whose_size_was_known_counts_in_the_evening() {
    let size = 600_000;
    let app = late(1_000_000).await;
    let user = app.with_user().await;
    let form = Form::of_file("clip.mp4", &vec![b'x'; size]);
    let length = format!("Content-Length: {}", form.clone().into_body().len());
    let head = upload_head(&user, &form, &length);
    let body = form.into_body();
    almost_midnight(&app);
    let mut stream = send(&app, &[&head, &body[..300_000]].concat()).await;
    holds(&user, size).await;
    midnight(&app);
    stream.write_all(&body[300_000..]).await.unwrap();
    let answer = answer(stream).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    let (evening, today) = both_days(&user, "the upload is settled", |evening, _| {
        evening.uploads == 1
    })
    .await;
    assert_eq!(evening.upload_bytes, size as u64);
    assert_eq!((today.uploads, today.total_bytes), (0, 0));
    assert_eq!(user.today().await, today);
    assert_eq!(user.actions().await[0].bytes, size as u64);
    // The new day has all of its limit.
    let upload = user.upload("morning.mp4", &vec![b'x'; 1_000_000]).await;
    assert_eq!(upload.status, 200);
    assert_eq!(user.upload("more.mp4", b"x").await.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_whose_size_nobody_told_counts_on_both_days() {
    let size = 2 * CHUNK + 1_000_000;
    let app = late(size).await;
    let user = app.with_user().await;
    let form = Form::of_file("clip.mp4", &vec![b'x'; size]);
    let head = upload_head(&user, &form, "Transfer-Encoding: chunked");
    let body = form.into_body();
    let framed = |bytes: &[u8]| {
        let length = format!("{:x}\r\n", bytes.len());
        [length.as_bytes(), bytes, b"\r\n"].concat()
    };
    almost_midnight(&app);
    let sent = CHUNK + 1_000_000;
    let mut stream = send(&app, &[head, framed(&body[..sent])].concat()).await;
    holds(&user, CHUNK).await;
    midnight(&app);
    let rest = [framed(&body[sent..]), b"0\r\n\r\n".to_vec()].concat();
    stream.write_all(&rest).await.unwrap();
    let answer = answer(stream).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    let (evening, today) = both_days(&user, "the upload is settled", |evening, today| {
        today.uploads == 1 && evening.upload_bytes > 0
    })
    .await;
    assert_eq!((evening.uploads, evening.upload_bytes), (0, CHUNK as u64));
    assert_eq!(today.upload_bytes, (size - CHUNK) as u64);
    let actions = user.actions().await;
    assert_eq!(actions.len(), 1);
    assert_eq!(actions[0].bytes, size as u64);
    // What is left of the new day is what the upload took of the evening.
    let refused = user.upload("a.mp4", &vec![b'x'; CHUNK + 1]).await;
    assert_eq!(refused.status, 403);
    let granted = user.upload("a.mp4", &vec![b'x'; CHUNK]).await;
    assert_eq!(granted.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_playback_counts_in_the_evening() {
    let size = 32 * 1024 * 1024;
    let app = late(2 * size).await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", &vec![b'x'; size]).await;
    user.settled("the upload is settled", |today| today.uploads == 1)
        .await;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        video.links.content, user.token
    );
    almost_midnight(&app);
    let mut stream = send(&app, request.as_bytes()).await;
    let mut first = vec![0; 100_000];
    stream.read_exact(&mut first).await.unwrap();
    midnight(&app);
    let rest = answer(stream).await;
    assert!(first.len() + rest.len() > size);
    let (evening, today) = both_days(&user, "the playback is written down", |evening, _| {
        evening.downloads == 1
    })
    .await;
    assert_eq!(evening.download_bytes, size as u64);
    assert_eq!(evening.total_bytes, 2 * size as u64);
    assert_eq!((today.downloads, today.total_bytes), (0, 0));
    // The evening was full; the new day is not.
    assert_eq!(user.get(&video.links.content).await.body.len(), size);
    let (evening_later, today) = both_days(&user, "the next one is written down", |_, today| {
        today.downloads == 1
    })
    .await;
    assert_eq!(today.download_bytes, size as u64);
    assert_eq!(evening_later, evening);
}
