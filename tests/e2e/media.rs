//! What an uploaded file is as a video.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::Value;
use spinreel_api::videos::{Status, Video};
use spinreel_tests::foreign::film;
use spinreel_tests::{App, Fault, Reply, User};

/// Uploads a file and gives its video when it is known what it is.
async fn uploaded(user: &User<'_>, name: &str, bytes: &[u8]) -> Video {
    user.upload(name, bytes).await.expect(StatusCode::OK);
    user.inspected(name).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_uploaded_film_shows_what_it_is() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    for (name, container, video_codec, audio_codec) in [
        ("h264-aac.mp4", "mp4", "avc1.64000b", Some("mp4a.40.2")),
        ("h264-aac.mov", "mov", "avc1.64000b", Some("mp4a.40.2")),
        ("fragmented.mp4", "mp4", "avc1.64000b", Some("mp4a.40.2")),
        ("hevc-10bit.mp4", "mp4", "hev1.2.4.L30.90", None),
        ("vp9-opus.webm", "webm", "vp09.00.10.08", Some("opus")),
        ("h264-aac.mkv", "mkv", "avc1.64000b", Some("mp4a.40.2")),
    ] {
        let video = uploaded(&user, name, &film(name)).await;
        assert_eq!(video.status, Status::Ready, "{name}");
        assert_eq!(video.unplayable_reason, None, "{name}");
        let media = video.media.expect(name);
        assert_eq!(media.container, container, "{name}");
        assert_eq!((media.width, media.height), (160, 90), "{name}");
        assert!(
            media.duration_ms.abs_diff(2_000) <= 100,
            "{name}: {}",
            media.duration_ms
        );
        assert_eq!(media.video_codec.as_deref(), Some(video_codec), "{name}");
        assert_eq!(media.audio_codec.as_deref(), audio_codec, "{name}");
    }
    let rotated = uploaded(&user, "r.mp4", &film("h264-rotated-90.mp4")).await;
    let shown: Value = user.read(&rotated.links.this).await;
    assert_eq!(shown["media"]["rotation"], 270, "{shown}");
    assert_eq!(shown["media"]["frame_rate"], 25, "{shown}");
    assert_eq!(shown["media"]["fast_start"], false, "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_played_says_why_and_is_kept() {
    let app = App::start().await;
    let user = app.with_user().await;
    let whole = film("h264-aac.mp4");
    let fast = film("h264-aac-fast.mp4");
    for (name, bytes, reason) in [
        (
            "moov-last.mp4",
            &whole[..20_000],
            "The file ends before its index.",
        ),
        (
            "fast.mp4",
            &fast[..20_000],
            "The file is cut off: its index names more than the file has.",
        ),
        (
            "sound.m4a",
            &film("sound.m4a"),
            "The file has no video track.",
        ),
        (
            "notes.mp4",
            b"just some text",
            "The file is not an MP4, QuickTime, WebM or Matroska file.",
        ),
        ("empty.mp4", b"", "The file is empty."),
    ] {
        let video = uploaded(&user, name, bytes).await;
        assert_eq!(video.status, Status::Unplayable, "{name}");
        assert_eq!(video.unplayable_reason.as_deref(), Some(reason), "{name}");
        assert_eq!(video.media, None, "{name}");
        let content = user.get(&video.links.content).await.expect(StatusCode::OK);
        assert!(content.body == bytes, "{name}");
    }
    let listed: Value = user.read("/v1/videos?status=unplayable").await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(5));
}

/// The same film with 5 MiB behind it (ISO/IEC 14496-12, 8.1.2), so that it does not pass in one chunk.
fn large_film(name: &str) -> Vec<u8> {
    let mut film = film(name);
    let free: u32 = 5 * 1024 * 1024;
    film.extend(free.to_be_bytes());
    film.extend(b"free");
    film.resize(film.len() + free as usize - 8, 0);
    film
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inspection_that_failed_is_made_up_for_by_the_next_request() {
    let app = App::start().await;
    let user = app.with_user().await;
    app.bucket_faults(&[Fault::status(503, None).on("GET")])
        .await;
    let name = "h264-aac.mp4";
    let reply = user.upload(name, &large_film(name)).await;
    reply.expect(StatusCode::OK);
    let video = user.video_of(name).await;
    app.idle().await;
    assert_eq!(user.video_of(name).await.media, None);
    app.bucket().clear_faults().await;
    app.advance_clock(Duration::from_secs(6));
    let first: Video = user.read(&video.links.this).await;
    assert_eq!((first.media, first.status), (None, Status::Ready));
    assert!(user.inspected(name).await.media.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_found_out_is_no_change_of_the_version_that_a_client_knows() {
    let app = App::start().await;
    let user = app.with_user().await;
    app.bucket_faults(&[Fault::status(503, None).on("GET")])
        .await;
    let name = "h264-aac.mp4";
    let reply = user.upload(name, &large_film(name)).await;
    reply.expect(StatusCode::OK);
    let video = user.video_of(name).await;
    let before = user.get(&video.links.this).await.header("etag").to_owned();
    app.idle().await;
    app.bucket().clear_faults().await;
    app.advance_clock(Duration::from_secs(6));
    let after = user.inspected(name).await;
    assert!(after.media.is_some());
    let request = user.request(Method::PATCH, &video.links.this);
    let request = request.header("if-match", before.as_str());
    let change = serde_json::json!({ "title": "A test picture" });
    let changed: Video = Reply::to(request.json(&change))
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(
        (changed.title.as_str(), changed.media),
        ("A test picture", after.media)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_long_index_is_read_in_little_memory() {
    const MIB: usize = 1024 * 1024;
    let app = App::builder()
        .memory_limit("video-service", 8 * MIB)
        .start()
        .await;
    let user = app.with_user().await;
    user.upload("text.mp4", b"a text")
        .await
        .expect(StatusCode::OK);
    user.inspected("text.mp4").await;
    let base = app.host().peak_memory("video-service");
    let video = uploaded(&user, "hour.mp4", &film("hour.mp4")).await;
    let media = video.media.expect("an hour");
    assert!(
        media.duration_ms.abs_diff(3_650_000) < 50_000,
        "{}",
        media.duration_ms
    );
    let peak = app.host().peak_memory("video-service");
    assert!(peak - base <= 4 * MIB, "{base} and {peak} bytes");
}
