//! `GET /storage-status`, byte for byte, on a host that is never better than Spin.

use http::{Method, StatusCode};
use spinreel_tests::{App, Reply};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_user_has_everything_free() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    let reply = user.get("/storage-status").await;
    let expected =
        r#"{"total_storage":52428800,"used_storage":0,"storage_percentage":0.0,"files":[]}"#;
    assert_eq!(reply.seen(), (200, expected));
    assert_eq!(reply.header("content-type"), "application/json");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_listed_with_the_users_prefix_and_their_sizes() {
    let app = App::builder()
        .as_spin()
        .variable("storage_limit_bytes", "3000")
        .start()
        .await;
    let user = app.with_user().await;
    user.upload("a.mp4", &[1; 600]).await.expect(StatusCode::OK);
    let name = &user.username;
    let expected = format!(
        r#"{{"total_storage":3000,"used_storage":600,"storage_percentage":20.0,"files":[{{"filename":"{name}/a.mp4","size":600}}]}}"#
    );
    assert_eq!(
        user.get("/storage-status").await.seen(),
        (200, expected.as_str())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_share_has_at_most_two_decimals() {
    let app = App::builder()
        .as_spin()
        .variable("storage_limit_bytes", "3000")
        .start()
        .await;
    let user = app.with_user().await;
    user.upload("a.mp4", &[1; 1_000])
        .await
        .expect(StatusCode::OK);
    assert_eq!(user.status().await.storage_percentage, 33.33);
    user.upload("b.mp4", &[1; 1_000])
        .await
        .expect(StatusCode::OK);
    assert_eq!(user.status().await.storage_percentage, 66.67);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_sees_no_files_of_others() {
    let app = App::builder().as_spin().start().await;
    let (ada, bob) = (app.with_user().await, app.with_user().await);
    ada.upload("a.mp4", &[1; 600]).await.expect(StatusCode::OK);
    let status = bob.status().await;
    assert_eq!((status.used_storage, status.files.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_it_is_unauthorized() {
    let app = App::builder().as_spin().start().await;
    let reply = app.get("/storage-status").await;
    assert_eq!(reply.seen(), (401, r#"{"error":"Unauthorized"}"#));
    assert!(reply.header("www-authenticate").starts_with("Bearer"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_is_answered_without_a_body() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    let reply = Reply::to(user.request(Method::HEAD, "/storage-status")).await;
    assert_eq!(reply.seen(), (200, ""));
}
