//! Uploads into a bucket that fails.

use futures::future::join_all;
use http::StatusCode;
use spinreel_tests::Fault;

use super::{
    LARGE, SMALL, assert_all_free, assert_consistent, assert_try_again, bounded, bytes,
    with_room_for,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_into_a_bucket_full_of_503_are_refused_and_leave_nothing() {
    let app = with_room_for(LARGE).await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    app.bucket_faults(&[Fault::status(503, Some(1))]).await;
    for size in [SMALL, LARGE] {
        let content = bytes(size);
        assert_try_again(&bounded(user.upload("clip.mp4", &content)).await);
        let status = user.status().await;
        assert_eq!((status.used_storage, status.files.len()), (0, 0));
        assert!(user.videos().await.is_empty());
    }
    app.bucket().clear_faults().await;
    assert!(app.objects().await.is_empty());
    assert_all_free(&app, &user, &admin, LARGE).await;
    let today = user
        .settled("the one upload is settled", |today| today.uploads == 1)
        .await;
    assert_eq!(today.total_bytes, LARGE as u64 * 2, "upload and playback");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_over_connections_that_always_break_are_refused_and_leave_nothing() {
    for fault in [Fault::reset(), Fault::reset().on("PUT")] {
        let app = with_room_for(LARGE).await;
        let (user, admin) = (app.with_user().await, app.with_admin().await);
        app.bucket_faults(&[fault]).await;
        let content = bytes(LARGE);
        assert_try_again(&bounded(user.upload("clip.mp4", &content)).await);
        assert_eq!(user.status().await.used_storage, 0);
        app.bucket().clear_faults().await;
        assert_all_free(&app, &user, &admin, LARGE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_done_and_never_answered_is_a_file_or_is_none() {
    for (size, method) in [(SMALL, "POST"), (LARGE, "PUT")] {
        let app = with_room_for(LARGE).await;
        let (user, admin) = (app.with_user().await, app.with_admin().await);
        let lost = Fault::reset_after_effect().on(method);
        app.bucket_faults(&[lost]).await;
        let content = bytes(size);
        let reply = bounded(user.upload("clip.mp4", &content)).await;
        assert!([200, 503].contains(&reply.status), "{}", reply.text());
        app.bucket().clear_faults().await;
        admin.sweep_clean().await;
        let stored = user.status().await.used_storage;
        assert!(reply.status == 503 || stored == size as i64, "it is lost");
        assert_consistent(&app, &user, &admin).await;
        if stored > 0 {
            let video = user.video_of("clip.mp4").await;
            let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
            assert!(reply.body == content, "the bytes differ");
            user.delete_file("clip.mp4").await.expect(StatusCode::OK);
        }
        assert_all_free(&app, &user, &admin, LARGE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_survives_what_goes_wrong_for_a_moment() {
    let effects = [
        Fault::status(503, None),
        Fault::status(429, Some(1)),
        Fault::status(500, None),
        Fault::reset(),
        Fault::reset_after_effect(),
        Fault::stall(700),
    ];
    // A small file is one POST; a large one is a POST and several PUTs.
    let ways = [(SMALL, "POST"), (LARGE, "POST"), (LARGE, "PUT")];
    let room = effects.len() * (SMALL + LARGE + LARGE);
    let app = with_room_for(room).await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    for (way, (size, method)) in ways.into_iter().enumerate() {
        let content = bytes(size);
        for (number, effect) in effects.iter().enumerate() {
            let fault = effect.clone().on(method).times(2);
            app.bucket_faults(std::slice::from_ref(&fault)).await;
            let name = format!("clip-{way}-{number}.mp4");
            let reply = bounded(user.upload(&name, &content)).await;
            assert_eq!(reply.status, 200, "{fault:?}: {}", reply.text());
            app.bucket().clear_faults().await;
            let video = user.video_of(&name).await;
            let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
            assert!(reply.body == content, "{fault:?}: the bytes differ");
        }
    }
    assert_consistent(&app, &user, &admin).await;
    assert_eq!(user.status().await.used_storage, room as i64);
    assert_eq!(user.upload("one-byte.mp4", b"x").await.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_and_deletions_through_a_bad_line_are_done_or_refused_and_never_half_done() {
    const FILE: usize = 5 * 1024 * 1024;
    let app = with_room_for(4 * FILE).await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    app.bucket_faults(&[
        Fault::status(503, None).with_probability(0.15),
        Fault::reset().with_probability(0.1),
        Fault::reset_after_effect().with_probability(0.1),
        Fault::stall(50).with_probability(0.2),
    ])
    .await;
    let content = bytes(FILE);
    let one = async |name: String| {
        let uploaded = bounded(user.upload(&name, &content)).await.status;
        assert!([200, 403, 503].contains(&uploaded), "{name}: {uploaded}");
        let deleted = bounded(user.delete_file(&name)).await.status;
        assert!([200, 404, 503].contains(&deleted), "{name}: {deleted}");
        assert!(uploaded != 200 || deleted != 404, "{name} is lost");
        (name, uploaded, deleted)
    };
    let names = (0..8).map(|number| format!("clip-{number}.mp4"));
    let outcomes = join_all(names.map(one)).await;
    app.bucket().clear_faults().await;
    admin.sweep_clean().await;
    assert_consistent(&app, &user, &admin).await;
    let listed = user.status().await.files;
    for (name, uploaded, deleted) in outcomes {
        let filename = format!("{}/{name}", user.username);
        let there = listed.iter().any(|file| file.filename == filename);
        assert!(
            !(deleted == 200 && there),
            "{name} ({uploaded}) was deleted and is there"
        );
        if there {
            user.delete_file(&name).await.expect(StatusCode::OK);
        }
    }
    assert_all_free(&app, &user, &admin, 4 * FILE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_bucket_is_waited_for() {
    let app = with_room_for(LARGE).await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    app.bucket_faults(&[Fault::stall(300)]).await;
    let content = bytes(LARGE);
    let reply = bounded(user.upload("clip.mp4", &content)).await;
    reply.expect(StatusCode::OK);
    let video = user.video_of("clip.mp4").await;
    let reply = bounded(user.get(&video.links.content)).await;
    assert!(reply.body == content, "the bytes differ");
    let reply = bounded(user.delete_file("clip.mp4")).await;
    reply.expect(StatusCode::OK);
    app.bucket().clear_faults().await;
    assert_all_free(&app, &user, &admin, LARGE).await;
}
