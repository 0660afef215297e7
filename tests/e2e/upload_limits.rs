//! `POST /upload`: quota and bandwidth, to the byte.

use futures::future::join_all;
use http::{Method, StatusCode};
use spinreel_tests::{App, Form, Reply, User, eventually};

const STORAGE: (u16, &str) = (
    403,
    r#"{"error":"Exceeds storage limit, cannot upload video..!!"}"#,
);
const BANDWIDTH: (u16, &str) = (
    403,
    r#"{"error":"Exceeds daily bandwidth limit, cannot upload video..!!"}"#,
);

async fn with_storage(limit: usize) -> App {
    App::builder()
        .variable("storage_limit_bytes", &limit.to_string())
        .start()
        .await
}

/// Uploads a body whose length the service does not know before its end.
async fn upload_of_unknown_length(user: &User<'_>, filename: &str, bytes: &[u8]) -> Reply {
    let form = Form::of_file(filename, bytes);
    let content_type = form.content_type();
    let body: Result<Vec<u8>, std::io::Error> = Ok(form.into_body());
    let request = user
        .request(Method::POST, "/upload")
        .header("content-type", content_type)
        .body(reqwest::Body::wrap_stream(futures::stream::iter([body])));
    Reply::to(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quota_can_be_met_exactly_and_not_passed_by_a_byte() {
    let app = with_storage(1_000).await;
    let user = app.with_user().await;
    assert_eq!(
        user.upload("too-much.mp4", &[1; 1_001]).await.seen(),
        STORAGE
    );
    user.upload("first.mp4", &[1; 400])
        .await
        .expect(StatusCode::OK);
    assert_eq!(user.upload("too-much.mp4", &[1; 601]).await.seen(), STORAGE);
    user.upload("second.mp4", &[1; 600])
        .await
        .expect(StatusCode::OK);
    assert_eq!(user.upload("one-byte.mp4", &[1]).await.seen(), STORAGE);
    user.upload("nothing.mp4", &[]).await.expect(StatusCode::OK);

    let status = user.status().await;
    assert_eq!((status.total_storage, status.used_storage), (1_000, 1_000));
    assert_eq!(status.storage_percentage, 100.0);
    assert_eq!(status.files.len(), 3);
    assert_eq!(app.objects().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quota_holds_for_a_body_of_unknown_length() {
    let app = with_storage(1_000).await;
    let user = app.with_user().await;
    let refused = upload_of_unknown_length(&user, "too-much.mp4", &[1; 1_001]).await;
    assert_eq!(refused.seen(), STORAGE);
    let taken = upload_of_unknown_length(&user, "exact.mp4", &[1; 1_000]).await;
    taken.expect(StatusCode::OK);
    assert_eq!(user.status().await.used_storage, 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quota_holds_for_a_file_that_is_sent_in_many_chunks() {
    let limit = 9 * 1024 * 1024;
    let app = with_storage(limit).await;
    let user = app.with_user().await;
    let bytes = vec![7; limit + 1];
    let refused = upload_of_unknown_length(&user, "too-much.mp4", &bytes).await;
    assert_eq!(refused.seen(), STORAGE);
    assert!(app.objects().await.is_empty());
    assert_eq!(user.status().await.used_storage, 0);
    let taken = upload_of_unknown_length(&user, "exact.mp4", &bytes[1..]).await;
    taken.expect(StatusCode::OK);
    assert_eq!(user.status().await.used_storage, limit as i64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upload_leaves_nothing_behind() {
    let app = with_storage(1_000).await;
    let user = app.with_user().await;
    assert_eq!(user.upload("clip.mp4", &[1; 2_000]).await.seen(), STORAGE);
    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (0, 0));
    assert!(user.videos().await.is_empty());
    assert!(app.objects().await.is_empty());
    let today = user.today().await;
    assert_eq!((today.uploads, today.total_bytes), (0, 0));
    // Its name is free.
    user.upload("clip.mp4", &[1; 1_000])
        .await
        .expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_sets_quota_free() {
    let app = with_storage(1_000).await;
    let user = app.with_user().await;
    user.upload("a.mp4", &[1; 1_000])
        .await
        .expect(StatusCode::OK);
    assert_eq!(user.upload("b.mp4", &[1; 1_000]).await.seen(), STORAGE);
    user.delete_file("a.mp4").await.expect(StatusCode::OK);
    user.upload("b.mp4", &[1; 1_000])
        .await
        .expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_at_once_never_pass_the_quota() {
    let app = with_storage(1_000).await;
    let user = app.with_user().await;
    let uploads = (0..8).map(|number| {
        let user = &user;
        async move {
            user.upload(&format!("{number}.mp4"), &[1; 300])
                .await
                .status
        }
    });
    let statuses = join_all(uploads).await;
    let stored = statuses.iter().filter(|status| **status == 200).count();
    assert!(stored <= 3, "{statuses:?}");
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 403)),
        "{statuses:?}"
    );
    let status = user.status().await;
    assert_eq!(
        (status.used_storage, status.files.len()),
        (stored as i64 * 300, stored)
    );
    assert_eq!(app.objects().await.len(), stored);
    // What the refused ones held for a moment is free again.
    for number in stored..3 {
        let name = format!("later-{number}.mp4");
        user.upload(&name, &[1; 300]).await.expect(StatusCode::OK);
    }
    assert_eq!(user.upload("last.mp4", &[1; 300]).await.seen(), STORAGE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_without_a_byte_have_a_number_as_well() {
    let app = App::builder().variable("files_per_user", "3").start().await;
    let (user, other) = (app.with_user().await, app.with_user().await);
    for name in ["a.mp4", "b.mp4", "c.mp4"] {
        user.upload(name, &[]).await.expect(StatusCode::OK);
    }
    for name in ["d.mp4", "e.mp4"] {
        assert_eq!(user.upload(name, &[]).await.seen(), STORAGE, "{name}");
    }
    // A name that is taken is that first.
    assert_eq!(user.upload("a.mp4", &[]).await.status, 409);
    for (gone, name) in [("b.mp4", "d.mp4"), ("d.mp4", "e.mp4")] {
        user.delete_file(gone).await.expect(StatusCode::OK);
        user.upload(name, b"bytes").await.expect(StatusCode::OK);
        assert_eq!(user.upload("f.mp4", &[]).await.seen(), STORAGE);
    }
    assert_eq!(user.status().await.files.len(), 3);

    let names: Vec<String> = (0..6).map(|number| format!("{number}.mp4")).collect();
    let uploads = names.iter().map(|name| other.upload(name, b"x"));
    let statuses: Vec<u16> = join_all(uploads)
        .await
        .iter()
        .map(|reply| reply.status)
        .collect();
    let stored = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(stored, 3, "{statuses:?}");
    assert_eq!(other.status().await.files.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bandwidth_of_the_day_can_be_met_exactly_and_not_passed() {
    let app = App::builder()
        .variable("bandwidth_limit_bytes", "1000")
        .start()
        .await;
    let user = app.with_user().await;
    user.upload("first.mp4", &[1; 600])
        .await
        .expect(StatusCode::OK);
    user.settled("the first upload is settled", |today| today.uploads == 1)
        .await;
    assert_eq!(
        user.upload("too-much.mp4", &[1; 401]).await.seen(),
        BANDWIDTH
    );
    // What was refused is given back, if not before the answer then soon after.
    eventually("400 bytes fit", || async {
        (user.upload("second.mp4", &[1; 400]).await.status == 200).then_some(())
    })
    .await;
    let today = user
        .settled("both are settled", |today| today.uploads == 2)
        .await;
    assert_eq!(
        (today.upload_bytes, today.total_bytes, today.limit_bytes),
        (1_000, 1_000, 1_000)
    );
    assert_eq!(today.percentage, 100.0);
    assert_eq!(user.upload("one-byte.mp4", &[1]).await.seen(), BANDWIDTH);

    let status = user.status().await;
    assert_eq!((status.used_storage, status.files.len()), (1_000, 2));
    assert_eq!(app.objects().await.len(), 2);
}
