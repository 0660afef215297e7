use futures::future::join_all;

use super::*;

#[test]
fn the_quota_is_taken_when_an_upload_is_created() {
    let world = World::with_limit(100);
    block_on(async {
        let first = create(&world, "first.mp4", Some(60)).await.unwrap();
        world.store.take_calls();
        let second = create(&world, "second.mp4", Some(41)).await;
        let exceeded = matches!(second, Err(ResumableError::StorageExceeded));
        assert!(exceeded, "{second:?}");
        assert_eq!(world.bucket.sessions(), 1);
        create(&world, "third.mp4", Some(40)).await.unwrap();
        let storage = world.storage();
        storage.terminate_upload("u-1", &first.id).await.unwrap();
        create(&world, "second.mp4", Some(60)).await.unwrap();
    });
}

#[test]
fn a_name_that_is_taken_is_refused_at_creation_and_at_the_end() {
    let world = World::with_limit(10_000);
    block_on(async {
        let slow = create(&world, "clip.mp4", Some(8)).await.unwrap();
        let fast = create(&world, "clip.mp4", Some(4)).await.unwrap();
        append(&world, &fast.id, 0, b"fast").await.unwrap();
        let late = create(&world, "clip.mp4", Some(4)).await;
        assert!(matches!(late, Err(ResumableError::NameTaken)), "{late:?}");
        let lost = append(&world, &slow.id, 0, b"too slow").await;
        assert!(matches!(lost, Err(ResumableError::NameTaken)), "{lost:?}");
        let gone = status(&world, &slow.id).await;
        assert!(matches!(gone, Err(ResumableError::NotFound)), "{gone:?}");
        check(&world, "clip.mp4", Some(b"fast")).await;
    });
}

