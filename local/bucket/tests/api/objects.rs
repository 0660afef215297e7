//! Whole objects: storing, reading, changing, deleting; preconditions and checksums.

use serde_json::json;

use crate::support::{TestBucket, content};

const PLACE: &str = "/storage/v1/b/films/o";

#[tokio::test]
async fn a_media_upload_stores_the_bytes_and_answers_with_the_resource() {
    let bucket = TestBucket::start().await;
    let body = content(3_000_000);
    let resource = bucket
        .put("user%2Fa%20b.mp4", body.clone(), "")
        .await
        .expect(200)
        .json();
    assert_eq!(resource["kind"], "storage#object");
    assert_eq!(resource["name"], "user/a b.mp4");
    assert_eq!(resource["bucket"], "films");
    assert_eq!(resource["size"], "3000000");
    assert_eq!(resource["contentType"], "text/plain");
    assert_eq!(resource["metageneration"], "1");
    let generation: u64 = resource["generation"].as_str().unwrap().parse().unwrap();
    assert!(generation > 1_700_000_000_000_000);

    let object = format!("{PLACE}/user%2Fa%20b.mp4");
    assert_eq!(bucket.get(&object).await.expect(200).json(), resource);
    assert_eq!(
        bucket
            .get(resource["selfLink"].as_str().unwrap())
            .await
            .expect(200)
            .json(),
        resource
    );
    let media = bucket
        .get(resource["mediaLink"].as_str().unwrap())
        .await
        .expect(200);
    assert!(media.body == body);
    assert_eq!(media.header("x-goog-generation"), generation.to_string());
    assert_eq!(media.header("x-goog-metageneration"), "1");
    assert_eq!(media.header("x-goog-stored-content-length"), "3000000");
    let crc = format!("crc32c={}", resource["crc32c"].as_str().unwrap());
    assert_eq!(media.header("x-goog-hash"), crc);
    assert_eq!(media.header("etag"), resource["etag"]);
    assert_eq!(media.header("content-type"), "text/plain");
    assert_eq!(media.header("accept-ranges"), "bytes");
}

#[tokio::test]
async fn a_multipart_upload_stores_attributes_with_the_bytes() {
    let bucket = TestBucket::start().await;
    let metadata = json!({
        "name": "a", "contentType": "video/mp4", "cacheControl": "no-store", "contentLanguage": "de",
        "contentDisposition": "inline", "crc32c": "4waSgw==", "md5Hash": "JfnnlDI7RTiF9RgfG2JNCw==",
        "metadata": {"owner": "ü"}, "storageClass": "COLDLINE", "unknown": [1],
    });
    let body = format!(
        "--sep\r\nContent-Type: application/json\r\n\r\n{metadata}\r\n--sep\r\n\
         Content-Type: text/plain\r\n\r\n123456789\r\n--sep--"
    );
    let kind = [("content-type", "multipart/related; boundary=sep")];
    let target = "/upload/storage/v1/b/films/o?uploadType=multipart";
    let resource = bucket
        .send("POST", target, &kind, body)
        .await
        .expect(200)
        .json();
    assert_eq!(resource["contentType"], "video/mp4");
    assert_eq!(resource["metadata"], json!({"owner": "ü"}));
    assert_eq!(resource["md5Hash"], "JfnnlDI7RTiF9RgfG2JNCw==");
    let media = bucket.media("a").await.expect(200);
    assert_eq!(media.body, "123456789");
    assert_eq!(media.header("cache-control"), "no-store");
    assert_eq!(media.header("content-language"), "de");
    assert_eq!(media.header("content-disposition"), "inline");
    assert_eq!(
        media.header("x-goog-hash"),
        "crc32c=4waSgw==,md5=JfnnlDI7RTiF9RgfG2JNCw=="
    );
}

#[tokio::test]
async fn a_wrong_checksum_is_refused_and_nothing_is_stored() {
    let bucket = TestBucket::start().await;
    let target = "/upload/storage/v1/b/films/o?uploadType=media&name=a";
    for hash in [
        "crc32c=AAAAAA==",
        "md5=AAAAAAAAAAAAAAAAAAAAAA==",
        "crc32c=xyz",
    ] {
        bucket
            .send("POST", target, &[("x-goog-hash", hash)], "123456789")
            .await
            .expect(400);
        bucket.media("a").await.expect(404);
    }
    assert_eq!(bucket.files("data"), 0);
    let right = [("x-goog-hash", "crc32c=4waSgw==")];
    bucket
        .send("POST", target, &right, "123456789")
        .await
        .expect(200);
}

