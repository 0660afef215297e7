//! `POST /v1/videos`: a video that waits for its bytes, and one that comes with them.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::Page;
use spinreel_api::videos::{Status, Video, Visibility};
use spinreel_tests::{App, Form, Reply, User, eventually};

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

async fn create(user: &User<'_>, body: &Value) -> Reply {
    Reply::to(user.request(Method::POST, "/v1/videos").json(body)).await
}

async fn created(user: &User<'_>, body: &Value) -> Video {
    create(user, body).await.expect(StatusCode::CREATED).json()
}

/// The path of a video's upload.
fn upload_of(video: &Video) -> String {
    let link = video.links.upload.as_deref().expect("links.upload");
    let at = link.find("/v1/uploads/").expect("an upload's URL");
    link[at..].to_owned()
}

async fn patch(user: &User<'_>, path: &str, offset: usize, bytes: &[u8]) -> Reply {
    let request = user
        .request(Method::PATCH, path)
        .header(TUS.0, TUS.1)
        .header("upload-offset", offset)
        .header("content-type", "application/offset+octet-stream")
        .body(bytes.to_vec());
    Reply::to(request).await
}

async fn form(user: &User<'_>, form: Form) -> Reply {
    let request = user
        .request(Method::POST, "/v1/videos")
        .header("content-type", form.content_type())
        .body(form.into_body());
    Reply::to(request).await
}

