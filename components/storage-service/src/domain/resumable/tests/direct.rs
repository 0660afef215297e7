use super::crashes::at_every_step;
use super::*;
use crate::domain::resumable::{Completed, Direct};

async fn begin(world: &World, length: usize) -> Result<Created, ResumableError> {
    let new = NewUpload {
        direct: Some(Direct::default()),
        ..new_upload(world, "clip.mp4", Some(length))
    };
    let steps = Stepping(&world.store);
    storage(world, &steps).create_upload(&owner(), new).await
}

async fn complete(world: &World, id: &UploadId) -> Result<Completed, ResumableError> {
    let steps = Stepping(&world.store);
    storage(world, &steps)
        .complete_upload("u-1", id, async || Ok(true))
        .await
}

fn send(world: &World, created: &Created, bytes: &[u8]) {
    let url = created.session_url.as_deref().unwrap();
    assert!(world.bucket.receive(url, bytes).is_success());
}

#[test]
fn what_the_bucket_holds_is_the_file_and_said_twice_it_is_the_same() {
    let world = World::with_limit(1_000);
    block_on(async {
        let created = begin(&world, 5).await.unwrap();
        assert_eq!(files().used.get(&world.store).await.unwrap(), 5);
        let early = complete(&world, &created.id).await;
        assert!(matches!(early, Err(ResumableError::Incomplete)));
        send(&world, &created, b"bytes");
        let done = complete(&world, &created.id).await.unwrap();
        let Completed::Now(uploaded) = &done else {
            panic!("it was no file before");
        };
        let paid: u64 = uploaded.reservations.iter().map(|one| one.bytes).sum();
        assert_eq!(paid, 5);
        let again = complete(&world, &created.id).await.unwrap();
        assert_eq!(again.file(), done.file());
        check(&world, "clip.mp4", Some(b"bytes")).await;
    });
}

#[test]
fn an_object_of_another_size_goes_and_its_quota_and_bandwidth_come_back() {
    for lost in [false, true] {
        let world = World::with_limit(1_000);
        block_on(async {
            let created = begin(&world, 5).await.unwrap();
            match lost {
                // The bucket ended the session without an object.
                true => world.bucket.lose_sessions(),
                false => send(&world, &created, b"other bytes"),
            }
            let wrong = complete(&world, &created.id).await;
            assert!(
                matches!(wrong, Err(ResumableError::SizeMismatch)),
                "{wrong:?}"
            );
            let gone = complete(&world, &created.id).await;
            assert!(matches!(gone, Err(ResumableError::NotFound)), "{gone:?}");
            let settled = world.peers.settled.borrow().last().cloned().unwrap();
            assert_eq!((settled.reservations.len(), settled.moved), (1, 0));
            check(&world, "clip.mp4", None).await;
        });
    }
}

#[test]
fn it_takes_no_bytes_here_and_is_ended_like_others() {
    let world = World::with_limit(1_000);
    block_on(async {
        let created = begin(&world, 5).await.unwrap();
        let here = append(&world, &created.id, 0, b"bytes").await;
        assert!(matches!(here, Err(ResumableError::NotFound)));
        let asked = status(&world, &created.id).await;
        assert!(matches!(asked, Err(ResumableError::NotFound)));
        let too_much = begin(&world, 996).await;
        assert!(matches!(too_much, Err(ResumableError::StorageExceeded)));
        let storage = world.storage();
        storage.terminate_upload("u-1", &created.id).await.unwrap();
        assert_eq!(world.bucket.sessions(), 0);
        check(&world, "clip.mp4", None).await;
    });
}

#[test]
fn a_user_who_is_not_let_in_any_more_stores_nothing() {
    let world = World::with_limit(1_000);
    block_on(async {
        let created = begin(&world, 5).await.unwrap();
        send(&world, &created, b"bytes");
        let storage = world.storage();
        let refused = storage.complete_upload("u-1", &created.id, async || Ok(false));
        assert!(matches!(refused.await, Err(ResumableError::NotAllowed)));
        check(&world, "clip.mp4", None).await;
    });
}

#[test]
fn a_completion_that_dies_is_made_up_for_by_its_client() {
    at_every_step(
        async |world| {
            let created = begin(world, 5).await.unwrap();
            send(world, &created, b"bytes");
            created.id
        },
        async |world, id| drop(complete(world, id).await.unwrap()),
        async |world, id| {
            world.clock.advance_ms(2 * LEASE_MS);
            complete(world, id).await.unwrap();
            check(world, "clip.mp4", Some(b"bytes")).await;
        },
    );
}

#[test]
fn one_that_is_never_completed_is_settled_by_what_the_bucket_holds_whoever_dies() {
    for (sent, kept) in [
        (Some(&b"bytes"[..]), Some(&b"bytes"[..])),
        (Some(b"other bytes"), None),
        (None, None),
    ] {
        at_every_step(
            async |world| {
                let created = begin(world, 5).await.unwrap();
                if let Some(sent) = sent {
                    send(world, &created, sent);
                }
                world
                    .clock
                    .advance_ms(2 * world.storage().resumable.expiry_ms);
            },
            async |world, ()| {
                let steps = Stepping(&world.store);
                let storage = storage(world, &steps);
                storage.tidy(&files(), Eagerness::Now).await.unwrap();
            },
            async |world, ()| check(world, "clip.mp4", kept).await,
        );
    }
}

#[test]
fn a_beginning_that_dies_leaves_nothing_when_its_lease_is_over() {
    at_every_step(
        async |_| (),
        async |world, ()| {
            let created = begin(world, 5).await.unwrap();
            world.clock.advance_ms(1);
            let storage = world.storage();
            storage.terminate_upload("u-1", &created.id).await.unwrap();
        },
        async |world, ()| {
            world.clock.advance_ms(world.storage().resumable.expiry_ms);
            check(world, "clip.mp4", None).await;
        },
    );
}
