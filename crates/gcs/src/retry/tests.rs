#![allow(clippy::unwrap_used)]
use futures::executor::block_on;
use spinreel_platform::TransportError;
use spinreel_platform::memory::SeededRandom;

use super::*;
use crate::testing::{Pauses, Script, Step, answer, client, fails, lost, run};
use crate::{ByteRange, NewObject, Part, ResumableSession};

mod table;

const RETRYABLE: [u16; 6] = [408, 429, 500, 502, 503, 504];
const FINAL: [u16; 12] = [301, 304, 400, 401, 403, 405, 409, 411, 413, 418, 501, 505];

const NONE: [u64; 0] = [];
const UNAVAILABLE: Error = Error::Unavailable {
    status: 503,
    retry_after_s: None,
};

fn pauses_of(policy: RetryPolicy, error: &Error) -> Vec<u64> {
    let (clock, random) = (Pauses::default(), SeededRandom::new(3));
    let mut retries = Retries::new(policy, &clock, &random);
    while block_on(retries.pause(error.clone())).is_ok() {}
    clock.0.into_inner()
}

#[test]
fn pauses_double_up_to_the_longest_with_jitter() {
    let policy = RetryPolicy {
        attempts: 8,
        total_ms: 1_000_000,
        first_pause_ms: 100,
        longest_pause_ms: 1_000,
    };
    let pauses = pauses_of(policy, &UNAVAILABLE);
    let ceilings = [100, 200, 400, 800, 1_000, 1_000, 1_000];
    assert_eq!(pauses.len(), ceilings.len());
    for (pause, ceiling) in pauses.iter().zip(ceilings) {
        assert!(
            (ceiling / 2..=ceiling).contains(pause),
            "{pause} of {ceiling}"
        );
    }
    assert!(
        pauses.windows(2).skip(4).any(|pair| pair[0] != pair[1]),
        "no jitter: {pauses:?}"
    );
}

#[test]
fn one_attempt_means_no_retry() {
    let policy = RetryPolicy {
        attempts: 1,
        ..RetryPolicy::default()
    };
    assert_eq!(pauses_of(policy, &UNAVAILABLE), NONE);
}

#[test]
fn the_total_time_is_a_bound() {
    let policy = RetryPolicy {
        attempts: 1_000,
        total_ms: 5_000,
        ..RetryPolicy::default()
    };
    let pauses = pauses_of(policy, &UNAVAILABLE);
    assert!(pauses.len() > 2, "{pauses:?}");
    assert!(pauses.iter().sum::<u64>() <= 5_000, "{pauses:?}");
}

#[test]
fn retry_after_is_obeyed_where_the_bounds_allow_it() {
    let after = |seconds| Error::Unavailable {
        status: 429,
        retry_after_s: Some(seconds),
    };
    assert_eq!(
        pauses_of(RetryPolicy::default(), &after(10)),
        [10_000, 10_000, 10_000]
    );
    assert_eq!(pauses_of(RetryPolicy::default(), &after(31)), NONE);
    assert_eq!(pauses_of(RetryPolicy::default(), &after(u64::MAX)), NONE);
}

#[test]
fn progress_counts_anew() {
    let policy = RetryPolicy {
        attempts: 3,
        ..RetryPolicy::default()
    };
    let (clock, random) = (Pauses::default(), SeededRandom::new(3));
    let mut retries = Retries::new(policy, &clock, &random);
    for _ in 0..100 {
        assert_eq!(block_on(retries.pause(UNAVAILABLE)), Ok(()));
        assert_eq!(block_on(retries.pause(UNAVAILABLE)), Ok(()));
        retries.progress();
    }
}

