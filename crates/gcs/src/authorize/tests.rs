#![allow(clippy::unwrap_used)]
use std::cell::Cell;

use futures::executor::block_on;
use spinreel_platform::Store as _;
use spinreel_platform::memory::{MemoryStore, SeededRandom};

use super::*;
use crate::testing::{Pauses, Script, Seen, Step, TokenStore, answer, lost, plain, test_account};
use crate::{Deleted, Endpoint, NewObject};

const KEY: &str = "bucket/token";

/// What a client is asked in these tests, and with what result.
async fn look<T: TokenCache>(
    client: &Client<&Script, &Pauses, SeededRandom, T>,
) -> Result<u64, Error> {
    let found = client.metadata("a").await?;
    Ok(found.map_or(0, |object| object.size))
}

fn client<'a>(
    script: &'a Script,
    clock: &'a Pauses,
    credentials: Credentials,
) -> Client<&'a Script, &'a Pauses, SeededRandom> {
    let endpoint = Endpoint::new("http://bucket.test", "spinreel").unwrap();
    Client::new(script, clock, SeededRandom::new(7), endpoint, credentials)
}

fn metadata_server() -> Credentials {
    Credentials::MetadataServer {
        origin: "http://metadata.test".into(),
    }
}

fn token(secret: &str) -> Step {
    let json = format!(r#"{{"access_token":"{secret}","expires_in":3599,"token_type":"Bearer"}}"#);
    answer(200).header("metadata-flavor", "Google").body(json)
}

fn found() -> Step {
    answer(200).body(plain("a", 7, b"abc"))
}

/// Where each request went, and the token that it had.
fn journey(seen: &[Seen]) -> Vec<(&str, Option<&str>)> {
    let host = |uri: &'_ str| -> &'static str {
        match uri {
            uri if uri.starts_with("http://bucket.test/") => "bucket",
            uri if uri.starts_with("http://metadata.test/") => "metadata",
            "https://oauth2.googleapis.com/token" => "google",
            uri => panic!("{uri}"),
        }
    };
    seen.iter()
        .map(|seen| (host(&seen.uri), seen.header("authorization")))
        .collect()
}

/// One look with new credentials, against `steps`, all of which must be used.
fn first_look(
    credentials: Credentials,
    steps: impl IntoIterator<Item = Step>,
) -> (Result<u64, Error>, Vec<Seen>) {
    let (script, clock) = (Script::new(steps), Pauses::default());
    let result = block_on(look(&client(&script, &clock, credentials)));
    script.assert_used();
    (result, script.seen.into_inner())
}

#[test]
fn a_service_accounts_key_is_exchanged_for_a_token() {
    let (size, seen) = first_look(test_account().into(), [token("t1"), found()]);
    assert_eq!(size, Ok(3));
    assert_eq!(
        journey(&seen),
        [("google", None), ("bucket", Some("Bearer t1"))]
    );
    let assertion = test_account().assertion(0).unwrap();
    assert_eq!(
        seen[0].text(),
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
        )
    );
    assert_eq!(
        (seen[0].method.as_str(), seen[0].header("content-type")),
        ("POST", Some("application/x-www-form-urlencoded"))
    );
}

#[test]
fn the_metadata_server_is_asked_with_its_header() {
    let (size, seen) = first_look(metadata_server(), [token("t1"), found()]);
    assert_eq!(size, Ok(3));
    assert_eq!(
        seen[0].head(),
        "GET http://metadata.test/computeMetadata/v1/instance/service-accounts/default/token\n\
         metadata-flavor: Google\n"
    );
    assert_eq!(seen[1].header("authorization"), Some("Bearer t1"));
}

