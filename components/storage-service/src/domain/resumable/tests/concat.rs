//! Files that are made of parts.

use spinreel_platform::stepping::interleave;

use super::crashes::at_every_step;
use super::*;
use crate::domain::resumable::{Joined, NewFinal};

async fn create_part(world: &World, length: Option<usize>) -> UploadId {
    let steps = Stepping(&world.store);
    let new = NewUpload {
        is_part: true,
        ..new_upload(world, "", length)
    };
    let created = storage(world, &steps).create_upload(&owner(), new).await;
    created.unwrap().id
}

/// Parts of these lengths with their bytes, and what they are together.
async fn whole_parts(world: &World, lengths: &[usize]) -> (Vec<UploadId>, Vec<u8>) {
    let whole = content(lengths.iter().sum());
    let (mut parts, mut at) = (Vec::new(), 0);
    for length in lengths {
        let id = create_part(world, Some(*length)).await;
        append(world, &id, 0, &whole[at..at + length])
            .await
            .unwrap();
        at += length;
        parts.push(id);
    }
    (parts, whole)
}

async fn join(
    world: &World,
    name: &str,
    parts: &[UploadId],
) -> Result<(UploadId, Joined), ResumableError> {
    let steps = Stepping(&world.store);
    let NewUpload {
        id,
        name,
        content_type,
        metadata,
        ..
    } = new_upload(world, name, None);
    let new = NewFinal {
        id,
        name,
        content_type,
        metadata,
        video: VideoHead::default(),
        concat: "final;/v1/uploads/a".to_owned(),
        parts: parts.to_vec(),
    };
    storage(world, &steps).create_final(&owner(), new).await
}

async fn end(world: &World, id: &UploadId) {
    world.storage().terminate_upload("u-1", id).await.unwrap();
}

#[test]
fn a_file_of_parts_has_their_bytes_in_their_order_and_their_quota() {
    block_on(async {
        let world = World::with_limit(1_000);
        let (mut parts, whole) = whole_parts(&world, &[300, 0, 200, 400]).await;
        // No file, no video, and in the quota.
        assert!(
            world
                .storage()
                .status(&owner())
                .await
                .unwrap()
                .body
                .files
                .is_empty()
        );
        assert_eq!(files().used.get(&world.store).await.unwrap(), 900);
        assert!(world.peers.announced.borrow().is_empty());
        parts.swap(0, 3);
        let (id, joined) = join(&world, "clip.mp4", &parts).await.unwrap();
        assert!(matches!(joined, Joined::File(_)));
        let Status::Finished(file) = status(&world, &id).await.unwrap() else {
            panic!("it is a file");
        };
        assert_eq!(file.head.concat.as_deref(), Some("final;/v1/uploads/a"));
        let expected = [&whole[500..], &whole[300..500], &whole[..300]].concat();
        check(&world, "clip.mp4", Some(&expected)).await;
        for part in &parts {
            assert!(matches!(
                status(&world, part).await,
                Err(ResumableError::NotFound)
            ));
        }
        let again = append(&world, &id, 900, b"").await;
        assert!(matches!(again, Err(ResumableError::OfParts)));
        end(&world, &id).await;
        check(&world, "clip.mp4", None).await;
    });
}

#[test]
fn more_parts_than_the_bucket_joins_at_a_time_are_joined_in_two_steps() {
    block_on(async {
        let world = World::with_limit(100_000);
        let (parts, whole) = whole_parts(&world, &[11; 70]).await;
        join(&world, "clip.mp4", &parts).await.unwrap();
        check(&world, "clip.mp4", Some(&whole)).await;
    });
}

#[test]
fn what_is_no_part_of_the_users_own_is_refused_and_changes_nothing() {
    block_on(async {
        let world = World::with_limit(10_000);
        let (parts, whole) = whole_parts(&world, &[10, 20]).await;
        let alone = create(&world, "alone.mp4", Some(5)).await.unwrap().id;
        let (file, _) = join(&world, "clip.mp4", &parts).await.unwrap();
        let part = create_part(&world, Some(10)).await;
        let other = UploadId {
            file: "0".repeat(16),
            ..part.clone()
        };
        for parts in [
            vec![part.clone(), alone.clone()],
            vec![part.clone(), file.clone()],
            vec![part.clone(), parts[0].clone()],
            vec![other],
        ] {
            let refused = join(&world, "more.mp4", &parts).await;
            assert!(
                matches!(refused, Err(ResumableError::NoPart)),
                "{refused:?}"
            );
        }
        for parts in [vec![], vec![part.clone(), part.clone()]] {
            let refused = join(&world, "more.mp4", &parts).await;
            assert!(matches!(refused, Err(ResumableError::Parts)), "{refused:?}");
        }
        let refused = join(&world, "clip.mp4", std::slice::from_ref(&part)).await;
        assert!(matches!(refused, Err(ResumableError::NameTaken)));
        end(&world, &part).await;
        end(&world, &alone).await;
        check(&world, "clip.mp4", Some(&whole)).await;
    });
}

