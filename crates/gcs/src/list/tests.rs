#![allow(clippy::unwrap_used)]
use super::*;
use crate::testing::{answer, plain, run};

const FIELDS_ENCODED: &str = "items%28name%2Cgeneration%2Cmetageneration%2Csize%2Ccrc32c%2CcontentType%2Cmetadata%2CtimeCreated%2Cetag%29%2CnextPageToken";

#[test]
fn pages_follow_one_another() {
    let page = |name, token: &str| format!(r#"{{"items":[{}]{token}}}"#, plain(name, 7, b"abc"));
    let (names, seen) = run(
        [
            answer(200).body(page("a/1", r#","nextPageToken":"t+/=""#)),
            answer(200).body(r#"{"nextPageToken":"u"}"#),
            answer(200).body(page("a/2", "")),
        ],
        async |client| {
            let mut names = Vec::new();
            let mut token = None;
            loop {
                let page = client.list("a/ü", token.as_deref(), 2).await.unwrap();
                names.extend(page.objects.into_iter().map(|object| object.name));
                token = page.next_page_token;
                if token.is_none() {
                    return names;
                }
            }
        },
    );
    assert_eq!(names, ["a/1", "a/2"]);
    let address = |token: &str| {
        format!(
            "GET http://bucket.test/storage/v1/b/spinreel/o?prefix=a%2F%C3%BC&maxResults=2{token}&fields={FIELDS_ENCODED}\n"
        )
    };
    assert_eq!(seen[0].head(), address(""));
    assert_eq!(seen[1].head(), address("&pageToken=t%2B%2F%3D"));
    assert_eq!(seen[2].head(), address("&pageToken=u"));
}

#[test]
fn an_empty_bucket_is_an_empty_page() {
    let answers = [
        r#"{"kind":"storage#objects"}"#,
        r#"{"items":[],"nextPageToken":""}"#,
    ];
    for body in answers {
        let (page, _) = run([answer(200).body(body)], async |client| {
            client.list("", None, 1).await
        });
        assert_eq!(
            page,
            Ok(ListPage {
                objects: vec![],
                next_page_token: None
            })
        );
    }
}

#[test]
fn a_page_of_no_or_too_many_objects_is_refused() {
    for max in [0, LARGEST_PAGE + 1] {
        let (page, _) = run([], async |client| client.list("", None, max).await);
        assert!(matches!(page, Err(Error::InvalidArgument(_))), "{page:?}");
    }
}

#[test]
fn a_missing_bucket_is_not_found() {
    let (page, _) = run([answer(404)], async |client| client.list("", None, 1).await);
    assert_eq!(page, Err(Error::NotFound));
}

#[test]
fn one_wrong_item_makes_the_page_malformed() {
    let wrong = plain("a", 7, b"abc").replace(r#""size":"3""#, r#""size":"three""#);
    let body = format!(r#"{{"items":[{},{wrong}]}}"#, plain("b", 8, b"abc"));
    let (page, _) = run([answer(200).body(body)], async |client| {
        client.list("", None, 2).await
    });
    assert!(matches!(page, Err(Error::Malformed(_))), "{page:?}");
}
