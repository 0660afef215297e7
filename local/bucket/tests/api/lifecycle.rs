//! Starting, stopping, being killed.

use std::time::Duration;

use spinreel_bucket::{Bucket, Options, StartError};

use crate::support::{TestBucket, UNIT, content, options};

#[tokio::test]
async fn objects_outlive_a_restart_with_all_that_is_known_of_them() {
    let bucket = TestBucket::start().await;
    let before = bucket.put("a%2Fb", "hello", "").await.expect(200).json();
    let bucket = bucket.restart().await;
    let after = bucket
        .get("/storage/v1/b/films/o/a%2Fb")
        .await
        .expect(200)
        .json();
    for member in [
        "generation",
        "metageneration",
        "crc32c",
        "etag",
        "timeCreated",
        "contentType",
    ] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!(bucket.media("a%2Fb").await.body, "hello");
}

#[tokio::test]
async fn an_upload_that_is_cut_off_by_a_kill_leaves_nothing() {
    let bucket = TestBucket::start().await;
    bucket.put("old", "one", "").await.expect(200);
    let head = "POST /upload/storage/v1/b/films/o?uploadType=media&name=old HTTP/1.1\r\n\
                content-length: 9000000";
    let _stream = bucket.open(head, &content(8 * UNIT)).await;
    // The upload is under way once it has a data file of its own.
    while bucket.files("data") < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let next = bucket.as_if_killed().await;
    assert_eq!(next.files("data"), 1);
    assert_eq!(next.media("old").await.body, "one");
}

#[tokio::test]
async fn an_upload_whose_client_goes_away_leaves_nothing() {
    let bucket = TestBucket::start().await;
    let head = "POST /upload/storage/v1/b/films/o?uploadType=media&name=a HTTP/1.1\r\n\
                content-length: 9000000";
    let stream = bucket.open(head, &content(8 * UNIT)).await;
    while bucket.files("data") < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    while bucket.files("data") > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bucket.media("a").await.expect(404);
}

#[tokio::test]
async fn a_reader_gets_the_whole_object_while_it_is_replaced_and_deleted() {
    use http_body_util::BodyExt;
    let bucket = TestBucket::start().await;
    let body = content(40_000_000);
    bucket.put("a", body.clone(), "").await.expect(200);
    let uri = format!(
        "http://{}/storage/v1/b/films/o/a?alt=media",
        bucket.address()
    );
    let client: hyper_util::client::legacy::Client<_, http_body_util::Empty<bytes::Bytes>> =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
            .build_http();
    let mut response = client.get(uri.parse().unwrap()).await.unwrap();
    let first = response
        .body_mut()
        .frame()
        .await
        .unwrap()
        .unwrap()
        .into_data()
        .unwrap();
    bucket.put("a", "new", "").await.expect(200);
    bucket
        .send("DELETE", "/storage/v1/b/films/o/a", &[], "")
        .await
        .expect(204);
    let rest = response.into_body().collect().await.unwrap().to_bytes();
    assert!([first, rest].concat() == body);
    bucket.media("a").await.expect(404);
}

#[tokio::test]
async fn a_bucket_that_cannot_start_says_why() {
    let bucket = TestBucket::start().await;
    let start = async |options: Options| Bucket::start(options).await.map(drop).unwrap_err();

    let other = tempfile::tempdir().unwrap();
    let taken = Options {
        listen: bucket.address(),
        ..options(other.path())
    };
    assert!(matches!(start(taken).await, StartError::Listen { .. }));
    let in_use = start(options(bucket.dir.path())).await;
    assert!(matches!(in_use, StartError::InUse { .. }), "{in_use}");
    let named = Options {
        buckets: vec!["No!".to_owned()],
        ..options(other.path())
    };
    assert!(matches!(start(named).await, StartError::BucketName { .. }));
    std::fs::write(other.path().join("VERSION"), "spinreel-bucket 0").unwrap();
    let version = start(options(other.path())).await;
    assert!(matches!(version, StartError::Version { .. }), "{version}");
    let file = other.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(
        start(options(&file)).await,
        StartError::Folder { .. }
    ));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_client_that_hangs() {
    let bucket = TestBucket::start().await;
    let head = "POST /upload/storage/v1/b/films/o?uploadType=media&name=a HTTP/1.1\r\n\
                content-length: 9000000";
    let _stream = bucket.open(head, b"some").await;
    while bucket.files("data") < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let bucket = bucket.restart().await;
    assert_eq!(bucket.files("data"), 0);
}
