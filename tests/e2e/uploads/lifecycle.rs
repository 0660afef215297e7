//! From the creation of an upload to the video, or to its end.

use std::time::Duration;

use http::StatusCode;
use spinreel_host::StoreOperation;
use spinreel_tests::{Fault, eventually, raw};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_film_comes_in_pieces_and_is_a_video_once() {
    let app = App::start().await;
    let user = app.with_user().await;
    let film = film(1_500_000);
    for (name, size) in [
        ("small.mp4", 100_000),
        ("odd.mp4", 333_333),
        ("whole.mp4", 1_500_000),
    ] {
        let path = create(&user, name, film.len()).await;
        let mut at = 0;
        for piece in film.chunks(size) {
            let reply = append(&user, &path, at, piece)
                .await
                .expect(StatusCode::NO_CONTENT);
            at += piece.len();
            assert_eq!(reply.header("upload-offset"), at.to_string());
        }
        assert!(
            content(&user, name).await == film,
            "{name}: the bytes differ"
        );
    }
    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (4_500_000, 3));
    assert_eq!(user.videos().await.len(), 3);
    user.settled("three uploads", |today| {
        today.uploads == 3 && today.upload_bytes == 4_500_000
    })
    .await;
    let actions = user.actions().await;
    assert!(actions.iter().all(|action| action.bytes == 1_500_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_before_a_connection_broke_need_not_come_again() {
    let app = App::start().await;
    let user = app.with_user().await;
    let film = film(600_000);
    let path = create(&user, "clip.mp4", film.len()).await;
    let head_of_request = format!(
        "PATCH {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\n\
         content-type: application/offset+octet-stream\r\nupload-offset: 0\r\ncontent-length: {}\r\n\r\n",
        app.address(),
        user.token,
        film.len(),
    );
    let cut = [head_of_request.as_bytes(), &film[..400_000]].concat();
    raw::send_and_hang_up(app.address(), &cut).await.unwrap();
    let at = eventually("what came is kept", || async {
        let at: usize = head(&user, &path)
            .await
            .header("upload-offset")
            .parse()
            .unwrap();
        (at > 0).then_some(at)
    })
    .await;
    assert_eq!(at, 400_000);
    append(&user, &path, at, &film[at..])
        .await
        .expect(StatusCode::NO_CONTENT);
    assert!(content(&user, "clip.mp4").await == film, "the bytes differ");
    user.settled("what came is billed once", |today| {
        today.uploads == 1 && today.upload_bytes == 600_000
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_outlives_the_application_and_a_bucket_that_fails() {
    let app = App::start().await;
    let film = film(700_000);
    let user = app.with_user().await;
    let path = create(&user, "clip.mp4", film.len()).await;
    append(&user, &path, 0, &film[..300_000])
        .await
        .expect(StatusCode::NO_CONTENT);
    let email = user.email.clone();
    drop(user);
    let app = app.restart().await;
    let user = User::sign_in(&app, &email, User::PASSWORD).await;
    assert_eq!(head(&user, &path).await.header("upload-offset"), "300000");
    app.bucket_faults(&[Fault::status(503, None).on("PUT")])
        .await;
    let failed = append(&user, &path, 300_000, &film[300_000..]).await;
    assert_eq!(failed.problem(), (503, "unavailable".to_owned()));
    app.bucket_faults(&[Fault::reset_after_effect().on("PUT").times(1)])
        .await;
    assert_eq!(head(&user, &path).await.header("upload-offset"), "300000");
    append(&user, &path, 300_000, &film[300_000..])
        .await
        .expect(StatusCode::NO_CONTENT);
    assert!(content(&user, "clip.mp4").await == film, "the bytes differ");
    assert_eq!(user.status().await.used_storage, 700_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_request_displaces_one_that_hangs() {
    let app = App::start().await;
    let user = app.with_user().await;
    let film = film(500_000);
    let path = create(&user, "clip.mp4", film.len()).await;
    // It sends a part, and then nothing more, and does not hang up.
    let head_of_request = format!(
        "PATCH {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\n\
         content-type: application/offset+octet-stream\r\nupload-offset: 0\r\ncontent-length: {}\r\n\r\n",
        app.address(),
        user.token,
        film.len(),
    );
    app.idle().await;
    let before = app.host().store_calls();
    let mut stream = tokio::net::TcpStream::connect(app.address()).await.unwrap();
    let part = [head_of_request.as_bytes(), &film[..100_000]].concat();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &part)
        .await
        .unwrap();
    // It has taken the right to write, which is the only thing here that counts in that store.
    eventually("it is at work", || async {
        let calls = app.host().store_calls().since(&before);
        (calls.of("storage", StoreOperation::Increment) > 0).then_some(())
    })
    .await;
    let mut at = 0;
    for piece in film.chunks(250_000) {
        append(&user, &path, at, piece)
            .await
            .expect(StatusCode::NO_CONTENT);
        at += piece.len();
    }
    assert!(content(&user, "clip.mp4").await == film, "the bytes differ");
    drop(stream);
    app.idle().await;
    assert_eq!(user.status().await.used_storage, 500_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_ended_is_gone_with_all_that_it_took() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let path = create(&user, "clip.mp4", 600_000).await;
    append(&user, &path, 0, &film(300_000))
        .await
        .expect(StatusCode::NO_CONTENT);
    let end = ask(&user, Method::DELETE, &path, &[VERSION], b"").await;
    assert_eq!(end.seen(), (204, ""));
    assert_eq!(end.header("tus-resumable"), "1.0.0");
    for reply in [
        head(&user, &path).await,
        append(&user, &path, 300_000, b"x").await,
        ask(&user, Method::DELETE, &path, &[VERSION], b"").await,
    ] {
        assert_eq!(reply.status, 404);
    }
    app.idle().await;
    assert_eq!(user.today().await.upload_bytes, 0);
    assert!(admin.reconcile(false).await.is_empty());
    // Of one that is whole, the file goes.
    let path = create(&user, "clip.mp4", 3).await;
    append(&user, &path, 0, b"abc")
        .await
        .expect(StatusCode::NO_CONTENT);
    let end = ask(&user, Method::DELETE, &path, &[VERSION], b"").await;
    assert_eq!(end.seen(), (204, ""));
    assert_eq!(head(&user, &path).await.status, 404);
    assert!(user.status().await.files.is_empty());
    assert!(user.videos().await.is_empty());
    assert!(app.objects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_nobody_goes_on_with_expires() {
    let app = App::builder()
        .variable("upload_expiry_seconds", "600")
        .variable("access_token_seconds", "100000")
        .variable("storage_limit_bytes", "1000")
        .anonymous_bucket()
        .start()
        .await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let path = create(&user, "clip.mp4", 900).await;
    app.advance_clock(Duration::from_secs(400));
    append(&user, &path, 0, &film(500))
        .await
        .expect(StatusCode::NO_CONTENT);
    app.advance_clock(Duration::from_secs(400));
    // The last bytes renewed it.
    assert_eq!(head(&user, &path).await.header("upload-offset"), "500");
    admin.sweep_clean().await;
    assert_eq!(head(&user, &path).await.header("upload-offset"), "500");
    app.advance_clock(Duration::from_secs(201));
    assert_eq!(head(&user, &path).await.status, 410);
    let late = append(&user, &path, 500, b"x").await;
    assert_eq!(late.problem(), (410, "upload_gone".to_owned()));
    admin.sweep_clean().await;
    assert_eq!(head(&user, &path).await.status, 404);
    assert!(admin.reconcile(false).await.is_empty());
    create(&user, "other.mp4", 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_deleted_takes_nothing_and_leaves_nothing() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let path = create(&user, "clip.mp4", 600_000).await;
    append(&user, &path, 0, &film(300_000))
        .await
        .expect(StatusCode::NO_CONTENT);
    let gone = user
        .request(Method::DELETE, "/v1/users/me")
        .json(&serde_json::json!({ "password": User::PASSWORD }));
    let gone = Reply::to(gone).await;
    assert!(matches!(gone.status, 202 | 204), "{}", gone.text());
    let late = append(&user, &path, 300_000, &film(300_000)).await;
    assert_eq!(late.problem().0, 401);
    admin.sweep_clean().await;
    assert!(app.objects().await.is_empty());
    assert!(admin.reconcile(false).await.is_empty());
}
