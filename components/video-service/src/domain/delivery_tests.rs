#![allow(clippy::unwrap_used)]

use http::header::{IF_NONE_MATCH, IF_RANGE};

use super::*;
use crate::domain::testing::stored;

fn record() -> Record {
    Record::new("v-1", 1, stored("ada", "été.mp4"))
}

fn part(start: u64, end: u64) -> Plan {
    Plan::Part(Part { start, end })
}

fn planned(pairs: &[(HeaderName, &'static str)]) -> Plan {
    let headers = pairs
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
        .collect();
    plan(&record(), &headers)
}

fn header(headers: &HeaderMap, name: HeaderName) -> &str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[test]
fn without_a_range_it_is_everything() {
    assert_eq!(planned(&[]), Plan::Whole);
    assert_eq!(planned(&[(RANGE, "bytes=x-y")]), Plan::Whole);
}

#[test]
fn ranges_select() {
    assert_eq!(planned(&[(RANGE, "bytes=10-19")]), part(10, 19));
    let both = [Part { start: 5, end: 6 }, Part { start: 0, end: 1 }];
    assert_eq!(
        planned(&[(RANGE, "bytes=5-6,0-1")]),
        Plan::Parts(both.to_vec())
    );
}

#[test]
fn a_range_past_the_end_cannot_be_satisfied() {
    assert_eq!(planned(&[(RANGE, "bytes=1000-")]), Plan::Unsatisfiable);
}

#[test]
fn if_range_with_another_tag_is_everything_even_for_an_impossible_range() {
    let pairs = [(RANGE, "bytes=1000-"), (IF_RANGE, "\"old\"")];
    assert_eq!(planned(&pairs), Plan::Whole);
    let pairs = [(RANGE, "bytes=-1"), (IF_RANGE, "\"tag-1\"")];
    assert_eq!(planned(&pairs), part(999, 999));
}

#[test]
fn conditions_come_before_the_range() {
    let pairs = [(RANGE, "bytes=1000-"), (IF_NONE_MATCH, "\"tag-1\"")];
    assert_eq!(planned(&pairs), Plan::NotModified);
}

#[test]
fn a_part_names_its_place() {
    let answer = answer(&record(), part(10, 19), false, "b");
    let file = Piece::File(Part { start: 10, end: 19 });
    assert_eq!((answer.status.as_u16(), answer.pieces), (206, vec![file]));
    let headers = answer.headers;
    assert_eq!(header(&headers, CONTENT_RANGE), "bytes 10-19/1000");
    assert_eq!(header(&headers, CONTENT_LENGTH), "10");
    assert_eq!(header(&headers, CONTENT_TYPE), "video/mp4");
    assert_eq!(header(&headers, ETAG), "\"tag-1\"");
    assert_eq!(header(&headers, ACCEPT_RANGES), "bytes");
    assert_eq!(
        header(&headers, LAST_MODIFIED),
        "Tue, 14 Nov 2023 22:13:20 GMT"
    );
    assert_eq!(header(&headers, CACHE_CONTROL), "private, no-cache");
    assert!(header(&headers, CONTENT_SECURITY_POLICY).contains("sandbox"));
    assert_eq!(header(&headers, CONTENT_DISPOSITION), "");
}

#[test]
fn several_parts_are_a_body_of_parts() {
    let parts = vec![Part { start: 5, end: 6 }, Part { start: 0, end: 1 }];
    let answer = answer(&record(), Plan::Parts(parts), false, "b");
    assert_eq!(answer.status.as_u16(), 206);
    assert_eq!(
        header(&answer.headers, CONTENT_TYPE),
        "multipart/byteranges; boundary=b"
    );
    assert_eq!(header(&answer.headers, CONTENT_RANGE), "");
    let length = pieces::length(&answer.pieces).to_string();
    assert_eq!(header(&answer.headers, CONTENT_LENGTH), length);
}

#[test]
fn an_empty_file_has_no_piece() {
    let mut record = record();
    record.stored.size = 0;
    let answer = answer(&record, Plan::Whole, false, "b");
    assert_eq!((answer.status.as_u16(), answer.pieces), (200, vec![]));
    assert_eq!(header(&answer.headers, CONTENT_LENGTH), "0");
    assert_eq!(header(&answer.headers, CONTENT_TYPE), "video/mp4");
}

#[test]
fn a_download_names_the_file() {
    let answer = answer(&record(), Plan::Whole, true, "b");
    assert_eq!((answer.status.as_u16(), answer.pieces.len()), (200, 1));
    let headers = answer.headers;
    assert_eq!(header(&headers, CONTENT_LENGTH), "1000");
    assert_eq!(header(&headers, CONTENT_RANGE), "");
    assert_eq!(
        header(&headers, CONTENT_DISPOSITION),
        "attachment; filename=\"_t_.mp4\"; filename*=UTF-8''%C3%A9t%C3%A9.mp4"
    );
}

#[test]
fn a_page_that_calls_itself_a_video_goes_out_as_bytes() {
    let mut record = record();
    record.stored.content_type = "text/html".to_owned();
    let headers = answer(&record, Plan::Whole, false, "b").headers;
    assert_eq!(header(&headers, CONTENT_TYPE), "application/octet-stream");
}

#[test]
fn what_everybody_may_see_may_be_kept_by_shared_caches_if_they_ask_again() {
    let mut record = record();
    record.visibility = Visibility::Public;
    assert_eq!(
        header(&validator_headers(&record), CACHE_CONTROL),
        "no-cache"
    );
}

#[test]
fn a_location_stays_one_segment_of_the_path() {
    let record = |location: &str, content_type: &str| {
        let mut record = Record::new("v-1", 1, stored("ada", "a&b.mp4"));
        record.stored.location = location.to_owned();
        record.stored.content_type = content_type.to_owned();
        record
    };
    assert_eq!(
        linkable_path(&record("a-1_b.2", "Video/MP4; codecs=x"), false),
        "/internal/storage/files/a-1_b.2/content?link=1&type=video%2Fmp4"
    );
    let saved = "&disposition=attachment%3B%20filename%3D%22a%26b.mp4%22%3B%20filename%2A%3DUTF-8%27%27a%26b.mp4";
    assert_eq!(
        linkable_path(&record("a/b?c#é", "video/mp4"), true),
        format!(
            "/internal/storage/files/a%2Fb%3Fc%23%C3%A9/content?link=1&type=video%2Fmp4{saved}"
        )
    );
    for page in ["text/html", "image/svg+xml"] {
        assert_eq!(
            linkable_path(&record("a", page), false),
            format!(
                "/internal/storage/files/a/content?link=1&type=application%2Foctet-stream{saved}"
            )
        );
    }
}

#[test]
fn the_day_begins_anew_at_midnight_utc() {
    for (now, seconds) in [
        ("2024-02-29T00:00:00Z", 86_400),
        ("2024-02-29T23:59:59Z", 1),
        ("2024-02-29T23:59:59.999Z", 1),
        ("2024-02-29T12:00:00.001Z", 43_200),
    ] {
        assert_eq!(
            seconds_to_midnight(Timestamp::parse(now).unwrap()),
            seconds,
            "{now}"
        );
    }
}
