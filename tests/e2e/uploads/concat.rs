//! Uploads of parts, by the extension `concatenation`.

use http::StatusCode;

use super::*;

const PARTIAL: (&str, &str) = ("upload-concat", "partial");

async fn part(user: &User<'_>, bytes: &[u8]) -> String {
    let length = bytes.len().to_string();
    let headers = [VERSION, PARTIAL, ("upload-length", length.as_str())];
    let reply = ask(user, Method::POST, "/v1/uploads", &headers, b"").await;
    let path = path_of(&reply.expect(StatusCode::CREATED));
    append(user, &path, 0, bytes)
        .await
        .expect(StatusCode::NO_CONTENT);
    path
}

async fn join(user: &User<'_>, name: &str, concat: &str) -> Reply {
    let metadata = named(name);
    let headers = [
        VERSION,
        ("upload-concat", concat),
        ("upload-metadata", metadata.as_str()),
    ];
    ask(user, Method::POST, "/v1/uploads", &headers, b"").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_are_in_the_quota_and_become_one_file_in_their_order() {
    let app = with_storage(1_000_000).await;
    let user = app.with_user().await;
    let film = film(900_000);
    let first = part(&user, &film[..500_000]).await;
    let second = part(&user, &film[500_000..]).await;
    // They count, and are nothing that anybody sees.
    let large = [VERSION, ("upload-length", "100001")];
    let refused = ask(&user, Method::POST, "/v1/uploads", &large, b"").await;
    assert_eq!(refused.problem(), (403, "quota_exceeded".to_owned()));
    assert!(user.status().await.files.is_empty());
    assert!(user.videos().await.is_empty());
    let seen = head(&user, &first).await.expect(StatusCode::OK);
    assert_eq!(seen.header("upload-concat"), "partial");
    assert_eq!(seen.header("upload-offset"), "500000");
    assert_eq!(seen.header("upload-length"), "500000");

    let concat = format!("final;{first} http://elsewhere.example{second}");
    let made = join(&user, "clip.mp4", &concat)
        .await
        .expect(StatusCode::CREATED);
    let path = path_of(&made);
    let seen = head(&user, &path).await.expect(StatusCode::OK);
    assert_eq!(seen.header("upload-concat"), concat);
    assert_eq!(seen.header("upload-offset"), "900000");
    assert_eq!(seen.header("upload-length"), "900000");
    let refused = append(&user, &path, 900_000, b"").await;
    assert_eq!(refused.problem(), (403, "upload_is_final".to_owned()));
    assert!(content(&user, "clip.mp4").await == film);
    assert_eq!(user.status().await.used_storage, 900_000);
    assert_eq!(app.objects().await.len(), 1);
    for part in [&first, &second] {
        head(&user, part).await.expect(StatusCode::NOT_FOUND);
    }
    user.settled("one upload", |today| {
        today.uploads == 1 && today.upload_bytes == 900_000
    })
    .await;
    let ended = ask(&user, Method::DELETE, &path, &[VERSION], b"").await;
    ended.expect(StatusCode::NO_CONTENT);
    assert_eq!(user.status().await.used_storage, 0);
    assert!(app.objects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_final_upload_may_come_before_its_parts_are_whole() {
    let app = App::start().await;
    let user = app.with_user().await;
    let film = film(700_000);
    let first = part(&user, &film[..300_000]).await;
    let headers = [VERSION, PARTIAL, ("upload-length", "400000")];
    let reply = ask(&user, Method::POST, "/v1/uploads", &headers, b"").await;
    let second = path_of(&reply.expect(StatusCode::CREATED));
    let concat = format!("final;{first} {second}");
    let made = join(&user, "clip.mp4", &concat)
        .await
        .expect(StatusCode::CREATED);
    let path = path_of(&made);
    let waiting = head(&user, &path).await.expect(StatusCode::OK);
    assert_eq!(waiting.header("upload-concat"), concat);
    assert_eq!(waiting.header("upload-length"), "700000");
    assert!(!waiting.headers.contains_key("upload-offset"));
    let refused = append(&user, &path, 0, b"abc").await;
    assert_eq!(refused.problem(), (403, "upload_is_final".to_owned()));
    append(&user, &second, 0, &film[300_000..])
        .await
        .expect(StatusCode::NO_CONTENT);
    assert!(content(&user, "clip.mp4").await == film);
    let whole = head(&user, &path).await.expect(StatusCode::OK);
    assert_eq!(whole.header("upload-offset"), "700000");
    assert_eq!(user.status().await.used_storage, 700_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_joined_is_refused_and_changes_nothing() {
    let app = App::start().await;
    let user = app.with_user().await;
    let other = app.with_user().await;
    let mine = part(&user, b"mine").await;
    let others = part(&other, b"others").await;
    let alone = create(&user, "alone.mp4", 5).await;
    let made = join(&user, "made.mp4", &format!("final;{mine}"))
        .await
        .expect(StatusCode::CREATED);
    let made = path_of(&made);
    let mine = part(&user, b"mine").await;
    let unknown = mine.replace(|c: char| c.is_ascii_hexdigit(), "0");
    for parts in [
        others.as_str(),
        alone.as_str(),
        made.as_str(),
        unknown.as_str(),
        "/v1/uploads/none",
        "/v1/videos/1",
    ] {
        let refused = join(&user, "clip.mp4", &format!("final;{mine} {parts}")).await;
        // The same for all of them: nobody learns what there is.
        assert_eq!(
            refused.problem(),
            (404, "part_not_found".to_owned()),
            "{parts}"
        );
    }
    let twice = join(&user, "clip.mp4", &format!("final;{mine} {mine}")).await;
    assert_eq!(twice.problem(), (400, "malformed_request".to_owned()));
    for concat in ["final;", "final", "whole", "partial;"] {
        let refused = join(&user, "clip.mp4", concat).await;
        assert_eq!(
            refused.problem(),
            (400, "malformed_header".to_owned()),
            "{concat}"
        );
    }
    let concat = format!("final;{mine}");
    let taken = join(&user, "made.mp4", &concat).await;
    assert_eq!(taken.problem(), (409, "file_exists".to_owned()));
    let invalid = join(&user, "a/b", &concat).await;
    assert_eq!(invalid.problem(), (400, "invalid_file_name".to_owned()));
    let concat = ("upload-concat", concat.as_str());
    let long = [VERSION, concat, ("upload-length", "4")];
    let refused = ask(&user, Method::POST, "/v1/uploads", &long, b"").await;
    assert_eq!(refused.problem(), (400, "malformed_header".to_owned()));
    let refused = ask(
        &user,
        Method::POST,
        "/v1/uploads",
        &[VERSION, concat, BYTES],
        b"more",
    )
    .await;
    assert_eq!(refused.problem(), (403, "upload_is_final".to_owned()));
    // The part is still there for a name that is free.
    join(&user, "clip.mp4", concat.1)
        .await
        .expect(StatusCode::CREATED);
    assert_eq!(content(&user, "clip.mp4").await, b"mine");
    assert_eq!(user.status().await.used_storage, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_parts_than_the_bucket_takes_at_a_time_become_one_file() {
    let app = App::start().await;
    let user = app.with_user().await;
    let film = film(40 * 1_000);
    let mut concat = String::from("final;");
    for piece in film.chunks(1_000) {
        concat.push_str(&part(&user, piece).await);
        concat.push(' ');
    }
    join(&user, "clip.mp4", &concat)
        .await
        .expect(StatusCode::CREATED);
    assert!(content(&user, "clip.mp4").await == film);
    assert_eq!(app.objects().await.len(), 1);
    assert_eq!(user.status().await.used_storage, 40_000);
}
