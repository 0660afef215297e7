#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn paths_and_queries_have_one_form() {
    assert_eq!(
        canonical_path("/films/a/%C3%BC%20b~!'%2f"),
        "/films/a/%C3%BC%20b~%21%27%2F"
    );
    let query = Query::parse("b=2&X-Goog-Signature=00&a=x%2Fy+z&a=1&flag").unwrap();
    assert_eq!(canonical_query(&query), "a=1&a=x%2Fy%20z&b=2&flag=");
}

#[test]
fn headers_are_trimmed_and_joined_and_none_is_left_out() {
    let mut headers = HeaderMap::new();
    headers.insert("x-goog-meta-a", "  one   two ".parse().unwrap());
    headers.append("x-goog-meta-a", "three".parse().unwrap());
    headers.insert("accept", "*/*".parse().unwrap());
    assert_eq!(
        canonical_headers(&headers, "host;x-goog-meta-a", "bucket:1").unwrap(),
        "host:bucket:1\nx-goog-meta-a:one two,three\n"
    );
    assert!(canonical_headers(&headers, "host", "bucket:1").is_err());
    assert!(canonical_headers(&headers, "host;x-goog-acl;x-goog-meta-a", "bucket:1").is_err());
}

#[test]
fn dates_and_scopes_are_read_strictly() {
    assert_eq!(seconds("19700102T000001Z"), Some(86_401));
    for bad in [
        "19700102T000001",
        "1970-01-02T00:00:01Z",
        "19701302T000001Z",
        "",
    ] {
        assert_eq!(seconds(bad), None, "{bad}");
    }
    let date = "20260102T030405Z";
    assert!(is_scope("20260102/auto/storage/goog4_request", date));
    for bad in [
        "20260103/auto/storage/goog4_request",
        "20260102//storage/goog4_request",
        "20260102/auto/iam/goog4_request",
        "20260102/auto/storage/aws4_request",
        "20260102/auto/storage/goog4_request/x",
        "",
    ] {
        assert!(!is_scope(bad, date), "{bad}");
    }
}

#[test]
fn signatures_are_hexadecimal() {
    assert_eq!(unhex("00fF"), Some(vec![0, 255]));
    for bad in ["", "0", "0g", "é0"] {
        assert_eq!(unhex(bad), None, "{bad}");
    }
}
