//! Names that look alike, limits at their edges, and files that are deleted while somebody uses them.

use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use spinreel_tests::{App, Form, Reply, User, body, eventually};

const EXCEEDED: (u16, &str) = (
    403,
    r#"{"error":"Exceeds storage limit, cannot upload video..!!"}"#,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_differ_in_unicode_form_or_case_are_different_files() {
    let app = App::start().await;
    let user = app.with_user().await;
    let names = [
        // Composed and decomposed.
        "caf\u{e9}.mp4",
        "cafe\u{301}.mp4",
        "CAFE\u{301}.mp4",
        // A ligature, and its letters.
        "\u{fb01}lm.mp4",
        "film.mp4",
        "Film.mp4",
        "film.MP4",
        // The sign of the unit, and the letter.
        "5 k\u{2126}.mp4",
        "5 k\u{3a9}.mp4",
        // Dotted and dotless.
        "I.mp4",
        "\u{130}.mp4",
        "\u{131}.mp4",
        "i.mp4",
        // What is not seen.
        "film.mp4 ",
        "fi\u{200d}lm.mp4",
    ];
    for (number, name) in names.iter().enumerate() {
        let content = format!("file {number}");
        user.upload(name, content.as_bytes())
            .await
            .expect(StatusCode::OK);
    }
    let assert_listed = async |left: &[&str]| {
        let mut expected: Vec<String> = left
            .iter()
            .map(|name| format!("{}/{name}", user.username))
            .collect();
        expected.sort();
        let status = user.status().await;
        let listed: Vec<String> = status.files.into_iter().map(|file| file.filename).collect();
        assert_eq!(listed, expected);
        let mut objects = app.objects().await;
        objects.sort();
        assert_eq!(objects, expected);
    };
    assert_listed(&names).await;
    for (number, name) in names.iter().enumerate() {
        let video = user.video_of(name).await;
        let reply = user.get(&video.links.content).await;
        assert_eq!(reply.seen(), (200, format!("file {number}").as_str()));
    }
    for (number, name) in names.iter().enumerate() {
        user.delete_file(name).await.expect(StatusCode::OK);
        assert_eq!(user.delete_file(name).await.status, 404, "{name:?}");
        assert_listed(&names[number + 1..]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_of_nothing_leaves_room_for_empty_files_only() {
    let app = App::builder()
        .variable("storage_limit_bytes", "0")
        .start()
        .await;
    let user = app.with_user().await;
    assert_eq!(user.upload("a.mp4", b"x").await.seen(), EXCEEDED);
    user.upload("empty.mp4", b"").await.expect(StatusCode::OK);
    let status: Value = user.read("/storage-status").await;
    assert_eq!(
        status,
        json!({
            "total_storage": 0,
            "used_storage": 0,
            "storage_percentage": 0.0,
            "files": [{"filename": format!("{}/empty.mp4", user.username), "size": 0}],
        })
    );
    user.delete_file("empty.mp4").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_is_none_stops_requests_and_health_names_it() {
    let numbers = ["-1", "9223372036854775808", "1e6", "5 MB", ""];
    for number in numbers {
        let app = App::builder()
            .variable("storage_limit_bytes", number)
            .variable("bandwidth_limit_bytes", number)
            .start()
            .await;
        let user = app.with_user().await;
        for (path, variable) in [
            ("/v1/storage/health", "storage_limit_bytes"),
            ("/v1/usage/health", "bandwidth_limit_bytes"),
        ] {
            let health = app.get(path).await;
            assert_eq!(health.status, 503, "{number}");
            let health: Value = health.json();
            assert_eq!(health["wrong_variables"], json!([variable]), "{number}");
        }
        assert_eq!(app.get("/v1/health").await.status, 503, "{number}");
        let reply = user.upload("clip.mp4", b"bytes").await;
        assert_eq!(reply.status, 500, "{number}: {}", reply.text());
        assert_eq!(user.get("/storage-status").await.status, 500, "{number}");
        assert_eq!(user.delete_file("clip.mp4").await.status, 500, "{number}");
        assert!(app.objects().await.is_empty(), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_limit_there_is_can_be_used() {
    let app = App::builder()
        .variable("storage_limit_bytes", &i64::MAX.to_string())
        .variable("bandwidth_limit_bytes", &i64::MAX.to_string())
        .start()
        .await;
    let user = app.with_user().await;
    user.upload("clip.mp4", b"bytes")
        .await
        .expect(StatusCode::OK);
    let status = user.status().await;
    assert_eq!((status.total_storage, status.used_storage), (i64::MAX, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_is_lowered_below_what_is_used_refuses_uploads_and_loses_nothing() {
    let app = App::builder()
        .variable("storage_limit_bytes", "1000")
        .start()
        .await;
    let email = {
        let user = app.with_user().await;
        for name in ["a.mp4", "b.mp4"] {
            user.upload(name, &[7; 400]).await.expect(StatusCode::OK);
        }
        user.email.clone()
    };
    let app = app.restart_with("storage_limit_bytes", "500").await;
    let user = User::sign_in(&app, &email, User::PASSWORD).await;
    let status = user.status().await;
    assert_eq!((status.total_storage, status.used_storage), (500, 800));
    assert_eq!((status.storage_percentage, status.files.len()), (160.0, 2));
    assert_eq!(user.upload("c.mp4", b"x").await.seen(), EXCEEDED);
    for name in ["a.mp4", "b.mp4"] {
        let video = user.video_of(name).await;
        let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
        assert!(reply.body == [7; 400][..], "the bytes differ");
    }
    user.delete_file("a.mp4").await.expect(StatusCode::OK);
    assert_eq!(user.upload("c.mp4", &[7; 101]).await.seen(), EXCEEDED);
    user.upload("c.mp4", &[7; 100]).await.expect(StatusCode::OK);
    assert_eq!(user.status().await.used_storage, 500);
    assert_eq!(app.with_admin().await.reconcile(false).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_deleted_while_somebody_streams_it_ends_early_or_whole() {
    let size = 48 * 1024 * 1024_usize;
    let app = App::builder()
        .variable("storage_limit_bytes", &size.to_string())
        .variable("bandwidth_limit_bytes", &(8 * size).to_string())
        .start()
        .await;
    let user = app.with_user().await;
    let content = body::pieces(size as u64).collect::<Vec<_>>().concat();
    let video = user.upload_video("clip.mp4", &content).await;
    let request = user.request(Method::GET, &video.links.content);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut pieces = response.bytes_stream();
    let mut received = pieces.next().await.unwrap().unwrap().to_vec();
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
    assert_eq!(user.status().await.used_storage, 0);
    assert_eq!(user.get(&video.links.content).await.status, 404);
    // Its room and its name are free, and what comes there is another file.
    user.upload("clip.mp4", &vec![0; size])
        .await
        .expect(StatusCode::OK);
    let whole = loop {
        match pieces.next().await {
            Some(Ok(piece)) => received.extend(piece),
            Some(Err(_)) => break false,
            None => break true,
        }
    };
    assert!(content.starts_with(&received), "the bytes differ");
    assert!(
        !whole || received.len() == size,
        "it ended early, in silence"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_does_not_touch_a_file_that_is_still_being_uploaded() {
    let app = App::start().await;
    let user = app.with_user().await;
    let size = 6 * 1024 * 1024_u64;
    let (content_type, before, after) = Form::around_file("clip.mp4");
    let length = before.len() as u64 + size + after.len() as u64;
    let (mut sender, receiver) = mpsc::channel(0);
    let request = user
        .request(Method::POST, "/upload")
        .header("content-type", content_type)
        .header("content-length", length)
        .body(reqwest::Body::wrap_stream(receiver));
    let feed = async {
        let mut pieces = Box::pin(body::around(before, size, after));
        let mut fed = 0;
        while let Some(piece) = pieces.next().await {
            sender.send(piece).await.unwrap();
            fed += 1;
            if fed == 20 {
                let reply = user.delete_file("clip.mp4").await;
                assert_eq!(reply.seen(), (404, r#"{"error":"File not found"}"#));
            }
        }
        drop(sender);
    };
    let (reply, ()) = futures::future::join(Reply::to(request), feed).await;
    reply.expect(StatusCode::OK);
    assert_eq!(user.status().await.used_storage, size as i64);
    let video = user.video_of("clip.mp4").await;
    let reply = user.get(&video.links.content).await.expect(StatusCode::OK);
    let content = body::pieces(size).collect::<Vec<_>>().concat();
    assert!(reply.body == content, "the bytes differ");
    user.delete_file("clip.mp4").await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_deletion_and_an_upload_of_one_name_at_once_both_make_sense() {
    let app = App::builder()
        .variable("storage_limit_bytes", "3000")
        .start()
        .await;
    let (user, admin) = (app.with_user().await, app.with_admin().await);
    for round in 0..20 {
        let name = format!("clip-{}.mp4", round % 3);
        user.upload(&name, b"old").await.expect(StatusCode::OK);
        let (deleted, uploaded) =
            futures::future::join(user.delete_file(&name), user.upload(&name, b"newer")).await;
        assert_eq!(deleted.status, 200, "{}", deleted.text());
        let expected = match uploaded.status {
            200 => vec![5],
            409 => vec![],
            other => panic!("{other}: {}", uploaded.text()),
        };
        let sizes: Vec<u64> = user
            .status()
            .await
            .files
            .iter()
            .map(|file| file.size)
            .collect();
        assert_eq!(sizes, expected, "round {round}");
        if uploaded.status == 200 {
            let video = eventually("the catalogue knows the new file", || async {
                let videos = user.videos().await;
                videos.into_iter().find(|video| video.size == 5)
            })
            .await;
            assert_eq!(user.get(&video.links.content).await.seen(), (200, "newer"));
            user.delete_file(&name).await.expect(StatusCode::OK);
        }
    }
    admin.sweep_clean().await;
    assert_eq!(user.status().await.used_storage, 0);
    assert!(user.videos().await.is_empty());
    assert!(app.objects().await.is_empty());
    assert_eq!(admin.reconcile(false).await, []);
}
