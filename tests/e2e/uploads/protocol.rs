//! The protocol to the letter: statuses and headers.

use http::StatusCode;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_tells_what_there_is_without_a_token_or_a_version() {
    let app = App::start().await;
    for path in ["/v1/uploads", "/v1/uploads/nothing"] {
        let reply = Reply::to(app.request(Method::OPTIONS, path)).await;
        assert_eq!(reply.seen(), (200, ""), "{path}");
        for (name, value) in [
            ("tus-resumable", "1.0.0"),
            ("tus-version", "1.0.0"),
            (
                "tus-extension",
                "creation,creation-with-upload,creation-defer-length,expiration,termination,checksum,concatenation,concatenation-unfinished",
            ),
            ("tus-max-size", "5497558138880"),
            ("tus-checksum-algorithm", "sha1,sha256,crc32"),
        ] {
            assert_eq!(reply.header(name), value, "{path} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_version_or_none_is_412_with_the_right_one_on_every_method() {
    let app = App::start().await;
    let user = app.with_user().await;
    let path = create(&user, "clip.mp4", 10).await;
    for version in [&[][..], &[("tus-resumable", "0.2.2")]] {
        for (method, path) in [
            (Method::POST, "/v1/uploads"),
            (Method::HEAD, &path),
            (Method::PATCH, &path),
            (Method::DELETE, &path),
        ] {
            let headers = [version, &[BYTES, ("upload-offset", "0")]].concat();
            let reply = ask(&user, method.clone(), path, &headers, b"").await;
            assert_eq!(reply.status, 412, "{method} {version:?}");
            assert_eq!(reply.header("tus-version"), "1.0.0", "{method}");
            assert_eq!(reply.header("tus-resumable"), "1.0.0", "{method}");
        }
    }
    assert_eq!(head(&user, &path).await.header("upload-offset"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_are_taken_where_they_belong_and_of_their_type_alone() {
    let app = App::start().await;
    let user = app.with_user().await;
    let path = create(&user, "clip.mp4", 10).await;
    let offset = ("upload-offset", "0");
    for (headers, status, code) in [
        (&[VERSION, offset][..], 415, "unsupported_media_type"),
        (
            &[
                VERSION,
                offset,
                ("content-type", "application/octet-stream"),
            ],
            415,
            "unsupported_media_type",
        ),
        (&[VERSION, BYTES], 400, "malformed_header"),
        (
            &[VERSION, BYTES, ("upload-offset", "-1")],
            400,
            "malformed_header",
        ),
        (
            &[VERSION, BYTES, ("upload-offset", "x")],
            400,
            "malformed_header",
        ),
        (
            &[VERSION, BYTES, ("upload-offset", "9223372036854775808")],
            400,
            "malformed_header",
        ),
        (
            &[VERSION, BYTES, ("upload-offset", "3")],
            409,
            "offset_mismatch",
        ),
        (
            &[VERSION, BYTES, offset, ("upload-checksum", "md5 AAAA")],
            400,
            "unknown_algorithm",
        ),
        (
            &[VERSION, BYTES, offset, ("upload-checksum", "sha1 !")],
            400,
            "malformed_header",
        ),
        (
            &[VERSION, BYTES, offset, ("upload-length", "10")],
            400,
            "malformed_request",
        ),
    ] {
        let reply = ask(&user, Method::PATCH, &path, headers, b"abc").await;
        assert_eq!(reply.problem(), (status, code.to_owned()), "{headers:?}");
        assert_eq!(reply.header("tus-resumable"), "1.0.0");
        if status == 409 {
            assert_eq!(reply.header("upload-offset"), "0");
        }
    }
    let long = append(&user, &path, 0, b"eleven bytes").await;
    assert_eq!(long.problem(), (413, "upload_too_long".to_owned()));
    let nothing = append(&user, &path, 0, b"").await;
    assert_eq!(
        (nothing.status, nothing.header("upload-offset")),
        (204, "0")
    );
    let some = append(&user, &path, 0, b"abc").await;
    assert_eq!(some.seen(), (204, ""));
    assert_eq!(some.header("upload-offset"), "3");
    assert!(some.header("upload-expires").ends_with(" GMT"));
    let twice = append(&user, &path, 0, b"abc").await;
    assert_eq!((twice.status, twice.header("upload-offset")), (409, "3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_tells_how_far_an_upload_is_and_what_was_said_of_it() {
    let app = App::start().await;
    let user = app.with_user().await;
    let metadata = "filename Y2xpcC5tcDQ=,empty,title SG9saWRheQ==";
    let headers = [
        VERSION,
        ("upload-length", "10"),
        ("upload-metadata", metadata),
    ];
    let reply = ask(&user, Method::POST, "/v1/uploads", &headers, b"").await;
    let path = path_of(&reply.expect(StatusCode::CREATED));
    append(&user, &path, 0, b"abc")
        .await
        .expect(StatusCode::NO_CONTENT);
    let reply = head(&user, &path).await;
    assert_eq!(reply.status, 200);
    for (name, value) in [
        ("upload-offset", "3"),
        ("upload-length", "10"),
        ("upload-metadata", metadata),
        ("upload-defer-length", ""),
        ("cache-control", "no-store"),
        ("tus-resumable", "1.0.0"),
    ] {
        assert_eq!(reply.header(name), value, "{name}");
    }
    append(&user, &path, 3, b"defghij")
        .await
        .expect(StatusCode::NO_CONTENT);
    let reply = head(&user, &path).await;
    let seen = (reply.header("upload-offset"), reply.header("upload-length"));
    assert_eq!((reply.status, seen), (200, ("10", "10")));
    let more = append(&user, &path, 10, b"").await;
    assert_eq!(more.problem(), (410, "upload_gone".to_owned()));
    assert_eq!(content(&user, "clip.mp4").await, b"abcdefghij");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_digest_is_460_and_keeps_nothing() {
    let app = App::start().await;
    let user = app.with_user().await;
    let path = create(&user, "clip.mp4", 12).await;
    let send = async |digest: &str| {
        let headers = [
            VERSION,
            BYTES,
            ("upload-offset", "0"),
            ("upload-checksum", digest),
        ];
        ask(&user, Method::PATCH, &path, &headers, b"Hello, tus!\n").await
    };
    for wrong in ["sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "crc32 AAAAAA=="] {
        let reply = send(wrong).await;
        assert_eq!(reply.problem(), (460, "checksum_mismatch".to_owned()));
        assert_eq!(head(&user, &path).await.header("upload-offset"), "0");
    }
    let right = send("sha1 E7X121m3do5RTtnrOi5XTG9Uq0A=").await;
    assert_eq!((right.status, right.header("upload-offset")), (204, "12"));
    assert_eq!(content(&user, "clip.mp4").await, b"Hello, tus!\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_may_stand_for_a_patch_or_a_delete() {
    let app = App::start().await;
    let user = app.with_user().await;
    let path = create(&user, "clip.mp4", 10).await;
    let headers = [
        VERSION,
        BYTES,
        ("upload-offset", "0"),
        ("x-http-method-override", "PATCH"),
    ];
    let reply = ask(&user, Method::POST, &path, &headers, b"abc").await;
    assert_eq!((reply.status, reply.header("upload-offset")), (204, "3"));
    for other in [
        &[VERSION][..],
        &[VERSION, ("x-http-method-override", "PUT")],
    ] {
        let reply = ask(&user, Method::POST, &path, other, b"").await;
        assert_eq!(reply.problem().0, 405);
    }
    let headers = [VERSION, ("x-http-method-override", "DELETE")];
    let reply = ask(&user, Method::POST, &path, &headers, b"").await;
    assert_eq!(reply.seen(), (204, ""));
    assert_eq!(head(&user, &path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_upload_of_the_caller_is_404_whoever_has_it() {
    let app = App::start().await;
    let (ada, bob) = (app.with_user().await, app.with_user().await);
    let path = create(&ada, "clip.mp4", 10).await;
    // Bob has an upload under the same number.
    create(&bob, "clip.mp4", 10).await;
    for path in [
        path.as_str(),
        "/v1/uploads/1-nothing",
        "/v1/uploads/nothing",
    ] {
        assert_eq!(head(&bob, path).await.status, 404, "{path}");
        let bytes = append(&bob, path, 0, b"abc").await;
        assert_eq!(bytes.problem(), (404, "not_found".to_owned()), "{path}");
        let end = ask(&bob, Method::DELETE, path, &[VERSION], b"").await;
        assert_eq!(end.problem(), (404, "not_found".to_owned()), "{path}");
    }
    assert_eq!(head(&ada, &path).await.header("upload-offset"), "0");
}
