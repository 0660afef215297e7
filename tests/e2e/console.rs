//! The console: what it serves, and what people do with it in a browser.

use http::header::{ACCEPT_ENCODING, CONTENT_SECURITY_POLICY, HOST};
use http::{Method, StatusCode};
use serde_json::json;
use spinreel_tests::foreign::root;
use spinreel_tests::{App, Reply, User};

use crate::browser::{film, run_script};

const LANGUAGES: [&str; 2] = ["en", "de"];
/// What the first look at the console may come to without the player, in bytes as they are sent.
const FIRST_LOAD: usize = 150_000;

fn origin(app: &App) -> String {
    format!("http://{}", app.address())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_signs_up_uploads_watches_and_shows_a_film() {
    for language in LANGUAGES {
        let app = App::start().await;
        let captions = app.folder().join("captions.vtt");
        std::fs::write(
            &captions,
            "WEBVTT\n\n00:00.000 --> 00:05.000\nHallo <b>du</b>\n",
        )
        .unwrap();
        let arguments = vec![
            origin(&app),
            film("twelve-seconds.mp4").display().to_string(),
            film("h264-aac.mp4").display().to_string(),
            captions.display().to_string(),
            language.to_owned(),
        ];
        let printed = run_script("console.mjs", arguments).await;
        assert_eq!(printed.lines().count(), 10, "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_stands_what_goes_wrong() {
    for language in LANGUAGES {
        let limit = App::builder().variable("storage_limit_bytes", "42000000");
        let app = limit.start().await;
        let arguments = vec![
            origin(&app),
            film("twelve-seconds.mp4").display().to_string(),
            root().join("README.md").display().to_string(),
            language.to_owned(),
        ];
        let printed = run_script("trouble.mjs", arguments).await;
        assert_eq!(printed.lines().count(), 10, "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_sees_users_log_metrics_and_health() {
    for language in LANGUAGES {
        let app = App::builder()
            .variable("admin_email", "root@example.com")
            .variable("admin_password", "a long enough phrase")
            .start()
            .await;
        let printed = run_script("admin.mjs", vec![origin(&app), language.to_owned()]).await;
        assert_eq!(printed.lines().count(), 5, "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_load_is_small_and_nothing_in_it_is_inline() {
    let app = App::start().await;
    let get = async |path: &str| {
        let request = app.request(Method::GET, path);
        let reply = Reply::to(request.header(ACCEPT_ENCODING, "gzip")).await;
        reply.expect(StatusCode::OK)
    };
    let page = app.get("/").await.expect(StatusCode::OK);
    let policy = page.header(CONTENT_SECURITY_POLICY.as_str());
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"));
    let page = page.text();
    assert!(!page.contains("<style") && !page.contains("<script>"));
    let mut total = get("/").await.body.len();
    let assets: Vec<&str> = page
        .split('"')
        .filter(|part| part.starts_with("/assets/"))
        .collect();
    assert_eq!(assets.len(), 2, "{page}");
    for asset in assets {
        let reply = get(asset).await;
        assert!(reply.header("cache-control").contains("immutable"));
        total += reply.body.len();
    }
    assert!(total < FIRST_LOAD, "{total} bytes");
}

/// A link to a video's page shows others what everybody may know of the video, and nothing of a private one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_previews_what_everybody_may_see() {
    let app = App::start().await;
    let user = app.with_user().await;
    let bytes = std::fs::read(film("h264-aac.mp4")).unwrap();
    let video = user.upload_video("h264-aac.mp4", &bytes).await;
    let path = format!("/app/watch/{}", video.id);
    let page = async |path: &str| {
        let request = app.request(Method::GET, path).header(HOST, "films.example");
        Reply::to(request).await.expect(StatusCode::OK)
    };
    let nothing = page("/app/watch/01a201d4-e0e4-73b6-a7e6-716ac3348876").await;
    let plain = nothing.text();
    assert!(plain.contains("<title>Spinreel</title>") && !plain.contains("og:"));
    assert_eq!(page(&path).await.text(), plain);
    change(
        &user,
        &video.links.this,
        json!({"title": "Tom & <b>Jerry</b>", "description": "Mice"}),
    )
    .await;
    assert_eq!(page(&path).await.text(), plain);

    for (visibility, is_hidden) in [("unlisted", true), ("public", false)] {
        change(&user, &video.links.this, json!({"visibility": visibility})).await;
        let shown = page(&path).await;
        let html = shown.text();
        assert!(
            html.contains("<title>Tom &amp; &lt;b&gt;Jerry&lt;/b&gt; · Spinreel</title>"),
            "{html}"
        );
        assert!(html.contains("property=\"og:description\" content=\"Mice\""));
        assert!(html.contains(&format!("content=\"http://films.example{path}\"")));
        assert_eq!(html.contains("noindex"), is_hidden);
        assert!(!html.contains(&user.username) && !html.contains("og:image"));
        assert_eq!(shown.header("cache-control"), "no-cache");
    }
    let request = user.request(Method::DELETE, &video.links.this);
    Reply::to(request).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(page(&path).await.text(), plain);
}

async fn change(user: &User<'_>, path: &str, to: serde_json::Value) {
    let request = user.request(Method::PATCH, path).header("if-match", "*");
    Reply::to(request.json(&to)).await.expect(StatusCode::OK);
}
