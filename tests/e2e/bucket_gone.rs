//! A bucket that goes away, and comes back.

use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use http::{Method, StatusCode};
use spinreel_tests::{App, CLIP, Form, Reply, User, body, eventually};

const MIB: u64 = 1024 * 1024;

/// An answer of the seed's routes that asks to come back later.
fn assert_try_again(reply: &Reply) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    let seconds = reply.header("retry-after").parse::<u64>();
    assert!(
        seconds.is_ok_and(|seconds| seconds > 0),
        "{:?}",
        reply.headers
    );
    let error: serde_json::Value = reply.json();
    assert!(error["error"].is_string(), "{error}");
}

async fn assert_nothing_stored(user: &User<'_>) {
    eventually("nothing is half-done", || async {
        let status = user.status().await;
        (status.used_storage == 0 && status.files.is_empty()).then_some(())
    })
    .await;
    assert!(user.videos().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_without_a_bucket_is_refused_and_works_when_it_is_back() {
    let app = App::start().await;
    let user = app.with_user().await;
    app.stop_bucket().await;
    assert_try_again(&user.upload("clip.mp4", CLIP).await);
    app.start_bucket_again().await;
    assert_nothing_stored(&user).await;
    assert!(app.objects().await.is_empty());
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    assert_eq!(user.status().await.used_storage, CLIP.len() as i64);
    let today = user
        .settled("the upload is settled", |today| today.uploads == 1)
        .await;
    assert_eq!(today.total_bytes, CLIP.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_goes_in_the_middle_of_an_upload_leaves_nothing_half_done() {
    let app = App::start().await;
    let user = app.with_user().await;
    let size = 32 * MIB;
    let (content_type, before, after) = Form::around_file("clip.mp4");
    let (mut sender, receiver) = mpsc::channel(0);
    let length = before.len() as u64 + size + after.len() as u64;
    let request = user
        .request(Method::POST, "/upload")
        .header("content-type", content_type)
        .header("content-length", length)
        .body(reqwest::Body::wrap_stream(receiver));
    let upload = Reply::to(request);
    let feed = async {
        let mut pieces = Box::pin(body::around(before, size, after));
        let mut fed = 0;
        while let Some(piece) = pieces.next().await {
            // What the connection has taken is more than all buffers on the way hold: the bucket has a part of it.
            if fed == 24 * MIB / body::PIECE {
                app.stop_bucket().await;
            }
            fed += 1;
            if sender.send(piece).await.is_err() {
                // The service has refused.
                break;
            }
        }
        drop(sender);
    };
    let (reply, ()) = futures::future::join(upload, feed).await;
    assert_try_again(&reply);

    app.start_bucket_again().await;
    assert_nothing_stored(&user).await;
    assert!(app.objects().await.is_empty());
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    assert_eq!(app.objects().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_without_a_bucket_is_refused_and_can_be_repeated() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    app.stop_bucket().await;
    assert_try_again(&user.delete_file("clip.mp4").await);
    // Status needs no bucket.
    assert_eq!(user.status().await.used_storage, CLIP.len() as i64);
    app.start_bucket_again().await;
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    assert_eq!(user.status().await.used_storage, 0);
    assert!(app.objects().await.is_empty());
    assert_eq!(user.get(&video.links.content).await.status, 404);
    user.settled("one deletion is written down", |today| today.deletions == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_playback_without_a_bucket_is_refused_and_works_when_it_is_back() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    app.stop_bucket().await;
    let reply = user.get(&video.links.content).await;
    assert_eq!(reply.problem(), (503, "unavailable".to_owned()));
    // The catalogue needs no bucket.
    user.get(&video.links.this).await.expect(StatusCode::OK);
    app.start_bucket_again().await;
    let content = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(content.body == CLIP, "the bytes differ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_goes_in_the_middle_of_a_playback_makes_a_cut_answer_and_no_short_one() {
    let size = 64 * MIB;
    let app = App::builder()
        .variable("storage_limit_bytes", &size.to_string())
        .variable("bandwidth_limit_bytes", &(4 * size).to_string())
        .start()
        .await;
    let user = app.with_user().await;
    let video = user
        .upload_video("long.mp4", &vec![b'x'; size as usize])
        .await;
    let request = user.request(Method::GET, &video.links.content);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut pieces = response.bytes_stream();
    let mut received = pieces.next().await.unwrap().unwrap().len() as u64;
    app.stop_bucket().await;
    let outcome = loop {
        match pieces.next().await {
            Some(Ok(piece)) => received += piece.len() as u64,
            Some(Err(_)) => break "cut",
            None => break "whole",
        }
    };
    assert_eq!(outcome, "cut", "{received} of {size} bytes");
    assert!(received < size);
    let today = user
        .settled("what was not sent is given back", |today| {
            today.download_bytes < size
        })
        .await;
    assert!(today.download_bytes >= received && today.downloads == 1);
}
