//! The IETF's draft "Resumable Uploads for HTTP", at the same URLs.

use http::StatusCode;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use spinreel_api::storage::StoredFile;

use super::*;

const VERSIONS: [&str; 2] = ["6", "8"];
const PART: (&str, &str) = ("content-type", "application/partial-upload");
const MORE: (&str, &str) = ("upload-complete", "?0");
const LAST: (&str, &str) = ("upload-complete", "?1");

fn speaks(version: &str) -> (&str, &str) {
    ("upload-draft-interop-version", version)
}

fn disposition(name: &str) -> String {
    format!("inline; filename=\"{name}\"")
}

async fn post(user: &User<'_>, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    ask(user, Method::POST, "/v1/uploads", headers, body).await
}

/// An upload without bytes.
async fn begin(user: &User<'_>, version: &str, name: &str, headers: &[(&str, &str)]) -> String {
    let disposition = disposition(name);
    let fixed = [
        speaks(version),
        MORE,
        ("content-disposition", disposition.as_str()),
    ];
    let reply = post(user, &[&fixed, headers].concat(), b"").await;
    let reply = reply.expect(StatusCode::CREATED);
    assert_eq!(reply.header("upload-complete"), "?0");
    assert_eq!(reply.header("upload-offset"), "0");
    let limit = reply.header("upload-limit");
    let lifetime = if version == "6" {
        "expires="
    } else {
        "max-age="
    };
    assert!(
        limit.contains("max-size=") && limit.contains(lifetime),
        "{limit}"
    );
    path_of(&reply)
}

async fn patch(
    user: &User<'_>,
    version: &str,
    path: &str,
    offset: usize,
    complete: (&str, &str),
    bytes: &[u8],
) -> Reply {
    let offset = offset.to_string();
    let headers = [
        speaks(version),
        PART,
        complete,
        ("upload-offset", offset.as_str()),
    ];
    ask(user, Method::PATCH, path, &headers, bytes).await
}

