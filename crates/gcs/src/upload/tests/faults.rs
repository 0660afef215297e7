//! Chunks of which the bucket keeps a part, answers that get lost, sessions that end.

use std::collections::BTreeMap;

use super::*;
use crate::testing::{lost, resource};

#[test]
fn what_the_bucket_did_not_store_is_sent_again() {
    let (content, chunk) = bytes(3 * QUANTUM);
    let (progress, seen) = put(
        vec![
            incomplete(QUANTUM),
            incomplete(2 * QUANTUM),
            complete(&content),
        ],
        0,
        &chunk,
        last(&content),
    );
    assert!(
        matches!(progress, Ok(Progress::Complete(_))),
        "{progress:?}"
    );
    assert_eq!(
        ranges(&seen),
        [
            "bytes 0-786431/786432",
            "bytes 262144-786431/786432",
            "bytes 524288-786431/786432"
        ]
    );
    assert_eq!(seen[1].body, content[QUANTUM..]);
    assert_eq!(seen[2].body, content[2 * QUANTUM..]);
}

#[test]
fn a_308_without_range_means_that_nothing_is_stored() {
    let (content, chunk) = bytes(QUANTUM);
    let (progress, seen) = put(
        vec![incomplete(0), incomplete(QUANTUM)],
        0,
        &chunk,
        Part::More,
    );
    assert_eq!(
        progress,
        Ok(Progress::Incomplete {
            stored: CHUNK_QUANTUM
        })
    );
    assert_eq!(seen[1].body, content);
}

#[test]
fn all_bytes_stored_but_no_object_is_ended_by_an_empty_put() {
    let (content, chunk) = bytes(10);
    let (progress, seen) = put(
        vec![incomplete(10), complete(&content)],
        0,
        &chunk,
        last(&content),
    );
    assert!(
        matches!(progress, Ok(Progress::Complete(_))),
        "{progress:?}"
    );
    assert_eq!(ranges(&seen), ["bytes 0-9/10", "bytes */10"]);
    assert!(seen[1].header("x-goog-hash").is_some());
}

#[test]
fn a_bucket_that_stores_nothing_is_given_up() {
    let (_, chunk) = bytes(QUANTUM);
    let steps = (0..6).map(|_| incomplete(0)).collect();
    let (progress, _) = put(steps, 0, &chunk, Part::More);
    assert_eq!(progress, Err(Error::Stalled { stored: 0 }));
}

#[test]
fn a_bucket_that_stores_crumbs_is_given_up() {
    let (_, chunk) = bytes(QUANTUM);
    let (progress, _) = put((1..=6).map(incomplete).collect(), 0, &chunk, Part::More);
    assert_eq!(progress, Err(Error::Stalled { stored: 6 }));
}

#[test]
fn after_a_failure_the_bucket_is_asked_first() {
    let (content, chunk) = bytes(2 * QUANTUM);
    for failure in [lost(), answer(503), answer(408), answer(429)] {
        let (progress, seen) = put(
            vec![
                failure,
                answer(500),
                incomplete(QUANTUM),
                incomplete(2 * QUANTUM),
            ],
            0,
            &chunk,
            Part::More,
        );
        assert_eq!(
            progress,
            Ok(Progress::Incomplete {
                stored: 2 * CHUNK_QUANTUM
            })
        );
        assert_eq!(
            ranges(&seen),
            [
                "bytes 0-524287/*",
                "bytes */*",
                "bytes */*",
                "bytes 262144-524287/*"
            ]
        );
        assert_eq!(seen[1].body, b"");
        assert_eq!(seen[1].header("content-length"), Some("0"));
        assert_eq!(seen[3].body, content[QUANTUM..]);
    }
}

