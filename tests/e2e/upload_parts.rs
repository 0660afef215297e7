//! `POST /upload`: how clients write forms, and what stands in them besides the file.

use http::{Method, StatusCode};
use spinreel_tests::{Answer, App, Form, Receiver, Reply, User, eventually};

/// A form with one part, whose head says this of itself.
fn form(disposition: &str) -> Form {
    let head = format!("Content-Disposition: {disposition}\r\n");
    Form::new().part(head.as_bytes(), b"bytes")
}

async fn assert_nothing_stored(app: &App, user: &User<'_>) {
    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (0, 0));
    assert!(user.videos().await.is_empty());
    assert!(app.objects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_has_the_name_that_its_client_gave_it() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    let exact = "form-data; filename*=UTF-8''%C3%BC%20exact.mp4; filename=\"_.mp4\"; name=\"file\"";
    for (disposition, name) in [
        (
            "form-data; filename=\"first.mp4\"; name=\"file\"",
            "first.mp4",
        ),
        ("FORM-DATA;NAME=file;FileName=bare.mp4", "bare.mp4"),
        (
            "form-data; name=\"file\"; filename=\"a%22b.mp4\"",
            "a\"b.mp4",
        ),
        (
            "form-data; name=\"file\"; filename=\"c\\\"d.mp4\"",
            "c\"d.mp4",
        ),
        (
            "form-data; name=\"file\"; filename=\"50%25.mp4\"",
            "50%25.mp4",
        ),
        (
            "form-data; filename=\"; name=x.mp4\"; name=file",
            "; name=x.mp4",
        ),
        (
            "form-data; xfilename=a; xname=b; name=file; filename=x.mp4",
            "x.mp4",
        ),
        (exact, "\u{fc} exact.mp4"),
    ] {
        let reply = user.upload_form(form(disposition)).await;
        assert_eq!(reply.status, 200, "{disposition}: {}", reply.text());
        let stored = format!("{}/{name}", user.username);
        let files = user.status().await.files;
        assert!(
            files.iter().any(|file| file.filename == stored),
            "{disposition}: {files:?}"
        );
    }
    for disposition in [
        "form-data; name=\"file\"; filename=\"report\\\"",
        "form-data; filename=\"report\\\"; name=\"file\"",
        "form-data; name=\"file\"; filename=\"a%0D%0Ab.mp4\"",
        "form-data; name=\"file\"; filename=\"_\"; filename*=UTF-8''..%2Fescape",
    ] {
        let reply = user.upload_form(form(disposition)).await;
        assert_eq!(
            reply.seen(),
            (400, r#"{"error":"Invalid file name"}"#),
            "{disposition}"
        );
    }
    for disposition in [
        "form-data; title=\"; name=file; filename=x\"; name=t",
        "attachment; name=\"file\"; filename=\"a\"",
    ] {
        let reply = user.upload_form(form(disposition)).await;
        assert_eq!(
            reply.seen(),
            (400, r#"{"error":"No file part"}"#),
            "{disposition}"
        );
    }
    for disposition in [
        "form-data; name=file; filename=a; name=b",
        "form-data; name=file filename=a",
    ] {
        let reply = user.upload_form(form(disposition)).await;
        assert_eq!(
            reply.seen(),
            (400, r#"{"error":"Malformed form"}"#),
            "{disposition}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_boundary_is_found_by_its_grammar() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    for (number, content_type) in [
        "Multipart/Form-Data; charset=utf-8; BOUNDARY=----spinreel-test-boundary",
        "multipart/form-data; x=\"; boundary=no\"; boundary=\"----spinreel-test-boundary\"",
    ]
    .into_iter()
    .enumerate()
    {
        let request = user
            .request(Method::POST, "/upload")
            .header("content-type", content_type)
            .body(Form::of_file(&format!("{number}.mp4"), b"bytes").into_body());
        Reply::to(request).await.expect(StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_beside_a_file_is_no_part_of_its_size() {
    let app = App::builder()
        .variable("storage_limit_bytes", "1000")
        .variable("bandwidth_limit_bytes", "2000")
        .start()
        .await;
    let user = app.with_user().await;
    let field = "x".repeat(1_000_000);
    for (name, form) in [
        (
            "before.mp4",
            Form::new()
                .text("title", &field)
                .file("file", "before.mp4", "video/mp4", &[1; 500]),
        ),
        (
            "after.mp4",
            Form::of_file("after.mp4", &[1; 500]).text("title", &field),
        ),
    ] {
        let reply = user.upload_form(form).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
    }
    assert_eq!(user.status().await.used_storage, 1_000);
    let today = user
        .settled("both are settled", |today| today.uploads == 2)
        .await;
    assert_eq!(today.upload_bytes, 1_000);
    // The file's own bytes count as before.
    let form = Form::of_file("more.mp4", &[1; 1]).text("title", &field);
    let reply = user.upload_form(form).await;
    assert_eq!(reply.status, 403, "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_with_more_than_a_mebibyte_besides_its_file_is_refused() {
    let app = App::builder().as_spin().start().await;
    let user = app.with_user().await;
    let field = "x".repeat(1024 * 1024);
    for form in [
        Form::new()
            .text("title", &field)
            .file("file", "a.mp4", "video/mp4", b"bytes"),
        Form::of_file("a.mp4", b"bytes").text("title", &field),
    ] {
        let reply = user.upload_form(form).await;
        assert_eq!(
            reply.seen(),
            (
                413,
                r#"{"error":"A form may have 1048576 bytes besides its file"}"#
            )
        );
    }
    assert_nothing_stored(&app, &user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_files_none_is_kept() {
    let app = App::start().await;
    let user = app.with_user().await;
    // One that goes to the bucket in one request, and one that needs a session.
    for size in [5, 9_000_000] {
        let form =
            Form::of_file("a.mp4", &vec![b'x'; size]).file("file", "b.mp4", "video/mp4", b"more");
        let reply = user.upload_form(form).await;
        assert_eq!(
            reply.seen(),
            (400, r#"{"error":"More than one file part"}"#),
            "{size}"
        );
    }
    assert_nothing_stored(&app, &user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_media_type_that_is_none_or_too_long_does_not_count() {
    let app = App::start().await;
    let user = app.with_user().await;
    let long = format!("video/{}", "x".repeat(300));
    for (number, content_type) in [long.as_str(), "no media type", "video/mp4; x"]
        .into_iter()
        .enumerate()
    {
        let name = format!("{number}.bin");
        let form = Form::new().file("file", &name, content_type, b"bytes");
        user.upload_form(form).await.expect(StatusCode::OK);
        let video = user.video_of(&name).await;
        assert_eq!(
            video.content_type, "application/octet-stream",
            "{content_type}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalogue_that_refuses_a_file_for_good_is_not_told_again() {
    let catalogue = Receiver::start().await;
    catalogue.next([Answer::Status(422), Answer::Status(503)]);
    let app = App::builder()
        .variable("video_service_url", &catalogue.origin())
        .start()
        .await;
    let email = {
        let (user, admin) = (app.with_user().await, app.with_admin().await);
        for name in ["refused.mp4", "later.mp4"] {
            user.upload(name, b"bytes").await.expect(StatusCode::OK);
        }
        eventually("the refusal is in the log", || async {
            let lines = admin.get("/v1/logs?action=catalogue.refused").await;
            lines.text().contains("422").then_some(())
        })
        .await;
        user.email.clone()
    };
    let told = catalogue.received();
    assert!(
        told.iter()
            .all(|request| request.target.starts_with("PUT /internal/videos/"))
    );
    assert_eq!(told.len(), 2);
    // The second file was refused for that moment only.
    let app = app
        .restart_with("video_service_url", "http://video-service.spin.internal")
        .await;
    app.with_admin().await.sweep_clean().await;
    let user = User::sign_in(&app, &email, User::PASSWORD).await;
    assert_eq!(user.status().await.files.len(), 2);
    let videos = user.videos().await;
    assert_eq!(videos.len(), 1);
    assert_eq!(videos[0].filename, "later.mp4");
}
