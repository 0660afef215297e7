#![allow(clippy::unwrap_used)]
use spinreel_platform::TransportError;

use super::*;
use crate::testing::{Step, answer, plain, run};

fn metadata(step: Step) -> Result<Option<Object>, Error> {
    run([step], async |client| client.metadata("a").await).0
}

fn refused(body: impl Into<Bytes>) -> String {
    match metadata(answer(403).body(body)) {
        Err(Error::Refused {
            status: 403,
            message,
        }) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_keeps_the_buckets_words_on_one_line() {
    assert_eq!(
        refused(r#"{"error":{"code":403,"message":"No\naccess.\u0007"}}"#),
        "No access. "
    );
    assert_eq!(refused("<html>\r\nproxy</html>"), "<html>  proxy</html>");
    assert_eq!(refused(""), "");
}

#[test]
fn a_refusal_is_kept_short() {
    let long = serde_json::json!({"error": {"message": "ü".repeat(5_000)}}).to_string();
    assert_eq!(refused(long), "ü".repeat(300));
    assert_eq!(refused(vec![b'x'; REFUSAL_LIMIT + 1]), "");
}

#[test]
fn a_refusal_whose_words_do_not_arrive_is_one_all_the_same() {
    let found = metadata(answer(403).body("{\"err").broken());
    assert_eq!(
        found,
        Err(Error::Refused {
            status: 403,
            message: String::new()
        })
    );
}

#[test]
fn an_answer_that_is_no_resource_is_malformed() {
    for body in [
        "",
        "no JSON",
        "[]",
        "{}",
        r#"{"name":"a"}"#,
        r#"{"generation":7}"#,
    ] {
        let found = metadata(answer(200).body(body));
        assert!(
            matches!(found, Err(Error::Malformed(_))),
            "{body}: {found:?}"
        );
    }
}

#[test]
fn an_endless_answer_is_not_read_to_its_end() {
    let found = metadata(
        answer(200)
            .body(vec![b' '; OBJECT_LIMIT])
            .body("x")
            .broken(),
    );
    assert_eq!(
        found,
        Err(Error::Transport(TransportError::TooLong {
            limit: OBJECT_LIMIT
        }))
    );
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again() {
    let whole = plain("a", 7, b"a");
    let half = whole[..20].to_owned();
    let (found, seen) = run(
        [answer(200).body(half).broken(), answer(200).body(whole)],
        async |client| client.metadata("a").await,
    );
    assert_eq!(found.unwrap().unwrap().generation, 7);
    assert_eq!(seen.len(), 2);
}
