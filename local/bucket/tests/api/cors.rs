//! Scripts of other origins.

use hyper::StatusCode;

use crate::support::TestBucket;

const ORIGIN: (&str, &str) = ("origin", "https://app.example");

#[tokio::test]
async fn the_json_api_lets_every_origin_in_and_the_xml_api_those_of_the_configuration() {
    let bucket = TestBucket::start_but(|options| {
        options.cors_origins = vec!["https://app.example".to_owned()];
    })
    .await;
    let asked = [
        ORIGIN,
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "content-type"),
    ];
    let other = [("origin", "https://other.example"), asked[1], asked[2]];
    let session = "/upload/storage/v1/b/films/o?uploadType=resumable&upload_id=x";
    for (path, headers, allowed) in [
        (session, &asked, true),
        (session, &other, true),
        ("/films/a.mp4", &asked, true),
        ("/films/a.mp4", &other, false),
    ] {
        let answer = bucket.send("OPTIONS", path, headers, "").await;
        assert_eq!(answer.status, StatusCode::OK);
        let expected = if allowed { headers[0].1 } else { "" };
        assert_eq!(
            answer.header("access-control-allow-origin"),
            expected,
            "{path}"
        );
        assert_eq!(
            answer
                .header("access-control-allow-methods")
                .contains("PUT"),
            allowed
        );
        assert_eq!(
            answer.header("access-control-allow-headers").is_empty(),
            !allowed
        );
    }
    let answer = bucket.send("GET", "/films/a.mp4", &[ORIGIN], "").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN.1);
    assert_eq!(answer.header("vary"), "Origin");
    // Without an origin nothing is said.
    let answer = bucket.send("GET", "/films/a.mp4", &[], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}
