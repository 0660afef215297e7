#![allow(clippy::unwrap_used)]
use super::*;
use crate::testing::{Seen, Step, answer, plain, run};
use crate::{Crc32c, WRITE_ID};

mod faults;
mod simulation;

const QUANTUM: usize = CHUNK_QUANTUM as usize;
const SESSION: &str = "http://bucket.test/upload/storage/v1/b/spinreel/o?upload_id=secret";

fn object() -> NewObject {
    let mut object = NewObject::create_only("ada/video.mp4", "video/mp4");
    object.metadata.insert(WRITE_ID.into(), "mine".into());
    object
}

fn session(total: Option<u64>) -> ResumableSession {
    ResumableSession::new(SESSION, object(), total).unwrap()
}

/// Bytes that differ everywhere, in uneven pieces.
fn bytes(length: usize) -> (Vec<u8>, Vec<Bytes>) {
    let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
    let pieces = bytes.chunks(100_001).map(Bytes::copy_from_slice).collect();
    (bytes, pieces)
}

fn incomplete(stored: usize) -> Step {
    match stored {
        0 => answer(308),
        _ => answer(308).header("range", &format!("bytes=0-{}", stored - 1)),
    }
}

fn complete(bytes: &[u8]) -> Step {
    answer(200).body(plain("ada/video.mp4", 7, bytes))
}

fn last(bytes: &[u8]) -> Part {
    Part::Last {
        crc32c: Crc32c::of(bytes).value(),
    }
}

fn put(
    steps: Vec<Step>,
    offset: u64,
    chunk: &[Bytes],
    part: Part,
) -> (Result<Progress, Error>, Vec<Seen>) {
    run(steps, async |client| {
        client.put_chunk(&session(None), offset, chunk, part).await
    })
}

fn ranges(seen: &[Seen]) -> Vec<&str> {
    seen.iter()
        .map(|seen| seen.header("content-range").unwrap())
        .collect()
}

#[test]
fn a_start_is_one_request() {
    let (session, seen) = run(
        [answer(200).header("location", "http://elsewhere.test/u?upload_id=secret")],
        async |client| {
            let session = client.start_upload(&object(), Some(1_000)).await.unwrap();
            (client.upload_url(&session), session)
        },
    );
    assert_eq!(session.0, "http://bucket.test/u?upload_id=secret");
    assert_eq!(session.1.object(), &object());
    assert_eq!(session.1.total(), Some(1_000));
    let body =
        r#"{"name":"ada/video.mp4","contentType":"video/mp4","metadata":{"spinreel-id":"mine"}}"#;
    assert_eq!(seen[0].text(), body);
    assert_eq!(
        seen[0].head(),
        format!(
            "POST http://bucket.test/upload/storage/v1/b/spinreel/o?uploadType=resumable&ifGenerationMatch=0\n\
             content-length: {}\ncontent-type: application/json; charset=UTF-8\n\
             x-upload-content-length: 1000\nx-upload-content-type: video/mp4\n",
            body.len()
        )
    );
}

#[test]
fn a_start_without_a_size_and_a_precondition_names_neither() {
    let unconditional = NewObject {
        if_generation_match: None,
        ..object()
    };
    let (_, seen) = run([answer(200).header("location", SESSION)], async |client| {
        client.start_upload(&unconditional, None).await.unwrap()
    });
    assert!(
        seen[0].uri.ends_with("/o?uploadType=resumable"),
        "{}",
        seen[0].uri
    );
    assert_eq!(seen[0].header("x-upload-content-length"), None);
}

#[test]
fn a_start_that_is_refused_says_why() {
    for (step, error) in [
        (answer(412), Error::PreconditionFailed),
        (answer(404), Error::NotFound),
        (
            answer(200),
            Error::Malformed("an upload session has no Location"),
        ),
    ] {
        let (result, _) = run([step], async |client| {
            client.start_upload(&object(), None).await
        });
        assert_eq!(result, Err(error));
    }
}

