//! Quota, bandwidth, names, and how many may be open.

use http::StatusCode;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quota_is_taken_at_creation_and_comes_back_with_the_end() {
    let app = with_storage(1_000).await;
    let user = app.with_user().await;
    let path = create(&user, "first.mp4", 600).await;
    let headers = [VERSION, ("upload-length", "401")];
    let refused = ask(&user, Method::POST, "/v1/uploads", &headers, b"").await;
    assert_eq!(refused.problem(), (403, "quota_exceeded".to_owned()));
    assert_eq!(refused.header("tus-resumable"), "1.0.0");
    // Other uploads are held to it, too.
    assert_eq!(user.upload("other.mp4", &[1; 401]).await.status, 403);
    user.upload("other.mp4", &[1; 400])
        .await
        .expect(StatusCode::OK);
    ask(&user, Method::DELETE, &path, &[VERSION], b"")
        .await
        .expect(StatusCode::NO_CONTENT);
    create(&user, "second.mp4", 600).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bandwidth_is_taken_with_the_bytes_and_past_the_limit_none_is_read() {
    let app = App::builder()
        .variable("bandwidth_limit_bytes", "1000")
        .start()
        .await;
    let user = app.with_user().await;
    let path = create(&user, "clip.mp4", 1_500).await;
    append(&user, &path, 0, &film(900))
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(user.today().await.upload_bytes, 900);
    let refused = append(&user, &path, 900, &film(101)).await;
    assert_eq!(refused.problem(), (403, "bandwidth_exceeded".to_owned()));
    assert_eq!(head(&user, &path).await.header("upload-offset"), "900");
    append(&user, &path, 900, &film(100))
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(user.today().await.upload_bytes, 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_are_open_at_a_time() {
    let app = App::builder()
        .variable("uploads_per_user", "2")
        .start()
        .await;
    let (user, other) = (app.with_user().await, app.with_user().await);
    let first = create(&user, "first.mp4", 3).await;
    create(&user, "second.mp4", 3).await;
    let headers = [VERSION, ("upload-length", "3")];
    let refused = ask(&user, Method::POST, "/v1/uploads", &headers, b"").await;
    assert_eq!(refused.problem(), (429, "too_many_uploads".to_owned()));
    create(&other, "first.mp4", 3).await;
    append(&user, &first, 0, b"abc")
        .await
        .expect(StatusCode::NO_CONTENT);
    create(&user, "third.mp4", 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_uploads_of_a_name_the_first_to_be_whole_has_it() {
    let app = App::start().await;
    let user = app.with_user().await;
    let slow = create(&user, "clip.mp4", 10).await;
    append(&user, &slow, 0, b"slow")
        .await
        .expect(StatusCode::NO_CONTENT);
    user.upload("clip.mp4", b"fast")
        .await
        .expect(StatusCode::OK);
    let metadata = named("clip.mp4");
    let headers = [
        VERSION,
        ("upload-length", "3"),
        ("upload-metadata", metadata.as_str()),
    ];
    let late = ask(&user, Method::POST, "/v1/uploads", &headers, b"").await;
    assert_eq!(late.problem(), (409, "file_exists".to_owned()));
    let lost = append(&user, &slow, 4, b"loser!").await;
    assert_eq!(lost.problem(), (409, "file_exists".to_owned()));
    assert_eq!(head(&user, &slow).await.status, 404);
    assert_eq!(content(&user, "clip.mp4").await, b"fast");
    assert_eq!(user.status().await.used_storage, 4);
    assert_eq!(app.objects().await.len(), 1);
}
