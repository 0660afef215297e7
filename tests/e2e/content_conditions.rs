//! `GET`, `HEAD /v1/videos/{id}/content`: conditions (RFC 9110, section 13).

use http::{Method, StatusCode};
use spinreel_api::videos::Video;
use spinreel_tests::{App, Reply, User};

struct File<'a> {
    user: User<'a>,
    video: Video,
    etag: String,
    modified: String,
}

impl<'a> File<'a> {
    async fn new(app: &'a App) -> Self {
        let user = app.with_user().await;
        let video = user.upload_video("clip.mp4", b"0123456789").await;
        let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
        Self {
            etag: reply.header("etag").to_owned(),
            modified: reply.header("last-modified").to_owned(),
            user,
            video,
        }
    }

    async fn ask(&self, method: Method, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.user.request(method, &self.video.links.content);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::to(request).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_has_the_bytes_gets_none() {
    let app = App::start().await;
    let file = File::new(&app).await;
    let weak = format!("W/{}", file.etag);
    let list = format!("\"other\", {}", file.etag);
    for method in [Method::GET, Method::HEAD] {
        for tag in [file.etag.as_str(), weak.as_str(), list.as_str(), "*"] {
            let reply = file.ask(method.clone(), &[("if-none-match", tag)]).await;
            assert_eq!(reply.seen(), (304, ""), "{method} {tag}");
            assert_eq!(reply.header("etag"), file.etag);
            assert_eq!(reply.header("cache-control"), "private, no-cache");
        }
    }
    let since = file
        .ask(Method::GET, &[("if-modified-since", &file.modified)])
        .await;
    assert_eq!(since.seen(), (304, ""));
    let other = file
        .ask(Method::GET, &[("if-none-match", "\"other\"")])
        .await;
    assert_eq!(other.seen(), (200, "0123456789"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn if_range_gives_the_part_of_the_very_file_only() {
    let app = App::start().await;
    let file = File::new(&app).await;
    let weak = format!("W/{}", file.etag);
    for (validator, expected) in [
        (file.etag.as_str(), (206, "45")),
        (file.modified.as_str(), (206, "45")),
        (weak.as_str(), (200, "0123456789")),
        ("\"other\"", (200, "0123456789")),
        ("Tue, 14 Nov 2023 22:13:20 GMT", (200, "0123456789")),
    ] {
        let headers = [("range", "bytes=4-5"), ("if-range", validator)];
        let reply = file.ask(Method::GET, &headers).await;
        assert_eq!(reply.seen(), expected, "{validator}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_wants_other_bytes_is_told() {
    let app = App::start().await;
    let file = File::new(&app).await;
    let failed = (412, "precondition_failed".to_owned());
    let reply = file.ask(Method::GET, &[("if-match", "\"other\"")]).await;
    assert_eq!(reply.problem(), failed);
    let long_ago = "Tue, 14 Nov 2023 22:13:20 GMT";
    let reply = file
        .ask(Method::GET, &[("if-unmodified-since", long_ago)])
        .await;
    assert_eq!(reply.problem(), failed);
    let reply = file.ask(Method::GET, &[("if-match", &file.etag)]).await;
    assert_eq!(reply.seen(), (200, "0123456789"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_entity_tag_belongs_to_one_upload() {
    let app = App::start().await;
    let file = File::new(&app).await;
    file.user
        .delete_file("clip.mp4")
        .await
        .expect(StatusCode::OK);
    let video = file.user.upload_video("clip.mp4", b"0123456789").await;
    assert_ne!(video.id, file.video.id);
    let reply = file.user.get(&video.links.content).await;
    assert_ne!(reply.header("etag"), file.etag);
}
