use futures::future::join;

use super::crashes::at_every_step;
use super::*;
use crate::domain::content::location;
use crate::domain::resumable::Replacement;

/// A file, and an upload that is to replace it.
async fn replacing(world: &World, old: &[u8], length: usize) -> (u64, Created) {
    let uploaded = world.upload("clip.mp4", old).await.unwrap();
    let (number, id) = (uploaded.number, uploaded.file.head.id);
    (number, replace(world, number, &id, length).await.unwrap())
}

async fn replace(
    world: &World,
    number: u64,
    video_id: &str,
    length: usize,
) -> Result<Created, ResumableError> {
    let steps = Stepping(&world.store);
    let storage = storage(world, &steps);
    let Replacement { name, video, .. } = storage
        .replacement_of(&owner(), &location("u-1", number), video_id)
        .await?;
    let new = NewUpload {
        name,
        video,
        ..new_upload(world, "", Some(length))
    };
    storage.create_upload(&owner(), new).await
}

/// How many files are entered, those included that are about to go.
async fn entered(world: &World) -> usize {
    let mut count = 0;
    for number in 1..20 {
        let file = files().file(&world.store, number).await.unwrap();
        count += usize::from(file.is_some());
    }
    count
}

#[test]
fn new_bytes_take_the_place_of_the_old_ones_with_their_quota_and_name() {
    let world = World::with_limit(10_000_000);
    block_on(async {
        let (number, created) = replacing(&world, b"old bytes", 5).await;
        let id = world.peers.announced.borrow()[0].clone();
        append(&world, &created.id, 0, b"new").await.unwrap();
        assert_eq!(world.bucket.content("ada/clip.mp4").unwrap(), b"old bytes");
        append(&world, &created.id, 3, b"er").await.unwrap();
        let announced = world.peers.announced.borrow().last().cloned().unwrap();
        assert_eq!(announced.replaces, Some(location("u-1", number)));
        assert_eq!(announced.stored.filename, id.stored.filename);
        assert_ne!(announced.stored.etag, id.stored.etag);
        assert_eq!(entered(&world).await, 1);
        check(&world, "clip.mp4", Some(b"newer")).await;
        let deleted = world.storage().delete(&owner(), "clip.mp4").await.unwrap();
        assert_eq!(deleted.size, 5);
        check(&world, "clip.mp4", None).await;
    });
}

#[test]
fn a_last_request_that_dies_leaves_the_old_bytes_or_the_new_ones_and_never_both() {
    for size in [5, QUANTUM + 10] {
        let whole = content(size);
        at_every_step(
            async |world| {
                let (_, created) = replacing(world, b"old bytes", whole.len()).await;
                append(world, &created.id, 0, &whole[..size - 2])
                    .await
                    .unwrap();
                created.id
            },
            async |world, id| {
                append(world, id, size - 2, &whole[size - 2..])
                    .await
                    .unwrap();
            },
            async |world, id| {
                let status = world.storage().status(&owner()).await.unwrap();
                assert_eq!(status.body.files.len(), 1);
                send_rest(world, id, &whole, 300_000).await;
                check(world, "clip.mp4", Some(&whole)).await;
                assert_eq!(entered(world).await, 1);
            },
        );
    }
}

#[test]
fn a_last_request_that_dies_is_made_up_for_without_its_client() {
    at_every_step(
        async |world| replacing(world, b"old bytes", 5).await.1.id,
        async |world, id| {
            append(world, id, 0, b"newer").await.unwrap();
        },
        async |world, _| {
            let came = world.bucket.content("ada/clip.mp4").unwrap();
            world.clock.advance_ms(world.storage().resumable.expiry_ms);
            check(world, "clip.mp4", Some(&came)).await;
            assert_eq!(entered(world).await, 1);
        },
    );
}

