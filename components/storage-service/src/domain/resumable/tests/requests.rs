use spinreel_tus::Claim;

use super::*;

#[test]
fn a_file_comes_in_pieces_of_any_size_and_is_a_file_with_its_last_byte() {
    for (length, size) in [
        (0, 1),
        (1, 1),
        (300, 7),
        (QUANTUM, QUANTUM),
        (QUANTUM, QUANTUM - 1),
        (3 * QUANTUM, QUANTUM),
        (3 * QUANTUM + 5, 3 * QUANTUM + 5),
        (1_000_000, 65_536),
        (1_000_000, 300_000),
    ] {
        let world = World::with_limit(10_000_000);
        let content = content(length);
        block_on(async {
            let created = create(&world, "clip.mp4", Some(length)).await.unwrap();
            let mut at = 0;
            loop {
                let piece = &content[at..length.min(at + size)];
                at += piece.len();
                match append(&world, &created.id, at - piece.len(), piece).await {
                    Ok(Appended::Open { offset, .. }) => {
                        assert_eq!(offset as usize, at, "{length} by {size}");
                        assert!(world.bucket.names().is_empty());
                    }
                    Ok(Appended::Finished { uploaded, moved }) => {
                        assert_eq!(moved as usize, piece.len());
                        assert_eq!(uploaded.file.object.size as usize, length);
                        break;
                    }
                    Ok(Appended::Whole { .. }) => panic!("it is no part"),
                    Err(error) => panic!("{length} by {size}: {error}"),
                }
            }
            assert_eq!(at, length);
            assert_eq!(world.peers.announced.borrow().len(), 1);
            check(&world, "clip.mp4", Some(&content)).await;
        });
    }
}

#[test]
fn a_finished_upload_says_so_and_takes_nothing_more() {
    let world = World::with_limit(100);
    block_on(async {
        let created = create(&world, "clip.mp4", Some(5)).await.unwrap();
        append(&world, &created.id, 0, b"bytes").await.unwrap();
        let finished = status(&world, &created.id).await.unwrap();
        assert!(matches!(finished, Status::Finished(file) if file.object.size == 5));
        let again = append(&world, &created.id, 0, b"bytes").await;
        assert!(matches!(again, Err(ResumableError::Complete)), "{again:?}");
        check(&world, "clip.mp4", Some(b"bytes")).await;
    });
}

#[test]
fn another_offset_is_refused_with_the_right_one_and_nothing_changes() {
    let world = World::with_limit(100);
    block_on(async {
        let created = create(&world, "clip.mp4", Some(10)).await.unwrap();
        append(&world, &created.id, 0, b"1234").await.unwrap();
        world.store.take_calls();
        for wrong in [0, 3, 5] {
            let refused = append(&world, &created.id, wrong, b"5").await;
            let expected = matches!(refused, Err(ResumableError::OffsetMismatch { offset: 4 }));
            assert!(expected, "{refused:?}");
        }
        assert_eq!(world.store.take_calls().writes(), 0);
        append(&world, &created.id, 4, b"567890").await.unwrap();
        check(&world, "clip.mp4", Some(b"1234567890")).await;
    });
}

#[test]
fn what_came_before_a_client_went_away_is_kept_and_never_looks_whole() {
    for told in [true, false] {
        let world = World::with_limit(10_000_000);
        let content = content(QUANTUM + 1_000);
        block_on(async {
            let created = create(&world, "clip.mp4", Some(content.len()))
                .await
                .unwrap();
            let said = Bytes {
                size: told.then_some(content.len() as u64),
                ..Bytes::default()
            };
            // Every byte comes, and then the connection breaks.
            let source = PieceSource::cut_off([content.clone()]);
            let cut = append_as(&world, &created.id, said, source).await;
            assert!(matches!(cut, Err(ResumableError::Source(_))), "{cut:?}");
            assert_eq!(offset(&world, &created.id).await, content.len() - 1);
            assert!(world.bucket.names().is_empty());
            let settled = world.peers.settled.borrow().clone();
            assert_eq!(settled.len(), 1, "the last byte's bandwidth comes back");
            assert_eq!(settled[0].moved as usize, content.len() - 1);
            send_rest(&world, &created.id, &content, 1_000).await;
            check(&world, "clip.mp4", Some(&content)).await;
        });
    }
}

