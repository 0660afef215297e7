//! Playback from a bucket that fails, and what health says of one.

use http::{Method, StatusCode};
use spinreel_tests::{App, CLIP, Fault, Reply, eventually};

use super::{LARGE, bounded, bytes, with_room_for};

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
        .settled("the playback is written down", |today| today.downloads == 1)
        .await;
    // What was refused costs nothing.
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