#[test]
fn chunks_go_out_with_their_range() {
    let (content, chunk) = bytes(QUANTUM);
    let (progress, seen) = put(
        vec![incomplete(3 * QUANTUM)],
        2 * CHUNK_QUANTUM,
        &chunk,
        Part::More,
    );
    assert_eq!(
        progress,
        Ok(Progress::Incomplete {
            stored: 3 * CHUNK_QUANTUM
        })
    );
    assert_eq!(
        seen[0].head(),
        format!("PUT {SESSION}\ncontent-length: 262144\ncontent-range: bytes 524288-786431/*\n")
    );
    assert_eq!(seen[0].body, content);
}

#[test]
fn the_last_chunk_says_the_size_and_the_checksum() {
    let (content, chunk) = bytes(10);
    let (progress, seen) = put(vec![complete(&content)], 0, &chunk, last(&content));
    assert!(matches!(progress, Ok(Progress::Complete(object)) if object.size == 10));
    let hash = checksum::to_base64(Crc32c::of(&content).value());
    assert_eq!(
        seen[0].head(),
        format!(
            "PUT {SESSION}\ncontent-length: 10\ncontent-range: bytes 0-9/10\nx-goog-hash: crc32c={hash}\n"
        )
    );
}

#[test]
fn an_empty_object_is_a_last_chunk_of_nothing() {
    let (progress, seen) = put(vec![complete(b"")], 0, &[], last(b""));
    assert!(
        matches!(progress, Ok(Progress::Complete(_))),
        "{progress:?}"
    );
    assert_eq!(ranges(&seen), ["bytes */0"]);
    assert_eq!(seen[0].header("content-length"), Some("0"));
}

#[test]
fn an_announced_size_is_in_every_range() {
    let (_, chunk) = bytes(QUANTUM);
    let (_, seen) = run([incomplete(QUANTUM)], async |client| {
        client
            .put_chunk(&session(Some(300_000)), 0, &chunk, Part::More)
            .await
    });
    assert_eq!(ranges(&seen), ["bytes 0-262143/300000"]);
}

#[test]
fn a_chunk_that_must_not_be_sent_is_not() {
    let (_, odd) = bytes(QUANTUM + 1);
    let (_, whole) = bytes(QUANTUM);
    let end = Part::Last { crc32c: 0 };
    for (total, offset, chunk, part) in [
        (None, 0, &odd, Part::More),
        (None, 0, &vec![], Part::More),
        (None, u64::MAX, &whole, end),
        (Some(CHUNK_QUANTUM), 0, &whole, Part::More),
        (Some(100), 0, &whole, Part::More),
        (Some(100), 0, &whole, end),
        (Some(CHUNK_QUANTUM + 1), 0, &whole, end),
    ] {
        let (progress, _) = run([], async |client| {
            client.put_chunk(&session(total), offset, chunk, part).await
        });
        assert!(
            matches!(progress, Err(Error::InvalidArgument(_))),
            "{progress:?}"
        );
    }
}

#[test]
fn a_range_that_is_none_is_malformed() {
    for range in [
        "",
        "bytes=1-5",
        "bytes=0-",
        "bytes=0-18446744073709551615",
        "0-5",
        "bytes=0-x",
    ] {
        let step = answer(308).header("range", range);
        let (status, _) = run([step], async |client| {
            client.upload_status(&session(None)).await
        });
        assert!(
            matches!(status, Err(Error::Malformed(_))),
            "{range}: {status:?}"
        );
    }
}

#[test]
fn a_status_is_an_empty_put() {
    let (status, seen) = run([incomplete(5)], async |client| {
        client.upload_status(&session(None)).await
    });
    assert_eq!(status, Ok(Progress::Incomplete { stored: 5 }));
    assert_eq!(
        seen[0].head(),
        format!("PUT {SESSION}\ncontent-length: 0\ncontent-range: bytes */*\n")
    );
    let (status, _) = run([complete(b"abc")], async |client| {
        client.upload_status(&session(None)).await
    });
    assert!(matches!(status, Ok(Progress::Complete(object)) if object.size == 3));
}

#[test]
fn a_cancelled_session_is_gone_whatever_the_bucket_calls_it() {
    for status in [499, 204, 404, 410] {
        let (cancelled, seen) = run([answer(status)], async |client| {
            client.cancel_upload(&session(None)).await
        });
        assert_eq!(cancelled, Ok(()));
        assert_eq!(
            seen[0].head(),
            format!("DELETE {SESSION}\ncontent-length: 0\n")
        );
    }
}
