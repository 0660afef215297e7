//! `POST /upload`: what is accepted.

use http::{Method, StatusCode};
use spinreel_api::videos::{Status, Visibility};
use spinreel_tests::{App, CLIP, Form, Reply};

const UPLOADED: (u16, &str) = (200, r#"{"message":"File uploaded successfully"}"#);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_comes_back_byte_for_byte() {
    let app = App::start().await;
    let user = app.with_user().await;
    let reply = user.upload("clip.mp4", CLIP).await;
    assert_eq!(reply.seen(), UPLOADED);
    assert_eq!(reply.header("content-type"), "application/json");

    let video = user.video_of("clip.mp4").await;
    let content = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(content.body == CLIP, "the bytes differ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_appears_in_the_status_the_catalogue_and_the_bucket() {
    let app = App::start().await;
    let user = app.with_user().await;
    assert_eq!(user.upload("clip.mp4", CLIP).await.seen(), UPLOADED);

    let status = user.status().await;
    assert_eq!(status.used_storage, CLIP.len() as i64);
    assert_eq!(status.files.len(), 1);
    let stored_name = format!("{}/clip.mp4", user.username);
    assert_eq!(status.files[0].filename, stored_name);
    assert_eq!(app.objects().await, [stored_name]);

    let videos = user.videos().await;
    assert_eq!(videos.len(), 1);
    let video = &videos[0];
    assert_eq!(video.owner, user.id);
    assert_eq!(
        (video.filename.as_str(), video.title.as_str()),
        ("clip.mp4", "clip.mp4")
    );
    assert_eq!(video.visibility, Visibility::Private);
    assert_eq!(video.status, Status::Ready);
    assert_eq!(video.size, CLIP.len() as u64);
    assert_eq!(video.content_type, "video/mp4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_bytes_are_accepted_and_come_back() {
    let app = App::start().await;
    let user = app.with_user().await;
    let every_byte: Vec<u8> = (0..=255).cycle().take(5_000_000).collect();
    let like_a_boundary = b"\r\n------spinreel-test-boundar\r\n--\r\n\r\n".to_vec();
    for (name, bytes) in [
        ("empty.mp4", Vec::new()),
        ("one.mp4", vec![0]),
        ("every.bin", every_byte),
        ("boundary.txt", like_a_boundary),
        ("page.html", b"<script>alert(1)</script>".to_vec()),
    ] {
        assert_eq!(user.upload(name, &bytes).await.seen(), UPLOADED, "{name}");
        let video = user.video_of(name).await;
        assert_eq!(video.size, bytes.len() as u64, "{name}");
        let content = user.get(&video.links.content).await.expect(StatusCode::OK);
        assert!(content.body == bytes, "{name}: the bytes differ");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_file_name_that_is_one_is_accepted() {
    let app = App::start().await;
    let user = app.with_user().await;
    let longest = format!("{}.mp4", "x".repeat(251));
    let names = [
        "été 2024.mov",
        "影片🎬.mp4",
        "...",
        ".hidden",
        "no extension",
        "a;b=c&d?e#f%2Fg+h.mp4",
        "'quoted'.mp4",
        longest.as_str(),
    ];
    for name in names {
        assert_eq!(
            user.upload(name, name.as_bytes()).await.seen(),
            UPLOADED,
            "{name}"
        );
    }
    let files = user.status().await.files;
    for name in names {
        let stored = format!("{}/{name}", user.username);
        assert!(files.iter().any(|file| file.filename == stored), "{name}");
        let video = user.video_of(name).await;
        let content = user.get(&video.links.content).await.expect(StatusCode::OK);
        assert_eq!(content.body, name, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_fields_of_the_form_do_not_matter() {
    let app = App::start().await;
    let user = app.with_user().await;
    let form = Form::new()
        .text("title", "Holiday")
        .file("other", "other.mp4", "video/mp4", b"not this one")
        .file("file", "clip.mp4", "video/mp4", b"this one")
        .text("description", "By the sea");
    assert_eq!(user.upload_form(form).await.seen(), UPLOADED);
    let video = user.video_of("clip.mp4").await;
    let content = user.get(&video.links.content).await;
    assert_eq!(content.seen(), (200, "this one"));
    assert_eq!(user.status().await.files.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_unknown_length_is_accepted() {
    let app = App::start().await;
    let user = app.with_user().await;
    let form = Form::of_file("clip.mp4", CLIP);
    let content_type = form.content_type();
    let pieces: Vec<_> = form
        .into_body()
        .chunks(10_000)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect();
    let request = user
        .request(Method::POST, "/upload")
        .header("content-type", content_type)
        .body(reqwest::Body::wrap_stream(futures::stream::iter(pieces)));
    assert_eq!(Reply::to(request).await.seen(), UPLOADED);
    let video = user.video_of("clip.mp4").await;
    let content = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(content.body == CLIP, "the bytes differ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_users_may_have_files_of_the_same_name() {
    let app = App::start().await;
    let (ada, bob) = (app.with_user().await, app.with_user().await);
    assert_eq!(ada.upload("clip.mp4", b"of ada").await.seen(), UPLOADED);
    assert_eq!(bob.upload("clip.mp4", b"of bob").await.seen(), UPLOADED);
    for (user, bytes) in [(&ada, "of ada"), (&bob, "of bob")] {
        let video = user.video_of("clip.mp4").await;
        assert_eq!(user.get(&video.links.content).await.seen(), (200, bytes));
    }
}