#[test]
fn a_name_that_is_taken_in_the_bucket_leaves_the_parts_to_another_try() {
    block_on(async {
        let world = World::with_limit(10_000);
        let (parts, whole) = whole_parts(&world, &[10, 20]).await;
        let racer = create(&world, "clip.mp4", Some(3)).await.unwrap().id;
        append(&world, &racer, 0, b"abc").await.unwrap();
        // The index does not know the name.
        files().name("clip.mp4").delete(&world.store).await.unwrap();
        let refused = join(&world, "clip.mp4", &parts).await;
        assert!(
            matches!(refused, Err(ResumableError::NameTaken)),
            "{refused:?}"
        );
        join(&world, "other.mp4", &parts).await.unwrap();
        end(&world, &racer).await;
        check(&world, "other.mp4", Some(&whole)).await;
    });
}

#[test]
fn a_final_upload_of_unfinished_parts_is_a_file_when_they_are_whole() {
    block_on(async {
        let world = World::with_limit(10_000);
        let whole = content(50);
        let first = create_part(&world, Some(20)).await;
        let second = create_part(&world, None).await;
        let (id, joined) = join(&world, "clip.mp4", &[first.clone(), second.clone()])
            .await
            .unwrap();
        assert!(matches!(joined, Joined::Waiting { .. }));
        assert!(matches!(
            status(&world, &id).await.unwrap(),
            Status::Waiting { length: None, .. }
        ));
        let refused = append(&world, &id, 0, b"a").await;
        assert!(matches!(refused, Err(ResumableError::OfParts)));
        append(&world, &first, 0, &whole[..20]).await.unwrap();
        assert!(
            world
                .storage()
                .join_waiting("u-1")
                .await
                .unwrap()
                .is_empty()
        );
        let last = Bytes {
            size: Some(30),
            length: Some(30),
            ..Bytes::default()
        };
        append_as(&world, &second, last, source(&whole[20..]))
            .await
            .unwrap();
        let steps = Stepping(&world.store);
        let joined = storage(&world, &steps).join_waiting("u-1").await.unwrap();
        assert_eq!(joined.len(), 1);
        assert!(matches!(
            status(&world, &id).await.unwrap(),
            Status::Finished(_)
        ));
        check(&world, "clip.mp4", Some(&whole)).await;
    });
}

#[test]
fn a_final_upload_whose_part_is_gone_is_gone() {
    block_on(async {
        let world = World::with_limit(10_000);
        let (first, second) = (
            create_part(&world, Some(20)).await,
            create_part(&world, Some(20)).await,
        );
        let (id, _) = join(&world, "clip.mp4", &[first.clone(), second.clone()])
            .await
            .unwrap();
        end(&world, &first).await;
        assert!(matches!(
            status(&world, &id).await,
            Err(ResumableError::Gone)
        ));
        world.clock.advance_ms(world.storage().resumable.expiry_ms);
        check(&world, "clip.mp4", None).await;
    });
}

#[test]
fn parts_of_which_nothing_is_made_expire() {
    block_on(async {
        let world = World::with_limit(10_000);
        whole_parts(&world, &[10, 20]).await;
        world.clock.advance_ms(world.storage().resumable.expiry_ms);
        check(&world, "clip.mp4", None).await;
    });
}

#[test]
fn joining_that_dies_leaves_one_file_or_the_parts_for_another_try() {
    at_every_step(
        async |world| whole_parts(world, &[100, 200]).await,
        async |world, (parts, _)| drop(join(world, "clip.mp4", parts).await.unwrap()),
        async |world, (parts, whole)| {
            world.clock.advance_ms(2 * LEASE_MS);
            for _ in 0..3 {
                world
                    .storage()
                    .tidy(&files(), Eagerness::Now)
                    .await
                    .unwrap();
                world.clock.advance_ms(2 * LEASE_MS);
            }
            let made = world.bucket.content("ada/clip.mp4").is_some();
            let again = join(world, "clip.mp4", parts).await;
            match made {
                true => assert!(matches!(
                    again,
                    Err(ResumableError::NameTaken | ResumableError::NoPart)
                )),
                false => drop(again.unwrap()),
            }
            check(world, "clip.mp4", Some(whole)).await;
        },
    );
}

