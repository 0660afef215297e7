#![allow(clippy::unwrap_used)]
use spinreel_platform::memory::SeededRandom;

use super::*;
use crate::Crc32c;
use crate::testing::plain;

fn parsed(json: &str) -> Result<Object, Error> {
    serde_json::from_str::<Resource>(json).unwrap().try_into()
}

#[test]
fn a_resource_becomes_an_object() {
    let object = parsed(&plain("ada/video.mp4", 1_767_323_045_678_901, b"123456789")).unwrap();
    assert_eq!(object.name, "ada/video.mp4");
    assert_eq!(object.generation, 1_767_323_045_678_901);
    assert_eq!(object.metageneration, 1);
    assert_eq!(object.size, 9);
    assert_eq!(object.crc32c, 0xe306_9283);
    assert_eq!(object.content_type, "video/mp4");
    assert_eq!(object.time_created_ms, 1_767_323_045_678);
    assert_eq!(object.etag, "CAE=");
    assert!(object.matches(9, Crc32c::of(b"123456789").value()));
    assert!(!object.matches(8, Crc32c::of(b"123456789").value()));
    assert!(!object.matches(9, 0));
}

#[test]
fn a_resource_without_type_and_metadata_is_one_too() {
    let object = parsed(
        r#"{"name":"a","generation":"1","metageneration":"2","size":"0","crc32c":"AAAAAA==",
            "timeCreated":"2026-01-02T03:04:05Z"}"#,
    )
    .unwrap();
    assert_eq!(object.content_type, "application/octet-stream");
    assert!(object.metadata.is_empty());
}

#[test]
fn a_resource_with_wrong_values_is_malformed() {
    for (right, wrong) in [
        (r#""generation":"7""#, r#""generation":"seven""#),
        (r#""metageneration":"1""#, r#""metageneration":"""#),
        (r#""size":"1""#, r#""size":"-1""#),
        (
            r#""timeCreated":"2026-01-02T03:04:05.678Z""#,
            r#""timeCreated":"yesterday""#,
        ),
        (
            r#""timeCreated":"2026-01-02T03:04:05.678Z""#,
            r#""timeCreated":"1926-01-02T03:04:05Z""#,
        ),
        ("wdBDMA==", "wdBDMA"),
    ] {
        let json = plain("a", 7, b"a");
        assert!(json.contains(right), "{right} in {json}");
        let found = parsed(&json.replace(right, wrong));
        assert!(
            matches!(found, Err(Error::Malformed(_))),
            "{wrong}: {found:?}"
        );
    }
}

#[test]
fn every_write_gets_an_id_of_its_own_unless_the_caller_has_one() {
    let random = SeededRandom::new(5);
    let object = NewObject::create_only("a", "video/mp4");
    let first = object.prepared(&random).unwrap().metadata[WRITE_ID].clone();
    let second = object.prepared(&random).unwrap().metadata[WRITE_ID].clone();
    assert_ne!(first, second);
    assert_eq!(first.len(), 32);

    let mut own = object;
    own.metadata.insert(WRITE_ID.into(), "mine".into());
    assert_eq!(own.prepared(&random), Ok(own));
}

#[test]
fn a_write_that_could_not_be_right_is_refused() {
    let random = SeededRandom::new(5);
    let good = NewObject::create_only("a", "video/mp4");
    for wrong in [
        NewObject {
            name: String::new(),
            ..good.clone()
        },
        NewObject {
            name: "..".into(),
            ..good.clone()
        },
        NewObject {
            name: "ä".repeat(513),
            ..good.clone()
        },
        NewObject {
            content_type: String::new(),
            ..good.clone()
        },
        NewObject {
            content_type: "video/mp4\r\nX-Evil: 1".into(),
            ..good.clone()
        },
        NewObject {
            content_type: "vidéo/mp4".into(),
            ..good.clone()
        },
        NewObject {
            if_generation_match: Some(-1),
            ..good.clone()
        },
    ] {
        let prepared = wrong.prepared(&random);
        assert!(
            matches!(prepared, Err(Error::InvalidArgument(_))),
            "{wrong:?}"
        );
    }
}
