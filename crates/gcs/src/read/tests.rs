#![allow(clippy::unwrap_used)]
use spinreel_platform::TransportError;

use super::*;
use crate::Crc32c;
use crate::testing::{Step, answer, lost, run};

const BYTES: &[u8] = b"0123456789";

fn range(start: u64, end_inclusive: impl Into<Option<u64>>) -> Option<ByteRange> {
    Some(ByteRange {
        start,
        end_inclusive: end_inclusive.into(),
    })
}

fn full(body: &'static [u8]) -> Step {
    let hash = checksum::to_base64(Crc32c::of(BYTES).value());
    answer(200)
        .header("content-type", "video/mp4")
        .header("content-length", "10")
        .header("x-goog-generation", "7")
        .header(
            "x-goog-hash",
            &format!("md5=AAAAAAAAAAAAAAAAAAAAAA==, crc32c={hash}"),
        )
        .body(body)
}

fn partial(content_range: &str, body: &'static [u8]) -> Step {
    answer(206)
        .header("content-range", content_range)
        .header("x-goog-generation", "7")
        .header("x-goog-hash", "md5=AAAAAAAAAAAAAAAAAAAAAA==")
        .header("x-goog-hash", "crc32c=4waSgw==")
        .body(body)
}

/// Opens an object, reads it through and gives what its head said, and the bytes.
fn read(
    step: Step,
    generation: Option<i64>,
    range: Option<ByteRange>,
) -> Result<(Download<()>, Vec<u8>), Error> {
    run([step], async |client| {
        let mut download = client.read("a/b", generation, range).await?;
        let bytes = spinreel_platform::collect(&mut download.body, 100).await?;
        let Download {
            size,
            generation,
            crc32c,
            content_type,
            start,
            length,
            ..
        } = download;
        Ok((
            Download {
                size,
                generation,
                crc32c,
                content_type,
                start,
                length,
                body: (),
            },
            bytes,
        ))
    })
    .0
}

#[test]
fn the_whole_object_is_one_request() {
    let (result, seen) = run([full(BYTES)], async |client| {
        client
            .read("a/b c", None, None)
            .await
            .map(|download| download.size)
    });
    assert_eq!(result, Ok(10));
    assert_eq!(
        seen[0].head(),
        "GET http://bucket.test/storage/v1/b/spinreel/o/a%2Fb%20c?alt=media\naccept-encoding: gzip\n"
    );
}

#[test]
fn a_range_of_a_generation_is_asked_for_in_header_and_query() {
    for (range, header) in [
        (range(2, 4), "bytes=2-4"),
        (range(2, None), "bytes=2-"),
        (range(0, 0), "bytes=0-0"),
        (range(0, u64::MAX), "bytes=0-18446744073709551615"),
    ] {
        let (_, seen) = run([answer(404)], async |client| {
            client.read("a", Some(7), range).await.map(|_| ())
        });
        assert_eq!(
            seen[0].head(),
            format!(
                "GET http://bucket.test/storage/v1/b/spinreel/o/a?alt=media&generation=7\naccept-encoding: gzip\nrange: {header}\n"
            )
        );
    }
}

#[test]
fn the_head_of_a_whole_object_is_understood() {
    let (download, bytes) = read(full(BYTES), Some(7), None).unwrap();
    assert_eq!(bytes, BYTES);
    assert_eq!(download.size, 10);
    assert_eq!(download.generation, 7);
    assert_eq!(download.crc32c, Some(Crc32c::of(BYTES).value()));
    assert_eq!(download.content_type, "video/mp4");
    assert_eq!((download.start, download.length), (0, 10));
}

#[test]
fn the_head_of_a_range_is_understood() {
    let (download, bytes) = read(partial("bytes 2-4/10", b"234"), None, range(2, 4)).unwrap();
    assert_eq!(bytes, b"234");
    assert_eq!((download.start, download.length, download.size), (2, 3, 10));
    assert_eq!(download.crc32c, Some(0xe306_9283));
    assert_eq!(download.content_type, "application/octet-stream");
}

