//! `POST /upload`: what is no file. Each is refused with the contract's words and leaves nothing behind. On a
//! host that is never better than Spin.

use http::Method;
use spinreel_tests::{App, Form, Reply, User};

const NO_FILE_PART: (u16, &str) = (400, r#"{"error":"No file part"}"#);
const NO_SELECTED_FILE: (u16, &str) = (400, r#"{"error":"No selected file"}"#);
const INVALID_FILE_NAME: (u16, &str) = (400, r#"{"error":"Invalid file name"}"#);

async fn assert_nothing_stored(app: &App, user: &User<'_>) {
    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (0, 0));
    assert!(user.videos().await.is_empty());
    assert!(app.objects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_without_a_file_is_refused() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    let no_name = b"Content-Disposition: form-data; name=\"file\"\r\n";
    for (what, form) in [
        ("no part", Form::new()),
        ("another part", Form::new().text("title", "clip")),
        (
            "another name",
            Form::new().file("video", "clip.mp4", "video/mp4", b"x"),
        ),
        (
            "a file part that is no file",
            Form::new().part(no_name, b"x"),
        ),
    ] {
        assert_eq!(user.upload_form(form).await.seen(), NO_FILE_PART, "{what}");
    }
    assert_nothing_stored(&app, &user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_no_form_is_refused() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    let body = Form::of_file("clip.mp4", b"bytes").into_body();
    let too_long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    for (what, content_type) in [
        (
            "another boundary",
            Some("multipart/form-data; boundary=other"),
        ),
        ("no boundary", Some("multipart/form-data")),
        ("a boundary that is too long", Some(too_long.as_str())),
        ("another type", Some("application/json")),
        ("a broken type", Some("multipart")),
        ("no type", None),
    ] {
        let mut request = user.request(Method::POST, "/upload").body(body.clone());
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        assert_eq!(Reply::to(request).await.seen(), NO_FILE_PART, "{what}");
    }
    let empty = user
        .request(Method::POST, "/upload")
        .header("content-type", Form::new().content_type());
    assert_eq!(Reply::to(empty).await.seen(), NO_FILE_PART);
    assert_nothing_stored(&app, &user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_file_name_is_refused() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    assert_eq!(user.upload("", b"bytes").await.seen(), NO_SELECTED_FILE);
    assert_nothing_stored(&app, &user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_name_that_could_leave_its_place_is_refused() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    let too_long = "x".repeat(300);
    let too_long_in_bytes = "ü".repeat(128);
    for name in [
        "a/b.mp4",
        "/etc/passwd",
        "../clip.mp4",
        "a\\\\b.mp4",
        ".",
        "..",
        "tab\tbed.mp4",
        "next\u{85}line.mp4",
        too_long.as_str(),
        too_long_in_bytes.as_str(),
    ] {
        assert_eq!(
            user.upload(name, b"bytes").await.seen(),
            INVALID_FILE_NAME,
            "{name:?}"
        );
    }
    assert_nothing_stored(&app, &user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_name_with_a_character_that_no_header_may_have_is_refused() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    for name in [
        "bell\u{7}.mp4",
        "zero\0.mp4",
        "delete\u{7f}.mp4",
        "escape\u{1b}[2J.mp4",
    ] {
        let reply = user.upload(name, b"bytes").await;
        assert_eq!(reply.status, 400, "{name:?}");
    }
    let utf_8_cut_in_two =
        b"Content-Disposition: form-data; name=\"file\"; filename=\"a\xc3.mp4\"\r\n";
    let reply = user
        .upload_form(Form::new().part(utf_8_cut_in_two, b"bytes"))
        .await;
    assert_eq!(reply.status, 400);
    assert_nothing_stored(&app, &user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_ends_early_is_refused() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    let form = Form::of_file("clip.mp4", &[b'x'; 10_000]);
    let content_type = form.content_type();
    let body = form.into_body();
    let head = body.len() - 10_000 - "\r\n------spinreel-test-boundary--\r\n".len();
    for length in [10, head - 5, head, head + 1, head + 5_000, body.len() - 10] {
        let request = user
            .request(Method::POST, "/upload")
            .header("content-type", content_type.as_str())
            .body(body[..length].to_vec());
        let reply = Reply::to(request).await;
        assert_eq!(reply.status, 400, "{length} bytes: {}", reply.text());
    }
    assert_nothing_stored(&app, &user).await;
}
