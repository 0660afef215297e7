//! HLS and DASH: playlists, manifests and segments.

use futures::future::join_all;
use http::{Method, StatusCode};
use serde_json::Value;
use spinreel_host::StoreOperation;
use spinreel_tests::foreign::film;
use spinreel_tests::{App, CLIP, Reply};

/// Segments of a second, so that short films have several.
pub(crate) async fn with_short_segments() -> App {
    App::builder()
        .variable("segment_seconds", "1")
        .start()
        .await
}

/// What is at an absolute URL of ours.
async fn get(app: &App, url: &str) -> Reply {
    let path = url
        .strip_prefix(&format!("http://{}", app.address()))
        .unwrap();
    Reply::to(app.request(Method::GET, path)).await
}

/// The URL that a line of a playlist means.
fn resolve(base: &str, line: &str) -> String {
    url::Url::parse(base).unwrap().join(line).unwrap().into()
}

/// The lines of a playlist that are no tags.
fn uris(playlist: &str) -> Vec<&str> {
    playlist
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_come_first_one_makes_the_index() {
    let app = with_short_segments().await;
    let user = app.with_user().await;
    let video = user.upload_video("film.webm", &film("vp9-opus.webm")).await;
    user.publish(&video.id).await;
    app.idle().await;
    let before = app.host().store_calls();
    let path = format!("{}/master.m3u8", video.links.this);
    let replies = join_all((0..8).map(|_| app.get(&path))).await;
    for reply in &replies {
        assert_eq!((reply.status, &reply.body), (200, &replies[0].body));
    }
    app.idle().await;
    let calls = app.host().store_calls().since(&before);
    // The number of the one attachment.
    assert_eq!(calls.of("storage", StoreOperation::Increment), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_are_whole_are_kept_have_ranges_and_are_billed() {
    let app = with_short_segments().await;
    let user = app.with_user().await;
    let video = user.upload_video("film.mp4", &film("h264-aac.mp4")).await;
    let given = user.links(&video).await;
    let master_url = given["hls_url"].as_str().unwrap();
    let master = get(&app, master_url).await.expect(StatusCode::OK);
    assert_eq!(
        master.header("content-type"),
        "application/vnd.apple.mpegurl"
    );
    assert_eq!(master.header("cache-control"), "private, no-cache");
    for tag in [
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "CODECS=\"avc1.64000b,mp4a.40.2\"",
        "RESOLUTION=160x90",
        "FRAME-RATE=25.000",
        "AVERAGE-BANDWIDTH=",
        "#EXT-X-I-FRAME-STREAM-INF:",
    ] {
        assert!(master.text().contains(tag), "{tag}\n{}", master.text());
    }
    let media_url = resolve(master_url, uris(master.text())[0]);
    let media = get(&app, &media_url).await.expect(StatusCode::OK);
    assert!(
        media.text().contains("#EXT-X-MAP:URI=\"init.mp4\""),
        "{}",
        media.text()
    );
    let init = get(&app, &resolve(&media_url, "init.mp4"))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&init.body[4..8], init.header("content-type")),
        (&b"ftyp"[..], "video/mp4")
    );
    let segments = uris(media.text());
    assert_eq!(segments, ["0.m4s", "1.m4s"]);
    let before = user.today().await;
    assert_eq!((before.downloads, before.download_bytes), (0, 0));
    let mut bytes = 0;
    for name in &segments {
        let url = resolve(&media_url, name);
        let segment = get(&app, &url).await.expect(StatusCode::OK);
        assert_eq!(
            segment.header("cache-control"),
            "private, max-age=31536000, immutable"
        );
        assert_eq!(segment.header("accept-ranges"), "bytes");
        assert_eq!(
            segment.header("content-length"),
            segment.body.len().to_string()
        );
        bytes += segment.body.len() as u64;
        let path = url
            .strip_prefix(&format!("http://{}", app.address()))
            .unwrap();
        for (range, from, to) in [("bytes=0-9", 0, 10), ("bytes=100-4999", 100, 5_000)] {
            let request = app.request(Method::GET, path).header("range", range);
            let part = Reply::to(request).await.expect(StatusCode::PARTIAL_CONTENT);
            let to = to.min(segment.body.len());
            assert!(part.body == segment.body[from..to], "{range}");
            bytes += part.body.len() as u64;
        }
        let etag = segment.header("etag");
        let request = app.request(Method::GET, path).header("if-none-match", etag);
        assert_eq!(Reply::to(request).await.seen(), (304, ""));
        let head = Reply::to(app.request(Method::HEAD, path)).await;
        assert_eq!(
            head.header("content-length"),
            segment.header("content-length")
        );
    }
    // What is made here alone is not billed: the range of ten bytes is a part of a head.
    user.settled("the segments are billed, and are one playback", |today| {
        today.downloads == 1 && (bytes - 20..=bytes).contains(&today.download_bytes)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_names_segments_that_are_there() {
    let app = with_short_segments().await;
    let user = app.with_user().await;
    let video = user
        .upload_video("film.mp4", &film("h264-two-tones.mp4"))
        .await;
    let given = user.links(&video).await;
    let url = given["dash_url"].as_str().unwrap();
    let manifest = get(&app, url).await.expect(StatusCode::OK);
    assert_eq!(manifest.header("content-type"), "application/dash+xml");
    let text = manifest.text();
    assert!(
        text.contains("urn:mpeg:dash:profile:isoff-live:2011"),
        "{text}"
    );
    for (attribute, media_type) in [("initialization=\"", 3), ("media=\"", 3)] {
        assert_eq!(text.matches(attribute).count(), media_type, "{text}");
        for part in text.split(attribute).skip(1) {
            let (name, _) = part.split_once('"').unwrap();
            let url = resolve(url, &name.replace("$Number$", "0"));
            get(&app, &url).await.expect(StatusCode::OK);
        }
    }
    assert!(
        text.contains("lang=\"eng\"") && text.contains("lang=\"deu\""),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_that_are_not_there_are_not_found() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = user.upload_video("clip.mp4", CLIP).await;
    let given = user.links(&video).await;
    let master_url = given["hls_url"].as_str().unwrap();
    let master = get(&app, master_url).await.expect(StatusCode::OK);
    let media_url = resolve(master_url, uris(master.text())[0]);
    for name in [
        "99.m4s",
        "-1.m4s",
        "00.m4s",
        "18446744073709551616.m4s",
        "1e3.m4s",
        "other",
        "../v1/media.m3u8",
        "../a7/init.mp4",
        "../captions/en.m3u8",
        "../../other/v0/0.m4s",
    ] {
        let reply = get(&app, &resolve(&media_url, name)).await;
        assert_eq!(reply.problem(), (404, "not_found".to_owned()), "{name}");
    }
    // Nobody but those who may see it finds them without a link.
    for name in ["master.m3u8", "manifest.mpd"] {
        let path = format!("{}/{name}", video.links.this);
        assert_eq!(app.get(&path).await.status, 404);
        user.get(&path).await.expect(StatusCode::OK);
    }
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    assert_eq!(get(&app, &media_url).await.status, 404);
    assert_eq!(get(&app, &resolve(&media_url, "0.m4s")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_packaged_has_no_such_links() {
    let app = App::start().await;
    let user = app.with_user().await;
    for (name, bytes) in [
        ("text.mp4", b"no film at all".to_vec()),
        ("vp8.webm", film("vp8-vorbis.webm")),
        ("avc.mkv", film("h264-aac.mkv")),
        ("pcm.mov", film("h264-pcm.mov")),
    ] {
        let video = user.upload_video(name, &bytes).await;
        let given = user.links(&video).await;
        assert_eq!(
            (&given["hls_url"], &given["dash_url"]),
            (&Value::Null, &Value::Null),
            "{name}"
        );
        let path = format!("{}/master.m3u8", video.links.this);
        assert_eq!(
            user.get(&path).await.problem(),
            (404, "not_found".to_owned()),
            "{name}"
        );
        let reply = get(&app, given["content_url"].as_str().unwrap()).await;
        assert!(reply.expect(StatusCode::OK).body == bytes);
    }
}
