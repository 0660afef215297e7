//! Resumable uploads.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::support::{TestBucket, UNIT, content, read_all};

/// Asks what is stored until it is `stored`; bytes on a broken connection take a moment to be put away.
async fn wait_for(bucket: &TestBucket, session: &str, stored: usize) {
    let range = format!("bytes=0-{}", stored - 1);
    for _ in 0..1000 {
        if bucket
            .part(session, "bytes */*", b"")
            .await
            .expect(308)
            .header("range")
            == range
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{range} is not stored");
}

fn path_of(session: &str) -> &str {
    &session[session.find("/upload").unwrap()..]
}

#[tokio::test]
async fn an_object_comes_in_parts() {
    let bucket = TestBucket::start().await;
    let body = content(2 * UNIT + 100);
    let headers = [
        ("x-upload-content-type", "video/mp4"),
        ("x-upload-content-length", "524388"),
    ];
    let session = bucket
        .begin("user%2Fa", "ifGenerationMatch=0", &headers)
        .await;

    let status = bucket.part(&session, "bytes */*", b"").await.expect(308);
    assert_eq!(status.header("range"), "");
    let answer = bucket
        .part(&session, "bytes 0-262143/*", &body[..UNIT])
        .await
        .expect(308);
    assert_eq!(answer.header("range"), "bytes=0-262143");
    bucket.media("user%2Fa").await.expect(404);
    let range = "bytes 262144-524287/524388";
    let answer = bucket
        .part(&session, range, &body[UNIT..2 * UNIT])
        .await
        .expect(308);
    assert_eq!(answer.header("range"), "bytes=0-524287");
    let status = bucket
        .part(&session, "bytes */524388", b"")
        .await
        .expect(308);
    assert_eq!(status.header("range"), "bytes=0-524287");
    let range = "bytes 524288-524387/524388";
    let resource = bucket
        .part(&session, range, &body[2 * UNIT..])
        .await
        .expect(200)
        .json();
    assert_eq!(resource["size"], "524388");
    assert_eq!(resource["contentType"], "video/mp4");
    assert!(bucket.media("user%2Fa").await.expect(200).body == body);

    // The last answer may have been lost: it is given again, to any question.
    for range in ["bytes */*", "bytes */524388", range] {
        let again = bucket.part(&session, range, &[]).await.expect(200).json();
        assert_eq!(again, resource);
    }
    let bucket = bucket.restart().await;
    let again = bucket
        .part(path_of(&session), "bytes */*", b"")
        .await
        .expect(200)
        .json();
    assert_eq!(again["generation"], resource["generation"]);
    bucket
        .send("DELETE", path_of(&session), &[], "")
        .await
        .expect(404);
}

#[tokio::test]
async fn an_object_may_come_whole() {
    let bucket = TestBucket::start().await;
    let body = content(UNIT + 1);
    for range in [
        None,
        Some("bytes 0-262144/262145"),
        Some("bytes 0-*/262145"),
        Some("bytes 0-*/*"),
    ] {
        let session = bucket.begin("a", "", &[]).await;
        let headers: Vec<_> = range
            .iter()
            .map(|range| ("content-range", *range))
            .collect();
        bucket
            .send("PUT", &session, &headers, body.clone())
            .await
            .expect(200);
        assert!(bucket.media("a").await.body == body);
        bucket
            .send("DELETE", "/storage/v1/b/films/o/a", &[], "")
            .await
            .expect(204);
    }
    let session = bucket.begin("empty", "", &[]).await;
    bucket.part(&session, "bytes */0", b"").await.expect(200);
    assert_eq!(bucket.media("empty").await.expect(200).body.len(), 0);
}

#[tokio::test]
async fn an_object_of_unknown_size_ends_when_its_size_is_told() {
    let bucket = TestBucket::start().await;
    let body = content(2 * UNIT);
    let session = bucket.begin("a", "", &[]).await;
    bucket
        .part(&session, "bytes 0-524287/*", &body)
        .await
        .expect(308);
    bucket.part(&session, "bytes */*", b"").await.expect(308);
    bucket
        .part(&session, "bytes */524288", b"")
        .await
        .expect(200);
    assert!(bucket.media("a").await.body == body);
}

#[tokio::test]
async fn bytes_that_come_again_are_skipped() {
    let bucket = TestBucket::start().await;
    let body = content(4 * UNIT);
    let session = bucket.begin("a", "", &[]).await;
    bucket
        .part(&session, "bytes 0-524287/*", &body[..2 * UNIT])
        .await
        .expect(308);
    let answer = bucket
        .part(&session, "bytes 0-262143/*", &body[..UNIT])
        .await
        .expect(308);
    assert_eq!(answer.header("range"), "bytes=0-524287");
    let range = "bytes 262144-786431/1048576";
    let answer = bucket
        .part(&session, range, &body[UNIT..3 * UNIT])
        .await
        .expect(308);
    assert_eq!(answer.header("range"), "bytes=0-786431");
    let resource = bucket
        .send("PUT", &session, &[], body.clone())
        .await
        .expect(200)
        .json();
    assert_eq!(resource["size"], "1048576");
    assert!(bucket.media("a").await.body == body);
}

#[tokio::test]
async fn parts_that_do_not_fit_are_refused_and_the_upload_goes_on() {
    let bucket = TestBucket::start().await;
    let body = content(2 * UNIT + 50);
    let session = bucket
        .begin("a", "", &[("x-upload-content-length", "524338")])
        .await;
    bucket
        .part(&session, "bytes 0-262143/*", &body[..UNIT])
        .await
        .expect(308);
    // A gap; too small a part; another size; more or fewer bytes than announced; nonsense.
    bucket
        .part(&session, "bytes 524288-524337/524338", &body[2 * UNIT..])
        .await
        .expect(503);
    bucket
        .part(&session, "bytes 262144-262243/*", &body[UNIT..UNIT + 100])
        .await
        .expect(400);
    bucket
        .part(&session, "bytes 262144-524337/524399", &body[UNIT..])
        .await
        .expect(400);
    bucket
        .part(&session, "bytes */524399", b"")
        .await
        .expect(400);
    bucket
        .part(&session, "bytes 262144-524337/524338", b"abc")
        .await
        .expect(400);
    bucket
        .part(&session, "bytes 262144-786431/*", &body[..2 * UNIT])
        .await
        .expect(400);
    bucket.part(&session, "bytes x", b"").await.expect(400);
    bucket.send("PUT", &session, &[], "short").await.expect(400);
    let status = bucket.part(&session, "bytes */*", b"").await.expect(308);
    assert_eq!(status.header("range"), "bytes=0-262143");
    bucket
        .part(&session, "bytes 262144-524337/524338", &body[UNIT..])
        .await
        .expect(200);
    assert!(bucket.media("a").await.body == body);
}

#[tokio::test]
async fn of_a_part_that_is_no_multiple_of_the_unit_whole_units_are_kept() {
    let bucket = TestBucket::start().await;
    let body = content(2 * UNIT);
    let session = bucket.begin("a", "", &[]).await;
    let answer = bucket
        .part(&session, "bytes 0-299999/*", &body[..300_000])
        .await
        .expect(308);
    assert_eq!(answer.header("range"), "bytes=0-262143");
    bucket
        .part(&session, "bytes 262144-524287/524288", &body[UNIT..])
        .await
        .expect(200);
    assert!(bucket.media("a").await.body == body);
}

#[tokio::test]
async fn a_broken_connection_keeps_whole_units_and_shows_nothing() {
    let bucket = TestBucket::start().await;
    let body = content(8 * UNIT + 7);
    let session = bucket.begin("a", "", &[]).await;
    let head = format!(
        "PUT {} HTTP/1.1\r\ncontent-length: {}",
        path_of(&session),
        body.len()
    );
    let stream = bucket.open(&head, &body[..5 * UNIT + 1000]).await;
    drop(stream);
    wait_for(&bucket, &session, 5 * UNIT).await;
    bucket.media("a").await.expect(404);
    let range = format!("bytes {}-{}/{}", 5 * UNIT, body.len() - 1, body.len());
    bucket
        .part(&session, &range, &body[5 * UNIT..])
        .await
        .expect(200);
    assert!(bucket.media("a").await.body == body);
}

#[tokio::test]
async fn a_newer_request_takes_over_from_a_connection_that_hangs() {
    let bucket = TestBucket::start().await;
    let body = content(6 * UNIT);
    let session = bucket.begin("a", "", &[]).await;
    let head = format!(
        "PUT {} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}",
        path_of(&session),
        body.len()
    );
    let mut hanging = bucket.open(&head, &body[..5 * UNIT]).await;
    // 4 units are one full buffer, which is written without waiting for more.
    wait_for(&bucket, &session, 4 * UNIT).await;
    bucket
        .send("PUT", &session, &[], body.clone())
        .await
        .expect(200);
    assert!(bucket.media("a").await.body == body);
    hanging.write_all(&body[5 * UNIT..]).await.unwrap();
    assert!(read_all(hanging).await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn an_upload_goes_on_after_the_process_was_killed() {
    let bucket = TestBucket::start().await;
    let body = content(3 * UNIT + 5);
    let session = bucket.begin("a", "", &[]).await;
    bucket
        .part(&session, "bytes 0-524287/*", &body[..2 * UNIT])
        .await
        .expect(308);
    let next = bucket.as_if_killed().await;
    next.media("a").await.expect(404);
    let session = path_of(&session);
    let status = next.part(session, "bytes */*", b"").await.expect(308);
    assert_eq!(status.header("range"), "bytes=0-524287");
    let range = format!("bytes {}-{}/{}", 2 * UNIT, body.len() - 1, body.len());
    let resource = next
        .part(session, &range, &body[2 * UNIT..])
        .await
        .expect(200)
        .json();
    let whole = bucket
        .put("whole", body.clone(), "")
        .await
        .expect(200)
        .json();
    assert_eq!(resource["crc32c"], whole["crc32c"]);
    assert!(next.media("a").await.body == body);
}

#[tokio::test]
async fn preconditions_are_checked_at_the_start_and_at_the_end() {
    let bucket = TestBucket::start().await;
    let session = bucket.begin("a", "ifGenerationMatch=0", &[]).await;
    bucket.put("a", "faster", "").await.expect(200);
    bucket
        .send("PUT", &session, &[], "slower")
        .await
        .expect(412);
    assert_eq!(bucket.media("a").await.body, "faster");
    bucket
        .send("PUT", &session, &[], "slower")
        .await
        .expect(404);
    assert_eq!((bucket.files("data"), bucket.files("sessions")), (1, 0));
    let target = "/upload/storage/v1/b/films/o?uploadType=resumable&name=a&ifGenerationMatch=0";
    bucket.send("POST", target, &[], "{}").await.expect(412);
}

#[tokio::test]
async fn checksums_may_be_told_first_or_last() {
    let bucket = TestBucket::start().await;
    let start = "/upload/storage/v1/b/films/o?uploadType=resumable&name=a";
    let begin = async |metadata: &'static str| {
        let answer = bucket.send("POST", start, &[], metadata).await.expect(200);
        answer.header("location").to_owned()
    };
    let session = begin(r#"{"crc32c": "AAAAAA=="}"#).await;
    bucket
        .send("PUT", &session, &[], "123456789")
        .await
        .expect(400);
    let session = begin("{}").await;
    let wrong = [("x-goog-hash", "crc32c=AAAAAA==")];
    bucket
        .send("PUT", &session, &wrong, "123456789")
        .await
        .expect(400);
    bucket.media("a").await.expect(404);
    bucket
        .send("PUT", &session, &[], "123456789")
        .await
        .expect(404);
    let session = begin(r#"{"crc32c": "4waSgw=="}"#).await;
    let right = [(
        "x-goog-hash",
        "crc32c=4waSgw==,md5=JfnnlDI7RTiF9RgfG2JNCw==",
    )];
    bucket
        .send("PUT", &session, &right, "123456789")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_cancelled_upload_is_gone() {
    let bucket = TestBucket::start().await;
    let session = bucket.begin("a", "", &[]).await;
    bucket
        .part(&session, "bytes 0-262143/*", &content(UNIT))
        .await
        .expect(308);
    let answer = bucket.send("DELETE", &session, &[], "").await.expect(499);
    assert!(answer.body.is_empty());
    assert_eq!((bucket.files("data"), bucket.files("sessions")), (0, 0));
    bucket.part(&session, "bytes */*", b"").await.expect(404);
    bucket.send("DELETE", &session, &[], "").await.expect(404);
}

#[tokio::test]
async fn an_unknown_upload_is_404() {
    let bucket = TestBucket::start().await;
    let session = bucket.begin("a", "", &[]).await;
    let other = session.replace("/b/films/", "/b/other/");
    bucket.part(&other, "bytes */*", b"").await.expect(404);
    let place = "/upload/storage/v1/b/films/o?uploadType=resumable";
    for id in [
        "0".repeat(64),
        "..%2F..%2FVERSION".to_owned(),
        "x".to_owned(),
    ] {
        bucket
            .part(&format!("{place}&upload_id={id}"), "bytes */*", b"")
            .await
            .expect(404);
    }
    bucket.part(place, "bytes */*", b"").await.expect(400);
}

#[tokio::test]
async fn a_total_that_was_named_stays_and_is_never_less_than_what_is_stored() {
    let bucket = TestBucket::start().await;
    let body = content(2 * UNIT);
    let session = bucket.begin("a", "", &[]).await;
    bucket
        .part(&session, "bytes 0-262143/*", &body[..UNIT])
        .await
        .expect(308);
    bucket
        .part(&session, "bytes */262143", b"")
        .await
        .expect(400);
    bucket.part(&session, "bytes */0", b"").await.expect(400);
    // A question names no total for good.
    bucket
        .part(&session, "bytes */600000", b"")
        .await
        .expect(308);
    bucket
        .part(&session, "bytes 0-262143/524288", &body[..UNIT])
        .await
        .expect(308);
    bucket
        .part(&session, "bytes 262144-524287/600000", &body[UNIT..])
        .await
        .expect(400);
    bucket
        .part(&session, "bytes 262144-786431/*", &content(2 * UNIT))
        .await
        .expect(400);
    bucket
        .part(&session, "bytes 262144-524287/524288", &body[UNIT..])
        .await
        .expect(200);
    assert!(bucket.media("a").await.body == body);
}
