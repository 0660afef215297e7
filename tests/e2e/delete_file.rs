//! `DELETE /delete-file`.

use futures::future::join_all;
use http::{Method, StatusCode};
use serde_json::json;
use spinreel_tests::{App, CLIP, Reply, eventually};

const DELETED: (u16, &str) = (200, r#"{"message":"File deleted successfully"}"#);
const NO_FILENAME: (u16, &str) = (400, r#"{"error":"No filename provided"}"#);
const NOT_FOUND: (u16, &str) = (404, r#"{"error":"File not found"}"#);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_deleted_by_its_name_with_and_without_the_prefix() {
    let app = App::start().await;
    let user = app.with_user().await;
    for name in ["été.mp4".to_owned(), format!("{}/été.mp4", user.username)] {
        user.upload("été.mp4", CLIP).await.expect(StatusCode::OK);
        assert_eq!(user.delete_file(&name).await.seen(), DELETED, "{name}");
        let status = user.status().await;
        assert_eq!((status.used_storage, status.files.len()), (0, 0));
        assert!(app.objects().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_file_is_no_video_any_more() {
    let app = App::start().await;
    let user = app.with_user().await;
    let kept = user.upload_video("kept.mp4", b"kept").await;
    let gone = user.upload_video("gone.mp4", b"gone").await;
    assert_eq!(user.delete_file("gone.mp4").await.seen(), DELETED);
    eventually("it leaves the catalogue", || async {
        (user.videos().await.len() == 1).then_some(())
    })
    .await;
    for path in [&gone.links.this, &gone.links.content] {
        assert_eq!(
            user.get(path).await.problem(),
            (404, "not_found".to_owned()),
            "{path}"
        );
    }
    assert_eq!(user.get(&kept.links.content).await.seen(), (200, "kept"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_not_found() {
    let app = App::start().await;
    let user = app.with_user().await;
    let never_valid = "x".repeat(1_000);
    for name in [
        "clip.mp4",
        "../clip.mp4",
        "a/b/c",
        ".",
        "/",
        never_valid.as_str(),
    ] {
        assert_eq!(user.delete_file(name).await.seen(), NOT_FOUND, "{name}");
    }
    user.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    assert_eq!(user.delete_file("clip.mp4").await.seen(), DELETED);
    assert_eq!(user.delete_file("clip.mp4").await.seen(), NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_deletes_the_files_of_others() {
    let app = App::start().await;
    let (ada, bob) = (app.with_user().await, app.with_user().await);
    ada.upload("clip.mp4", CLIP).await.expect(StatusCode::OK);
    for name in ["clip.mp4".to_owned(), format!("{}/clip.mp4", ada.username)] {
        assert_eq!(bob.delete_file(&name).await.seen(), NOT_FOUND, "{name}");
    }
    assert_eq!(ada.status().await.files.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_names_no_file_is_refused() {
    let app = App::start().await;
    let user = app.with_user().await;
    for body in [
        json!({}),
        json!({"filename": ""}),
        json!({"filename": null}),
        json!({"filename": 5}),
        json!({"filename": ["a.mp4"]}),
        json!({"Filename": "a.mp4"}),
        json!([]),
        json!("a.mp4"),
        json!(null),
    ] {
        assert_eq!(user.delete_json(&body).await.seen(), NO_FILENAME, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_no_json_names_no_file() {
    let app = App::start().await;
    let user = app.with_user().await;
    for body in [
        "",
        "{",
        "{\"filename\": \"a.mp4\"",
        "filename=a.mp4",
        "\u{feff}{}",
    ] {
        let request = user.request(Method::DELETE, "/delete-file").body(body);
        assert_eq!(Reply::to(request).await.seen(), NO_FILENAME, "{body:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_deletions_of_one_file_at_once_one_counts() {
    let app = App::start().await;
    let user = app.with_user().await;
    user.upload("kept.mp4", &[1; 500])
        .await
        .expect(StatusCode::OK);
    user.upload("clip.mp4", &[1; 1_000])
        .await
        .expect(StatusCode::OK);
    let replies = join_all((0..6).map(|_| user.delete_file("clip.mp4"))).await;
    assert!(replies.iter().any(|reply| reply.seen() == DELETED));
    assert!(
        replies
            .iter()
            .all(|reply| [DELETED, NOT_FOUND].contains(&reply.seen()))
    );
    eventually("the quota is free once", || async {
        (user.status().await.used_storage == 500).then_some(())
    })
    .await;
    user.settled("a deletion is written down", |today| today.deletions == 1)
        .await;
    assert_eq!(user.status().await.used_storage, 500);
}
