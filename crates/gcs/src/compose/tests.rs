#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use super::*;
use crate::object::WRITE_ID;
use crate::testing::{Seen, Step, answer, plain, resource, run};
use crate::{Crc32c, Object};

const BYTES: &[u8] = b"moving pictures";

fn compose(steps: Vec<Step>) -> (Result<Object, Error>, Vec<Seen>) {
    let mut object = NewObject::create_only("ada/video.mp4", "video/mp4");
    object.metadata.insert(WRITE_ID.into(), "mine".into());
    let sources: Vec<Source> = [("a/1", 5), ("a/2", 6)]
        .map(|(name, generation)| Source {
            name: name.to_owned(),
            generation,
        })
        .into();
    let crc32c = Crc32c::of(BYTES).value();
    run(steps, async |client| {
        let composed = client.compose(&object, &sources, 15, crc32c).await;
        composed.map(|composed| composed.object)
    })
}

#[test]
fn a_composition_names_its_sources_with_their_generations() {
    let (written, seen) = compose(vec![answer(200).body(plain("ada/video.mp4", 7, BYTES))]);
    assert_eq!(written.unwrap().generation, 7);
    let head = seen[0].head();
    assert!(
        head.starts_with(
            "POST http://bucket.test/storage/v1/b/spinreel/o/ada%2Fvideo.mp4/compose?ifGenerationMatch=0\n"
        ),
        "{head}"
    );
    let body: serde_json::Value = serde_json::from_str(&seen[0].text()).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "kind": "storage#composeRequest",
            "sourceObjects": [
                {"name": "a/1", "generation": "5", "objectPreconditions": {"ifGenerationMatch": "5"}},
                {"name": "a/2", "generation": "6", "objectPreconditions": {"ifGenerationMatch": "6"}},
            ],
            "destination": {"name": "ada/video.mp4", "contentType": "video/mp4", "metadata": {"spinreel-id": "mine"}},
        })
    );
}

#[test]
fn an_attempt_whose_answer_was_lost_is_found() {
    let mine = BTreeMap::from([(WRITE_ID.to_owned(), "mine".to_owned())]);
    let (written, _) = compose(vec![
        answer(503),
        answer(412),
        answer(200).body(resource("ada/video.mp4", 7, BYTES, &mine)),
    ]);
    assert_eq!(written.unwrap().generation, 7);
    let (written, _) = compose(vec![
        answer(412),
        answer(200).body(plain("ada/video.mp4", 7, BYTES)),
    ]);
    assert_eq!(written.unwrap_err(), Error::PreconditionFailed);
}

#[test]
fn another_whole_is_refused_and_removed() {
    let (written, seen) = compose(vec![
        answer(200).body(plain("ada/video.mp4", 7, b"something else")),
        answer(204),
    ]);
    assert!(matches!(written, Err(Error::Corrupt { .. })));
    assert!(seen[1].head().starts_with("DELETE"));
}

#[test]
fn none_and_too_many_sources_are_refused() {
    for count in [0, LARGEST_COMPOSITION + 1] {
        let sources = vec![
            Source {
                name: "a".to_owned(),
                generation: 1
            };
            count
        ];
        let (refused, seen) = run(vec![], async |client| {
            let object = NewObject::create_only("ada/video.mp4", "video/mp4");
            client.compose(&object, &sources, 0, 0).await
        });
        assert!(matches!(refused, Err(Error::InvalidArgument(_))));
        assert!(seen.is_empty());
    }
}
