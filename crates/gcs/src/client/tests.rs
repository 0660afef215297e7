#![allow(clippy::unwrap_used)]
use super::*;
use crate::testing::{answer, lost, plain, run};

#[test]
fn metadata_is_one_request() {
    let (found, seen) = run(
        [answer(200).body(plain("ada/ü.mp4", 7, b"abc"))],
        async |client| client.metadata("ada/ü.mp4").await,
    );
    assert_eq!(found.unwrap().unwrap().size, 3);
    assert_eq!(
        seen[0].head(),
        "GET http://bucket.test/storage/v1/b/spinreel/o/ada%2F%C3%BC.mp4\n"
    );
    assert_eq!(seen[0].text(), "");
}

#[test]
fn no_object_is_no_error() {
    let (found, _) = run([answer(404)], async |client| client.metadata("a").await);
    assert_eq!(found, Ok(None));
}

#[test]
fn a_deletion_names_its_generation() {
    let (deleted, seen) = run([answer(204)], async |client| client.delete("a/b", 7).await);
    assert_eq!(deleted, Ok(Deleted::Yes));
    assert_eq!(
        seen[0].head(),
        "DELETE http://bucket.test/storage/v1/b/spinreel/o/a%2Fb?ifGenerationMatch=7\ncontent-length: 0\n"
    );
}

#[test]
fn what_is_gone_or_replaced_was_gone() {
    for status in [404, 412] {
        let (deleted, _) = run([answer(status)], async |client| client.delete("a", 7).await);
        assert_eq!(deleted, Ok(Deleted::WasGone));
    }
}

#[test]
fn a_deletion_whose_answer_was_lost_is_no_error() {
    let (deleted, seen) = run([lost(), answer(404)], async |client| {
        client.delete("a", 7).await
    });
    assert_eq!(deleted, Ok(Deleted::WasGone));
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn an_impossible_name_is_refused_before_anything_is_sent() {
    for name in ["", ".", "..", "a\nb"] {
        let (results, _) = run([], async |client| {
            [
                client.metadata(name).await.map(|_| ()),
                client.delete(name, 1).await.map(|_| ()),
                client.read(name, None, None).await.map(|_| ()),
                client
                    .insert(&NewObject::create_only(name, "a/b"), vec![], 0)
                    .await
                    .map(|_| ()),
                client
                    .start_upload(&NewObject::create_only(name, "a/b"), None)
                    .await
                    .map(|_| ()),
            ]
        });
        for result in results {
            assert!(
                matches!(result, Err(Error::InvalidArgument(_))),
                "{name:?}: {result:?}"
            );
        }
    }
}
