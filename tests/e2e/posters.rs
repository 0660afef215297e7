//! `PUT`, `GET`, `DELETE /v1/videos/{id}/poster`.

use http::{Method, StatusCode};
use spinreel_tests::{App, Reply, User, eventually};

const PNG: &[u8] = include_bytes!("../pictures/picture.png");
const JPEG: &[u8] = include_bytes!("../pictures/picture.jpg");
const LOSSY: &[u8] = include_bytes!("../pictures/lossy.webp");
const LOSSLESS: &[u8] = include_bytes!("../pictures/lossless.webp");

async fn put(user: &User<'_>, path: &str, bytes: &[u8]) -> Reply {
    Reply::to(user.request(Method::PUT, path).body(bytes.to_vec())).await
}

async fn delete(user: &User<'_>, path: &str) -> Reply {
    Reply::to(user.request(Method::DELETE, path)).await
}

/// Lets everybody see a video.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_comes_back_as_what_it_is() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let path = format!("/v1/videos/{}/poster", video.id);
    assert_eq!(user.get(&path).await.status, StatusCode::NOT_FOUND);
    let mut expected = StatusCode::CREATED;
    for (bytes, content_type) in [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (LOSSY, "image/webp"),
        (LOSSLESS, "image/webp"),
    ] {
        let tag = put(&user, &path, bytes).await.expect(expected);
        expected = StatusCode::NO_CONTENT;
        let poster = user.get(&path).await.expect(StatusCode::OK);
        assert_eq!(poster.body, bytes);
        assert_eq!(poster.header("content-type"), content_type);
        assert_eq!(poster.header("etag"), tag.header("etag"));
        assert_eq!(poster.header("cache-control"), "private, no-cache");
        assert_eq!(poster.header("x-content-type-options"), "nosniff");
        assert_eq!(
            poster.header("content-security-policy"),
            "default-src 'none'; sandbox; frame-ancestors 'none'"
        );
        let known = user
            .request(Method::GET, &path)
            .header("if-none-match", poster.header("etag"));
        let known = Reply::to(known).await.expect(StatusCode::NOT_MODIFIED);
        assert!(known.body.is_empty());
        let head = Reply::to(user.request(Method::HEAD, &path)).await;
        assert_eq!(head.header("content-length"), bytes.len().to_string());
    }
    delete(&user, &path).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(user.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(delete(&user, &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poster_is_in_the_quota_and_the_one_before_it_is_gone() {
    let app = App::builder()
        .variable("storage_limit_bytes", "1000")
        .start()
        .await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let video = user.upload_video("clip.mp4", &[7; 100]).await;
    let path = format!("/v1/videos/{}/poster", video.id);
    put(&user, &path, PNG).await.expect(StatusCode::CREATED);
    assert_eq!(user.status().await.used_storage, 100 + PNG.len() as i64);
    assert_eq!(user.status().await.files.len(), 1);
    // Both posters at once do not fit.
    let refused = put(&user, &path, LOSSY).await;
    assert_eq!(refused.problem(), (403, "quota_exceeded".to_owned()));
    put(&user, &path, LOSSLESS)
        .await
        .expect(StatusCode::NO_CONTENT);
    eventually("the poster before it is gone", || async {
        let used = user.status().await.used_storage;
        (used == 100 + LOSSLESS.len() as i64).then_some(())
    })
    .await;
    assert_eq!(user.today().await.upload_bytes, 100);
    assert_eq!(app.objects().await.len(), 2);
    assert!(admin.reconcile(false).await.is_empty());
    let one = format!("/v1/videos/{}?permanent=true", video.id);
    Reply::to(user.request(Method::DELETE, &one))
        .await
        .expect(StatusCode::NO_CONTENT);
    eventually("all of it is gone", || async {
        let used = user.status().await.used_storage;
        (used == 0 && app.objects().await.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_picture_is_refused_and_changes_nothing() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let path = format!("/v1/videos/{}/poster", video.id);
    put(&user, &path, PNG).await.expect(StatusCode::CREATED);
    let mut huge = PNG.to_vec();
    huge[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let sum = crc32fast::hash(&huge[12..29]).to_be_bytes();
    huge[29..33].copy_from_slice(&sum);
    for (bytes, status, code) in [
        (b"".to_vec(), 415, "unsupported_media_type"),
        (
            b"<script>alert(1)</script>".to_vec(),
            415,
            "unsupported_media_type",
        ),
        (b"GIF89a".to_vec(), 415, "unsupported_media_type"),
        (PNG[..PNG.len() - 1].to_vec(), 422, "invalid_request"),
        (huge, 422, "invalid_request"),
        (vec![0; 1024 * 1024 + 1], 413, "body_too_large"),
    ] {
        let refused = put(&user, &path, &bytes).await;
        assert_eq!(
            refused.problem(),
            (status, code.to_owned()),
            "{} bytes",
            bytes.len()
        );
    }
    assert_eq!(user.get(&path).await.body, PNG);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_see_a_video_sees_its_poster_and_its_owner_and_admins_change_it() {
    let app = App::start().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let other = User::sign_up(&app, "other").await;
    let video = user.upload_video("clip.mp4", b"bytes").await;
    let path = format!("/v1/videos/{}/poster", video.id);
    put(&user, &path, PNG).await.expect(StatusCode::CREATED);
    assert_eq!(app.get(&path).await.status, StatusCode::NOT_FOUND);
    for result in [
        put(&other, &path, JPEG).await,
        delete(&other, &path).await,
        other.get(&path).await,
    ] {
        assert_eq!(result.status, StatusCode::NOT_FOUND);
    }
    put(&admin, &path, JPEG)
        .await
        .expect(StatusCode::NO_CONTENT);
    user.publish(&video.id).await;
    let poster = app.get(&path).await.expect(StatusCode::OK);
    assert_eq!(poster.header("cache-control"), "no-cache");
    for result in [put(&other, &path, JPEG).await, delete(&other, &path).await] {
        assert_eq!(result.status, StatusCode::FORBIDDEN);
    }
    let nobody = Reply::to(app.request(Method::PUT, &path).body(PNG)).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        put(&user, "/v1/videos/none/poster", PNG).await.status,
        StatusCode::NOT_FOUND
    );
}
