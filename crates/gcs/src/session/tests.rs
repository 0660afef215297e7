#![allow(clippy::unwrap_used)]
use super::*;
use crate::testing::{answer, fails, run};
use crate::{NewObject, Part};

const SECRET: &str = "AByBnGhyN3ZlcnlTZWNyZXQ";

fn session(location: &str) -> Result<ResumableSession, Error> {
    ResumableSession::new(location, NewObject::create_only("a", "video/mp4"), None)
}

fn address(location: &str) -> String {
    let endpoint = Endpoint::new("https://bucket.test:8443", "spinreel").unwrap();
    session(location).unwrap().path.at(&endpoint)
}

#[test]
fn a_session_stays_on_the_endpoint_wherever_its_location_points() {
    for location in [
        "https://bucket.test:8443/upload/x?upload_id=1",
        "http://evil.test/upload/x?upload_id=1",
        "http://0.0.0.0:4443/upload/x?upload_id=1",
        "https://user:password@evil.test/upload/x?upload_id=1",
        "/upload/x?upload_id=1",
    ] {
        assert_eq!(
            address(location),
            "https://bucket.test:8443/upload/x?upload_id=1"
        );
    }
    assert_eq!(
        address("//evil.test/x?y"),
        "https://bucket.test:8443//evil.test/x?y"
    );
    assert_eq!(
        address("/@evil.test/"),
        "https://bucket.test:8443/@evil.test/"
    );
}

#[test]
fn a_location_without_a_path_is_malformed() {
    for location in ["", "/", "https://bucket.test", "bucket.test", "*", "x y"] {
        let result = session(location);
        assert!(
            matches!(result, Err(Error::Malformed(_))),
            "{location:?}: {result:?}"
        );
    }
}

#[test]
fn a_stored_session_is_the_same_again() {
    let session = session("https://bucket.test/upload/x?upload_id=1").unwrap();
    let stored = serde_json::to_string(&session).unwrap();
    assert_eq!(
        serde_json::from_str::<ResumableSession>(&stored).unwrap(),
        session
    );
}

#[test]
fn a_stored_session_cannot_lead_elsewhere() {
    let session = session("/upload/x").unwrap();
    let stored = serde_json::to_string(&session).unwrap();
    for path in [
        "https://evil.test/x",
        ".evil.test/x",
        "@evil.test/x",
        ":1/x",
        "",
    ] {
        let changed = stored.replace("/upload/x", path);
        assert_ne!(changed, stored);
        assert!(
            serde_json::from_str::<ResumableSession>(&changed).is_err(),
            "{path}"
        );
    }
}

#[test]
fn debug_output_keeps_quiet_about_the_uri() {
    let session = session(&format!("/upload/path?upload_id={SECRET}")).unwrap();
    let shown = format!("{session:?} {session:#?}");
    assert!(
        !shown.contains(SECRET) && !shown.contains("/upload"),
        "{shown}"
    );
}

#[test]
fn no_error_names_the_session() {
    let session = session(&format!(
        "/upload/path?uploadType=resumable&upload_id={SECRET}"
    ))
    .unwrap();
    let step = |kind| match kind {
        0 => fails(TransportError::Connection(format!(
            "error sending request for url (http://bucket.test/upload/path?uploadType=resumable&upload_id={SECRET})"
        ))),
        1 => answer(400).body(format!(r#"{{"error":{{"message":"no upload {SECRET}"}}}}"#)),
        _ => answer(403).body(format!("<html>{SECRET}")),
    };
    for kind in 0..3 {
        let steps = || (0..if kind == 0 { 6 } else { 1 }).map(|_| step(kind));
        let put = run(steps(), async |client| {
            client
                .put_chunk(&session, 0, &[], Part::Last { crc32c: 0 })
                .await
                .map(|_| ())
        });
        let status = run(steps(), async |client| {
            client.upload_status(&session).await.map(|_| ())
        });
        let cancel = run(steps(), async |client| client.cancel_upload(&session).await);
        for (result, _) in [put, status, cancel] {
            let error = result.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains(SECRET) && shown.contains("withheld"),
                "{shown}"
            );
        }
    }
}

#[test]
fn a_harmless_message_stays() {
    let session = session(&format!("/upload/path?upload_id={SECRET}")).unwrap();
    let (result, _) = run([answer(403).body("no access")], async |client| {
        client.upload_status(&session).await
    });
    assert_eq!(
        result,
        Err(Error::Refused {
            status: 403,
            message: "no access".into()
        })
    );
}