#[test]
fn a_range_that_reaches_behind_the_end_is_cut() {
    for range in [range(7, 99), range(7, None), range(7, 9)] {
        let (download, _) = read(partial("bytes 7-9/10", b"789"), None, range).unwrap();
        assert_eq!((download.start, download.length), (7, 3));
    }
}

#[test]
fn another_range_than_the_one_asked_for_is_malformed() {
    for content_range in [
        "bytes 3-4/10",
        "bytes 2-5/10",
        "bytes 2-3/10",
        "bytes 2-4/4",
        "bytes 2-4/*",
        "bytes 4-2/10",
        "2-4/10",
        "",
    ] {
        let result = read(partial(content_range, b"234"), None, range(2, 4));
        assert!(
            matches!(result, Err(Error::Malformed(_))),
            "{content_range}: {result:?}"
        );
    }
    assert!(read(partial("bytes 0-9/10", BYTES), None, None).is_err());
}

#[test]
fn a_range_that_is_ignored_is_malformed_unless_it_was_everything() {
    for ignored in [range(0, 8), range(1, None), range(1, 9)] {
        let result = read(full(BYTES), None, ignored);
        assert!(
            matches!(result, Err(Error::Malformed(_))),
            "{ignored:?}: {result:?}"
        );
    }
    for everything in [range(0, None), range(0, 9), range(0, u64::MAX)] {
        assert!(
            read(full(BYTES), None, everything).is_ok(),
            "{everything:?}"
        );
    }
}

#[test]
fn bytes_of_another_generation_or_of_none_are_malformed() {
    let result = read(full(BYTES), Some(8), None);
    assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
    let result = read(answer(200).header("content-length", "0"), None, None);
    assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
}

#[test]
fn a_range_behind_the_end_says_the_size() {
    let step = answer(416).header("content-range", "bytes */10");
    let result = read(step, None, range(10, None)).unwrap_err();
    assert_eq!(result, Error::RangeNotSatisfiable { size: Some(10) });
    let result = read(answer(416), None, range(10, None)).unwrap_err();
    assert_eq!(result, Error::RangeNotSatisfiable { size: None });
}

#[test]
fn a_backward_range_is_refused_before_anything_is_sent() {
    let (result, _) = run([], async |client| {
        client.read("a", None, range(5, 4)).await.map(|_| ())
    });
    assert!(
        matches!(result, Err(Error::InvalidArgument(_))),
        "{result:?}"
    );
}

#[test]
fn what_is_not_there_is_not_found() {
    assert_eq!(read(answer(404), None, None).unwrap_err(), Error::NotFound);
}

fn fetch(steps: Vec<Step>, range: Option<ByteRange>, limit: usize) -> Result<Vec<u8>, Error> {
    run(steps, async |client| {
        client.fetch("a", None, range, limit).await
    })
    .0
}

#[test]
fn a_body_that_breaks_off_is_fetched_again() {
    let steps = vec![lost(), full(b"0123").broken(), full(b"01234"), full(BYTES)];
    assert_eq!(fetch(steps, None, 10), Ok(BYTES.to_vec()));
}

#[test]
fn a_whole_object_with_another_checksum_is_corrupt() {
    let result = fetch(vec![full(b"0123456780")], None, 10);
    assert!(
        matches!(
            result,
            Err(Error::Corrupt {
                expected_size: 10,
                size: 10,
                ..
            })
        ),
        "{result:?}"
    );
}

#[test]
fn the_checksum_of_the_whole_says_nothing_about_a_range() {
    assert_eq!(
        fetch(vec![partial("bytes 2-4/10", b"234")], range(2, 4), 3),
        Ok(b"234".to_vec())
    );
}

#[test]
fn more_than_the_limit_is_not_read() {
    let too_long = Error::Transport(TransportError::TooLong { limit: 9 });
    assert_eq!(fetch(vec![full(BYTES).broken()], None, 9), Err(too_long));
}

#[test]
fn a_checksum_that_is_none_is_malformed() {
    let step = answer(200)
        .header("content-length", "0")
        .header("x-goog-generation", "7")
        .header("x-goog-hash", "crc32c=?");
    let result = read(step, None, None);
    assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
}
