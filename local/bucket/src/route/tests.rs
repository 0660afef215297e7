#![allow(clippy::unwrap_used)]
use http::StatusCode;

use super::*;

fn plain(method: &Method, path: &str) -> Result<Call, ApiError> {
    route(method, path, &Query::default())
}

#[test]
fn a_path_that_begins_with_a_bucket_is_of_the_xml_api() {
    let (bucket, name) = (|| "films".to_owned(), || "u/ü +".to_owned());
    let path = "/films/u/%C3%BC%20+";
    for (method, call) in [
        (
            Method::GET,
            Call::Download {
                bucket: bucket(),
                name: name(),
            },
        ),
        (
            Method::PUT,
            Call::PutObject {
                bucket: bucket(),
                name: name(),
            },
        ),
        (
            Method::DELETE,
            Call::DeleteObject {
                bucket: bucket(),
                name: name(),
            },
        ),
        (
            Method::POST,
            Call::StartUpload {
                bucket: bucket(),
                name: name(),
            },
        ),
    ] {
        assert_eq!(plain(&method, path).unwrap(), call);
    }
    // With an upload's id, and so without another credential, it is about nothing but that upload.
    let upload = Query::parse("upload_id=1").unwrap();
    for (method, call) in [
        (Method::PUT, Call::ContinueUpload { bucket: bucket() }),
        (Method::DELETE, Call::CancelUpload { bucket: bucket() }),
    ] {
        let routed = route(&method, path, &upload).unwrap();
        assert!(routed.goes_on_with_upload(&upload));
        assert_eq!(routed, call);
    }
    for json in [
        "/",
        "/films",
        "/storage/x",
        "/upload/x/y",
        "/token",
        "/_spinreel/x",
    ] {
        assert_eq!(Dialect::of(json), Dialect::Json, "{json}");
    }
}

#[test]
fn names_are_decoded_from_one_segment() {
    let call = plain(&Method::GET, "/storage/v1/b/films/o/u%2F%C3%BC%20%2B+.mp4").unwrap();
    let name = "u/ü ++.mp4".to_owned();
    assert_eq!(
        call,
        Call::GetObject {
            bucket: "films".to_owned(),
            name
        }
    );
}

#[test]
fn each_method_is_a_call_of_its_own() {
    let bucket = || "films".to_owned();
    let name = || "a".to_owned();
    for (method, path, call) in [
        (Method::GET, "/storage/v1/b", Call::ListBuckets),
        (Method::POST, "/storage/v1/b", Call::CreateBucket),
        (
            Method::HEAD,
            "/storage/v1/b/films",
            Call::GetBucket { bucket: bucket() },
        ),
        (
            Method::GET,
            "/storage/v1/b/films/o",
            Call::ListObjects { bucket: bucket() },
        ),
        (
            Method::PATCH,
            "/storage/v1/b/films/o/a",
            Call::PatchObject {
                bucket: bucket(),
                name: name(),
            },
        ),
        (
            Method::HEAD,
            "/download/storage/v1/b/films/o/a",
            Call::Download {
                bucket: bucket(),
                name: name(),
            },
        ),
        (
            Method::PUT,
            "/upload/storage/v1/b/films/o",
            Call::ContinueUpload { bucket: bucket() },
        ),
    ] {
        assert_eq!(plain(&method, path).unwrap(), call);
    }
}

#[test]
fn what_the_api_does_not_have_is_refused() {
    for (method, path, status) in [
        (Method::GET, "/", StatusCode::NOT_FOUND),
        (
            Method::GET,
            "/storage/v1/b/films/o/a/b",
            StatusCode::NOT_FOUND,
        ),
        (Method::GET, "/storage/v2/b", StatusCode::NOT_FOUND),
        (
            Method::PUT,
            "/storage/v1/b/films/o/a",
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (
            Method::GET,
            "/storage/v1/b/films/o/..",
            StatusCode::BAD_REQUEST,
        ),
        (
            Method::GET,
            "/storage/v1/b/films/o/%2E%2E",
            StatusCode::BAD_REQUEST,
        ),
        (
            Method::GET,
            "/storage/v1/b/films/o/",
            StatusCode::BAD_REQUEST,
        ),
        (
            Method::GET,
            "/storage/v1/b/films/o/a%0Ab",
            StatusCode::BAD_REQUEST,
        ),
        (
            Method::GET,
            "/storage/v1/b/films/o/%FF",
            StatusCode::BAD_REQUEST,
        ),
    ] {
        assert_eq!(
            plain(&method, path).unwrap_err().status,
            status,
            "{method} {path}"
        );
    }
}
