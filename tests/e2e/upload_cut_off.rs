//! `POST /upload`: clients that go away in the middle.

use spinreel_tests::{App, Form, User, eventually, raw};

/// The head of an upload's request, for a body of `length` bytes.
fn head(user: &User<'_>, content_type: &str, framing: &str) -> Vec<u8> {
    format!(
        "POST /upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n",
        user.token
    )
    .into_bytes()
}

/// An application in which a file of `size` bytes fits exactly: into the quota, and into the day's bandwidth.
async fn with_room_for(size: usize) -> App {
    App::builder()
        .variable("storage_limit_bytes", &size.to_string())
        .variable("bandwidth_limit_bytes", &size.to_string())
        .start()
        .await
}

/// Waits until the service has noticed that the client is gone; then everything is as before: a file of `size` bytes,
/// of the same name, has room.
async fn assert_as_before(app: &App, user: &User<'_>, size: usize) {
    let bytes = vec![b'y'; size];
    eventually("a file of the same name and size has room", || async {
        (user.upload("clip.mp4", &bytes).await.status == 200).then_some(())
    })
    .await;
    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (size as i64, 1));
    assert_eq!(user.videos().await.len(), 1);
    assert_eq!(app.objects().await.len(), 1);
    let today = user
        .settled("the upload is settled", |today| today.uploads == 1)
        .await;
    assert_eq!(today.total_bytes, size as u64);
    let video = user.video_of("clip.mp4").await;
    assert_eq!(video.size, size as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_body_that_is_cut_off_stores_nothing() {
    let size = 10_000;
    let app = with_room_for(size).await;
    let user = app.with_user().await;
    let form = Form::of_file("clip.mp4", &vec![b'x'; size]);
    let content_type = form.content_type();
    let body = form.into_body();
    for sent in [0, 20, 5_000, body.len() - 40] {
        let framing = format!("Content-Length: {}", body.len());
        let mut request = head(&user, &content_type, &framing);
        request.extend(&body[..sent]);
        raw::send_and_hang_up(app.address(), &request)
            .await
            .unwrap();
    }
    assert_as_before(&app, &user, size).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_that_is_cut_off_stores_nothing() {
    let size = 20_000_000;
    let app = with_room_for(size).await;
    let user = app.with_user().await;
    let form = Form::of_file("clip.mp4", &vec![b'x'; size]);
    let content_type = form.content_type();
    let body = form.into_body();
    let framing = format!("Content-Length: {}", body.len());
    let mut request = head(&user, &content_type, &framing);
    // Far enough for the bucket to have a part of it.
    request.extend(&body[..15_000_000]);
    raw::send_and_hang_up(app.address(), &request)
        .await
        .unwrap();
    assert_as_before(&app, &user, size).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunked_body_without_its_last_chunk_stores_nothing() {
    let size = 1_000;
    let app = with_room_for(size).await;
    let user = app.with_user().await;
    let form = Form::of_file("clip.mp4", &vec![b'x'; size]);
    let content_type = form.content_type();
    let body = form.into_body();
    let mut request = head(&user, &content_type, "Transfer-Encoding: chunked");
    let cut = body.len() - 40;
    request.extend(format!("{cut:x}\r\n").bytes());
    request.extend(&body[..cut]);
    request.extend(b"\r\n");
    raw::send_and_hang_up(app.address(), &request)
        .await
        .unwrap();
    assert_as_before(&app, &user, size).await;
}