#[test]
fn more_than_the_length_is_refused_told_or_not() {
    for told in [true, false] {
        let world = World::with_limit(10_000_000);
        let content = content(QUANTUM);
        block_on(async {
            let created = create(&world, "clip.mp4", Some(content.len()))
                .await
                .unwrap();
            append(&world, &created.id, 0, &content[..10])
                .await
                .unwrap();
            let said = Bytes {
                offset: 10,
                size: told.then_some(content.len() as u64),
                ..Bytes::default()
            };
            let refused = append_as(&world, &created.id, said, source(&content)).await;
            assert!(
                matches!(refused, Err(ResumableError::TooLong)),
                "{refused:?}"
            );
            assert_eq!(offset(&world, &created.id).await, 10);
            send_rest(&world, &created.id, &content, QUANTUM).await;
            check(&world, "clip.mp4", Some(&content)).await;
        });
    }
}

#[test]
fn bytes_with_a_wrong_digest_are_not_kept_and_those_with_the_right_one_are() {
    let world = World::with_limit(10_000_000);
    let content = content(2 * QUANTUM);
    block_on(async {
        let created = create(&world, "clip.mp4", Some(content.len() + 9))
            .await
            .unwrap();
        append(&world, &created.id, 0, &content).await.unwrap();
        let said = |digest| Bytes {
            offset: content.len() as u64,
            size: Some(9),
            claims: vec![Claim::parse(digest).unwrap()],
            ..Bytes::default()
        };
        let digits = || PieceSource::new([b"123456789".to_vec()]);
        let wrong = append_as(&world, &created.id, said("crc32 AAAAAA=="), digits()).await;
        assert!(
            matches!(wrong, Err(ResumableError::DigestMismatch)),
            "{wrong:?}"
        );
        assert_eq!(offset(&world, &created.id).await, content.len());
        let cut = PieceSource::cut_off([b"1234".to_vec()]);
        let cut = append_as(&world, &created.id, said("crc32 y/Q5Jg=="), cut).await;
        assert!(matches!(cut, Err(ResumableError::Source(_))), "{cut:?}");
        assert_eq!(offset(&world, &created.id).await, content.len());
        let right = append_as(&world, &created.id, said("crc32 y/Q5Jg=="), digits()).await;
        assert!(matches!(right, Ok(Appended::Finished { .. })), "{right:?}");
        let whole = [content.as_slice(), b"123456789"].concat();
        check(&world, "clip.mp4", Some(&whole)).await;
    });
}

#[test]
fn a_body_with_a_digest_that_cannot_be_held_back_is_refused() {
    let world = World::with_limit(100_000_000);
    let length = super::super::CHECKED_LIMIT as usize + 1;
    block_on(async {
        let created = create(&world, "clip.mp4", Some(2 * length)).await.unwrap();
        for told in [true, false] {
            let said = Bytes {
                size: told.then_some(length as u64),
                claims: vec![Claim::parse("crc32 AAAAAA==").unwrap()],
                ..Bytes::default()
            };
            let large = source(&vec![0; length]);
            let refused = append_as(&world, &created.id, said, large).await;
            let expected = matches!(refused, Err(ResumableError::CheckedTooLarge { .. }));
            assert!(expected, "{refused:?}");
            assert_eq!(offset(&world, &created.id).await, 0);
        }
    });
}

#[test]
fn a_length_is_told_once_and_the_quota_grows_with_the_bytes_until_then() {
    let world = World::with_limit(1_000_000);
    let content = content(QUANTUM + 10);
    block_on(async {
        let used = async || files().used.get(&world.store).await.unwrap();
        let created = create(&world, "clip.mp4", None).await.unwrap();
        assert_eq!(used().await, 0);
        append(&world, &created.id, 0, &content[..100])
            .await
            .unwrap();
        assert_eq!(used().await, 100);
        // The second body does not tell how much it brings.
        let said = Bytes {
            offset: 100,
            ..Bytes::default()
        };
        let rest = source(&content[100..QUANTUM]);
        append_as(&world, &created.id, said, rest).await.unwrap();
        assert_eq!(used().await, QUANTUM as i64);
        let tell = |length: usize| Bytes {
            offset: QUANTUM as u64,
            size: Some(0),
            length: Some(length as u64),
            ..Bytes::default()
        };
        let nothing = || PieceSource::new([]);
        let short = append_as(&world, &created.id, tell(QUANTUM - 1), nothing()).await;
        assert!(matches!(short, Err(ResumableError::TooLong)), "{short:?}");
        let long = append_as(&world, &created.id, tell(1_000_001), nothing()).await;
        assert!(
            matches!(long, Err(ResumableError::StorageExceeded)),
            "{long:?}"
        );
        let told = append_as(&world, &created.id, tell(content.len()), nothing()).await;
        assert!(matches!(told, Ok(Appended::Open { .. })), "{told:?}");
        assert_eq!(used().await, content.len() as i64);
        let again = append_as(&world, &created.id, tell(content.len()), nothing()).await;
        assert!(
            matches!(again, Err(ResumableError::LengthKnown)),
            "{again:?}"
        );
        append(&world, &created.id, QUANTUM, &content[QUANTUM..])
            .await
            .unwrap();
        check(&world, "clip.mp4", Some(&content)).await;
    });
}