#[test]
fn no_more_than_so_many_are_open_however_they_race() {
    for together in [1, 3, 8] {
        let world = World::with_limit(1_000);
        block_on(async {
            let names: Vec<_> = (0..8).map(|number| format!("{number}.mp4")).collect();
            let mut created = 0;
            for names in names.chunks(together) {
                let steps = Stepping(&world.store);
                let requests = names.iter().map(|name| {
                    let mut storage = storage(&world, &steps);
                    storage.resumable.most = 3;
                    let new = new_upload(&world, name, Some(1));
                    async move { storage.create_upload(&owner(), new).await }
                });
                for request in join_all(requests).await {
                    match request {
                        Ok(_) => created += 1,
                        Err(ResumableError::TooMany { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            assert!(created <= 3 && (created == 3 || together > 1), "{created}");
            assert_eq!(
                world.storage().uploads_of(&files()).await.unwrap().len(),
                created
            );
        });
    }
}

#[test]
fn open_uploads_do_not_keep_the_mark_back_nor_a_recount() {
    let world = World::with_limit(10_000);
    block_on(async {
        let created = create(&world, "slow.mp4", Some(100)).await.unwrap();
        for number in 0..20 {
            world.upload(&format!("{number}.mp4"), b"x").await.unwrap();
        }
        let storage = world.storage();
        let tidied = storage.tidy(&files(), Eagerness::Now).await.unwrap();
        assert_eq!((tidied.pending, tidied.settled), (0, 0));
        let mark = files().intents.mark(&world.store).await.unwrap();
        assert_eq!((mark.over, mark.open.as_slice()), (21, &[1][..]));
        // The counter is wrong, and what is open counts.
        files().used.add(&world.store, 7).await.unwrap();
        let count = storage.count(&files(), Patience::Leases).await.unwrap();
        assert_eq!(count.unwrap().drift, 7);
        storage.recount(&files(), Patience::Leases).await.unwrap();
        assert_eq!(files().used.get(&world.store).await.unwrap(), 120);
        append(&world, &created.id, 0, &content(100)).await.unwrap();
        storage.tidy(&files(), Eagerness::Now).await.unwrap();
        let mark = files().intents.mark(&world.store).await.unwrap();
        assert!(mark.open.is_empty());
    });
}

#[test]
fn an_upload_expires_after_its_last_bytes_and_is_ended_by_a_look() {
    let world = World::with_limit(1_000_000);
    let expiry_ms = world.storage().resumable.expiry_ms;
    block_on(async {
        let created = create(&world, "clip.mp4", Some(900_000)).await.unwrap();
        world.clock.advance_ms(expiry_ms - 1);
        append(&world, &created.id, 0, &content(300_000))
            .await
            .unwrap();
        world.clock.advance_ms(expiry_ms - 1);
        let storage = world.storage();
        storage.tidy(&files(), Eagerness::Offline).await.unwrap();
        assert_eq!(offset(&world, &created.id).await, 300_000);
        world.clock.advance_ms(1);
        let late = append(&world, &created.id, 300_000, b"x").await;
        assert!(matches!(late, Err(ResumableError::Gone)), "{late:?}");
        let late = status(&world, &created.id).await;
        assert!(matches!(late, Err(ResumableError::Gone)), "{late:?}");
        let tidied = storage.tidy(&files(), Eagerness::Now).await.unwrap();
        assert_eq!(tidied.settled, 1);
        assert_eq!(world.bucket.sessions(), 0);
        check(&world, "clip.mp4", None).await;
    });
}

#[test]
fn no_request_keeps_an_upload_for_longer_than_the_bucket_keeps_its_session() {
    let world = World::with_limit(1_000);
    let day_ms = 86_400_000;
    block_on(async {
        let steps = Stepping(&world.store);
        let mut storage = storage(&world, &steps);
        storage.resumable.expiry_ms = 2 * day_ms;
        let new = new_upload(&world, "clip.mp4", Some(100));
        let created = storage.create_upload(&owner(), new).await.unwrap();
        let mut days = 0;
        while days < 10 {
            let said = Bytes {
                offset: days,
                size: Some(1),
                ..Bytes::default()
            };
            let byte = &mut PieceSource::new([vec![0]]);
            let request = storage
                .append_to_upload(&owner(), &created.id, said, byte, async || Ok(true))
                .await;
            if request.is_err() {
                break;
            }
            world.clock.advance_ms(day_ms);
            days += 1;
        }
        assert_eq!(days, 6);
    });
}

#[test]
fn the_uploads_of_a_user_go_with_the_user() {
    let world = World::with_limit(1_000_000);
    block_on(async {
        let created = create(&world, "clip.mp4", Some(900_000)).await.unwrap();
        append(&world, &created.id, 0, &content(300_000))
            .await
            .unwrap();
        world.upload("other.mp4", b"x").await.unwrap();
        let storage = world.storage();
        let mut purged = storage.purge(&files()).await.unwrap();
        for _ in 0..5 {
            world.clock.advance_ms(LEASE_MS);
            purged = storage.purge(&files()).await.unwrap();
        }
        assert!(purged.done);
        assert!(world.bucket.names().is_empty());
        assert_eq!(world.bucket.sessions(), 0);
        assert_eq!(files().used.get(&world.store).await.unwrap(), 0);
        let late = append(&world, &created.id, 300_000, b"x").await;
        assert!(matches!(late, Err(ResumableError::NotFound)), "{late:?}");
    });
}

/// Reads and writes of the storage's own store.
fn costs(world: &World) -> (u64, u64) {
    let calls = world.store.take_calls();
    (calls.reads(), calls.writes())
}

#[test]
fn a_request_costs_what_is_said_above() {
    let world = World::with_limit(10_000_000);
    let content = content(3 * QUANTUM + 10);
    block_on(async {
        world.upload("first.mp4", b"x").await.unwrap();
        world.store.take_calls();
        let created = create(&world, "clip.mp4", Some(content.len()))
            .await
            .unwrap();
        assert_eq!(costs(&world).1, 4);
        append(&world, &created.id, 0, &content[..100])
            .await
            .unwrap();
        assert_eq!(costs(&world), (7, 2));
        append(&world, &created.id, 100, &content[100..3 * QUANTUM])
            .await
            .unwrap();
        assert_eq!(costs(&world).1, 2);
        status(&world, &created.id).await.unwrap();
        assert_eq!(costs(&world), (4, 0));
        append(&world, &created.id, 3 * QUANTUM, &content[3 * QUANTUM..])
            .await
            .unwrap();
        assert_eq!(costs(&world).1, 5);
        let other = create(&world, "other.mp4", Some(10)).await.unwrap();
        world.store.take_calls();
        world
            .storage()
            .terminate_upload("u-1", &other.id)
            .await
            .unwrap();
        assert_eq!(costs(&world).1, 5);
    });
}
