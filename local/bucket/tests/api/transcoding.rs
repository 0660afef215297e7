//! Objects that are stored as gzip, for clients that take it and for those that do not.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::support::{Answer, TestBucket, content};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const GZIP: &str = "contentEncoding=gzip";

async fn read(bucket: &TestBucket, method: &str, name: &str, headers: &[(&str, &str)]) -> Answer {
    let target = format!("/storage/v1/b/films/o/{name}?alt=media");
    bucket.send(method, &target, headers, "").await
}

#[tokio::test]
async fn a_client_that_does_not_take_gzip_gets_what_was_compressed() {
    let bucket = TestBucket::start().await;
    let plain = content(3_000_000);
    let stored = gzip(&plain);
    let resource = bucket.put("a", stored.clone(), GZIP).await.expect(200);
    let size = stored.len().to_string();
    assert_eq!(resource.json()["size"], size);
    for headers in [
        &[][..],
        &[("accept-encoding", "identity")],
        // A part of what is not stored is not to be had.
        &[("range", "bytes=5-9")],
        &[("accept-encoding", "gzip;q=0"), ("range", "bytes=9999999-")],
    ] {
        let answer = read(&bucket, "GET", "a", headers).await.expect(200);
        assert!(answer.body == plain, "{headers:?}");
        for absent in [
            "content-encoding",
            "content-length",
            "content-range",
            "accept-ranges",
        ] {
            assert_eq!(answer.header(absent), "", "{absent}");
        }
        assert_eq!(answer.header("warning"), "214 UploadServer gunzipped");
        assert_eq!(answer.header("vary"), "Accept-Encoding");
        // The checksum is of what is stored, as these say.
        assert_eq!(answer.header("x-goog-stored-content-encoding"), "gzip");
        assert_eq!(answer.header("x-goog-stored-content-length"), size);
        let hash = format!("crc32c={}", resource.json()["crc32c"].as_str().unwrap());
        assert_eq!(answer.header("x-goog-hash"), hash);
    }
    let head = read(&bucket, "HEAD", "a", &[]).await.expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), ("", 0));
    assert_eq!(head.header("warning"), "214 UploadServer gunzipped");
    // The XML API does the same.
    let xml = bucket.get("/films/a").await.expect(200);
    assert!(xml.body == plain);
}

#[tokio::test]
async fn a_client_that_takes_gzip_gets_what_is_stored_and_parts_of_it() {
    let bucket = TestBucket::start().await;
    let stored = gzip(&content(100_000));
    bucket.put("a", stored.clone(), GZIP).await.expect(200);
    let takes = ("accept-encoding", "deflate, gzip");
    let answer = read(&bucket, "GET", "a", &[takes]).await.expect(200);
    assert!(answer.body == stored);
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert_eq!(answer.header("content-length"), stored.len().to_string());
    assert_eq!(answer.header("vary"), "Accept-Encoding");
    assert_eq!(answer.header("warning"), "");
    let range = [takes, ("range", "bytes=2-5")];
    let answer = read(&bucket, "GET", "a", &range).await.expect(206);
    assert_eq!(answer.body, &stored[2..6]);
}

#[tokio::test]
async fn what_must_not_be_changed_or_is_no_gzip_is_served_as_it_is_stored() {
    let bucket = TestBucket::start().await;
    let stored = gzip(b"text");
    bucket.put("fixed", stored.clone(), GZIP).await.expect(200);
    let change = json!({"cacheControl": "public, no-transform"}).to_string();
    let kind = [("content-type", "application/json")];
    let changed = bucket.send("PATCH", "/storage/v1/b/films/o/fixed", &kind, change);
    changed.await.expect(200);
    bucket.put("other", stored.clone(), "").await.expect(200);
    bucket.put("text", "no gzip", GZIP).await.expect(200);
    bucket.put("empty", "", GZIP).await.expect(200);
    for (name, expected, encoding) in [
        ("fixed", &stored[..], "gzip"),
        ("other", &stored, ""),
        ("text", b"no gzip", "gzip"),
        ("empty", b"", "gzip"),
    ] {
        let answer = read(&bucket, "GET", name, &[]).await.expect(200);
        assert_eq!(answer.body, expected, "{name}");
        assert_eq!(answer.header("content-encoding"), encoding, "{name}");
        assert_eq!(answer.header("content-length"), expected.len().to_string());
        assert_eq!(answer.header("warning"), "");
    }
}

#[tokio::test]
async fn members_one_after_another_are_one_file_and_a_broken_one_breaks_the_body() {
    let bucket = TestBucket::start().await;
    let both = [gzip(b"one, "), gzip(b"two")].concat();
    bucket.put("both", both, GZIP).await.expect(200);
    assert_eq!(bucket.media("both").await.expect(200).body, "one, two");
    // Longer than what is decompressed before the answer begins.
    let mut broken = gzip(&content(4_000_000));
    broken.truncate(broken.len() - 10);
    bucket.put("broken", broken, GZIP).await.expect(200);
    let target = "/storage/v1/b/films/o/broken?alt=media";
    assert!(bucket.try_send("GET", target, &[], "").await.is_err());
}
