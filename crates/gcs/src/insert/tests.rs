#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use super::*;
use crate::Crc32c;
use crate::object::WRITE_ID;
use crate::testing::{Seen, answer, lost, plain, resource, run};

const BYTES: &[u8] = b"moving pictures";

fn pieces() -> Vec<Bytes> {
    vec![
        Bytes::from_static(b"moving "),
        Bytes::new(),
        Bytes::from_static(b"pictures"),
    ]
}

fn checksum() -> u32 {
    Crc32c::of(BYTES).value()
}

/// With an id of the caller's own, as the answers of a script must repeat it.
fn object() -> NewObject {
    let mut object = NewObject::create_only("ada/video.mp4", "video/mp4");
    object.metadata.insert(WRITE_ID.into(), "mine".into());
    object
}

fn with_id(id: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(WRITE_ID.to_owned(), id.to_owned())])
}

fn insert(steps: Vec<crate::testing::Step>) -> (Result<Object, Error>, Vec<Seen>) {
    run(steps, async |client| {
        client.insert(&object(), pieces(), checksum()).await
    })
}

#[test]
fn an_insert_is_one_multipart_request() {
    let (written, seen) = insert(vec![answer(200).body(plain("ada/video.mp4", 7, BYTES))]);
    assert_eq!(written.unwrap().generation, 7);
    let content_type = seen[0].header("content-type").unwrap();
    let boundary = content_type
        .strip_prefix("multipart/related; boundary=")
        .unwrap();
    assert_eq!(boundary.len(), 32);
    let body = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n\
         {{\"name\":\"ada/video.mp4\",\"contentType\":\"video/mp4\",\"metadata\":{{\"spinreel-id\":\"mine\"}},\
         \"crc32c\":\"{}\"}}\r\n--{boundary}\r\nContent-Type: video/mp4\r\n\r\n\
         moving pictures\r\n--{boundary}--\r\n",
        crate::checksum::to_base64(checksum())
    );
    assert_eq!(seen[0].text(), body);
    assert_eq!(
        seen[0].head(),
        format!(
            "POST http://bucket.test/upload/storage/v1/b/spinreel/o?uploadType=multipart&ifGenerationMatch=0\n\
             content-length: {}\ncontent-type: {content_type}\n",
            body.len()
        )
    );
}

#[test]
fn without_a_precondition_there_is_none_in_the_request() {
    let unconditional = NewObject {
        if_generation_match: None,
        ..object()
    };
    let (written, seen) = run(
        [answer(200).body(plain("ada/video.mp4", 7, BYTES))],
        async |client| client.insert(&unconditional, pieces(), checksum()).await,
    );
    assert!(written.is_ok());
    assert!(
        seen[0].uri.ends_with("/o?uploadType=multipart"),
        "{}",
        seen[0].uri
    );
}

#[test]
fn a_taken_name_is_a_failed_precondition() {
    let others = resource("ada/video.mp4", 6, BYTES, &with_id("another"));
    let (written, seen) = insert(vec![answer(412), answer(200).body(others)]);
    assert_eq!(written, Err(Error::PreconditionFailed));
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_request_that_arrived_twice_is_a_success() {
    let ours = resource("ada/video.mp4", 7, BYTES, &with_id("mine"));
    let (written, _) = insert(vec![answer(412), answer(200).body(ours)]);
    assert_eq!(written.unwrap().generation, 7);
}

#[test]
fn a_retry_sends_the_same_bytes() {
    let (written, seen) = insert(vec![
        answer(503),
        lost(),
        answer(200).body(plain("ada/video.mp4", 7, BYTES)),
    ]);
    assert!(written.is_ok());
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[test]
fn a_lost_answer_to_a_successful_insert_is_a_success() {
    let ours = || resource("ada/video.mp4", 7, BYTES, &with_id("mine"));
    let half = ours()[..30].to_owned();
    for first in [lost(), answer(500), answer(200).body(half).broken()] {
        let (written, seen) = insert(vec![first, answer(412), answer(200).body(ours())]);
        assert_eq!(written.unwrap().generation, 7);
        assert_eq!(
            seen[2].uri,
            "http://bucket.test/storage/v1/b/spinreel/o/ada%2Fvideo.mp4"
        );
    }
}

#[test]
fn somebody_elses_object_is_not_taken_for_ours_even_with_the_same_bytes() {
    for theirs in [
        resource("ada/video.mp4", 7, BYTES, &with_id("theirs")),
        plain("ada/video.mp4", 7, BYTES),
    ] {
        let (written, _) = insert(vec![lost(), answer(412), answer(200).body(theirs)]);
        assert_eq!(written, Err(Error::PreconditionFailed.in_doubt()));
    }
}

#[test]
fn an_object_that_is_gone_again_is_not_ours() {
    let (written, _) = insert(vec![lost(), answer(412), answer(404)]);
    assert_eq!(written, Err(Error::PreconditionFailed.in_doubt()));
}

#[test]
fn a_random_id_tells_our_object_as_well() {
    let anonymous = NewObject {
        metadata: BTreeMap::new(),
        ..object()
    };
    let script = crate::testing::Script::new([
        lost(),
        answer(412),
        answer(200).body(resource("ada/video.mp4", 7, BYTES, &with_id("0"))),
    ]);
    let clock = crate::testing::Pauses::default();
    let client = crate::testing::client(&script, &clock);
    let written = futures::executor::block_on(client.insert(&anonymous, pieces(), checksum()));
    assert_eq!(written, Err(Error::PreconditionFailed.in_doubt()));
    let sent = script.seen.borrow()[0].text();
    let id = sent
        .split("\"spinreel-id\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(id.len(), 32);

    // The same seed writes the same id.
    let (written, _) = run(
        [
            lost(),
            answer(412),
            answer(200).body(resource("ada/video.mp4", 7, BYTES, &with_id(&id))),
        ],
        async |client| client.insert(&anonymous, pieces(), checksum()).await,
    );
    assert_eq!(written.unwrap().generation, 7);
}

#[test]
fn what_was_stored_wrongly_is_deleted_and_reported() {
    let wrong = plain("ada/video.mp4", 7, b"moving picturez");
    let short = plain("ada/video.mp4", 7, b"moving");
    for stored in [wrong, short] {
        let (written, seen) = insert(vec![answer(200).body(stored), answer(204)]);
        let Err(Error::Corrupt {
            expected_size: 15,
            expected_crc32c,
            ..
        }) = written
        else {
            panic!("{written:?}");
        };
        assert_eq!(expected_crc32c, checksum());
        assert_eq!(seen[1].method, "DELETE");
        assert!(
            seen[1]
                .uri
                .ends_with("/o/ada%2Fvideo.mp4?ifGenerationMatch=7"),
            "{}",
            seen[1].uri
        );
    }
}

#[test]
fn corruption_is_reported_even_if_it_cannot_be_deleted() {
    let stored = plain("ada/video.mp4", 7, b"else");
    let (written, _) = insert(vec![answer(200).body(stored), answer(403)]);
    assert!(matches!(written, Err(Error::Corrupt { .. })), "{written:?}");
}

#[test]
fn an_answer_about_another_object_is_malformed_and_deletes_nothing() {
    let (written, seen) = insert(vec![answer(200).body(plain("other", 7, b"else"))]);
    assert!(matches!(written, Err(Error::Malformed(_))), "{written:?}");
    assert_eq!(seen.len(), 1);
}

#[test]
fn a_refusal_that_comes_first_is_certain() {
    for status in [400, 401, 403, 404, 413] {
        let (written, _) = insert(vec![answer(status)]);
        let error = written.unwrap_err();
        assert!(error.is_certain(), "{status}: {error:?}");
        assert_eq!(error.reason(), &error);
    }
}

#[test]
fn a_refusal_after_an_attempt_without_an_answer_leaves_doubt() {
    for first in [lost, || answer(503), || answer(200).broken()] {
        for status in [400, 401, 403, 404] {
            let (written, _) = insert(vec![first(), answer(status)]);
            let error = written.unwrap_err();
            assert!(!error.is_certain(), "{status}: {error:?}");
            assert!(!error.is_temporary(), "{status}: {error:?}");
            assert!(matches!(error, Error::InDoubt(_)), "{status}: {error:?}");
            assert!(error.reason().is_certain(), "{status}: {error:?}");
        }
        // Nobody can say any more whose object it is that stands in the way.
        let (written, _) = insert(vec![first(), answer(412), answer(403)]);
        assert!(!written.unwrap_err().is_certain());
    }
}

#[test]
fn what_is_no_refusal_is_never_certain() {
    let unreadable = || vec![answer(200).body("{")];
    let corrupt = || {
        vec![
            answer(200).body(plain("ada/video.mp4", 7, b"else")),
            answer(204),
        ]
    };
    let silent = || (0..6).map(|_| lost()).collect::<Vec<_>>();
    let broken = || vec![answer(501)];
    for steps in [unreadable(), corrupt(), silent(), broken()] {
        let error = insert(steps).0.unwrap_err();
        assert!(!error.is_certain(), "{error:?}");
    }
}
