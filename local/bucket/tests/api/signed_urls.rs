//! V4 signed URLs.

use crate::signer::{ToSign, now};
use crate::support::{Answer, TestBucket, UNIT, content};

/// A strict bucket with the object `u/ü a+b~!.mp4`, which is `0123456789`.
async fn with_object() -> TestBucket {
    let bucket = TestBucket::strict().await;
    let target = "/upload/storage/v1/b/films/o?uploadType=media&name=u%2F%C3%BC%20a%2Bb~!.mp4";
    authorized(&bucket, "POST", target, "0123456789")
        .await
        .expect(200);
    bucket
}

const PATH: &str = "/films/u/%C3%BC%20a%2Bb~%21.mp4";

async fn authorized(bucket: &TestBucket, method: &str, target: &str, body: &'static str) -> Answer {
    let bearer = format!("Bearer {}", bucket.bucket().access_token().unwrap());
    let headers = [("authorization", bearer.as_str())];
    bucket.send(method, target, &headers, body).await
}

#[tokio::test]
async fn a_url_signed_with_either_key_reads_with_ranges_and_headers() {
    let bucket = with_object().await;
    for hmac in [false, true] {
        let request = ToSign {
            hmac,
            query: &[
                (
                    "response-content-disposition",
                    "attachment; filename=\"a b\"",
                ),
                ("response-content-type", "text/plain"),
            ],
            ..ToSign::new("GET", PATH)
        };
        let url = request.sign(&bucket);
        let answer = bucket.get(&url).await.expect(200);
        assert_eq!(answer.body, "0123456789");
        assert_eq!(answer.header("content-type"), "text/plain");
        assert_eq!(
            answer.header("content-disposition"),
            "attachment; filename=\"a b\""
        );
        assert!(!answer.header("x-goog-generation").is_empty());
        assert!(answer.header("x-goog-hash").starts_with("crc32c="));
        assert_eq!(answer.header("x-goog-stored-content-length"), "10");
        assert!(answer.header("etag").starts_with('"'));
        // A header that is not signed may come, if it is none of Google's.
        let range = [("range", "bytes=2-4")];
        let part = bucket.send("GET", &url, &range, "").await.expect(206);
        assert_eq!(part.body, "234");
        assert_eq!(part.header("content-range"), "bytes 2-4/10");
        // The same path, encoded another way.
        let other = url.replace("~%21", "%7e!");
        bucket.get(&other).await.expect(200);
        let head = ToSign {
            hmac,
            ..ToSign::new("HEAD", PATH)
        };
        let head = head.sign(&bucket);
        bucket.send("HEAD", &head, &[], "").await.expect(200);
    }
    // As a client does that leaves the port out of the host that it signs.
    let url = ToSign::new("GET", PATH).sign_for(&bucket, "127.0.0.1");
    bucket.get(&url).await.expect(200);
}

#[tokio::test]
async fn a_signature_is_for_one_request_only() {
    let bucket = with_object().await;
    let query = [("generation", "1")];
    for hmac in [false, true] {
        let request = ToSign {
            hmac,
            query: &query,
            ..ToSign::new("GET", PATH)
        };
        let url = request.sign(&bucket);
        bucket.get(&url).await.expect_xml(404, "NoSuchKey");
        let cut = &url[..url.len() - 2];
        let last = if url.ends_with('0') { "1" } else { "0" };
        for tampered in [
            url.replace(".mp4", ".mp3"),
            url.replace("/films/", "/other/"),
            url.replace("generation=1", "generation=2"),
            url.replace("X-Goog-Expires=60", "X-Goog-Expires=61"),
            url.replace("/films/", "//films/"),
            format!("{url}&alt=media"),
            cut.to_owned(),
            format!("{}{last}", &url[..url.len() - 1]),
        ] {
            let answer = bucket.get(&tampered).await;
            assert!(
                matches!(answer.status.as_u16(), 400 | 403),
                "{tampered}: {}",
                answer.status
            );
        }
        for method in ["HEAD", "PUT", "DELETE", "POST"] {
            let answer = bucket.send(method, &url, &[], "").await;
            assert_eq!(answer.status, 403, "{method}");
        }
        let elsewhere = request.sign_for(&bucket, "elsewhere:80");
        let refused = bucket
            .get(&elsewhere)
            .await
            .expect_xml(403, "SignatureDoesNotMatch");
        let text = String::from_utf8_lossy(&refused.body);
        assert!(text.contains("<StringToSign>GOOG4-"));
        assert!(text.contains("<CanonicalRequest>GET\n/films/u/"));
    }
    // Signed by somebody else, or by nobody.
    let url = ToSign::new("GET", PATH).sign(&bucket);
    let foreign = url.replace("Credential=", "Credential=x");
    bucket
        .get(&foreign)
        .await
        .expect_xml(403, "SignatureDoesNotMatch");
    bucket
        .get(PATH)
        .await
        .expect_xml(401, "AuthenticationRequired");
    authorized(&bucket, "GET", PATH, "").await.expect(200);
}

