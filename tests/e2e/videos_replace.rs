//! `POST /v1/videos/{id}/replacement`: other bytes for a video.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::videos::{Status, Video};
use spinreel_tests::{App, Reply, User, eventually};

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

async fn replace(user: &User<'_>, id: &str, body: &Value) -> Reply {
    let path = format!("/v1/videos/{id}/replacement");
    Reply::to(user.request(Method::POST, &path).json(body)).await
}

fn upload_of(reply: &Reply) -> String {
    let video: Video = reply.json();
    let link = video.links.upload.expect("links.upload");
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

async fn bytes(user: &User<'_>, video: &Video) -> Vec<u8> {
    let reply = user.get(&video.links.content).await;
    reply.expect(StatusCode::OK).body.to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_bytes_serve_until_the_new_ones_are_whole_and_then_they_go() {
    let app = App::start().await;
    let user = app.with_admin().await;
    let video = user.upload_video("clip.mp4", b"old bytes").await;
    let etag = user
        .get(&video.links.content)
        .await
        .header("etag")
        .to_owned();
    let reply = replace(&user, &video.id, &json!({ "size": 5 })).await;
    let reply = reply.expect(StatusCode::CREATED);
    let waiting: Video = reply.json();
    assert_eq!(
        (waiting.id.as_str(), waiting.status),
        (video.id.as_str(), Status::Unplayable)
    );
    let path = upload_of(&reply);
    patch(&user, &path, 0, b"new")
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(bytes(&user, &video).await, b"old bytes");
    assert_eq!(user.status().await.used_storage, 9);
    patch(&user, &path, 3, b"er")
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(bytes(&user, &video).await, b"newer");
    let replaced: Video = user.read(&video.links.this).await;
    assert_eq!((replaced.size, replaced.filename.as_str()), (5, "clip.mp4"));
    assert_eq!(replaced.created_at, video.created_at);
    let new_etag = user
        .get(&video.links.content)
        .await
        .header("etag")
        .to_owned();
    assert_ne!(new_etag, etag);
    // It is one file, and takes its own bytes of the quota only.
    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (5, 1));
    assert_eq!(
        (user.videos().await.len(), app.objects().await.len()),
        (1, 1)
    );
    user.sweep_clean().await;
    assert_eq!(user.reconcile(false).await, []);
    // Again, and by a form of nothing.
    let empty = user.request(
        Method::POST,
        &format!("/v1/videos/{}/replacement", video.id),
    );
    let again = Reply::to(empty).await.expect(StatusCode::CREATED);
    let last = user
        .request(Method::PATCH, &upload_of(&again))
        .header(TUS.0, TUS.1)
        .header("upload-offset", 0)
        .header("upload-length", 3)
        .header("content-type", "application/offset+octet-stream")
        .body("abc");
    Reply::to(last).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(bytes(&user, &video).await, b"abc");
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    assert_eq!(user.get(&video.links.this).await.status, 404);
    user.sweep_clean().await;
    assert_eq!(user.status().await.used_storage, 0);
    assert_eq!(user.reconcile(false).await, []);
    assert!(app.objects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_that_ends_changes_nothing() {
    let app = App::start().await;
    let user = app.with_admin().await;
    let video = user.upload_video("clip.mp4", b"old bytes").await;
    let reply = replace(&user, &video.id, &json!({ "size": 5 })).await;
    let path = upload_of(&reply.expect(StatusCode::CREATED));
    patch(&user, &path, 0, b"new")
        .await
        .expect(StatusCode::NO_CONTENT);
    let end = user.request(Method::DELETE, &path).header(TUS.0, TUS.1);
    Reply::to(end).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(bytes(&user, &video).await, b"old bytes");
    user.sweep_clean().await;
    assert_eq!(user.status().await.used_storage, 9);
    assert_eq!(user.reconcile(false).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_replacements_one_comes_about_and_a_deletion_ends_both() {
    let app = App::start().await;
    let user = app.with_admin().await;
    let video = user.upload_video("clip.mp4", b"old").await;
    let begin = async || {
        let reply = replace(&user, &video.id, &json!({ "size": 3 })).await;
        upload_of(&reply.expect(StatusCode::CREATED))
    };
    let (one, two) = (begin().await, begin().await);
    patch(&user, &one, 0, b"one")
        .await
        .expect(StatusCode::NO_CONTENT);
    let late = patch(&user, &two, 0, b"two").await;
    assert_eq!(late.problem(), (409, "file_changed".to_owned()));
    assert_eq!(bytes(&user, &video).await, b"one");
    // The end of a replacement that is over is none of the video.
    let end = user.request(Method::DELETE, &one).header(TUS.0, TUS.1);
    assert_eq!(Reply::to(end).await.status, 410);
    assert_eq!(bytes(&user, &video).await, b"one");
    let three = begin().await;
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    let late = patch(&user, &three, 0, b"too").await;
    assert!([404, 409, 410].contains(&late.status), "{}", late.status);
    user.sweep_clean().await;
    assert_eq!(user.status().await.used_storage, 0);
    assert_eq!(user.videos().await.len(), 0);
    assert_eq!(user.reconcile(false).await, []);
    assert!(app.objects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_clients_change_replace_and_delete_a_video_at_once_and_it_stays_whole() {
    let app = App::start().await;
    let user = app.with_admin().await;
    for round in 0..3 {
        let name = format!("clip-{round}.mp4");
        let video = user.upload_video(&name, b"0123456789").await;
        let this = video.links.this.as_str();
        let client = async |number: usize| -> Vec<Reply> {
            match number % 4 {
                0 => {
                    let change = user.request(Method::PATCH, this).header("if-match", "*");
                    let title = json!({ "title": number.to_string(), "visibility": "public" });
                    vec![Reply::to(change.json(&title)).await]
                }
                1 => {
                    let created = replace(&user, &video.id, &json!({ "size": 10 })).await;
                    match created.status == StatusCode::CREATED {
                        true => {
                            let path = upload_of(&created);
                            let bytes = format!("bytes {number:04}");
                            let sent = patch(&user, &path, 0, bytes.as_bytes()).await;
                            vec![created, sent]
                        }
                        false => vec![created],
                    }
                }
                2 => {
                    let path = format!("{this}/restore");
                    vec![Reply::to(user.request(Method::POST, &path)).await]
                }
                _ => {
                    // In the last round it ends for good.
                    let query = ["", "", "?permanent=true"][round];
                    let path = format!("{this}{query}");
                    vec![Reply::to(user.request(Method::DELETE, &path)).await]
                }
            }
        };
        let replies = futures::future::join_all((0..16).map(client)).await;
        for reply in replies.iter().flatten() {
            let expected = [200, 201, 204, 404, 409, 410, 503];
            assert!(expected.contains(&reply.status), "{}", reply.status);
        }
        user.sweep_clean().await;
        app.quiet(&user).await;
        assert_eq!(user.reconcile(false).await, []);
        let found = user.get(this).await;
        let is_there = found.status == StatusCode::OK;
        assert!(is_there || round == 2, "{}", found.status);
        let kept = 10 * i64::from(is_there);
        assert_eq!(user.status().await.used_storage, kept, "round {round}");
        assert_eq!(app.objects().await.len(), usize::from(is_there));
        if is_there {
            let found: Video = found.json();
            if found.status == Status::Deleted {
                let path = format!("{this}/restore");
                Reply::to(user.request(Method::POST, &path))
                    .await
                    .expect(StatusCode::OK);
            }
            let text = bytes(&user, &video).await;
            assert!(text == b"0123456789" || text.starts_with(b"bytes "));
            let end = format!("{this}?permanent=true");
            Reply::to(user.request(Method::DELETE, &end))
                .await
                .expect(StatusCode::NO_CONTENT);
            eventually("the bytes go", || async {
                let used = user.status().await.used_storage;
                (used == 0 && app.objects().await.is_empty()).then_some(())
            })
            .await;
        }
        let feed: Value = app.get("/v1/feed").await.json();
        assert_eq!(feed["items"], json!([]), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_ones_own_videos_that_play_are_replaced() {
    let app = App::start().await;
    let (user, other) = (app.with_admin().await, app.with_user().await);
    let video = user.upload_video("clip.mp4", b"old").await;
    let size = json!({ "size": 3 });
    assert_eq!(replace(&other, &video.id, &size).await.problem().0, 404);
    assert_eq!(replace(&user, "nothing", &size).await.problem().0, 404);
    let wrong = replace(&user, &video.id, &json!({ "size": "3" })).await;
    assert_eq!(wrong.wrong_fields(), ["size"]);
    let trash = user.request(Method::DELETE, &video.links.this);
    Reply::to(trash).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(replace(&user, &video.id, &size).await.problem().0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tus_names_the_video_that_it_replaces() {
    use base64::Engine as _;
    let app = App::start().await;
    let (user, other) = (app.with_admin().await, app.with_user().await);
    let video = user.upload_video("clip.mp4", b"old").await;
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let tus = async |user: &User<'_>, id: &str| {
        let request = user
            .request(Method::POST, "/v1/uploads")
            .header(TUS.0, TUS.1)
            .header("upload-length", 5)
            .header("upload-metadata", format!("video_id {}", base64(id)))
            .header("content-type", "application/offset+octet-stream")
            .body("newer");
        Reply::to(request).await
    };
    for (user, id) in [
        (&other, video.id.as_str()),
        (&user, "nothing"),
        (&user, "a/b"),
    ] {
        assert_eq!(tus(user, id).await.problem().0, 404);
    }
    tus(&user, &video.id).await.expect(StatusCode::CREATED);
    assert_eq!(bytes(&user, &video).await, b"newer");
    assert_eq!(
        (user.videos().await.len(), user.status().await.used_storage),
        (1, 5)
    );
}
