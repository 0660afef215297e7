//! A bucket that answers 503, breaks connections, is slow, or breaks off what it sends.

use std::time::Duration;

use futures::future::join_all;
use http::{Method, StatusCode};
use spinreel_tests::{App, CLIP, Fault, Reply, User, eventually};

/// Small enough for one request to the bucket, in bytes.
const SMALL: usize = 10_000;
/// Large enough for three of them.
const LARGE: usize = 9 * 1024 * 1024;
/// Nothing takes as long, however busy the machine is.
const BOUND: Duration = Duration::from_secs(120);

/// An application in which a file of `size` bytes fits exactly.
async fn with_room_for(size: usize) -> App {
    App::builder()
        .variable("storage_limit_bytes", &size.to_string())
        .variable("bandwidth_limit_bytes", &(1_u64 << 40).to_string())
        .start()
        .await
}

fn bytes(size: usize) -> Vec<u8> {
    spinreel_tests::body::pieces(size as u64)
        .collect::<Vec<_>>()
        .concat()
}

/// Waits for an answer, which comes within bounds whatever the bucket does.
async fn bounded(reply: impl Future<Output = Reply>) -> Reply {
    let reply = tokio::time::timeout(BOUND, reply).await;
    reply.expect("an answer within bounds")
}

/// An answer of the seed's routes that asks to come back later.
fn assert_try_again(reply: &Reply) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    let seconds = reply.header("retry-after").parse::<u64>();
    assert!(seconds.is_ok_and(|seconds| seconds > 0), "no Retry-After");
    let error: serde_json::Value = reply.json();
    let members = error.as_object().unwrap();
    assert!(
        members.len() == 1 && error["error"].is_string(),
        "{error}: the seed's errors have one member"
    );
}

/// Files, quota, catalogue and bucket say the same, and a comparison of them finds nothing.
async fn assert_consistent(app: &App, user: &User<'_>, admin: &User<'_>) {
    let status = user.status().await;
    let sum: u64 = status.files.iter().map(|file| file.size).sum();
    assert_eq!(status.used_storage as u64, sum);
    let mut listed: Vec<String> = status
        .files
        .iter()
        .map(|file| file.filename.clone())
        .collect();
    let mut objects = app.objects().await;
    let mut videos: Vec<String> = user
        .videos()
        .await
        .iter()
        .map(|video| format!("{}/{}", user.username, video.filename))
        .collect();
    for names in [&mut listed, &mut objects, &mut videos] {
        names.sort();
    }
    assert_eq!(listed, objects);
    assert_eq!(listed, videos);
    let findings = admin.reconcile(false).await;
    assert!(findings.is_empty(), "{findings:#?}");
}

/// The whole quota is free, and so is the name: a file of `size` bytes has room, and not a byte more.
async fn assert_all_free(app: &App, user: &User<'_>, admin: &User<'_>, size: usize) {
    admin.sweep_clean().await;
    assert_eq!(user.status().await.used_storage, 0);
    let content = bytes(size);
    let reply = user.upload("clip.mp4", &content).await;
    reply.expect(StatusCode::OK);
    let reply = user.upload("one-byte.mp4", b"x").await;
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert_consistent(app, user, admin).await;
    let video = user.video_of("clip.mp4").await;
    let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(reply.body == content, "the bytes differ");
}

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
    let app = with_room_for(LARGE).await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let effects = [
        Fault::status(503, None),
        Fault::status(429, Some(1)),
        Fault::status(500, None),
        Fault::reset(),
        Fault::reset_after_effect(),
        Fault::stall(700),
    ];
    // A small file is one POST; a large one is a POST and several PUTs.
    for (size, method) in [(SMALL, "POST"), (LARGE, "POST"), (LARGE, "PUT")] {
        for effect in &effects {
            let fault = effect.clone().on(method).times(2);
            app.bucket_faults(std::slice::from_ref(&fault)).await;
            let content = bytes(size);
            let reply = bounded(user.upload("clip.mp4", &content)).await;
            assert_eq!(reply.status, 200, "{fault:?}: {}", reply.text());
            app.bucket().clear_faults().await;
            let video = user.video_of("clip.mp4").await;
            let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
            assert!(reply.body == content, "{fault:?}: the bytes differ");
            user.delete_file("clip.mp4").await.expect(StatusCode::OK);
        }
    }
    assert_all_free(&app, &user, &admin, LARGE).await;
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