#[test]
fn an_upload_is_ended_by_its_owner_and_gives_back_what_it_took() {
    let world = World::with_limit(1_000_000);
    block_on(async {
        let created = create(&world, "clip.mp4", Some(900_000)).await.unwrap();
        append(&world, &created.id, 0, &content(300_000))
            .await
            .unwrap();
        let storage = world.storage();
        storage.terminate_upload("u-1", &created.id).await.unwrap();
        let settled = world.peers.settled.borrow().clone();
        let given: u64 = settled
            .iter()
            .flat_map(|one| &one.reservations)
            .map(|one| one.bytes)
            .sum();
        assert_eq!((given, settled[0].moved), (300_000, 0));
        assert_eq!(world.bucket.sessions(), 0);
        let gone = status(&world, &created.id).await;
        assert!(matches!(gone, Err(ResumableError::NotFound)), "{gone:?}");
        check(&world, "clip.mp4", None).await;
        // Of one that is a file, the file is deleted.
        let created = create(&world, "clip.mp4", Some(5)).await.unwrap();
        append(&world, &created.id, 0, b"bytes").await.unwrap();
        storage.terminate_upload("u-1", &created.id).await.unwrap();
        check(&world, "clip.mp4", None).await;
    });
}

#[test]
fn nobody_else_finds_an_upload_and_a_wrong_id_is_none() {
    let world = World::with_limit(100);
    block_on(async {
        let created = create(&world, "clip.mp4", Some(10)).await.unwrap();
        let storage = world.storage();
        let other = storage.upload_status("u-2", &created.id).await;
        assert!(matches!(other, Err(ResumableError::NotFound)), "{other:?}");
        let wrong = UploadId {
            file: "another".to_owned(),
            ..created.id
        };
        let wrong = status(&world, &wrong).await;
        assert!(matches!(wrong, Err(ResumableError::NotFound)), "{wrong:?}");
    });
}

#[test]
fn an_account_that_may_not_store_any_more_takes_nothing() {
    let world = World::with_limit(100);
    block_on(async {
        let created = create(&world, "clip.mp4", Some(5)).await.unwrap();
        let steps = Stepping(&world.store);
        let said = Bytes {
            size: Some(5),
            ..Bytes::default()
        };
        let storage = storage(&world, &steps);
        let mut bytes = source(b"bytes");
        let refused = storage
            .append_to_upload(&owner(), &created.id, said, &mut bytes, async || Ok(false))
            .await;
        assert!(
            matches!(refused, Err(ResumableError::NotAllowed)),
            "{refused:?}"
        );
        check(&world, "clip.mp4", None).await;
    });
}

#[test]
fn what_the_store_holds_does_not_open_the_session() {
    let world = World::with_limit(100);
    block_on(async {
        create(&world, "clip.mp4", Some(10)).await.unwrap();
        let intent = files().intent(&world.store, 1).await.unwrap().unwrap();
        let text = serde_json::to_string(&intent).unwrap();
        assert!(text.contains("session"), "{text}");
        assert!(!text.contains("upload_id"), "{text}");
    });
}

#[test]
fn a_session_that_the_bucket_forgot_ends_the_upload() {
    let world = World::with_limit(1_000_000);
    let content = content(QUANTUM + 1);
    block_on(async {
        for at_the_end in [false, true] {
            let created = create(&world, "clip.mp4", Some(QUANTUM + 1)).await.unwrap();
            world.bucket.lose_sessions();
            let piece = match at_the_end {
                true => &content[..],
                false => &content[..QUANTUM],
            };
            let lost = append(&world, &created.id, 0, piece).await;
            assert!(matches!(lost, Err(ResumableError::Gone)), "{lost:?}");
            world.clock.advance_ms(world.storage().resumable.expiry_ms);
            check(&world, "clip.mp4", None).await;
        }
    });
}