#[tokio::test]
async fn a_url_ends_when_it_says() {
    let bucket = with_object().await;
    let get = async |at: i64, expires: u64| {
        let request = ToSign {
            at,
            expires,
            ..ToSign::new("GET", PATH)
        };
        bucket.get(&request.sign(&bucket)).await
    };
    get(now() - 3600, 604_800).await.expect(200);
    get(now() + 600, 60).await.expect(200);
    get(now() - 100, 99).await.expect_xml(400, "ExpiredToken");
    get(now() - 604_801, 604_800)
        .await
        .expect_xml(400, "ExpiredToken");
    get(now() + 3600, 60)
        .await
        .expect_xml(403, "RequestTimeTooSkewed");
    for forbidden in [0, 604_801, u64::MAX] {
        get(now(), forbidden)
            .await
            .expect_xml(400, "InvalidArgument");
    }
}

#[tokio::test]
async fn parameters_that_cannot_be_are_400() {
    let bucket = with_object().await;
    let url = ToSign::new("GET", PATH).sign(&bucket);
    let without = |name: &str| {
        let (path, query) = url.split_once('?').unwrap();
        let rest: Vec<&str> = query
            .split('&')
            .filter(|pair| !pair.starts_with(name))
            .collect();
        format!("{path}?{}", rest.join("&"))
    };
    for name in [
        "X-Goog-Algorithm",
        "X-Goog-Credential",
        "X-Goog-Date",
        "X-Goog-Expires",
        "X-Goog-SignedHeaders",
        "X-Goog-Signature",
    ] {
        let missing = bucket.get(&without(name)).await;
        missing.expect_xml(400, "InvalidArgument");
        for bad in ["", "x", "-1", "%2F", "%3B"] {
            let url = format!("{}&{name}={bad}", without(name));
            bucket.get(&url).await.expect_xml(400, "InvalidArgument");
        }
    }
    let no_host = url.replace("SignedHeaders=host", "SignedHeaders=range");
    bucket
        .get(&no_host)
        .await
        .expect_xml(400, "InvalidArgument");
    let absent = ToSign {
        headers: &[("x-goog-meta-a", "b")],
        ..ToSign::new("GET", PATH)
    };
    let absent = absent.sign(&bucket);
    bucket
        .get(&absent)
        .await
        .expect_xml(400, "MalformedSecurityHeader");
    let unsigned = [("x-goog-if-generation-match", "0")];
    bucket
        .send("GET", &url, &unsigned, "")
        .await
        .expect_xml(400, "MalformedSecurityHeader");
}