/// Deletes a file several times at once; gives how often that was said to be done.
async fn delete_at_once(user: &User<'_>, filename: &str) -> usize {
    let replies = join_all((0..4).map(|_| user.delete_file(filename))).await;
    for reply in &replies {
        assert!([200, 404].contains(&reply.status), "{}", reply.text());
    }
    replies.iter().filter(|reply| reply.status == 200).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_the_bucket_refuses_can_be_repeated_and_refunds_once() {
    let app = with_room_for(CLIP.len()).await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    for fault in [Fault::status(503, Some(1)), Fault::reset()] {
        app.bucket_faults(&[fault.on("DELETE")]).await;
        assert_try_again(&bounded(user.delete_file("clip.mp4")).await);
        assert_eq!(app.objects().await.len(), 1);
    }
    app.bucket().clear_faults().await;
    assert!(delete_at_once(&user, "clip.mp4").await >= 1);
    assert_all_free(&app, &user, &admin, CLIP.len()).await;
    user.settled("one deletion is written down", |today| today.deletions == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_is_done_and_never_answered_refunds_once() {
    let app = with_room_for(CLIP.len()).await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    app.bucket_faults(&[Fault::reset_after_effect().on("DELETE")])
        .await;
    assert_try_again(&bounded(user.delete_file("clip.mp4")).await);
    // The object is gone, and nobody has heard of it.
    assert!(app.objects().await.is_empty());
    app.bucket().clear_faults().await;
    delete_at_once(&user, "clip.mp4").await;
    assert_all_free(&app, &user, &admin, CLIP.len()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_whose_answer_is_lost_is_done_all_the_same() {
    let app = with_room_for(CLIP.len()).await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    let lost = Fault::reset_after_effect().on("DELETE").times(2);
    app.bucket_faults(&[lost]).await;
    let reply = bounded(user.delete_file("clip.mp4")).await;
    reply.expect(StatusCode::OK);
    assert_all_free(&app, &user, &admin, CLIP.len()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_the_bucket_breaks_off_is_never_taken_for_the_whole() {
    let app = with_room_for(LARGE).await;
    let user = app.with_user().await;
    let content = bytes(LARGE);
    let video = user.upload_video("clip.mp4", &content).await;
    for cut_after in [0, 1_000, LARGE as u64 - 1] {
        app.bucket_faults(&[Fault::cut_body(cut_after).on("GET")])
            .await;
        for range in [None, Some("bytes=100-8000000")] {
            let mut request = user.request(Method::GET, &video.links.content);
            if let Some(range) = range {
                request = request.header("range", range);
            }
            // No answer, a broken one or a refusal: anything but fewer bytes that look like all.
            let Ok(response) = request.send().await else {
                continue;
            };
            let status = response.status();
            match Reply::read(response).await {
                Ok(reply) if status.is_success() => {
                    let whole = range.is_none() && reply.body == content;
                    assert!(
                        whole || range.is_some() && reply.body == content[100..=8_000_000],
                        "{cut_after}, {range:?}: {} bytes look whole",
                        reply.body.len()
                    );
                }
                Ok(reply) => assert_eq!(reply.problem(), (503, "unavailable".to_owned())),
                Err(_) => {}
            }
        }
    }
    app.bucket().clear_faults().await;
    let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(reply.body == content, "the bytes differ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_playback_survives_a_moment_of_503_and_is_refused_while_it_lasts() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    app.bucket_faults(&[Fault::status(503, None).on("GET").times(2)])
        .await;
    let reply = bounded(user.get(&video.links.content)).await;
    assert!(
        reply.expect(StatusCode::OK).body == CLIP,
        "the bytes differ"
    );
    app.bucket_faults(&[Fault::status(503, Some(1))]).await;
    let reply = bounded(user.get(&video.links.content)).await;
    assert_eq!(reply.problem(), (503, "unavailable".to_owned()));
    // Quota and catalogue need no bucket.
    assert_eq!(user.status().await.used_storage, CLIP.len() as i64);
    user.get(&video.links.this).await.expect(StatusCode::OK);
    app.bucket().clear_faults().await;
    let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(reply.body == CLIP, "the bytes differ");
    let today = user
        .settled("two playbacks are settled", |today| today.downloads == 2)
        .await;
    assert_eq!(today.download_bytes, 2 * CLIP.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_that_the_bucket_is_down_as_long_as_it_is() {
    let app = App::start().await;
    app.bucket_faults(&[Fault::status(503, None)]).await;
    let health = app.get("/v1/storage/health").await;
    assert_eq!(health.status, 503, "{}", health.text());
    app.bucket().clear_faults().await;
    eventually("the bucket is up again", || async {
        (app.get("/v1/storage/health").await.status == 200).then_some(())
    })
    .await;
}