#[tokio::test]
async fn ranges_give_their_part() {
    let bucket = TestBucket::start().await;
    let body = content(1_500_000);
    bucket.put("a", body.clone(), "").await.expect(200);
    let last = body.len() - 1;
    for (range, first, end) in [
        ("bytes=0-0".to_owned(), 0, 0),
        ("bytes=10-19".to_owned(), 10, 19),
        (format!("bytes={last}-"), last, last),
        ("bytes=-5".to_owned(), last - 4, last),
        (format!("bytes=7-{}", last + 100), 7, last),
        ("bytes=-9999999".to_owned(), 0, last),
    ] {
        let target = format!("/download{PLACE}/a?alt=media");
        let answer = bucket
            .send("GET", &target, &[("range", &range)], "")
            .await
            .expect(206);
        assert!(answer.body == body[first..=end], "{range}");
        assert_eq!(
            answer.header("content-range"),
            format!("bytes {first}-{end}/{}", body.len())
        );
        assert_eq!(
            answer.header("content-length"),
            (end - first + 1).to_string()
        );
    }
    let media = format!("{PLACE}/a?alt=media");
    let past = [("range", "bytes=1500000-")];
    let answer = bucket.send("GET", &media, &past, "").await.expect(416);
    assert_eq!(answer.header("content-range"), "bytes */1500000");
    for ignored in ["bytes=5-2", "bytes=0-1,4-5", "bananas"] {
        let answer = bucket
            .send("GET", &media, &[("range", ignored)], "")
            .await
            .expect(200);
        assert_eq!(answer.body.len(), body.len());
    }
    let other = [("range", "bytes=0-1"), ("if-range", "\"another\"")];
    bucket.send("GET", &media, &other, "").await.expect(200);
}

#[tokio::test]
async fn an_empty_object_is_an_object() {
    let bucket = TestBucket::start().await;
    let resource = bucket.put("a", "", "").await.expect(200).json();
    assert_eq!(
        (&resource["size"], &resource["crc32c"]),
        (&json!("0"), &json!("AAAAAA=="))
    );
    let media = bucket.media("a").await.expect(200);
    assert_eq!((media.body.len(), media.header("content-length")), (0, "0"));
    let target = format!("{PLACE}/a?alt=media");
    let answer = bucket
        .send("GET", &target, &[("range", "bytes=0-")], "")
        .await
        .expect(416);
    assert_eq!(answer.header("content-range"), "bytes */0");
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let bucket = TestBucket::start().await;
    bucket.put("a", "hello", "").await.expect(200);
    let target = format!("{PLACE}/a?alt=media");
    let head = bucket.send("HEAD", &target, &[], "").await.expect(200);
    assert_eq!((head.body.len(), head.header("content-length")), (0, "5"));
    assert_eq!(
        head.header("x-goog-hash"),
        bucket.media("a").await.header("x-goog-hash")
    );
    let part = bucket
        .send("HEAD", &target, &[("range", "bytes=1-2")], "")
        .await
        .expect(206);
    assert_eq!(part.header("content-range"), "bytes 1-2/5");
    bucket
        .send("HEAD", &format!("{PLACE}/b?alt=media"), &[], "")
        .await
        .expect(404);
    bucket
        .send("HEAD", &format!("{PLACE}/a"), &[], "")
        .await
        .expect(200);
}

#[tokio::test]
async fn preconditions_guard_every_call() {
    let bucket = TestBucket::start().await;
    let first = bucket
        .put("a", "one", "ifGenerationMatch=0")
        .await
        .expect(200)
        .json();
    let generation = first["generation"].as_str().unwrap().to_owned();
    bucket
        .put("a", "two", "ifGenerationMatch=0")
        .await
        .expect(412);
    bucket
        .put("a", "two", "ifGenerationMatch=x")
        .await
        .expect(400);
    bucket
        .put("b", "two", "ifGenerationMatch=5")
        .await
        .expect(412);
    bucket
        .put("b", "two", "ifGenerationNotMatch=0")
        .await
        .expect(412);
    bucket
        .put("a", "two", "ifMetagenerationMatch=2")
        .await
        .expect(412);
    assert_eq!(bucket.media("a").await.body, "one");

    for alt in ["json", "media"] {
        let get = async |query: String| bucket.get(&format!("{PLACE}/a?alt={alt}&{query}")).await;
        get(format!("ifGenerationMatch={generation}"))
            .await
            .expect(200);
        get("ifGenerationMatch=0".to_owned()).await.expect(412);
        get("ifMetagenerationMatch=2".to_owned()).await.expect(412);
        let unchanged = get(format!("ifGenerationNotMatch={generation}"))
            .await
            .expect(304);
        assert!(unchanged.body.is_empty());
        get("ifMetagenerationNotMatch=1".to_owned())
            .await
            .expect(304);
        get("ifMetagenerationNotMatch=2".to_owned())
            .await
            .expect(200);
        get(format!("generation={generation}")).await.expect(200);
        get("generation=1".to_owned()).await.expect(404);
    }

    let call = async |method: &str, query: &str| {
        bucket
            .send(method, &format!("{PLACE}/a?{query}"), &[], "{}")
            .await
    };
    call("PATCH", "ifMetagenerationMatch=9").await.expect(412);
    call("PATCH", "ifGenerationNotMatch=0&generation=1")
        .await
        .expect(404);
    call("DELETE", "ifGenerationMatch=1").await.expect(412);
    call("DELETE", &format!("ifGenerationNotMatch={generation}"))
        .await
        .expect(412);
    call("DELETE", "generation=1").await.expect(404);
    call("DELETE", &format!("ifGenerationMatch={generation}"))
        .await
        .expect(204);
    call("DELETE", "").await.expect(404);
    let again = bucket
        .put("a", "three", "ifGenerationMatch=0")
        .await
        .expect(200)
        .json();
    assert!(again["generation"].as_str().unwrap() > generation.as_str());
}