#[test]
fn joining_that_dies_is_brought_to_its_end_by_whoever_wants_a_part() {
    at_every_step(
        async |world| whole_parts(world, &[100, 200]).await,
        async |world, (parts, _)| drop(join(world, "clip.mp4", parts).await.unwrap()),
        async |world, (parts, whole)| {
            world.clock.advance_ms(2 * LEASE_MS);
            let again = join(world, "again.mp4", parts).await;
            let name = match again {
                Ok(_) => "again.mp4",
                Err(ResumableError::NoPart) => "clip.mp4",
                Err(error) => panic!("{error}"),
            };
            check(world, name, Some(whole)).await;
        },
    );
}

#[test]
fn a_last_part_that_dies_is_joined_with_the_next_look() {
    at_every_step(
        async |world| {
            let (parts, whole) = whole_parts(world, &[100]).await;
            let last = create_part(world, Some(200)).await;
            let parts = vec![parts[0].clone(), last];
            let (id, _) = join(world, "clip.mp4", &parts).await.unwrap();
            (id, parts, [whole, content(200)].concat())
        },
        async |world, (_, parts, whole)| {
            append(world, &parts[1], 0, &whole[100..]).await.unwrap();
            let steps = Stepping(&world.store);
            storage(world, &steps).join_waiting("u-1").await.unwrap();
        },
        async |world, (id, parts, whole)| {
            world.clock.advance_ms(2 * LEASE_MS);
            world
                .storage()
                .tidy(&files(), Eagerness::Now)
                .await
                .unwrap();
            if let Ok(Status::Open { .. }) = status(world, &parts[1]).await {
                let at = offset(world, &parts[1]).await;
                if at < 200 {
                    append(world, &parts[1], at, &whole[100 + at..])
                        .await
                        .unwrap();
                }
            }
            world.clock.advance_ms(2 * LEASE_MS);
            world.storage().join_waiting("u-1").await.unwrap();
            assert!(matches!(status(world, id).await, Ok(Status::Finished(_))));
            check(world, "clip.mp4", Some(whole)).await;
        },
    );
}

#[test]
fn ending_a_part_that_dies_is_brought_to_its_end() {
    at_every_step(
        async |world| whole_parts(world, &[100, 200]).await,
        async |world, (parts, _)| {
            let steps = Stepping(&world.store);
            let storage = storage(world, &steps);
            storage.terminate_upload("u-1", &parts[0]).await.unwrap();
        },
        async |world, _| {
            world.clock.advance_ms(world.storage().resumable.expiry_ms);
            check(world, "clip.mp4", None).await;
        },
    );
}

#[test]
fn of_two_that_want_the_same_parts_one_gets_them() {
    for seed in 0..60 {
        let world = World::with_limit(10_000);
        let (parts, whole) = block_on(whole_parts(&world, &[100, 200]));
        let joined = interleave(
            seed,
            vec![
                Box::pin(join(&world, "clip.mp4", &parts)),
                Box::pin(join(&world, "clip.mp4", &parts)),
            ],
            || world.clock.advance_ms(1),
        );
        let won = joined.iter().filter(|joined| joined.is_ok()).count();
        assert_eq!(won, 1, "{seed}: {joined:?}");
        block_on(check(&world, "clip.mp4", Some(&whole)));
    }
}

#[test]
fn a_part_that_is_ended_while_it_is_joined_is_in_the_file_or_gone() {
    for seed in 0..60 {
        let world = World::with_limit(10_000);
        let (parts, whole) = block_on(whole_parts(&world, &[100, 200]));
        let is_file = std::cell::Cell::new(false);
        interleave::<()>(
            seed,
            vec![
                Box::pin(async {
                    is_file.set(join(&world, "clip.mp4", &parts).await.is_ok());
                }),
                Box::pin(async {
                    let steps = Stepping(&world.store);
                    let storage = storage(&world, &steps);
                    let _ = storage.terminate_upload("u-1", &parts[0]).await;
                }),
            ],
            || world.clock.advance_ms(1),
        );
        if !is_file.get() {
            // The other part is as it was.
            block_on(end(&world, &parts[1]));
        }
        let expected = is_file.get().then_some(&whole[..]);
        block_on(check(&world, "clip.mp4", expected));
    }
}