#[test]
fn a_deletion_takes_what_was_replaced_with_it() {
    let world = World::with_limit(10_000_000);
    block_on(async {
        let (number, created) = replacing(&world, b"old bytes", 5).await;
        let record = files().record(number);
        let old = record.get(&world.store).await.unwrap().unwrap();
        append(&world, &created.id, 0, b"newer").await.unwrap();
        // As if whoever made it a file had died before the old one was gone.
        record.set(&world.store, &old).await.unwrap();
        files().used.add(&world.store, 9).await.unwrap();
        assert_eq!(entered(&world).await, 2);
        let status = world.storage().status(&owner()).await.unwrap();
        assert_eq!((status.body.files.len(), status.body.used_storage), (1, 5));
        world.clock.advance_ms(2 * LEASE_MS);
        let deleted = world.storage().delete(&owner(), "clip.mp4").await.unwrap();
        assert_eq!(deleted.size, 5);
        check(&world, "clip.mp4", None).await;
        assert_eq!(entered(&world).await, 0);
    });
}

#[test]
fn of_two_replacements_at_once_one_comes_about() {
    let world = World::with_limit(10_000_000);
    block_on(async {
        let (number, one) = replacing(&world, b"old", 3).await;
        let id = files().file(&world.store, number).await.unwrap().unwrap();
        let two = replace(&world, number, &id.head.id, 3).await.unwrap();
        let both = join(
            append(&world, &one.id, 0, b"one"),
            append(&world, &two.id, 0, b"two"),
        );
        let (first, second) = both.await;
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
        let lost = first.err().or(second.err()).unwrap();
        assert!(matches!(lost, ResumableError::Changed), "{lost}");
        let there = world.bucket.content("ada/clip.mp4").unwrap();
        check(&world, "clip.mp4", Some(&there)).await;
        // What replaced it is what can be replaced now.
        let gone = replace(&world, number, &id.head.id, 3).await;
        assert!(matches!(gone, Err(ResumableError::NotFound)));
    });
}

#[test]
fn new_bytes_for_a_video_that_is_gone_go_too() {
    let world = World::with_limit(10_000_000);
    block_on(async {
        let (_, created) = replacing(&world, b"old", 3).await;
        let id = world.peers.announced.borrow()[0].stored.etag.clone();
        world
            .peers
            .gone
            .borrow_mut()
            .push(id.trim_matches('"').to_owned());
        world.storage().delete(&owner(), "clip.mp4").await.unwrap();
        let late = append(&world, &created.id, 0, b"new").await;
        assert!(matches!(late, Err(ResumableError::Changed)), "{late:?}");
        check(&world, "clip.mp4", None).await;
    });
}

#[test]
fn an_upload_whose_video_is_gone_is_not_wanted() {
    let world = World::with_limit(10_000_000);
    block_on(async {
        let mut new = new_upload(&world, "clip.mp4", Some(3));
        new.video.is_expected = true;
        let id = new.id.clone();
        let steps = Stepping(&world.store);
        let created = storage(&world, &steps).create_upload(&owner(), new).await;
        let created = created.unwrap();
        world.peers.gone.borrow_mut().push(id.clone());
        let late = append(&world, &created.id, 0, b"new").await;
        assert!(matches!(late, Err(ResumableError::Gone)), "{late:?}");
        check(&world, "clip.mp4", None).await;
        assert!(world.peers.withdrawn.borrow().contains(&id));
    });
}

#[test]
fn a_video_is_told_of_the_end_of_the_upload_that_it_waits_for_whoever_dies() {
    at_every_step(
        async |world| {
            let mut new = new_upload(world, "clip.mp4", Some(900_000));
            new.video.is_expected = true;
            let id = new.id.clone();
            let steps = Stepping(&world.store);
            let created = storage(world, &steps).create_upload(&owner(), new).await;
            (id, created.unwrap().id)
        },
        async |world, (_, id)| {
            let steps = Stepping(&world.store);
            let ended = storage(world, &steps).terminate_upload("u-1", id).await;
            ended.unwrap();
        },
        async |world, (id, _)| {
            world.clock.advance_ms(world.storage().resumable.expiry_ms);
            check(world, "clip.mp4", None).await;
            assert!(world.peers.withdrawn.borrow().contains(id));
        },
    );
}
