//! Faults on request, and the limit of one write a second.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{TestBucket, content};

const PATH: &str = "/_spinreel/faults";

async fn faulty() -> TestBucket {
    TestBucket::start_but(|options| options.faults = true).await
}

async fn add(bucket: &TestBucket, rule: Value) {
    let rules = json!({"faults": [rule]}).to_string();
    bucket.send("POST", PATH, &[], rules).await.expect(204);
}

#[tokio::test]
async fn a_status_is_answered_as_often_as_asked_and_nothing_is_done() {
    let bucket = faulty().await;
    let rule = json!({
        "method": "POST", "path_contains": "/upload/", "times": 2,
        "do": {"status": 503, "retry_after": 7},
    });
    add(&bucket, rule).await;
    for left in [1, 0] {
        let answer = bucket.put("a", "one", "").await.expect(503);
        assert_eq!(answer.header("retry-after"), "7");
        let rules = bucket.get(PATH).await.expect(200).json();
        match left {
            0 => assert_eq!(rules, json!({"faults": []})),
            left => assert_eq!(rules["faults"][0]["times"], left),
        }
    }
    bucket.media("a").await.expect(404);
    bucket.put("a", "one", "").await.expect(200);

    add(&bucket, json!({"do": {"status": 429}})).await;
    let answer = bucket.media("a").await.expect(429).json();
    assert_eq!(
        answer["error"]["errors"][0],
        json!({
            "domain": "usageLimits", "reason": "rateLimitExceeded",
            "message": answer["error"]["message"],
        })
    );
    bucket.get("/films/a").await.expect_xml(429, "SlowDown");
    bucket.send("DELETE", PATH, &[], "").await.expect(204);
    bucket.media("a").await.expect(200);
}

#[tokio::test]
async fn a_reset_comes_before_the_effect_or_after_it() {
    let bucket = faulty().await;
    let target = "/upload/storage/v1/b/films/o?uploadType=media&name=a";
    add(&bucket, json!({"times": 1, "do": {"reset": true}})).await;
    let lost = bucket.try_send("POST", target, &[], "one").await;
    assert!(lost.is_err());
    bucket.media("a").await.expect(404);

    let rule = json!({"times": 1, "method": "POST", "do": {"reset_after_effect": true}});
    add(&bucket, rule).await;
    let lost = bucket.try_send("POST", target, &[], "two").await;
    assert!(lost.is_err());
    assert_eq!(bucket.media("a").await.expect(200).body, "two");

    // It is a reset, not a close.
    add(&bucket, json!({"times": 1, "do": {"reset": true}})).await;
    let mut stream = bucket.open("GET / HTTP/1.1", b"").await;
    let error = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1]).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_cut_body_breaks_off_and_the_head_promises_all_of_it() {
    let bucket = faulty().await;
    let body = content(2_000_000);
    bucket.put("a", body.clone(), "").await.expect(200);
    let rule = json!({"times": 1, "path_contains": "alt=media", "do": {"cut_body": 700_000}});
    add(&bucket, rule).await;
    let target = "GET /storage/v1/b/films/o/a?alt=media HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = bucket.raw_bytes(target).await;
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    assert!(head.contains("content-length: 2000000"), "{head}");
    let received = &answer[end + 4..];
    assert!(received.len() <= 700_000, "{}", received.len());
    assert!(!received.is_empty() && *received == body[..received.len()]);
    assert!(bucket.media("a").await.expect(200).body == body);
}

#[tokio::test]
async fn a_stalled_request_is_done_even_if_its_client_has_gone() {
    let bucket = faulty().await;
    bucket.put("a", "one", "").await.expect(200);
    let rule = json!({"method": "DELETE", "times": 1, "do": {"stall_ms": 300}});
    add(&bucket, rule).await;
    let stream = bucket
        .open("DELETE /storage/v1/b/films/o/a HTTP/1.1", b"")
        .await;
    while bucket.get(PATH).await.json() != json!({"faults": []}) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    while bucket.media("a").await.status != 404 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_stalled_request_does_not_hold_up_the_end() {
    let bucket = faulty().await;
    let rule = json!({"method": "DELETE", "do": {"stall_ms": 600_000}});
    add(&bucket, rule).await;
    let _stream = bucket
        .open("DELETE /storage/v1/b/films/o/a HTTP/1.1", b"")
        .await;
    bucket.restart().await;
}

#[tokio::test]
async fn rules_are_refused_whole_and_never_strike_their_own_path() {
    let bucket = faulty().await;
    add(&bucket, json!({"do": {"status": 500}})).await;
    for bad in [
        "",
        "{",
        "[]",
        r#"{"faults": [{"do": {"reset": true}}, {"do": {}}]}"#,
    ] {
        bucket.send("POST", PATH, &[], bad).await.expect(400);
    }
    let rules = bucket.get(PATH).await.expect(200).json();
    assert_eq!(
        rules,
        json!({"faults": [{
            "method": null, "path_contains": null, "times": null, "probability": null,
            "do": {"status": 500},
        }]})
    );
    bucket.send("PUT", PATH, &[], "").await.expect(405);
    bucket.get("/_spinreel/other").await.expect(404);
    bucket.get("/storage/v1/b").await.expect(500);
}

#[tokio::test]
async fn only_who_asks_for_faults_can_have_them() {
    let bucket = TestBucket::start().await;
    let rule = json!({"faults": [{"do": {"reset": true}}]}).to_string();
    for method in ["GET", "DELETE", "POST"] {
        bucket
            .send(method, PATH, &[], rule.clone())
            .await
            .expect(404);
    }
    bucket.get("/storage/v1/b").await.expect(200);
}

#[tokio::test]
async fn a_name_can_be_written_once_a_second() {
    let bucket = TestBucket::start_but(|options| options.one_write_a_second = true).await;
    // However slow this machine is, one of these comes less than a second after the one before.
    let mut refused = None;
    for _ in 0..100 {
        let answer = bucket.put("a", "one", "").await;
        if answer.status == 429 {
            refused = Some(answer.expect(429));
            break;
        }
        answer.expect(200);
    }
    let error = refused.unwrap().json();
    let item = &error["error"]["errors"][0];
    assert_eq!(item["reason"], "rateLimitExceeded");
    assert_eq!(item["domain"], "usageLimits");
    // Other names are free, reads are, and what cannot be done anyway is told as ever.
    bucket.put("b", "one", "").await.expect(200);
    bucket.media("a").await.expect(200);
    bucket.put("a", "", "ifGenerationMatch=0").await.expect(412);
    // An upload that meets the limit at its end is not lost.
    let session = bucket.begin("a", "", &[]).await;
    let mut status = bucket.send("PUT", &session, &[], "two").await.status;
    while status == 429 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        status = bucket.part(&session, "bytes */3", b"").await.status;
    }
    assert_eq!(status, 200);
    assert_eq!(bucket.media("a").await.body, "two");
}