async fn read(user: &User<'_>, id: &str) -> Reply {
    user.get(&format!("/v1/videos/{id}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_waits_for_its_bytes_and_is_ready_with_the_last_one() {
    let app = App::start().await;
    let user = app.with_user().await;
    let body = json!({
        "filename": "clip.mp4", "size": 10, "title": " A  film ", "description": "of it",
        "tags": ["sea", "Sea"], "visibility": "unlisted", "more": [],
    });
    let reply = create(&user, &body).await.expect(StatusCode::CREATED);
    let video: Video = reply.json();
    assert_eq!(reply.header("location"), format!("/v1/videos/{}", video.id));
    assert_eq!(video.status, Status::Uploading);
    assert_eq!((video.size, video.title.as_str()), (10, "A film"));
    assert_eq!(
        (video.tags.len(), video.visibility),
        (1, Visibility::Unlisted)
    );
    assert_eq!(video.content_type, "video/mp4");
    let origin = format!("http://{}/v1/uploads/", app.address());
    let link = video.links.upload.clone().unwrap();
    assert!(link.starts_with(&origin), "{link}");
    assert_eq!(user.get(&video.links.content).await.status, 404);
    assert_eq!(user.status().await.files.len(), 0);
    let path = upload_of(&video);
    patch(&user, &path, 0, b"0123")
        .await
        .expect(StatusCode::NO_CONTENT);
    let waiting: Video = read(&user, &video.id).await.json();
    assert_eq!(waiting.status, Status::Uploading);
    patch(&user, &path, 4, b"456789")
        .await
        .expect(StatusCode::NO_CONTENT);
    let ready: Video = read(&user, &video.id).await.json();
    assert_eq!(
        (ready.id, ready.title.as_str()),
        (video.id.clone(), "A film")
    );
    assert!(ready.links.upload.is_none());
    let bytes = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert_eq!(&bytes.body[..], b"0123456789");
    assert_eq!(user.videos().await.len(), 1);
    assert_eq!(
        user.status().await.files[0].filename,
        format!("{}/clip.mp4", user.username)
    );
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    assert_eq!(read(&user, &video.id).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_size_may_be_told_by_the_upload() {
    let app = App::start().await;
    let user = app.with_user().await;
    let video = created(&user, &json!({ "filename": "clip.mp4" })).await;
    assert_eq!((video.size, video.title.as_str()), (0, "clip.mp4"));
    let path = upload_of(&video);
    let head = user.request(Method::HEAD, &path).header(TUS.0, TUS.1);
    assert_eq!(Reply::to(head).await.header("upload-defer-length"), "1");
    let last = user
        .request(Method::PATCH, &path)
        .header(TUS.0, TUS.1)
        .header("upload-offset", 0)
        .header("upload-length", 3)
        .header("content-type", "application/offset+octet-stream")
        .body("abc");
    Reply::to(last).await.expect(StatusCode::NO_CONTENT);
    let ready: Video = read(&user, &video.id).await.json();
    assert_ne!(ready.status, Status::Uploading);
    assert_eq!(ready.size, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_goes_with_its_upload_and_an_upload_with_its_video() {
    let app = App::builder()
        .variable("upload_expiry_seconds", "60")
        .start()
        .await;
    let user = app.with_admin().await;
    let video = created(&user, &json!({ "filename": "a.mp4", "size": 10 })).await;
    let path = upload_of(&video);
    patch(&user, &path, 0, b"0123")
        .await
        .expect(StatusCode::NO_CONTENT);
    let end = user.request(Method::DELETE, &path).header(TUS.0, TUS.1);
    Reply::to(end).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(read(&user, &video.id).await.status, 404);
    assert_eq!(user.videos().await.len(), 0);

    let video = created(&user, &json!({ "filename": "b.mp4", "size": 10 })).await;
    let path = upload_of(&video);
    let for_good = format!("/v1/videos/{}?permanent=true", video.id);
    let end = user.request(Method::DELETE, &for_good);
    Reply::to(end).await.expect(StatusCode::NO_CONTENT);
    eventually("the upload has ended", || async {
        let gone = patch(&user, &path, 0, b"0123456789").await;
        [404, 410].contains(&gone.status).then_some(())
    })
    .await;
    assert_eq!(user.videos().await.len(), 0);

    let video = created(&user, &json!({ "filename": "c.mp4", "size": 10 })).await;
    app.advance_clock(Duration::from_secs(120));
    user.sweep_clean().await;
    assert_eq!(read(&user, &video.id).await.status, 404);
    assert_eq!(user.status().await.used_storage, 0);
    assert_eq!(user.reconcile(false).await, []);
    assert!(app.objects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_video_tells_its_owner_alone_where_its_bytes_go_and_goes_when_they_do_not_come() {
    let app = App::builder()
        .variable("upload_expiry_seconds", "60")
        // Tokens for the bucket go by the clock of the bucket.
        .anonymous_bucket()
        .start()
        .await;
    let (user, other) = (app.with_admin().await, app.with_user().await);
    let body = json!({ "filename": "a.mp4", "size": 10, "visibility": "public" });
    let never_begun = created(&user, &body).await;
    let body = json!({ "filename": "b.mp4", "size": 10, "tags": ["sea"] });
    let begun = created(&user, &body).await;
    patch(&user, &upload_of(&begun), 0, b"0123")
        .await
        .expect(StatusCode::NO_CONTENT);
    let ready = user.upload_video("ready.mp4", b"bytes").await;
    let listed = async |query: &str| -> Vec<Video> {
        let page: Page<Video> = user.read(&format!("/v1/videos?{query}")).await;
        page.items
    };
    let waiting = [begun.clone(), never_begun.clone()];
    assert_eq!(listed("status=uploading").await, waiting);
    assert_eq!(
        listed("").await,
        [&[ready.clone()][..], &waiting].concat(),
        "the list"
    );
    for video in &waiting {
        let shown = read(&user, &video.id).await;
        assert_eq!(shown.json::<Video>(), *video);
        // The link is nothing that a change could be about.
        let change = user.request(Method::PATCH, &video.links.this);
        let change = change.header("if-match", shown.header("etag"));
        Reply::to(change.json(&json!({ "title": video.title })))
            .await
            .expect(StatusCode::OK);
    }
    let seen: Video = read(&other, &never_begun.id).await.json();
    assert_eq!((seen.status, seen.links.upload), (Status::Uploading, None));
    let feed: Page<Video> = app.get("/v1/feed").await.json();
    assert_eq!(feed.items, []);

    app.advance_clock(Duration::from_secs(120));
    user.sweep_clean().await;
    for query in ["", "status=uploading", "tag=sea"] {
        let left: Vec<String> = listed(query)
            .await
            .into_iter()
            .map(|video| video.id)
            .collect();
        let expected = [ready.id.clone()];
        assert_eq!(left, expected[..usize::from(query.is_empty())], "{query}");
    }
    for video in &waiting {
        assert_eq!(read(&user, &video.id).await.status, 404);
        let late = patch(&user, &upload_of(video), 0, b"0123456789").await;
        assert!([404, 410].contains(&late.status), "{}", late.status);
    }
    assert_eq!(user.status().await.used_storage, 5);
    assert_eq!(user.reconcile(false).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_a_video_is_refused_and_changes_nothing() {
    let app = App::builder()
        .variable("storage_limit_bytes", "100")
        .variable("uploads_per_user", "5")
        .start()
        .await;
    let user = app.with_user().await;
    for (body, fields) in [
        (json!({}), &["filename"][..]),
        (json!({ "filename": "a/b" }), &["filename"]),
        (json!({ "filename": "a", "size": -1 }), &["size"]),
        (
            json!({ "filename": "a", "title": "x".repeat(10_000), "tags": vec!["t"; 1000] }),
            &["title", "tags"],
        ),
        (
            json!({ "filename": "a", "visibility": "x" }),
            &["visibility"],
        ),
    ] {
        assert_eq!(create(&user, &body).await.wrong_fields(), fields, "{body}");
    }
    let text = user.request(Method::POST, "/v1/videos").body("{");
    let text = text.header("content-type", "application/json");
    assert_eq!(
        Reply::to(text).await.problem(),
        (400, "malformed_json".to_owned())
    );
    let plain = user.request(Method::POST, "/v1/videos").body("a");
    let plain = Reply::to(plain.header("content-type", "text/plain")).await;
    assert_eq!(plain.problem().0, 415);
    let large = json!({ "filename": "a", "description": "x".repeat(70_000) });
    assert_eq!(create(&user, &large).await.problem().0, 413);
    let over = create(&user, &json!({ "filename": "a", "size": 101 })).await;
    assert_eq!(over.problem(), (403, "quota_exceeded".to_owned()));
    user.upload("taken.mp4", b"abc")
        .await
        .expect(StatusCode::OK);
    let taken = create(&user, &json!({ "filename": "taken.mp4", "size": 1 })).await;
    assert_eq!(taken.problem(), (409, "file_exists".to_owned()));
    assert_eq!(user.videos().await.len(), 1);
    // Numbers of those that were refused may count for a while.
    let mut many = create(&user, &json!({ "filename": "1", "size": 1 })).await;
    for name in ["2", "3", "4", "5", "6"] {
        many = create(&user, &json!({ "filename": name, "size": 1 })).await;
    }
    assert_eq!(many.problem(), (429, "too_many_uploads".to_owned()));
    let stranger = app.post("/v1/videos", &json!({ "filename": "a" })).await;
    assert_eq!(stranger.problem().0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_makes_a_video_with_its_bytes() {
    let app = App::start().await;
    let user = app.with_user().await;
    let film: Vec<u8> = (0..6_000_000_u32).map(|at| (at * 31 % 251) as u8).collect();
    let whole = Form::new()
        .text("title", "A film")
        .file("file", "clip.mp4", "video/mp4", &film)
        .text("tags", "sea, land")
        .text("visibility", "public");
    let reply = form(&user, whole).await.expect(StatusCode::CREATED);
    let video: Video = reply.json();
    assert_eq!(reply.header("location"), format!("/v1/videos/{}", video.id));
    assert_eq!((video.title.as_str(), video.tags.len()), ("A film", 2));
    assert_eq!(
        (video.visibility, video.size),
        (Visibility::Public, film.len() as u64)
    );
    assert!(video.links.upload.is_none());
    let bytes = user.get(&video.links.content).await.expect(StatusCode::OK);
    assert!(bytes.body[..] == film[..]);
    user.settled("the upload is written down", |today| {
        today.uploads == 1 && today.upload_bytes == film.len() as u64
    })
    .await;
    let plain = form(&user, Form::of_file("plain.mp4", b"abc")).await;
    let plain: Video = plain.expect(StatusCode::CREATED).json();
    assert_eq!(
        (plain.title.as_str(), plain.visibility),
        ("plain.mp4", Visibility::Private)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_cannot_be_taken_leaves_nothing() {
    let app = App::builder()
        .variable("storage_limit_bytes", "3000000")
        .variable("bandwidth_limit_bytes", "2000000")
        .start()
        .await;
    let user = app.with_user().await;
    let film = vec![7; 1_000];
    let told = |status, code: &str| (status, code.to_owned());
    for (sent, expected) in [
        (Form::new().text("title", "x"), told(400, "no_file_part")),
        (Form::of_file("", &film), told(400, "no_selected_file")),
        (Form::of_file("a/b", &film), told(400, "invalid_file_name")),
        (
            Form::of_file("a.mp4", &film).file("file", "b.mp4", "video/mp4", &film),
            told(400, "more_than_one_file"),
        ),
        (
            Form::of_file("a.mp4", &film)
                .text("title", "")
                .text("title", "b"),
            told(400, "malformed_form"),
        ),
        (
            Form::of_file("a.mp4", &film).text("other", &"x".repeat(1_100_000)),
            told(413, "form_too_large"),
        ),
        (
            Form::of_file("a.mp4", &vec![7; 4_100_000]),
            told(403, "quota_exceeded"),
        ),
        (
            Form::of_file("a.mp4", &vec![7; 2_500_000]),
            told(403, "bandwidth_exceeded"),
        ),
    ] {
        assert_eq!(form(&user, sent).await.problem(), expected);
    }
    for sent in [
        Form::of_file("a.mp4", &film).text("visibility", "secret"),
        Form::new()
            .text("visibility", "secret")
            .file("file", "a.mp4", "video/mp4", &film),
    ] {
        assert_eq!(form(&user, sent).await.wrong_fields(), ["visibility"]);
    }
    user.upload("taken.mp4", b"abc")
        .await
        .expect(StatusCode::OK);
    let taken = form(&user, Form::of_file("taken.mp4", &film)).await;
    assert_eq!(taken.problem(), told(409, "file_exists"));
    assert_eq!(user.videos().await.len(), 1);
    eventually("nothing is left of them", || async {
        let used = user.status().await.used_storage;
        (used == 3 && app.objects().await.len() == 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_is_cut_off_leaves_nothing() {
    let app = App::start().await;
    let user = app.with_admin().await;
    let whole = Form::of_file("a.mp4", &vec![7; 300_000]);
    let (content_type, mut body) = (whole.content_type(), whole.into_body());
    body.truncate(200_000);
    let request = user
        .request(Method::POST, "/v1/videos")
        .header("content-type", content_type)
        .body(body);
    let cut = Reply::to(request).await;
    assert_eq!(cut.problem(), (400, "upload_cut_off".to_owned()));
    assert_eq!(user.videos().await.len(), 0);
    user.sweep_clean().await;
    assert_eq!(user.status().await.used_storage, 0);
    assert_eq!(user.reconcile(false).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tus_says_title_and_visibility() {
    use base64::Engine as _;
    let app = App::start().await;
    let user = app.with_user().await;
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let tus = async |title: &str, visibility: &str| {
        let metadata = format!(
            "filename {},title {},visibility {}",
            base64("clip.mp4"),
            base64(title),
            base64(visibility)
        );
        let request = user
            .request(Method::POST, "/v1/uploads")
            .header(TUS.0, TUS.1)
            .header("upload-length", 3)
            .header("upload-metadata", metadata)
            .header("content-type", "application/offset+octet-stream")
            .body("abc");
        Reply::to(request).await
    };
    for (title, visibility) in [("x", "secret"), (&"x".repeat(300), "public")] {
        assert_eq!(tus(title, visibility).await.problem().0, 400);
    }
    assert_eq!(user.videos().await.len(), 0);
    tus("A film", "public").await.expect(StatusCode::CREATED);
    let video = user.video_of("clip.mp4").await;
    assert_eq!(
        (video.title.as_str(), video.visibility),
        ("A film", Visibility::Public)
    );
}