#[test]
fn whoever_is_no_metadata_server_is_not_believed() {
    let other = answer(200).body(r#"{"access_token":"t1","expires_in":3599}"#);
    let (size, seen) = first_look(metadata_server(), [other]);
    let error = size.unwrap_err();
    assert!(
        matches!(&error, Error::Credentials(CredentialsError::NoToken(reason)) if matches!(**reason, Error::Malformed(_))),
        "{error:?}"
    );
    assert_eq!(seen.len(), 1);
}

#[test]
fn anonymous_requests_carry_nothing() {
    let (_, seen) = first_look(Credentials::Anonymous, [found()]);
    assert_eq!(journey(&seen), [("bucket", None)]);
}

#[test]
fn a_client_fetches_one_token_until_a_minute_before_it_ends() {
    let script = Script::new([token("t1"), found(), found(), token("t2"), found()]);
    let clock = Pauses::default();
    let client = client(&script, &clock, metadata_server());
    for wait_ms in [0, 3_538_000, 1_000] {
        clock.0.borrow_mut().push(wait_ms);
        assert_eq!(block_on(look(&client)), Ok(3));
    }
    let seen = script.seen.into_inner();
    let tokens: Vec<_> = seen
        .iter()
        .filter_map(|s| s.header("authorization"))
        .collect();
    assert_eq!(tokens, ["Bearer t1", "Bearer t1", "Bearer t2"]);
}

#[test]
fn the_next_client_finds_the_token_in_the_store() {
    let script = Script::new([token("t1"), found(), found()]);
    let (clock, store) = (Pauses::default(), MemoryStore::default());
    for _ in 0..2 {
        let client = client(&script, &clock, test_account().into())
            .with_token_cache(TokenStore::new(&store, KEY));
        assert_eq!(block_on(look(&client)), Ok(3));
    }
    script.assert_used();
}

#[test]
fn a_token_of_another_account_is_not_used() {
    let script = Script::new([token("t1"), found(), token("t2"), found()]);
    let (clock, store) = (Pauses::default(), MemoryStore::default());
    for credentials in [metadata_server(), test_account().into()] {
        let client =
            client(&script, &clock, credentials).with_token_cache(TokenStore::new(&store, KEY));
        assert_eq!(block_on(look(&client)), Ok(3));
    }
    script.assert_used();
}

#[test]
fn a_kept_token_that_is_refused_is_replaced_once() {
    let script = Script::new([
        token("t1"),
        found(),
        answer(401),
        token("t2"),
        found(),
        found(),
    ]);
    let (clock, store) = (Pauses::default(), MemoryStore::default());
    let client =
        client(&script, &clock, metadata_server()).with_token_cache(TokenStore::new(&store, KEY));
    for _ in 0..3 {
        assert_eq!(block_on(look(&client)), Ok(3));
    }
    script.assert_used();
    let kept = block_on(store.get(KEY)).unwrap().unwrap();
    assert!(String::from_utf8(kept).unwrap().contains("t2"));
}

#[test]
fn a_refused_token_is_forgotten_even_if_there_is_no_other() {
    let script = Script::new([token("t1"), found(), answer(401), answer(403)]);
    let (clock, store) = (Pauses::default(), MemoryStore::default());
    let client = client(&script, &clock, test_account().into())
        .with_token_cache(TokenStore::new(&store, KEY));
    assert_eq!(block_on(look(&client)), Ok(3));
    assert!(block_on(look(&client)).is_err());
    assert_eq!(block_on(store.get(KEY)), Ok(None));
}

#[test]
fn a_new_token_that_is_refused_is_final() {
    let (size, seen) = first_look(metadata_server(), [token("t1"), answer(401)]);
    assert!(
        matches!(size, Err(Error::Refused { status: 401, .. })),
        "{size:?}"
    );
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_write_is_repeated_whole_with_the_new_token() {
    let script = Script::new([
        token("t1"),
        found(),
        answer(401),
        token("t2"),
        answer(200).body(plain("a", 8, b"xyz")),
    ]);
    let clock = Pauses::default();
    let client = client(&script, &clock, metadata_server());
    block_on(async {
        look(&client).await.unwrap();
        let body = vec![Bytes::from_static(b"xyz")];
        let crc32c = crate::Crc32c::of(b"xyz").value();
        let object = NewObject::create_only("a", "video/mp4");
        assert!(client.insert(&object, body, crc32c).await.is_ok());
    });
    let seen = script.seen.into_inner();
    assert_eq!(seen[2].body, seen[4].body);
    assert_eq!(seen[4].header("authorization"), Some("Bearer t2"));
}

#[test]
fn a_token_server_that_fails_is_asked_again() {
    let failures = [answer(503), lost(), answer(429), token("t1"), found()];
    assert_eq!(first_look(test_account().into(), failures).0, Ok(3));
    let failures = [answer(503), lost(), token("t1"), found()];
    assert_eq!(first_look(metadata_server(), failures).0, Ok(3));
}

#[test]
fn without_a_token_nothing_is_sent_to_the_bucket_and_the_failure_is_temporary() {
    let (size, seen) = first_look(test_account().into(), (0..6).map(|_| answer(503)));
    let error = size.unwrap_err();
    assert!(error.is_temporary() && error.is_certain(), "{error:?}");
    assert!(!error.may_land_later(), "{error:?}");
    assert_eq!(seen.len(), 6);
}

#[test]
fn an_expired_or_foreign_key_is_named_and_final() {
    let refused = r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#;
    let (size, seen) = first_look(test_account().into(), [answer(400).body(refused)]);
    let error = size.unwrap_err();
    assert_eq!(
        error,
        Error::Credentials(CredentialsError::Rejected {
            code: "invalid_grant".into(),
            description: "Invalid JWT Signature.".into(),
        })
    );
    assert_eq!(
        error.to_string(),
        "the token server refuses the service account key: invalid_grant: Invalid JWT Signature."
    );
    assert!(!error.is_temporary() && error.is_certain());
    assert_eq!(seen.len(), 1);
}

#[test]
fn an_answer_that_grants_nothing_is_malformed() {
    for body in [
        "",
        "{}",
        r#"{"access_token":"t1"}"#,
        r#"{"access_token":7,"expires_in":1}"#,
    ] {
        let (size, _) = first_look(test_account().into(), [answer(200).body(body)]);
        let error = size.unwrap_err();
        assert!(
            matches!(&error, Error::Credentials(CredentialsError::NoToken(_))),
            "{body}: {error:?}"
        );
        assert!(!error.is_temporary(), "{body}: {error:?}");
    }
    // It would become two headers.
    let (size, _) = first_look(metadata_server(), [token("a\\r\\nb")]);
    assert!(matches!(size, Err(Error::Credentials(_))), "{size:?}");
}

#[test]
fn a_server_that_repeats_the_assertion_does_not_bring_it_into_an_error() {
    let assertion = test_account().assertion(0).unwrap();
    let signature = assertion.rsplit('.').next().unwrap();
    for body in [
        format!("not accepted: {assertion}"),
        format!(r#"{{"error":"invalid_grant","error_description":"{signature}"}}"#),
        format!(r#"{{"error":"{signature}"}}"#),
    ] {
        let (size, _) = first_look(test_account().into(), [answer(400).body(body)]);
        let shown = format!("{size:?} {}", size.as_ref().unwrap_err());
        // An error keeps the first 300 characters, and the signature has more.
        assert!(!shown.contains(&signature[..40]), "{shown}");
    }
}

#[test]
fn sessions_are_used_without_a_token() {
    let script = Script::new([
        token("t1"),
        answer(200).header("location", "http://bucket.test/session?upload_id=x"),
        answer(499),
    ]);
    let clock = Pauses::default();
    let client = client(&script, &clock, metadata_server());
    block_on(async {
        let object = NewObject::create_only("a", "video/mp4");
        let session = client.start_upload(&object, None).await.unwrap();
        client.cancel_upload(&session).await.unwrap();
    });
    let seen = script.seen.into_inner();
    assert_eq!(
        journey(&seen),
        [
            ("metadata", None),
            ("bucket", Some("Bearer t1")),
            ("bucket", None)
        ]
    );
}

#[test]
fn a_metadata_server_without_an_origin_is_refused_before_anything_is_sent() {
    let nowhere = Credentials::MetadataServer {
        origin: "metadata".into(),
    };
    let (size, seen) = first_look(nowhere, []);
    assert!(matches!(size, Err(Error::Credentials(_))), "{size:?}");
    assert_eq!(seen.len(), 0);
}

#[test]
fn only_a_service_account_signs() {
    let (script, clock) = (Script::new([]), Pauses::default());
    let url = crate::UrlToSign::read("a", 60);
    let signed = client(&script, &clock, test_account().into()).signed_url(&url);
    assert!(signed.unwrap().as_str().contains("GOOG4-RSA-SHA256"));
    for credentials in [Credentials::Anonymous, metadata_server()] {
        assert_eq!(
            client(&script, &clock, credentials).signed_url(&url),
            Err(Error::Credentials(CredentialsError::CannotSign))
        );
    }
}

/// A cache that counts how often it is asked.
#[derive(Default)]
struct Counting(Cell<u32>);

impl TokenCache for &Counting {
    async fn get(&self) -> Option<AccessToken> {
        self.0.set(self.0.get() + 1);
        None
    }

    async fn put(&self, _token: &AccessToken) {}

    async fn clear(&self) {}
}

#[test]
fn the_cache_is_asked_once_by_a_client_and_never_by_an_anonymous_one() {
    for (credentials, asked) in [(metadata_server(), 1), (Credentials::Anonymous, 0)] {
        let first = (asked == 1).then(|| token("t1"));
        let steps = first.into_iter().chain([found(), answer(204), found()]);
        let (script, clock, cache) = (Script::new(steps), Pauses::default(), Counting::default());
        let client = client(&script, &clock, credentials).with_token_cache(&cache);
        block_on(async {
            look(&client).await.unwrap();
            assert_eq!(client.delete("a", 7).await, Ok(Deleted::Yes));
            look(&client).await.unwrap();
        });
        assert_eq!(cache.0.get(), asked);
    }
}