#[tokio::test]
async fn a_signed_put_is_bound_to_its_signed_headers() {
    let bucket = TestBucket::strict().await;
    for hmac in [false, true] {
        let headers = [
            ("content-type", "video/mp4"),
            ("x-goog-content-length-range", "2,5"),
            ("x-goog-if-generation-match", "0"),
            ("x-goog-meta-owner", "me"),
        ];
        let path = format!("/films/put{hmac}");
        let request = ToSign {
            headers: &headers,
            hmac,
            ..ToSign::new("PUT", &path)
        };
        let url = request.sign(&bucket);
        let put = async |headers: &[(&str, &str)], body: &'static str| {
            bucket.send("PUT", &url, headers, body).await
        };
        put(&headers, "1").await.expect_xml(400, "EntityTooSmall");
        put(&headers, "123456")
            .await
            .expect_xml(400, "EntityTooLarge");
        put(&headers[..3], "123")
            .await
            .expect_xml(400, "MalformedSecurityHeader");
        let mut other = headers;
        other[1].1 = "2,50";
        put(&other, "123")
            .await
            .expect_xml(403, "SignatureDoesNotMatch");
        let stored = put(&headers, "12345").await.expect(200);
        assert!(stored.body.is_empty());
        assert!(!stored.header("x-goog-generation").is_empty());
        put(&headers, "123")
            .await
            .expect_xml(412, "PreconditionFailed");
        let place = format!("/storage/v1/b/films/o/put{hmac}");
        let resource = authorized(&bucket, "GET", &place, "").await.expect(200);
        assert_eq!(resource.json()["contentType"], "video/mp4");
        assert_eq!(resource.json()["metadata"]["owner"], "me");
        assert_eq!(resource.json()["size"], "5");
        let url = ToSign {
            hmac,
            ..ToSign::new("DELETE", &path)
        };
        let url = url.sign(&bucket);
        bucket.send("DELETE", &url, &[], "").await.expect(204);
        bucket
            .send("DELETE", &url, &[], "")
            .await
            .expect_xml(404, "NoSuchKey");
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_stops_where_its_range_ends() {
    let bucket = TestBucket::strict().await;
    let headers = [("x-goog-content-length-range", "0,5")];
    let request = ToSign {
        headers: &headers,
        ..ToSign::new("PUT", "/films/a")
    };
    let target = request.sign(&bucket);
    let head = format!(
        "PUT {target} HTTP/1.1\r\nhost: {}\r\nx-goog-content-length-range: 0,5\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        bucket.address()
    );
    for (body, status) in [
        ("6\r\n123456\r\n0\r\n\r\n", "400"),
        ("5\r\n12345\r\n0\r\n\r\n", "200"),
    ] {
        let answer = bucket.raw(&format!("{head}{body}")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    assert_eq!(bucket.files("data"), 1);
}

#[tokio::test]
async fn a_signed_post_starts_a_resumable_upload() {
    let bucket = TestBucket::strict().await;
    let headers = [
        ("x-goog-content-length-range", "0,300000"),
        ("x-goog-resumable", "start"),
    ];
    let request = ToSign {
        headers: &headers,
        ..ToSign::new("POST", "/films/u/%C3%BC")
    };
    let begin = async || {
        let url = request.sign(&bucket);
        let started = bucket.send("POST", &url, &headers, "").await.expect(201);
        started.header("location").to_owned()
    };
    let session = begin().await;
    assert!(session.contains("/films/u/%C3%BC?upload_id="), "{session}");
    let body = content(UNIT + 100);
    let answer = bucket
        .part(&session, "bytes 0-262143/*", &body[..UNIT])
        .await
        .expect(308);
    assert_eq!(answer.header("range"), "bytes=0-262143");
    let stored = bucket
        .part(&session, "bytes 262144-262243/262244", &body[UNIT..])
        .await
        .expect(200);
    assert!(stored.body.is_empty());
    assert_eq!(stored.header("x-goog-stored-content-length"), "262244");
    let read = ToSign::new("GET", "/films/u/%C3%BC").sign(&bucket);
    assert!(bucket.get(&read).await.expect(200).body == body);

    // The range of sizes binds the whole upload, whoever sends it.
    let session = begin().await;
    bucket
        .send("PUT", &session, &[], content(300_001))
        .await
        .expect_xml(400, "EntityTooLarge");
    bucket
        .part(&session, "bytes */*", b"")
        .await
        .expect_xml(404, "NoSuchUpload");
    let session = begin().await;
    bucket.send("DELETE", &session, &[], "").await.expect(499);
    let no_start = [headers[0], ("x-goog-resumable", "stop")];
    let other = ToSign {
        headers: &no_start,
        ..ToSign::new("POST", "/films/a")
    };
    bucket
        .send("POST", &other.sign(&bucket), &no_start, "")
        .await
        .expect_xml(400, "InvalidArgument");
}

#[tokio::test]
async fn paths_of_the_json_api_can_be_signed_too() {
    let bucket = with_object().await;
    let path = "/storage/v1/b/films/o/u%2F%C3%BC%20a%2Bb~%21.mp4";
    let request = ToSign {
        query: &[("alt", "media")],
        ..ToSign::new("GET", path)
    };
    let url = request.sign(&bucket);
    assert_eq!(bucket.get(&url).await.expect(200).body, "0123456789");
    let other = url.replace("u%2F", "u%2f").replace("alt=media", "alt=json");
    bucket.get(&other).await.expect(403);
    let old = ToSign {
        at: now() - 100,
        ..request
    };
    bucket.get(&old.sign(&bucket)).await.expect(400);
}
