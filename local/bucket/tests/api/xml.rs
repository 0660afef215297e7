//! The part of the XML API that signed URLs need, without signatures: in an open bucket it works so, too.

use crate::support::TestBucket;

#[tokio::test]
async fn an_object_is_put_read_and_deleted_by_its_path() {
    let bucket = TestBucket::start().await;
    let headers = [
        ("content-type", "video/mp4"),
        ("cache-control", "no-store"),
        ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
        ("x-goog-hash", "crc32c=4waSgw=="),
        ("x-goog-meta-owner", "\u{fc}"),
    ];
    let path = "/films/a/%2F/%C3%BC";
    let stored = bucket
        .send("PUT", path, &headers, "123456789")
        .await
        .expect(200);
    assert_eq!(
        stored.header("x-goog-hash"),
        "crc32c=4waSgw==,md5=JfnnlDI7RTiF9RgfG2JNCw=="
    );
    let resource = bucket
        .get("/storage/v1/b/films/o/a%2F%2F%2F%C3%BC")
        .await
        .expect(200)
        .json();
    assert_eq!(resource["name"], "a///ü");
    assert_eq!(resource["metadata"]["owner"], "ü");

    let read = bucket.get(path).await.expect(200);
    assert_eq!(read.body, "123456789");
    assert_eq!(read.header("content-type"), "video/mp4");
    assert_eq!(read.header("etag"), stored.header("etag"));
    let fresh = [("if-none-match", read.header("etag"))];
    let unchanged = bucket.send("GET", path, &fresh, "").await.expect(304);
    assert!(unchanged.body.is_empty());
    let other = [("if-match", "\"other\"")];
    bucket
        .send("GET", path, &other, "")
        .await
        .expect_xml(412, "PreconditionFailed");
    let past = [("range", "bytes=9-")];
    bucket
        .send("GET", path, &past, "")
        .await
        .expect_xml(416, "InvalidRange");
    bucket.send("DELETE", path, &[], "").await.expect(204);
    bucket.get(path).await.expect_xml(404, "NoSuchKey");
}

#[tokio::test]
async fn what_is_wrong_is_told_in_xml_and_changes_nothing() {
    let bucket = TestBucket::start().await;
    let put = async |headers: &[(&str, &str)]| {
        bucket
            .send("PUT", "/films/a", headers, "123456789")
            .await
            .expect_xml(400, "InvalidArgument")
    };
    put(&[("x-goog-hash", "crc32c=AAAAAA==")]).await;
    put(&[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")]).await;
    put(&[("content-md5", "x")]).await;
    put(&[("x-goog-content-length-range", "5")]).await;
    put(&[("x-goog-if-generation-match", "x")]).await;
    put(&[("x-goog-copy-source", "films/b")]).await;
    let long = "v".repeat(9_000);
    put(&[("x-goog-meta-a", &long)]).await;
    assert_eq!(bucket.files("data"), 0);
    bucket.get("/films/a").await.expect_xml(404, "NoSuchKey");
    bucket.get("/other/a").await.expect_xml(404, "NoSuchBucket");
    bucket
        .get("/films/")
        .await
        .expect_xml(400, "InvalidArgument");
    bucket
        .get("/films/%FF")
        .await
        .expect_xml(400, "InvalidArgument");
    bucket
        .get("/films/a?b=%FF")
        .await
        .expect_xml(400, "InvalidArgument");
    bucket.put("b", "", "").await.expect(200);
    bucket
        .get("/films/b?response-content-type=a%0Ab")
        .await
        .expect_xml(400, "InvalidArgument");
    bucket
        .send("POST", "/films/a", &[], "")
        .await
        .expect_xml(400, "InvalidArgument");
    bucket
        .send("PATCH", "/films/a", &[], "")
        .await
        .expect_xml(405, "MethodNotAllowed");
    bucket
        .part("/films/a?upload_id=x", "bytes */*", b"")
        .await
        .expect_xml(404, "NoSuchUpload");
}
