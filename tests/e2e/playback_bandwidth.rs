//! `GET /v1/videos/{id}/content`: what it costs the owner.

use http::{Method, StatusCode};
use spinreel_api::usage::ActionKind;
use spinreel_tests::{App, Reply, eventually, raw};

async fn with_bandwidth(limit: usize) -> App {
    App::builder()
        .variable("bandwidth_limit_bytes", &limit.to_string())
        .start()
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_limit_playback_is_refused_until_midnight() {
    let app = with_bandwidth(1_000).await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", &[b'x'; 400]).await;
    user.get(&video.links.content).await.expect(StatusCode::OK);
    user.settled("the playback is settled", |today| {
        today.download_bytes == 400
    })
    .await;

    let reply = user.get(&video.links.content).await;
    assert_eq!(reply.problem(), (429, "bandwidth_exceeded".to_owned()));
    let seconds: u64 = reply.header("retry-after").parse().unwrap();
    assert!((1..=86_400).contains(&seconds), "{seconds}");

    // What still fits is played.
    let request = user
        .request(Method::GET, &video.links.content)
        .header("range", "bytes=0-199");
    let part = Reply::to(request).await.expect(StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.body.len(), 200);
    let today = user
        .settled("everything is settled", |today| today.download_bytes == 600)
        .await;
    assert_eq!((today.total_bytes, today.percentage), (1_000, 100.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_without_bytes_cost_nothing() {
    let app = with_bandwidth(1_000).await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", &[b'x'; 1_000]).await;
    let tag = {
        let head = Reply::to(user.request(Method::HEAD, &video.links.content)).await;
        assert_eq!(head.status, 200);
        head.header("etag").to_owned()
    };
    for (name, value, status) in [
        ("if-none-match", tag.as_str(), 304),
        ("range", "bytes=1000-", 416),
    ] {
        let request = user
            .request(Method::GET, &video.links.content)
            .header(name, value);
        assert_eq!(Reply::to(request).await.status, status);
    }
    let today = user
        .settled("the upload is settled", |today| today.uploads == 1)
        .await;
    assert_eq!(
        (today.downloads, today.download_bytes, today.total_bytes),
        (0, 0, 1_000)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_pays_whoever_looks() {
    let app = App::start().await;
    let (owner, admin) = (app.with_user().await, app.with_admin().await);
    let video = owner.upload_video("clip.mp4", &[b'x'; 400]).await;
    admin.get(&video.links.content).await.expect(StatusCode::OK);
    owner
        .settled("the owner is billed", |today| today.download_bytes == 400)
        .await;
    assert_eq!(admin.today().await.total_bytes, 0);
    // Each of them is a playback, however often they look.
    for user in [&owner, &admin, &owner] {
        user.get(&video.links.content).await.expect(StatusCode::OK);
    }
    let today = owner
        .settled("all of it is billed", |today| today.download_bytes == 1_600)
        .await;
    assert_eq!(today.downloads, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_did_not_receive_is_not_billed() {
    let size = 64 * 1024 * 1024;
    let app = App::builder()
        .variable("storage_limit_bytes", &(2 * size).to_string())
        .variable("bandwidth_limit_bytes", &(3 * size).to_string())
        .start()
        .await;
    let user = app.with_user().await;
    let video = user.upload_video("long.mp4", &vec![b'x'; size]).await;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        video.links.content, user.token
    );
    let read = raw::read_and_hang_up(app.address(), request.as_bytes(), 1024 * 1024)
        .await
        .unwrap();
    let billed = eventually("what was not sent is given back", || async {
        let billed = user.today().await.download_bytes as usize;
        let action = user.actions().await.remove(0);
        assert_eq!(action.action, ActionKind::Stream);
        (billed < size && action.bytes as usize == billed).then_some(billed)
    })
    .await;
    // All that it has read but for the headers; and some more was on its way.
    assert!(
        (read - 4_096..size / 2).contains(&billed),
        "{billed} of {size}, {read} read"
    );

    // The rest of the reservation is free again: of 3 sizes, more than 1 is left.
    let whole = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert_eq!(whole.body.len(), size);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_a_client_did_not_read_less_than_a_megabyte_is_billed() {
    let size = 30_000_000;
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("long.mp4", &vec![b'x'; size]).await;
    for wanted in [1_000, 300_000, 5_000_000] {
        app.idle().await;
        let before = user.today().await.download_bytes as usize;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-\r\nAuthorization: Bearer {}\r\n\r\n",
            video.links.content, user.token
        );
        // The client's own buffer, which the kernel makes twice as large, is part of what it received.
        let buffer = 16 * 1024;
        let read = raw::read_and_reset(app.address(), request.as_bytes(), wanted, buffer);
        let read = read.await.unwrap();
        app.idle().await;
        let billed = user.today().await.download_bytes as usize - before;
        assert!(
            (read - wanted.min(4_096)..read + 1024 * 1024).contains(&billed),
            "{billed} billed, {read} read"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_are_billed_as_they_are_sent_one_or_several_at_a_time() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", &[b'x'; 10_000]).await;
    let mut sent = 0;
    for range in [
        "bytes=0-99",
        "bytes=0-99",
        "bytes=-1",
        "bytes=9000-99999",
        "bytes=0-9,100-109,5000-5999",
    ] {
        let request = user
            .request(Method::GET, &video.links.content)
            .header("range", range);
        let reply = Reply::to(request).await;
        assert!(matches!(reply.status, 200 | 206), "{range}");
        sent += reply.body.len() as u64;
        // They are parts of one playback.
        user.settled("it is billed as it was sent", |today| {
            (today.downloads, today.download_bytes) == (1, sent)
        })
        .await;
        assert_eq!(user.actions().await[0].bytes, sent);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_playback_that_cannot_begin_costs_nothing() {
    let app = with_bandwidth(1_000).await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", &[b'x'; 500]).await;
    app.stop_bucket().await;
    let reply = user.get(&video.links.content).await;
    assert_eq!(reply.problem(), (503, "unavailable".to_owned()));
    assert_eq!(user.today().await.download_bytes, 0);
    app.start_bucket_again().await;
    user.get(&video.links.content).await.expect(StatusCode::OK);
    let today = user
        .settled("it is written down", |today| today.downloads == 1)
        .await;
    assert_eq!(today.download_bytes, 500);
}