#[test]
fn a_lost_answer_to_the_last_chunk_is_found_by_asking() {
    let (content, chunk) = bytes(10);
    let (progress, seen) = put(vec![lost(), complete(&content)], 0, &chunk, last(&content));
    assert!(
        matches!(progress, Ok(Progress::Complete(_))),
        "{progress:?}"
    );
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_last_chunk_in_doubt_is_ours_if_the_object_has_our_id() {
    let (content, chunk) = bytes(10);
    let ours = BTreeMap::from([(WRITE_ID.to_owned(), "mine".to_owned())]);
    let theirs = BTreeMap::from([(WRITE_ID.to_owned(), "theirs".to_owned())]);
    for (status, refused) in [
        (404, Error::SessionLost),
        (410, Error::SessionLost),
        (412, Error::PreconditionFailed),
    ] {
        let found = |metadata| answer(200).body(resource("ada/video.mp4", 7, &content, metadata));
        let (progress, _) = put(
            vec![lost(), answer(status), found(&ours)],
            0,
            &chunk,
            last(&content),
        );
        assert!(
            matches!(progress, Ok(Progress::Complete(_))),
            "{status}: {progress:?}"
        );
        let (progress, _) = put(
            vec![lost(), answer(status), found(&theirs)],
            0,
            &chunk,
            last(&content),
        );
        assert_eq!(progress, Err(refused.clone().in_doubt()));
        let (progress, _) = put(
            vec![lost(), answer(status), answer(404)],
            0,
            &chunk,
            last(&content),
        );
        assert_eq!(progress, Err(refused.in_doubt()));
    }
}

#[test]
fn without_doubt_a_failed_precondition_and_a_lost_session_are_final() {
    let (content, chunk) = bytes(10);
    for (status, error) in [
        (404, Error::SessionLost),
        (410, Error::SessionLost),
        (499, Error::SessionLost),
        (412, Error::PreconditionFailed),
    ] {
        let (progress, seen) = put(vec![answer(status)], 0, &chunk, last(&content));
        assert!(error.is_certain(), "{status}");
        assert_eq!(progress, Err(error));
        assert_eq!(seen.len(), 1);
    }
}

#[test]
fn a_session_lost_in_the_middle_is_lost() {
    let (_, chunk) = bytes(QUANTUM);
    let (progress, _) = put(vec![answer(503), answer(410)], 0, &chunk, Part::More);
    assert_eq!(progress, Err(Error::SessionLost));
}

#[test]
fn an_upload_that_is_elsewhere_says_where() {
    let (_, chunk) = bytes(QUANTUM);
    for stored in [0, QUANTUM, 3 * QUANTUM + 1] {
        let (progress, _) = put(
            vec![incomplete(stored)],
            2 * CHUNK_QUANTUM,
            &chunk,
            Part::More,
        );
        assert_eq!(
            progress,
            Err(Error::OffsetMismatch {
                stored: stored as u64
            })
        );
    }
}

#[test]
fn what_was_assembled_wrongly_is_deleted_and_reported() {
    let (content, chunk) = bytes(10);
    let other: &[u8] = b"0123456789";
    for stored in [other, &content[..9], &[]] {
        let steps = vec![complete(stored), answer(204)];
        let (progress, seen) = put(steps, 0, &chunk, last(&content));
        let error = progress.unwrap_err();
        assert!(
            matches!(error, Error::Corrupt { expected_size: 10, size, .. } if size == stored.len() as u64),
            "{error:?}"
        );
        assert!(!error.is_certain());
        assert!(
            seen[1].uri.ends_with("?ifGenerationMatch=7"),
            "{}",
            seen[1].uri
        );
        assert_eq!(seen[1].method, "DELETE");
    }
}

#[test]
fn failures_count_anew_whenever_the_bucket_got_on() {
    let (content, chunk) = bytes(4 * QUANTUM);
    let steps = (1..=4).flat_map(|stored| [lost(), lost(), lost(), incomplete(stored * QUANTUM)]);
    let (progress, _) = put(
        steps.chain([complete(&content)]).collect(),
        0,
        &chunk,
        last(&content),
    );
    assert!(
        matches!(progress, Ok(Progress::Complete(_))),
        "{progress:?}"
    );
}

#[test]
fn a_failed_request_counts_once() {
    let (_, chunk) = bytes(QUANTUM);
    let steps = (0..5).flat_map(|_| [lost(), incomplete(0)]);
    let (progress, _) = put(
        steps.chain([incomplete(QUANTUM)]).collect(),
        0,
        &chunk,
        Part::More,
    );
    assert_eq!(
        progress,
        Ok(Progress::Incomplete {
            stored: CHUNK_QUANTUM
        })
    );
}

#[test]
fn any_refusal_of_a_last_chunk_after_a_lost_answer_leaves_doubt() {
    let (content, chunk) = bytes(10);
    for first in [lost, || answer(503)] {
        for status in [400, 403] {
            // Refused when it is asked how far it is, and refused when the chunk is sent again.
            for mut steps in [vec![first()], vec![first(), incomplete(0)]] {
                steps.push(answer(status));
                let (progress, _) = put(steps, 0, &chunk, last(&content));
                let error = progress.unwrap_err();
                assert!(!error.is_certain(), "{status}: {error:?}");
                assert!(matches!(error, Error::InDoubt(_)), "{status}: {error:?}");
            }
        }
        let (progress, _) = put(vec![first(), incomplete(11)], 0, &chunk, last(&content));
        assert!(!progress.unwrap_err().is_certain());
        // Nobody can say any more what became of the object.
        let steps = vec![first(), answer(410), answer(403)];
        let (progress, _) = put(steps, 0, &chunk, last(&content));
        assert!(!progress.unwrap_err().is_certain());
    }
}

#[test]
fn what_was_answered_is_over_once_the_bucket_has_been_asked() {
    let (content, chunk) = bytes(10);
    for (status, refused) in [(404, Error::SessionLost), (412, Error::PreconditionFailed)] {
        let steps = |first| vec![first, answer(status), answer(404)];
        let (progress, _) = put(steps(answer(503)), 0, &chunk, last(&content));
        assert_eq!(progress, Err(refused.clone()));
        let (progress, _) = put(steps(lost()), 0, &chunk, last(&content));
        assert_eq!(progress, Err(refused.in_doubt()));
    }
}

#[test]
fn a_chunk_in_the_middle_leaves_no_doubt() {
    let (_, chunk) = bytes(QUANTUM);
    let (progress, _) = put(vec![lost(), answer(403)], 0, &chunk, Part::More);
    assert!(
        matches!(progress, Err(Error::Refused { status: 403, .. })),
        "{progress:?}"
    );
}

#[test]
fn a_part_that_was_kept_and_a_refusal_of_the_rest_are_certain() {
    let (content, chunk) = bytes(2 * QUANTUM);
    let steps = vec![incomplete(QUANTUM), answer(412)];
    let (progress, _) = put(steps, 0, &chunk, last(&content));
    assert_eq!(progress, Err(Error::PreconditionFailed));
}
