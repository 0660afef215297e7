//! Uploads that go straight to the bucket.

use std::time::Duration;

use http::StatusCode;
use reqwest::Client;
use serde_json::{Value, json};
use spinreel_api::videos::{Video, Visibility};

use super::*;

async fn begin(user: &User<'_>, body: &Value) -> Reply {
    Reply::to(user.request(Method::POST, "/v1/uploads/direct").json(body)).await
}

async fn begun(user: &User<'_>, body: &Value) -> Value {
    begin(user, body).await.expect(StatusCode::CREATED).json()
}

/// Sends bytes to the bucket as the answer says.
async fn send(begun: &Value, bytes: &[u8]) -> u16 {
    let method = begun["method"].as_str().unwrap().parse().unwrap();
    let mut request = Client::new().request(method, begun["upload_url"].as_str().unwrap());
    for (name, value) in begun["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    let answer = request.body(bytes.to_vec()).send().await.unwrap();
    answer.status().as_u16()
}

async fn complete(user: &User<'_>, begun: &Value) -> Reply {
    let path = format!("/v1/uploads/{}/complete", begun["id"].as_str().unwrap());
    Reply::to(user.request(Method::POST, &path)).await
}

async fn end(user: &User<'_>, begun: &Value) -> Reply {
    let path = format!("/v1/uploads/{}", begun["id"].as_str().unwrap());
    Reply::to(user.request(Method::DELETE, &path)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_go_straight_to_the_bucket_and_the_video_is_there_when_all_are() {
    let app = App::start().await;
    let (user, other) = (app.with_admin().await, app.with_user().await);
    let film = film(700_000);
    let body = json!({
        "filename": "clip.mp4", "size": film.len(), "content_type": "video/mp4", "title": "A film",
        "visibility": "unlisted", "tags": ["sea"],
    });
    let begun = begun(&user, &body).await;
    let expires = begun["expires_at"].as_str().unwrap();
    assert!(expires.ends_with('Z'), "{expires}");
    let early = complete(&user, &begun).await;
    assert_eq!(early.problem(), (409, "upload_incomplete".to_owned()));
    assert_eq!(complete(&other, &begun).await.problem().0, 404);
    assert_eq!(end(&other, &begun).await.problem().0, 404);
    // It is no upload of tus.
    let path = format!("/v1/uploads/{}", begun["id"].as_str().unwrap());
    assert_eq!(head(&user, &path).await.status, 404);
    assert_eq!(append(&user, &path, 0, b"abc").await.status, 404);
    assert_eq!(send(&begun, &film).await, 200);
    assert_eq!(user.videos().await.len(), 0);
    let done = complete(&user, &begun).await.expect(StatusCode::OK);
    let video: Video = done.json();
    assert_eq!(
        (video.title.as_str(), video.visibility),
        ("A film", Visibility::Unlisted)
    );
    assert_eq!((video.size, video.tags.len()), (film.len() as u64, 1));
    assert!(content(&user, "clip.mp4").await == film);
    let again = complete(&user, &begun).await.expect(StatusCode::OK);
    assert_eq!(again.json::<Video>().id, video.id);
    assert_eq!(user.status().await.used_storage, film.len() as i64);
    // The bytes count in the day's bandwidth, though nobody here saw them.
    user.settled("the upload is written down", |today| {
        today.uploads == 1 && today.upload_bytes == film.len() as u64
    })
    .await;
    user.sweep_clean().await;
    assert_eq!(user.reconcile(false).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bucket_takes_as_many_bytes_as_were_announced_and_once() {
    let app = App::start().await;
    let user = app.with_admin().await;
    let begun = begun(&user, &json!({ "filename": "clip.mp4", "size": 10 })).await;
    for wrong in [&b"short"[..], b"much too long"] {
        assert_eq!(send(&begun, wrong).await, 400);
    }
    assert!(app.objects().await.is_empty());
    assert_eq!(complete(&user, &begun).await.problem().0, 409);
    assert_eq!(send(&begun, b"0123456789").await, 200);
    complete(&user, &begun).await.expect(StatusCode::OK);
    // Another one of that name comes too late.
    let taken = begin(&user, &json!({ "filename": "clip.mp4", "size": 10 })).await;
    assert_eq!(taken.problem(), (409, "file_exists".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reserved_or_is_nonsense_is_refused() {
    let app = App::builder()
        .variable("storage_limit_bytes", "100")
        .variable("bandwidth_limit_bytes", "150")
        .variable("uploads_per_user", "5")
        .start()
        .await;
    let user = app.with_user().await;
    for (body, fields) in [
        (json!({}), &["filename", "size"][..]),
        (json!({ "filename": "a" }), &["size"]),
        (json!({ "filename": "a/b", "size": 1 }), &["filename"]),
        (
            json!({ "filename": "a", "size": 1, "content_type": "x" }),
            &["content_type"],
        ),
        (
            json!({ "filename": "a", "size": 1, "visibility": "x" }),
            &["visibility"],
        ),
    ] {
        assert_eq!(begin(&user, &body).await.wrong_fields(), fields, "{body}");
    }
    let over = begin(&user, &json!({ "filename": "a", "size": 101 })).await;
    assert_eq!(over.problem(), (403, "quota_exceeded".to_owned()));
    let first = begun(&user, &json!({ "filename": "a", "size": 90 })).await;
    let over = begin(&user, &json!({ "filename": "b", "size": 20 })).await;
    assert_eq!(over.problem(), (403, "quota_exceeded".to_owned()));
    assert_eq!(end(&user, &first).await.status, 204);
    assert_eq!(complete(&user, &first).await.problem().0, 404);
    assert!([404, 410, 499].contains(&send(&first, &[7; 90]).await));
    // Numbers of those that were refused may count for a while.
    let mut many = begin(&user, &json!({ "filename": "1", "size": 1 })).await;
    for name in ["2", "3", "4", "5", "6"] {
        many = begin(&user, &json!({ "filename": name, "size": 1 })).await;
    }
    assert_eq!(many.problem(), (429, "too_many_uploads".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_client_does_not_come_back_is_settled_by_what_the_bucket_holds() {
    let app = App::builder()
        .variable("upload_expiry_seconds", "60")
        .start()
        .await;
    let user = app.with_admin().await;
    let whole = begun(
        &user,
        &json!({ "filename": "whole.mp4", "size": 3, "title": "W" }),
    )
    .await;
    let nothing = begun(&user, &json!({ "filename": "nothing.mp4", "size": 5 })).await;
    assert_eq!(send(&whole, b"abc").await, 200);
    app.advance_clock(Duration::from_secs(300));
    user.sweep_clean().await;
    let videos = user.videos().await;
    assert_eq!(videos.len(), 1);
    assert_eq!((videos[0].title.as_str(), videos[0].size), ("W", 3));
    assert_eq!(user.status().await.used_storage, 3);
    assert_eq!(complete(&user, &nothing).await.status, 404);
    assert_eq!(complete(&user, &whole).await.status, 200);
    assert!([404, 410, 499].contains(&send(&nothing, b"abcde").await));
    assert_eq!(user.reconcile(false).await, []);
    assert_eq!(app.objects().await.len(), 1);
}
