//! `delivery = redirect`: the bucket itself sends the bytes, for whoever has the signed URL.

use http::{Method, StatusCode};
use reqwest::redirect::Policy;
use spinreel_tests::{App, CLIP, Form, Reply, User, eventually};

async fn with_redirects() -> App {
    App::builder()
        .variable("delivery", "redirect")
        .start()
        .await
}

/// A client that goes where it is sent only when it wants to.
fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .unwrap()
}

/// Asks for a video's bytes; gives the answer that leads to the bucket.
async fn ask(app: &App, user: &User<'_>, method: Method, path: &str) -> Reply {
    let url = format!("http://{}{path}", app.address());
    let request = client().request(method, url).bearer_auth(&user.token);
    Reply::to(request).await
}

/// The signed URL of a video.
async fn location(app: &App, user: &User<'_>, path: &str) -> String {
    let reply = ask(app, user, Method::GET, path).await;
    assert!([302, 307].contains(&reply.status), "{}", reply.status);
    assert!(reply.body.is_empty());
    // The URL is a credential, and ends soon.
    assert!(
        reply.header("cache-control").contains("private")
            || reply.header("cache-control").contains("no-store"),
        "{:?}",
        reply.headers
    );
    reply.header("location").to_owned()
}

/// A parameter of a URL.
fn parameter<'a>(url: &'a str, name: &str) -> &'a str {
    let (_, query) = url.split_once('?').expect("a query");
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("{name} is not in {url}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_signed_url_gives_the_bytes_without_credentials() {
    let app = with_redirects().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    let url = location(&app, &user, &video.links.content).await;
    assert!(url.starts_with(app.bucket_origin()), "{url}");
    let reply = Reply::to(client().get(&url)).await.expect(StatusCode::OK);
    assert!(reply.body == CLIP, "the bytes differ");
    assert_eq!(reply.header("content-type"), "video/mp4");
    // Ranges are the bucket's to answer.
    let ranged = client().get(&url).header("range", "bytes=100-199");
    let reply = Reply::to(ranged).await.expect(StatusCode::PARTIAL_CONTENT);
    assert!(reply.body == CLIP[100..200], "the bytes differ");
    // A client that follows by itself needs nothing else.
    let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(reply.body == CLIP, "the bytes differ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_page_is_none_of_the_bucket() {
    let app = with_redirects().await;
    let user = app.with_user().await;
    let page = b"<script>alert(document.domain)</script>";
    for (name, declared, shown) in [
        ("page.html", "text/html", "application/octet-stream"),
        ("picture.svg", "image/svg+xml", "application/octet-stream"),
        ("clip.mp4", "video/mp4; x=\"text/html\"", "video/mp4"),
    ] {
        let form = Form::new().file("file", name, declared, page);
        user.upload_form(form).await.expect(StatusCode::OK);
        let video = user.video_of(name).await;
        for download in [false, true] {
            let path = match download {
                true => format!("{}?download=1", video.links.content),
                false => video.links.content.clone(),
            };
            let url = location(&app, &user, &path).await;
            let reply = Reply::to(client().get(&url)).await.expect(StatusCode::OK);
            assert_eq!(reply.header("content-type"), shown, "{name}");
            let is_saved = reply
                .header("content-disposition")
                .starts_with("attachment");
            assert_eq!(is_saved, download || shown != "video/mp4", "{name}");
            // Both are signed.
            let wanted = parameter(&url, "response-content-type");
            let tampered = url.replace(wanted, "text%2Fhtml");
            assert_ne!(tampered, url);
            assert_eq!(Reply::to(client().get(&tampered)).await.status, 403);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_url_is_for_a_short_time_and_for_one_file() {
    let app = with_redirects().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    user.upload("other.mp4", b"other bytes")
        .await
        .expect(StatusCode::OK);
    let url = location(&app, &user, &video.links.content).await;
    let seconds: u64 = parameter(&url, "X-Goog-Expires").parse().unwrap();
    assert!((1..=3_600).contains(&seconds), "{seconds} s");
    let expires = format!("X-Goog-Expires={seconds}");
    let date = parameter(&url, "X-Goog-Date");
    let signature = parameter(&url, "X-Goog-Signature");
    let mut other_signature = signature.to_owned();
    let last = other_signature.pop().unwrap();
    other_signature.push(if last == '0' { '1' } else { '0' });
    for tampered in [
        url.replace(&expires, "X-Goog-Expires=604800"),
        url.replace(date, "20200101T000000Z"),
        url.replace("clip.mp4", "other.mp4"),
        url.replace(signature, &other_signature),
        url.split_once('?').unwrap().0.to_owned(),
    ] {
        assert_ne!(tampered, url);
        let reply = Reply::to(client().get(&tampered)).await;
        assert!(
            [400, 401, 403].contains(&reply.status),
            "{}: {tampered}",
            reply.status
        );
    }
    // It reads, and does nothing else.
    for method in [Method::DELETE, Method::PUT] {
        let reply = Reply::to(client().request(method, &url)).await;
        assert!([400, 401, 403].contains(&reply.status), "{}", reply.status);
    }
    assert_eq!(app.objects().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_see_a_video_gets_no_signed_url() {
    let app = with_redirects().await;
    let (user, stranger) = (app.with_user().await, app.with_user().await);
    let video = user.upload_video("clip.mp4", CLIP).await;
    let reply = ask(&app, &stranger, Method::GET, &video.links.content).await;
    assert_eq!(reply.problem(), (404, "not_found".to_owned()));
    let anonymous = app.request(Method::GET, &video.links.content);
    let reply = Reply::to(anonymous).await;
    assert_eq!(reply.header("location"), "");
    assert_ne!(reply.status, 200);
    // A deleted file's URL leads nowhere.
    let url = location(&app, &user, &video.links.content).await;
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    assert_eq!(Reply::to(client().get(&url)).await.status, 404);
    let reply = ask(&app, &user, Method::GET, &video.links.content).await;
    assert_eq!(reply.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_of_the_name_is_not_what_an_old_url_gives() {
    let app = with_redirects().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"old").await;
    let url = location(&app, &user, &video.links.content).await;
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    user.upload("clip.mp4", b"new").await.expect(StatusCode::OK);
    let reply = Reply::to(client().get(&url)).await;
    assert_eq!(reply.status, 404, "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_url_is_in_no_log() {
    let app = with_redirects().await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    let video = user.upload_video("clip.mp4", CLIP).await;
    let url = location(&app, &user, &video.links.content).await;
    let signature = parameter(&url, "X-Goog-Signature").to_owned();
    Reply::to(client().get(&url)).await.expect(StatusCode::OK);
    // A line that comes after those of the request.
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    eventually("the deletion is in the log", || async {
        let lines = admin.get("/v1/logs?action=file.deleted").await;
        lines.text().contains("file.deleted").then_some(())
    })
    .await;
    let lines = admin.get("/v1/logs?limit=200").await;
    let mut logs = vec![lines.text().to_owned()];
    for entry in std::fs::read_dir(app.state_dir().join("logs")).unwrap() {
        logs.push(std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    for log in logs {
        assert!(!log.contains(&signature), "{log}");
        assert!(!log.contains("X-Goog-Signature"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_does_not_exist_stops_requests_and_health_names_it() {
    let app = App::builder().variable("delivery", "pigeon").start().await;
    let health = app.get("/v1/storage/health").await;
    assert_eq!(health.status, 503);
    let health: serde_json::Value = health.json();
    assert_eq!(health["wrong_variables"], serde_json::json!(["delivery"]));
    let user = app.with_user().await;
    assert_eq!(user.upload("clip.mp4", CLIP).await.status, 500);
}
