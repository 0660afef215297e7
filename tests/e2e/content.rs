//! `GET`, `HEAD /v1/videos/{id}/content`: the bytes and their parts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use spinreel_tests::{App, CLIP, Form, Reply, User};

async fn ranged(user: &User<'_>, path: &str, range: &str) -> Reply {
    Reply::to(user.request(Method::GET, path).header("range", range)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_file_has_all_its_headers() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(reply.body == CLIP, "the bytes differ");
    assert_eq!(reply.header("content-length"), CLIP.len().to_string());
    assert_eq!(reply.header("content-type"), "video/mp4");
    assert_eq!(reply.header("accept-ranges"), "bytes");
    assert_eq!(reply.header("cache-control"), "private, no-cache");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert!(reply.header("content-security-policy").contains("sandbox"));
    assert!(reply.header("etag").starts_with('"'));
    let checksum = STANDARD.encode(crc32c::crc32c(CLIP).to_be_bytes());
    assert_eq!(reply.header("repr-digest"), format!("crc32c=:{checksum}:"));
    assert!(reply.header("last-modified").ends_with(" GMT"));
    assert_eq!(reply.header("content-disposition"), "");
    assert_eq!(reply.header("content-range"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_has_the_headers_of_get_and_no_body() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    for (range, status) in [
        (None, 200),
        (Some("bytes=0-9"), 206),
        (Some("bytes=-5"), 206),
        (Some("bytes=99999999-"), 416),
    ] {
        let ask = async |method| {
            let mut request = user.request(method, &video.links.content);
            if let Some(range) = range {
                request = request.header("range", range);
            }
            Reply::to(request).await
        };
        let (head, get) = (ask(Method::HEAD).await, ask(Method::GET).await);
        assert_eq!(head.seen(), (status, ""), "{range:?}");
        assert_eq!(get.status, status, "{range:?}");
        for name in [
            "content-length",
            "content-range",
            "content-type",
            "etag",
            "last-modified",
            "accept-ranges",
            "cache-control",
        ] {
            assert_eq!(head.header(name), get.header(name), "{range:?} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_gives_that_part() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    let size = CLIP.len();
    for (range, start, end) in [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=1000-1999", 1_000, 1_999),
        ("bytes=80000-", 80_000, size - 1),
        ("bytes=-500", size - 500, size - 1),
        ("bytes=-99999999", 0, size - 1),
        ("bytes=87000-99999999", 87_000, size - 1),
    ] {
        let reply = ranged(&user, &video.links.content, range).await;
        let reply = reply.expect(StatusCode::PARTIAL_CONTENT);
        assert!(reply.body == CLIP[start..=end], "{range}: the bytes differ");
        assert_eq!(
            reply.header("content-range"),
            format!("bytes {start}-{end}/{size}")
        );
        assert_eq!(
            reply.header("content-length"),
            (end - start + 1).to_string()
        );
        assert_eq!(reply.header("content-type"), "video/mp4");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_may_ignore_of_a_range_gives_the_whole_file() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"0123456789").await;
    for range in ["items=0-1", "bytes=5-4", "bytes=x-y", "0-1", "bytes"] {
        let reply = ranged(&user, &video.links.content, range).await;
        assert_eq!(reply.seen(), (200, "0123456789"), "{range}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_past_the_end_cannot_be_satisfied() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", b"0123456789").await;
    for range in [
        "bytes=10-",
        "bytes=10-20",
        "bytes=-0",
        "bytes=99999999999999999999-",
    ] {
        let reply = ranged(&user, &video.links.content, range).await;
        assert_eq!(
            reply.problem(),
            (416, "range_not_satisfiable".to_owned()),
            "{range}"
        );
        assert_eq!(reply.header("content-range"), "bytes */10");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_file_is_an_empty_answer() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("empty.mp4", b"").await;
    let reply = user.get(&video.links.content).await;
    assert_eq!(reply.seen(), (200, ""));
    assert_eq!(reply.header("content-length"), "0");
    let reply = ranged(&user, &video.links.content, "bytes=0-").await;
    assert_eq!(reply.status, 416);
    assert_eq!(reply.header("content-range"), "bytes */0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_names_the_file() {
    let app = App::start().await;
    let user = app.with_user().await;
    for (name, disposition) in [
        (
            "clip.mp4",
            "attachment; filename=\"clip.mp4\"; filename*=UTF-8''clip.mp4",
        ),
        (
            "a 'b'.mp4",
            "attachment; filename=\"a 'b'.mp4\"; filename*=UTF-8''a%20%27b%27.mp4",
        ),
        (
            "été;.mp4",
            "attachment; filename=\"_t_;.mp4\"; filename*=UTF-8''%C3%A9t%C3%A9%3B.mp4",
        ),
    ] {
        let video = user.upload_video(name, b"bytes").await;
        let reply = user
            .get(&format!("{}?download=1", video.links.content))
            .await;
        assert_eq!(reply.seen(), (200, "bytes"), "{name}");
        assert_eq!(reply.header("content-disposition"), disposition);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_page_is_never_served_as_one() {
    let app = App::start().await;
    let user = app.with_user().await;
    for (number, (declared, served)) in [
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("video/webm", "video/webm"),
        ("audio/mpeg", "audio/mpeg"),
        ("image/png", "image/png"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("file-{number}");
        let form = Form::new().file("file", &name, declared, b"<script>alert(1)</script>");
        user.upload_form(form).await.expect(StatusCode::OK);
        let video = user.video_of(&name).await;
        assert_eq!(video.content_type, declared);
        let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
        assert_eq!(reply.header("content-type"), served, "{declared}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert!(
            reply
                .header("content-security-policy")
                .contains("default-src 'none'")
        );
    }
}
