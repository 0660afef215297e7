//! `/v1/videos/{id}/playback` and what its links open.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::videos::Video;
use spinreel_tests::{ADMIN_EMAIL, ADMIN_PASSWORD, App, CLIP, Reply, User, eventually};

/// Makes links; gives the answer.
async fn ask(user: &User<'_>, video: &Video, body: &Value) -> Reply {
    let path = format!("{}/playback", video.links.this);
    Reply::to(user.request(Method::POST, &path).json(body)).await
}

async fn links(user: &User<'_>, video: &Video, body: &Value) -> Value {
    ask(user, video, body)
        .await
        .expect(StatusCode::CREATED)
        .json()
}

/// What is at an absolute URL of ours, asked without any token.
async fn open(app: &App, url: &Value, headers: &[(&str, &str)]) -> Reply {
    let url = url.as_str().expect("a link");
    let origin = format!("http://{}", app.address());
    let path = url.strip_prefix(&origin).expect("an absolute URL of ours");
    let mut request = app.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Reply::to(request).await
}

fn not_found() -> (u16, String) {
    (404, "not_found".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_plays_a_private_video_without_a_token() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    let given = links(&user, &video, &json!({})).await;
    assert_eq!(given["poster_url"], Value::Null);
    assert_eq!(given["captions"], json!([]));
    let whole = open(&app, &given["content_url"], &[])
        .await
        .expect(StatusCode::OK);
    assert!(whole.body == CLIP, "the bytes differ");
    let range = [("range", "bytes=10-19")];
    let part = open(&app, &given["content_url"], &range).await;
    assert_eq!((part.status, &part.body[..]), (206, &CLIP[10..20]));
    let direct = user.get(&video.links.content).await;
    for name in [
        "etag",
        "content-type",
        "last-modified",
        "cache-control",
        "accept-ranges",
    ] {
        assert_eq!(whole.header(name), direct.header(name), "{name}");
    }
    // Without a body, too.
    let path = format!("{}/playback", video.links.this);
    let reply = Reply::to(user.request(Method::POST, &path)).await;
    reply.expect(StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_that_are_forged_or_end_open_nothing() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"0123456789").await;
    let given = links(&user, &video, &json!({})).await;
    let url = given["content_url"].as_str().unwrap().to_owned();
    let grant = url.split('/').nth(5).unwrap().to_owned();
    for forged in [
        "x".to_owned(),
        grant[1..].to_owned(),
        grant.to_uppercase(),
        format!("{grant}A"),
        "A".repeat(3_000),
    ] {
        let reply = open(&app, &json!(url.replace(&grant, &forged)), &[]).await;
        assert_eq!(reply.problem(), not_found(), "{forged}");
    }
    let path = format!("{}/playback", video.links.this);
    let ended = Reply::to(user.request(Method::DELETE, &path)).await;
    ended.expect(StatusCode::NO_CONTENT);
    assert_eq!(open(&app, &json!(url), &[]).await.problem(), not_found());

    let patch = async |visibility: &str| {
        let etag = user.get(&video.links.this).await.header("etag").to_owned();
        let request = user.request(Method::PATCH, &video.links.this);
        let request = request.header("if-match", etag);
        let reply = Reply::to(request.json(&json!({ "visibility": visibility }))).await;
        reply.expect(StatusCode::OK);
    };
    let before = links(&user, &video, &json!({})).await;
    patch("public").await;
    patch("private").await;
    let reply = open(&app, &before["content_url"], &[]).await;
    assert_eq!(reply.problem(), not_found(), "it does not come back");

    let before = links(&user, &video, &json!({})).await;
    let reply = Reply::to(user.request(Method::DELETE, &video.links.this)).await;
    assert_eq!(reply.status, 204);
    assert_eq!(
        open(&app, &before["content_url"], &[]).await.problem(),
        not_found()
    );
    let restore = format!("{}/restore", video.links.this);
    let reply = Reply::to(user.request(Method::POST, &restore)).await;
    assert!(reply.status < 300, "{}", reply.status);
    assert_eq!(
        open(&app, &before["content_url"], &[]).await.problem(),
        not_found()
    );

    let before = links(&user, &video, &json!({})).await;
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    assert_eq!(
        open(&app, &before["content_url"], &[]).await.problem(),
        not_found()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_ends_with_its_time_and_with_its_owners_account() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"0123456789").await;
    let short = links(&user, &video, &json!({ "expires_in": 60 })).await;
    let long = links(&user, &video, &json!({ "expires_in": 86_400 })).await;
    app.advance_clock(Duration::from_secs(61));
    assert_eq!(
        open(&app, &short["content_url"], &[]).await.problem(),
        not_found()
    );
    open(&app, &long["content_url"], &[])
        .await
        .expect(StatusCode::OK);
    let gone = Reply::to(user.request(Method::DELETE, "/v1/users/me")).await;
    gone.expect(StatusCode::NO_CONTENT);
    eventually("the link has ended", || async {
        (open(&app, &long["content_url"], &[]).await.status == 404).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_may_be_for_few_bytes_and_for_the_pages_of_one_origin() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"0123456789").await;
    let few = links(&user, &video, &json!({ "max_bytes": 4 })).await;
    let reply = open(&app, &few["content_url"], &[]).await;
    assert_eq!(reply.problem(), (403, "max_bytes_exceeded".to_owned()));
    let reply = open(&app, &few["content_url"], &[("range", "bytes=2-5")]).await;
    assert_eq!(reply.seen(), (206, "2345"));
    let reply = open(&app, &few["content_url"], &[("range", "bytes=2-6")]).await;
    assert_eq!(reply.status, 403);

    let asked = json!({ "referrer": "https://app.example/watch" });
    let bound = links(&user, &video, &asked).await;
    for (name, value, status) in [
        ("referer", "https://app.example/", 200),
        ("referer", "https://app.example.evil.example/", 403),
        ("referer", "nonsense", 403),
        ("origin", "https://app.example", 200),
        ("x-nothing", "", 403),
    ] {
        let reply = open(&app, &bound["content_url"], &[(name, value)]).await;
        assert_eq!(reply.status, status, "{name}: {value}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_link_cannot_be_is_named() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"0123456789").await;
    for (body, fields) in [
        (json!({ "expires_in": 0 }), &["expires_in"][..]),
        (json!({ "expires_in": 604_801 }), &["expires_in"]),
        (json!({ "expires_in": -1 }), &["expires_in"]),
        (json!({ "expires_in": "1" }), &["expires_in"]),
        (json!({ "max_bytes": 0 }), &["max_bytes"]),
        (json!({ "referrer": "app.example" }), &["referrer"]),
        (
            json!({ "expires_in": 0, "max_bytes": 0, "referrer": "ftp://x" }),
            &["expires_in", "max_bytes", "referrer"],
        ),
    ] {
        assert_eq!(
            ask(&user, &video, &body).await.wrong_fields(),
            fields,
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_may_see_a_video_makes_links_and_only_its_owner_and_admins_end_them() {
    let app = App::start().await;
    let (owner, other) = (app.with_user().await, User::sign_up(&app, "other").await);
    let admin = User::sign_in(&app, ADMIN_EMAIL, ADMIN_PASSWORD).await;
    let video = owner.upload_video("clip.mp4", b"0123456789").await;
    let end = async |user: &User<'_>| {
        let path = format!("{}/playback", video.links.this);
        Reply::to(user.request(Method::DELETE, &path)).await.status
    };
    assert_eq!(ask(&other, &video, &json!({})).await.problem(), not_found());
    assert_eq!(end(&other).await, 404);
    let given = links(&admin, &video, &json!({})).await;
    assert_eq!(end(&admin).await, 204);
    assert_eq!(open(&app, &given["content_url"], &[]).await.status, 404);

    let etag = owner.get(&video.links.this).await.header("etag").to_owned();
    let request = owner.request(Method::PATCH, &video.links.this);
    let request = request.header("if-match", etag);
    let reply = Reply::to(request.json(&json!({ "visibility": "unlisted" }))).await;
    reply.expect(StatusCode::OK);
    let given = links(&other, &video, &json!({})).await;
    let reply = open(&app, &given["content_url"], &[]).await;
    assert_eq!(reply.seen(), (200, "0123456789"));
    assert_eq!(end(&other).await, 403);
    let path = format!("{}/playback", video.links.this);
    let reply = Reply::to(app.request(Method::POST, &path)).await;
    assert_eq!(reply.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poster_and_captions_are_below_the_link() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    let captions = "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n";
    let path = format!("{}/captions/en", video.links.this);
    let request = user
        .request(Method::PUT, &path)
        .header("content-type", "text/vtt");
    Reply::to(request.body(captions))
        .await
        .expect(StatusCode::CREATED);
    let given = links(&user, &video, &json!({})).await;
    assert_eq!(given["captions"][0]["lang"], "en");
    let reply = open(&app, &given["captions"][0]["url"], &[]).await;
    assert_eq!(reply.seen(), (200, captions));
    assert!(reply.header("content-type").starts_with("text/vtt"));
    let hls = given["hls_url"].as_str().unwrap();
    let master = open(&app, &given["hls_url"], &[])
        .await
        .expect(StatusCode::OK);
    let line = master
        .text()
        .lines()
        .find(|line| line.contains("SUBTITLES,"))
        .unwrap();
    let (_, uri) = line.split_once("URI=\"").unwrap();
    let uri = uri.trim_end_matches('"');
    let playlist = json!(hls.replace("master.m3u8", uri));
    let playlist = open(&app, &playlist, &[]).await.expect(StatusCode::OK);
    assert!(
        playlist.text().contains("../../../captions/en.vtt\n"),
        "{}",
        playlist.text()
    );
}