/// Every call that may be retried, run against `steps`; gives the error and the number of requests.
fn every_idempotent_call(steps: impl Fn() -> Vec<Step>) -> Vec<(&'static str, Error, usize)> {
    let object = NewObject::create_only("a", "video/mp4");
    let session = || ResumableSession::new("/upload?upload_id=x", object.clone(), None).unwrap();
    let range = Some(ByteRange {
        start: 0,
        end_inclusive: None,
    });
    let mut results = Vec::new();
    macro_rules! call {
        ($name:literal, |$client:ident| $call:expr) => {{
            let (result, seen) = run(steps(), async |$client| $call.await.map(|_| ()));
            results.push(($name, result.unwrap_err(), seen.len()));
        }};
    }
    call!("metadata", |client| client.metadata("a"));
    call!("read", |client| client.read("a", None, range));
    call!("fetch", |client| client.fetch("a", None, None, 10));
    call!("delete", |client| client.delete("a", 5));
    call!("list", |client| client.list("", None, 10));
    call!("insert", |client| client.insert(&object, vec![], 0));
    call!("start", |client| client.start_upload(&object, None));
    call!("put", |client| client.put_chunk(
        &session(),
        0,
        &[],
        Part::Last { crc32c: 0 }
    ));
    call!("status", |client| client.upload_status(&session()));
    call!("cancel", |client| client.cancel_upload(&session()));
    results
}

#[test]
fn what_google_calls_retryable_is_tried_six_times_by_every_idempotent_call() {
    for status in RETRYABLE {
        let steps = || (0..6).map(|_| answer(status)).collect();
        for (name, error, requests) in every_idempotent_call(steps) {
            assert_eq!(
                error,
                Error::Unavailable {
                    status,
                    retry_after_s: None
                },
                "{name}"
            );
            assert_eq!(requests, 6, "{name} {status}");
        }
    }
}

#[test]
fn a_broken_connection_and_a_silent_peer_are_tried_again_by_every_idempotent_call() {
    let broken = TransportError::Connection("reset by peer".into());
    for error in [broken, TransportError::Timeout] {
        let steps = || (0..6).map(|_| fails(error.clone())).collect();
        for (name, found, requests) in every_idempotent_call(steps) {
            assert_eq!(*found.reason(), Error::Transport(error.clone()), "{name}");
            let writes = matches!(name, "insert" | "put");
            assert_eq!(matches!(found, Error::InDoubt(_)), writes, "{name}");
            assert_eq!(requests, 6, "{name}");
        }
    }
}

#[test]
fn a_peer_that_cannot_be_reached_is_tried_again_and_leaves_no_doubt() {
    let error = TransportError::Unreachable("refused".into());
    let steps = || (0..6).map(|_| fails(error.clone())).collect();
    for (name, found, requests) in every_idempotent_call(steps) {
        assert_eq!(found.reason(), &Error::Transport(error.clone()), "{name}");
        assert!(!found.is_unanswered(), "{name}");
        assert_eq!(requests, 6, "{name}");
    }
}

#[test]
fn any_other_refusal_is_final() {
    for status in FINAL {
        let steps = || vec![answer(status).body(r#"{"error":{"message":"no"}}"#)];
        for (name, error, requests) in every_idempotent_call(steps) {
            assert_eq!(
                error,
                Error::Refused {
                    status,
                    message: "no".into()
                },
                "{name}"
            );
            assert_eq!(requests, 1, "{name} {status}");
        }
    }
}

#[test]
fn what_the_host_forbids_is_final() {
    let steps = || vec![fails(TransportError::Denied)];
    for (name, error, requests) in every_idempotent_call(steps) {
        assert_eq!(error, Error::Transport(TransportError::Denied), "{name}");
        assert_eq!(requests, 1, "{name}");
    }
}

#[test]
fn a_write_without_a_precondition_is_sent_once() {
    let mut object = NewObject::create_only("a", "video/mp4");
    object.if_generation_match = None;
    for status in RETRYABLE {
        let (result, seen) = run([answer(status)], async |client| {
            client.insert(&object, vec![], 0).await
        });
        assert_eq!(
            result,
            Err(Error::Unavailable {
                status,
                retry_after_s: None
            })
        );
        assert_eq!(seen.len(), 1);
    }
    let (result, seen) = run([lost()], async |client| {
        client.insert(&object, vec![], 0).await
    });
    assert!(result.unwrap_err().is_temporary());
    assert_eq!(seen.len(), 1);
}

#[test]
fn an_answer_that_asks_for_patience_gets_it() {
    let script = Script::new([
        answer(429).header("retry-after", "3"),
        answer(503).header("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"),
        answer(404),
    ]);
    let clock = Pauses::default();
    let found = block_on(client(&script, &clock).metadata("a"));
    assert_eq!(found, Ok(None));
    let pauses = clock.0.into_inner();
    assert_eq!(pauses[0], 3_000);
    assert!((250..=500).contains(&pauses[1]), "{pauses:?}");
}