#[tokio::test]
async fn a_patch_changes_the_metageneration_and_not_the_bytes() {
    let bucket = TestBucket::start().await;
    let before = bucket.put("a", "one", "").await.expect(200).json();
    let patch = json!({"contentType": "video/mp4", "metadata": {"k": "v"}}).to_string();
    let target = format!("{PLACE}/a?ifMetagenerationMatch=1");
    let after = bucket
        .send("PATCH", &target, &[], patch.clone())
        .await
        .expect(200)
        .json();
    assert_eq!(after["metageneration"], "2");
    assert_eq!(after["generation"], before["generation"]);
    assert_eq!(after["metadata"], json!({"k": "v"}));
    assert_ne!(after["etag"], before["etag"]);
    bucket.send("PATCH", &target, &[], patch).await.expect(412);
    let bad = json!({"contentType": "a\r\nb: c"}).to_string();
    bucket
        .send("PATCH", &format!("{PLACE}/a"), &[], bad)
        .await
        .expect(400);
    let media = bucket.media("a").await.expect(200);
    assert_eq!(
        (media.header("content-type"), &media.body[..]),
        ("video/mp4", &b"one"[..])
    );
    let restarted = bucket.restart().await;
    let resource = restarted
        .get(&format!("{PLACE}/a"))
        .await
        .expect(200)
        .json();
    assert_eq!(resource["metadata"], json!({"k": "v"}));
}

#[tokio::test]
async fn any_name_is_kept_as_it_is() {
    let bucket = TestBucket::start().await;
    let longest = "n".repeat(1024);
    let names = [
        "..%2F..%2Fetc%2Fpasswd",
        "%2F",
        "a%00b",
        "%C3%BC%2B%26%3F%23",
        "a%2Fb",
        "a",
        "CON",
        &longest,
    ];
    for (number, name) in names.iter().enumerate() {
        bucket.put(name, number.to_string(), "").await.expect(200);
    }
    let bucket = bucket.restart().await;
    for (number, name) in names.iter().enumerate() {
        assert_eq!(
            bucket.media(name).await.expect(200).body,
            number.to_string(),
            "{name}"
        );
    }
    for bad in ["..", ".", "", "a%0Ab", "%FF", &format!("{longest}n")] {
        bucket.put(bad, "", "").await.expect(400);
    }
}

#[tokio::test]
async fn of_many_racing_creators_one_wins_and_is_what_is_stored() {
    let bucket = TestBucket::start().await;
    for round in 0..10 {
        let name = format!("race{round}");
        let uploads = (0..8).map(|racer| {
            let (bucket, name) = (&bucket, &name);
            async move {
                let answer = bucket
                    .put(name, racer.to_string(), "ifGenerationMatch=0")
                    .await;
                (racer, answer.status.as_u16())
            }
        });
        let results = join_all(uploads.collect()).await;
        let winners: Vec<_> = results
            .iter()
            .filter(|(_, status)| *status == 200)
            .collect();
        assert_eq!(winners.len(), 1, "{results:?}");
        assert!(
            results
                .iter()
                .all(|(_, status)| matches!(status, 200 | 412)),
            "{results:?}"
        );
        assert_eq!(bucket.media(&name).await.body, winners[0].0.to_string());
    }
    assert_eq!(bucket.files("data"), 10);
}

/// Runs all of them at the same time.
async fn join_all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, result) in futures.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *result = Some(value);
            }
        }
        if results.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

#[tokio::test]
async fn what_is_unknown_or_incomplete_is_refused() {
    let bucket = TestBucket::start().await;
    bucket.get("/storage/v1/b/other/o/a").await.expect(404);
    bucket.get("/storage/v1/b/other/o").await.expect(404);
    bucket.get(&format!("{PLACE}/a")).await.expect(404);
    bucket.get("/").await.expect(404);
    let upload = async |path: &str| bucket.send("POST", path, &[], "x").await;
    upload("/upload/storage/v1/b/other/o?uploadType=media&name=a")
        .await
        .expect(404);
    upload("/upload/storage/v1/b/films/o?uploadType=media")
        .await
        .expect(400);
    upload("/upload/storage/v1/b/films/o?name=a")
        .await
        .expect(400);
    upload("/upload/storage/v1/b/films/o?uploadType=magic&name=a")
        .await
        .expect(400);
    upload("/upload/storage/v1/b/films/o?uploadType=multipart&name=a")
        .await
        .expect(400);
    upload("/upload/storage/v1/b/films/o?uploadType=resumable&name=a")
        .await
        .expect(400);
    let answer = bucket
        .send("PUT", &format!("{PLACE}/a"), &[], "x")
        .await
        .expect(405);
    assert_eq!(answer.header("allow"), "GET, HEAD, PATCH, DELETE");
}
