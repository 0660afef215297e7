//! Creating uploads: lengths, metadata, first bytes, and where they are.

use http::StatusCode;

use super::*;

async fn post(user: &User<'_>, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let headers = [&[VERSION], headers].concat();
    ask(user, Method::POST, "/v1/uploads", &headers, body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creation_that_says_nonsense_is_refused_and_changes_nothing() {
    let app = App::start().await;
    let user = app.with_user().await;
    let length = ("upload-length", "10");
    let many: Vec<String> = (0..100).map(|key| format!("k{key}")).collect();
    let many = many.join(",");
    let metadata = |text| [length, ("upload-metadata", text)];
    let header = (400, "malformed_header");
    let none: &[(&str, &str)] = &[];
    for (headers, (status, code)) in [
        (none, header),
        (&[("upload-length", "-1")], header),
        (&[("upload-length", "ten")], header),
        (&[("upload-length", "9223372036854775808")], header),
        (
            &[("upload-length", "5497558138881")],
            (413, "upload_too_large"),
        ),
        (
            &[("upload-length", "1125899906842624")],
            (413, "upload_too_large"),
        ),
        (&[("upload-defer-length", "0")], header),
        (&[length, ("upload-defer-length", "1")], header),
        (&metadata("filename not_base64!"), header),
        (&metadata("filename YQ==,filename Yg=="), header),
        (&metadata(",filename YQ=="), header),
        (&metadata(&many), header),
        (&metadata("filename /w=="), header),
        // `..`, `a/b` and a name with a line break.
        (&metadata("filename Li4="), (400, "invalid_file_name")),
        (&metadata("filename YS9i"), (400, "invalid_file_name")),
        (&metadata("filename YQpi"), (400, "invalid_file_name")),
        (
            &metadata("filetype bm9uc2Vuc2U="),
            (400, "invalid_media_type"),
        ),
    ] {
        let reply = post(&user, headers, b"").await;
        assert_eq!(reply.problem(), (status, code.to_owned()), "{headers:?}");
    }
    let body = post(
        &user,
        &[length, ("content-type", "text/plain")],
        b"0123456789",
    )
    .await;
    assert_eq!(body.problem(), (415, "unsupported_media_type".to_owned()));
    assert_eq!(user.status().await.used_storage, 0);
    assert!(app.objects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_where_the_client_looked_for_the_application() {
    let app = App::start().await;
    let user = app.with_user().await;
    let length = ("upload-length", "10");
    let origin = format!("http://{}", app.address());
    let forwarded = [
        length,
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
    ];
    for headers in [&[length][..], &forwarded] {
        let reply = post(&user, headers, b"").await.expect(StatusCode::CREATED);
        let location = reply.header("location");
        assert!(
            location.starts_with(&format!("{origin}/v1/uploads/")),
            "{location}"
        );
        assert!(reply.header("upload-expires").ends_with(" GMT"));
    }
    let app = App::builder()
        .variable("trusted_proxies", "1")
        .start()
        .await;
    let user = app.with_user().await;
    let forwarded = [
        length,
        ("x-forwarded-host", "evil.example, spinreel.example"),
        ("x-forwarded-proto", "https"),
    ];
    let reply = post(&user, &forwarded, b"")
        .await
        .expect(StatusCode::CREATED);
    let location = reply.header("location");
    assert!(
        location.starts_with("https://spinreel.example/v1/uploads/"),
        "{location}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_bytes_may_come_with_the_creation() {
    let app = App::start().await;
    let user = app.with_user().await;
    let (length, part, whole) = (
        ("upload-length", "10"),
        named("part.mp4"),
        named("whole.mp4"),
    );
    let some = post(&user, &[length, BYTES, ("upload-metadata", &part)], b"abc").await;
    let some = some.expect(StatusCode::CREATED);
    assert_eq!(some.header("upload-offset"), "3");
    let path = path_of(&some);
    assert_eq!(head(&user, &path).await.header("upload-offset"), "3");
    append(&user, &path, 3, b"defghij")
        .await
        .expect(StatusCode::NO_CONTENT);
    let all = post(
        &user,
        &[length, BYTES, ("upload-metadata", &whole)],
        b"0123456789",
    )
    .await;
    let all = all.expect(StatusCode::CREATED);
    assert_eq!(all.header("upload-offset"), "10");
    assert_eq!(
        head(&user, &path_of(&all)).await.header("upload-offset"),
        "10"
    );
    assert_eq!(content(&user, "part.mp4").await, b"abcdefghij");
    assert_eq!(content(&user, "whole.mp4").await, b"0123456789");
    // What cannot be taken leaves no upload behind.
    let wrong = [length, BYTES, ("upload-checksum", "crc32 AAAAAA==")];
    let refused = post(&user, &wrong, b"0123456789").await;
    assert_eq!(refused.problem(), (460, "checksum_mismatch".to_owned()));
    let long = post(&user, &[length, BYTES], b"eleven bytes").await;
    assert_eq!(long.problem(), (413, "upload_too_long".to_owned()));
    assert_eq!(user.status().await.used_storage, 20);
    assert_eq!(app.objects().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_file_is_whole_when_it_is_created() {
    let app = App::start().await;
    let user = app.with_user().await;
    let path = create(&user, "empty.mp4", 0).await;
    let reply = head(&user, &path).await;
    let seen = (reply.header("upload-offset"), reply.header("upload-length"));
    assert_eq!((reply.status, seen), (200, ("0", "0")));
    assert_eq!(content(&user, "empty.mp4").await, b"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_a_name_gets_one() {
    let app = App::start().await;
    let user = app.with_user().await;
    let created = post(&user, &[("upload-length", "3"), BYTES], b"abc").await;
    created.expect(StatusCode::CREATED);
    let videos = user.videos().await;
    assert_eq!(videos.len(), 1);
    assert_eq!(videos[0].filename, videos[0].id);
    assert_eq!(videos[0].content_type, "application/octet-stream");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_may_be_told_later_once() {
    let app = App::start().await;
    let user = app.with_user().await;
    let name = named("clip.mp4");
    let headers = [
        ("upload-defer-length", "1"),
        ("upload-metadata", name.as_str()),
    ];
    let path = path_of(&post(&user, &headers, b"").await.expect(StatusCode::CREATED));
    append(&user, &path, 0, b"abc")
        .await
        .expect(StatusCode::NO_CONTENT);
    let reply = head(&user, &path).await;
    assert_eq!(reply.header("upload-defer-length"), "1");
    assert_eq!(reply.header("upload-length"), "");
    let tell = async |length: &str, bytes: &[u8]| {
        let headers = [
            VERSION,
            BYTES,
            ("upload-offset", "3"),
            ("upload-length", length),
        ];
        ask(&user, Method::PATCH, &path, &headers, bytes).await
    };
    assert_eq!(tell("2", b"").await.problem().0, 413);
    tell("10", b"").await.expect(StatusCode::NO_CONTENT);
    let reply = head(&user, &path).await;
    assert_eq!(
        (reply.header("upload-offset"), reply.header("upload-length")),
        ("3", "10")
    );
    assert_eq!(reply.header("upload-defer-length"), "");
    assert_eq!(
        tell("10", b"").await.problem(),
        (400, "malformed_request".to_owned())
    );
    append(&user, &path, 3, b"defghij")
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(content(&user, "clip.mp4").await, b"abcdefghij");
}