/// Completeness, offset and length, as `HEAD` tells them.
async fn seen(user: &User<'_>, version: &str, path: &str) -> [String; 3] {
    let reply = ask(user, Method::HEAD, path, &[speaks(version)], b"").await;
    let reply = reply.expect(StatusCode::NO_CONTENT);
    assert_eq!(reply.header("cache-control"), "no-store");
    ["upload-complete", "upload-offset", "upload-length"].map(|name| {
        let value = reply
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_careful_creation_and_parts_make_a_file() {
    let app = App::start().await;
    let user = app.with_user().await;
    let film = film(600_000);
    for version in VERSIONS {
        let name = format!("careful-{version}.mp4");
        let path = begin(&user, version, &name, &[("upload-length", "600000")]).await;
        assert_eq!(seen(&user, version, &path).await, ["?0", "0", "600000"]);
        let more = patch(&user, version, &path, 0, MORE, &film[..400_000]).await;
        let (acknowledged, done) = match version {
            "6" => (StatusCode::CREATED, StatusCode::CREATED),
            _ => (StatusCode::NO_CONTENT, StatusCode::OK),
        };
        let more = more.expect(acknowledged);
        assert_eq!(more.header("upload-complete"), "?0");
        assert_eq!(more.header("upload-offset"), "400000");
        assert_eq!(
            seen(&user, version, &path).await,
            ["?0", "400000", "600000"]
        );
        let last = patch(&user, version, &path, 400_000, LAST, &film[400_000..]).await;
        let last = last.expect(done);
        assert_eq!(last.header("upload-complete"), "?1");
        assert_eq!(last.header("upload-offset"), "600000");
        assert_eq!(
            seen(&user, version, &path).await,
            ["?1", "600000", "600000"]
        );
        assert!(content(&user, &name).await == film);
    }
    assert_eq!(user.status().await.used_storage, 1_200_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_ends_where_its_client_says_so_and_not_before() {
    let app = App::start().await;
    let user = app.with_user().await;
    let film = film(262_144);
    for version in VERSIONS {
        // All bytes are there. By version 8 it is not complete for that.
        let name = format!("late-{version}.mp4");
        let path = begin(&user, version, &name, &[("upload-length", "262144")]).await;
        let more = patch(&user, version, &path, 0, MORE, &film).await;
        let is_complete = match version {
            "6" => "?1",
            _ => "?0",
        };
        assert_eq!(more.header("upload-complete"), is_complete);
        assert_eq!(
            seen(&user, version, &path).await,
            [is_complete, "262144", "262144"]
        );
        let status = user.status().await;
        let is_file = |file: &StoredFile| file.filename.ends_with(&name);
        assert_eq!(status.files.iter().any(is_file), is_complete == "?1");
        if is_complete == "?0" {
            let last = patch(&user, version, &path, 262_144, LAST, b"").await;
            assert_eq!(last.header("upload-complete"), "?1");
        }
        assert!(content(&user, &name).await == film);
        // Nobody said how many there would be.
        let name = format!("unknown-{version}.mp4");
        let path = begin(&user, version, &name, &[]).await;
        patch(&user, version, &path, 0, MORE, &film[..1_000]).await;
        assert_eq!(seen(&user, version, &path).await, ["?0", "1000", ""]);
        patch(&user, version, &path, 1_000, LAST, &film[1_000..]).await;
        assert!(content(&user, &name).await == film);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creation_may_bring_a_part_or_all_of_it() {
    let app = App::start().await;
    let user = app.with_user().await;
    let film = film(50_000);
    for version in VERSIONS {
        let name = format!("whole-{version}.mp4");
        let disposition = disposition(&name);
        let named = ("content-disposition", disposition.as_str());
        let typed = ("content-type", "video/mp4");
        let reply = post(&user, &[speaks(version), LAST, named, typed], &film).await;
        let reply = reply.expect(StatusCode::CREATED);
        assert_eq!(reply.header("upload-complete"), "?1");
        assert_eq!(user.video_of(&name).await.content_type, "video/mp4");
        assert!(content(&user, &name).await == film);
        let path = path_of(&reply);
        assert_eq!(seen(&user, version, &path).await, ["?1", "50000", "50000"]);

        let name = format!("part-{version}.mp4");
        let disposition = format!("inline; filename*=UTF-8''{name}");
        let named = ("content-disposition", disposition.as_str());
        let reply = post(&user, &[speaks(version), MORE, named], &film[..20_000]).await;
        let reply = reply.expect(StatusCode::CREATED);
        assert_eq!(reply.header("upload-complete"), "?0");
        assert_eq!(reply.header("upload-offset"), "20000");
        let path = path_of(&reply);
        patch(&user, version, &path, 20_000, LAST, &film[20_000..]).await;
        assert!(content(&user, &name).await == film);
        // Nothing at all is a file, too.
        let reply = post(&user, &[speaks(version), LAST], b"").await;
        let reply = reply.expect(StatusCode::CREATED);
        assert_eq!(
            seen(&user, version, &path_of(&reply)).await,
            ["?1", "0", "0"]
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_the_problem_types_of_the_draft_and_change_nothing() {
    let app = App::start().await;
    let user = app.with_user().await;
    let kind = |name: &str| format!("https://iana.org/assignments/http-problem-types#{name}");
    for version in VERSIONS {
        let name = format!("clip-{version}.mp4");
        let path = begin(&user, version, &name, &[("upload-length", "10")]).await;
        patch(&user, version, &path, 0, MORE, b"0123").await;
        let other = patch(&user, version, &path, 7, MORE, b"7").await;
        assert_eq!(other.header("upload-offset"), "4");
        let other = other.expect(StatusCode::CONFLICT);
        assert_eq!(other.header("content-type"), "application/problem+json");
        let problem: Value = other.json();
        assert_eq!(problem["type"], kind("mismatching-upload-offset"));
        assert_eq!(problem["expected-offset"], 4);
        assert_eq!(problem["provided-offset"], 7);
        for (offset, complete, bytes) in [
            (4, LAST, &b"45"[..]),
            (4, MORE, b"4567890"),
            (4, LAST, b"4567890"),
        ] {
            let refused = patch(&user, version, &path, offset, complete, bytes).await;
            let problem: Value = refused.expect(StatusCode::BAD_REQUEST).json();
            assert_eq!(problem["type"], kind("inconsistent-upload-length"));
        }
        let said = [
            speaks(version),
            PART,
            MORE,
            ("upload-offset", "4"),
            ("upload-length", "11"),
        ];
        let refused = ask(&user, Method::PATCH, &path, &said, b"4").await;
        let problem: Value = refused.expect(StatusCode::BAD_REQUEST).json();
        assert_eq!(problem["type"], kind("inconsistent-upload-length"));
        let said = [speaks(version), LAST, ("upload-length", "11")];
        let refused = post(&user, &said, b"0123456789").await;
        let problem: Value = refused.expect(StatusCode::BAD_REQUEST).json();
        assert_eq!(problem["type"], kind("inconsistent-upload-length"));

        for (headers, status) in [
            (&[PART, MORE][..], 400),
            (&[PART, MORE, ("upload-offset", "\"4\"")], 400),
            (&[PART, MORE, ("upload-offset", "-4")], 400),
            (&[PART, ("upload-offset", "4")], 400),
            (
                &[PART, ("upload-complete", "1"), ("upload-offset", "4")],
                400,
            ),
            (&[BYTES, MORE, ("upload-offset", "4")], 415),
            (&[MORE, ("upload-offset", "4")], 415),
        ] {
            let headers = [&[speaks(version)], headers].concat();
            let reply = ask(&user, Method::PATCH, &path, &headers, b"4").await;
            assert_eq!(reply.status, status, "{headers:?}");
        }
        let huge = [speaks(version), MORE, ("upload-length", "999999999999999")];
        let refused = post(&user, &huge, b"")
            .await
            .expect(StatusCode::PAYLOAD_TOO_LARGE);
        assert!(refused.header("upload-limit").contains("max-size="));
        assert_eq!(seen(&user, version, &path).await, ["?0", "4", "10"]);
        patch(&user, version, &path, 4, LAST, b"456789").await;
        assert_eq!(content(&user, &name).await, b"0123456789");
        for bytes in [&b""[..], b"more"] {
            let complete = patch(&user, version, &path, 10, LAST, bytes).await;
            let problem: Value = complete.expect(StatusCode::BAD_REQUEST).json();
            assert_eq!(problem["type"], kind("completed-upload"));
        }
        let other = app.with_user().await;
        let theirs = patch(&other, version, &path, 10, LAST, b"").await;
        theirs.expect(StatusCode::NOT_FOUND);
    }
    // Neither protocol, or a version that is not spoken.
    for headers in [&[MORE][..], &[MORE, speaks("7")], &[MORE, speaks("eight")]] {
        let reply = post(&user, headers, b"").await;
        let reply = reply.expect(StatusCode::PRECONDITION_FAILED);
        assert_eq!(reply.header("tus-version"), "1.0.0");
    }
    assert_eq!(user.status().await.used_storage, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digests_are_held_against_the_bytes() {
    use base64::Engine as _;
    let digest = |bytes: &[u8]| {
        let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(bytes));
        format!("sha-256=:{digest}:")
    };
    let app = App::start().await;
    let user = app.with_user().await;
    for version in VERSIONS {
        let name = format!("checked-{version}.mp4");
        let path = begin(&user, version, &name, &[]).await;
        let said = async |offset: &str, complete, said: &str, bytes: &[u8]| {
            let headers = [
                speaks(version),
                PART,
                complete,
                ("upload-offset", offset),
                ("content-digest", said),
            ];
            ask(&user, Method::PATCH, &path, &headers, bytes).await
        };
        let wrong = said("0", MORE, &digest(b"abd"), b"abc").await;
        assert_eq!(wrong.problem(), (400, "digest_mismatch".to_owned()));
        let nonsense = said("0", MORE, "sha-256=abc", b"abc").await;
        assert_eq!(nonsense.problem(), (400, "malformed_header".to_owned()));
        assert_eq!(seen(&user, version, &path).await, ["?0", "0", ""]);
        let right = said("0", MORE, &digest(b"abc"), b"abc").await;
        assert_eq!(right.header("upload-offset"), "3");
        let wrong = said("3", LAST, &digest(b""), b"def").await;
        assert_eq!(wrong.problem(), (400, "digest_mismatch".to_owned()));
        let unknown = said("3", LAST, "md5=:AAAA:", b"def").await;
        assert_eq!(unknown.header("upload-complete"), "?1");
        assert_eq!(content(&user, &name).await, b"abcdef");

        let name = format!("representation-{version}.mp4");
        let disposition = disposition(&name);
        for (of, status) in [(&b"another"[..], 400), (b"abc", 201)] {
            let digest = digest(of);
            let headers = [
                speaks(version),
                LAST,
                ("content-disposition", disposition.as_str()),
                ("repr-digest", digest.as_str()),
            ];
            assert_eq!(post(&user, &headers, b"abc").await.status, status);
        }
        assert_eq!(content(&user, &name).await, b"abc");
    }
    assert_eq!(user.status().await.used_storage, 18);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_tell_of_both_protocols_and_delete_ends_an_upload() {
    let app = App::start().await;
    let user = app.with_user().await;
    let options = Reply::to(app.request(Method::OPTIONS, "/v1/uploads")).await;
    let options = options.expect(StatusCode::OK);
    assert!(
        options
            .header("upload-limit")
            .contains("max-size=5497558138880")
    );
    assert!(
        options
            .header("accept-patch")
            .contains("application/partial-upload")
    );
    let extensions = options.header("tus-extension");
    assert!(extensions.contains("concatenation,concatenation-unfinished"));
    assert!(!extensions.contains("checksum-trailer"));
    for version in VERSIONS {
        let path = begin(&user, version, "clip.mp4", &[("upload-length", "10")]).await;
        let ended = ask(&user, Method::DELETE, &path, &[speaks(version)], b"").await;
        ended.expect(StatusCode::NO_CONTENT);
        let gone = ask(&user, Method::HEAD, &path, &[speaks(version)], b"").await;
        assert!(matches!(gone.status, 404 | 410), "{}", gone.status);
    }
    assert_eq!(user.status().await.used_storage, 0);
    assert!(app.objects().await.is_empty());
}
