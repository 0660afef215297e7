//! Deletions in a bucket that fails.

use futures::future::join_all;
use http::StatusCode;
use spinreel_tests::{CLIP, Fault, User};

use super::{assert_all_free, assert_try_again, bounded, with_room_for};

/// Deletes a file several times at once, each time until it is gone. One of them is told that it did it, unless one was
/// told that it is not known who did.
async fn delete_at_once(user: &User<'_>, filename: &str) {
    let replies = join_all((0..4).map(|_| async {
        let (mut reply, mut unknown) = (bounded(user.delete_file(filename)).await, false);
        while reply.status == 503 {
            assert_try_again(&reply);
            unknown = true;
            reply = bounded(user.delete_file(filename)).await;
        }
        assert!([200, 404].contains(&reply.status), "{}", reply.text());
        (reply.status == 200, unknown)
    }))
    .await;
    assert!(replies.iter().any(|(done, unknown)| *done || *unknown));
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
    delete_at_once(&user, "clip.mp4").await;
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
