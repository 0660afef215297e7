//! What the catalogue keeps beside a video: attachments, and the deletion of a file by its location.
#![allow(clippy::unwrap_used)]

use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::join;
use futures::pin_mut;
use spinreel_ledger::{LEASE_MS, Patience};
use spinreel_platform::Store;
use spinreel_platform::memory::StoppingStore;

use super::content::{ContentError, location};
use super::reconcile::Place;
use super::record::{Purpose, Record, UserFiles, VideoHead};
use super::testing::{PieceSource, TestStorage, World, owner};
use super::tidy::{Eagerness, Tidied};
use super::upload::{CHUNK, NewFile, UploadError, Uploaded};

fn files() -> UserFiles {
    UserFiles::new("u-1")
}

async fn attach_on<S: Store>(
    storage: &TestStorage<'_, S>,
    purpose: Purpose,
    id: &str,
    bytes: &[u8],
) -> Result<Uploaded, UploadError> {
    let file = NewFile {
        id: id.to_owned(),
        name: String::new(),
        purpose,
        video: VideoHead::default(),
        content_type: "image/png".to_owned(),
        expected: bytes.len() as u64,
    };
    let mut source = PieceSource::new(bytes.chunks(300_000).map(<[u8]>::to_vec));
    storage.upload(&owner(), file, &mut source).await
}

async fn attach(
    world: &World,
    purpose: Purpose,
    id: &str,
    bytes: &[u8],
) -> Result<Uploaded, UploadError> {
    attach_on(&world.storage(), purpose, id, bytes).await
}

/// Whether it comes to its end before its store stands still; then it is gone, as an instance that died.
fn ends<T>(work: impl Future<Output = T>) -> bool {
    pin_mut!(work);
    (0..200).any(|_| work.as_mut().now_or_never().is_some())
}

async fn used(world: &World) -> i64 {
    files().used.get(&world.store).await.unwrap()
}

/// The files of the user, and what of them counts in the quota.
async fn stored(world: &World) -> (usize, i64) {
    let head = files().roster.head(&world.store).await.unwrap();
    let (mut count, mut counted) = (0, 0);
    for number in 1..=head {
        if let Some(file) = files().file(&world.store, number).await.unwrap() {
            count += 1;
            counted += i64::try_from(file.counted()).unwrap();
        }
    }
    (count, counted)
}

/// Lets leases end and looks, until nothing is left to do.
async fn settle(world: &World) {
    for _ in 0..5 {
        world.clock.advance_ms(2 * LEASE_MS);
        let tidied = world
            .storage()
            .tidy(&files(), Eagerness::Now)
            .await
            .unwrap();
        if tidied == Tidied::default() {
            return;
        }
    }
    panic!("there is always something left to do");
}

/// Store, counter and bucket say the same, and nothing is open.
async fn assert_consistent(world: &World, what: &str) {
    let (count, counted) = stored(world).await;
    assert_eq!(used(world).await, counted, "{what}");
    assert_eq!(world.bucket.names().len(), count, "{what}");
    let mut place = Some(Place::Users(None));
    while let Some(at) = place {
        let storage = world.storage();
        let page = storage
            .reconcile(at, false, Patience::Offline)
            .await
            .unwrap();
        assert_eq!(page.findings, [], "{what}");
        place = page.next;
    }
}

#[test]
fn an_attachment_is_in_the_quota_and_in_no_list() {
    let world = World::with_limit(100);
    block_on(async {
        let attached = attach(&world, Purpose::Attachment, "p", &[1; 40])
            .await
            .unwrap();
        assert_eq!(attached.reservations, []);
        attach(&world, Purpose::Derived, "i", &[1; 500])
            .await
            .unwrap();
        world.upload("a.mp4", &[1; 50]).await.unwrap();
        assert_eq!(
            world.bucket.names(),
            [".attachments/u-1/i.2", ".attachments/u-1/p.1", "ada/a.mp4"]
        );
        let status = world.storage().status(&owner()).await.unwrap().body;
        assert_eq!((status.files.len(), status.used_storage), (1, 90));
        assert_eq!(used(&world).await, 90);
        assert_eq!(world.peers.announced.borrow().len(), 1);
        let refused = attach(&world, Purpose::Attachment, "q", &[1; 11]).await;
        assert!(matches!(refused, Err(UploadError::StorageExceeded)));
        // The same once more is another one.
        attach(&world, Purpose::Attachment, "p", &[1; 5])
            .await
            .unwrap();
        assert_consistent(&world, "at the end").await;
        // No name of a client's leads to it.
        for name in ["", "p.1", ".attachments/u-1/p.1"] {
            assert!(world.storage().delete(&owner(), name).await.is_err());
        }
        world.upload("p.1", &[1; 5]).await.unwrap();
    });
}

#[test]
fn attachments_are_none_of_the_files_that_a_user_may_have() {
    let mut world = World::with_limit(1_000);
    world.files_per_user = 2;
    block_on(async {
        for id in ["a", "b", "c"] {
            attach(&world, Purpose::Attachment, id, b"x").await.unwrap();
        }
        world.upload("1", b"x").await.unwrap();
        attach(&world, Purpose::Derived, "d", b"x").await.unwrap();
        world.upload("2", b"x").await.unwrap();
        let third = world.upload("3", b"x").await;
        assert!(matches!(third, Err(UploadError::TooManyFiles)));
        attach(&world, Purpose::Attachment, "e", b"x")
            .await
            .unwrap();
    });
}

#[test]
fn attaching_that_died_before_any_call_is_settled_when_its_lease_is_over() {
    for (purpose, size) in [
        (Purpose::Attachment, 10),
        (Purpose::Derived, 10),
        (Purpose::Derived, CHUNK as usize + 5),
    ] {
        let bytes = vec![1; size];
        let (mut finished, mut calls) = (false, 0);
        while !finished {
            let world = World::with_limit(2 * size as i64);
            let what = format!("{purpose:?}, at call {calls}");
            {
                let dying = StoppingStore::dying_before_call(&world.store, calls);
                let storage = world.storage_on(&dying);
                finished = ends(attach_on(&storage, purpose, "p", &bytes));
            }
            block_on(async {
                settle(&world).await;
                assert_consistent(&world, &what).await;
                assert_eq!(world.peers.announced.borrow().len(), 0, "{what}");
            });
            calls += 1;
        }
        assert!(calls > 8, "attaching has more calls than {calls}");
    }
}

#[test]
fn a_deletion_by_location_that_died_before_any_call_is_brought_to_its_end() {
    for purpose in [Purpose::Video, Purpose::Attachment, Purpose::Derived] {
        let (mut finished, mut calls) = (false, 0);
        while !finished {
            let world = World::with_limit(1_000);
            let what = format!("{purpose:?}, at call {calls}");
            let stored_file = block_on(async {
                match purpose {
                    Purpose::Video => world.upload("a.mp4", &[1; 10]).await,
                    _ => attach(&world, purpose, "p", &[1; 10]).await,
                }
            });
            let at = location("u-1", stored_file.unwrap().number);
            {
                let dying = StoppingStore::dying_before_call(&world.store, calls);
                finished = ends(world.storage_on(&dying).delete_at(&at));
            }
            block_on(async {
                settle(&world).await;
                assert_consistent(&world, &what).await;
                world.storage().delete_at(&at).await.unwrap();
                settle(&world).await;
                assert_eq!(stored(&world).await, (0, 0), "{what}");
                assert_consistent(&world, &what).await;
                let opened = world.storage().open(&at, None).await;
                assert!(matches!(opened, Err(ContentError::NotFound)), "{what}");
                // Who asked for it knows.
                assert_eq!(world.peers.withdrawn.borrow().len(), 0, "{what}");
            });
            calls += 1;
        }
        assert!(calls > 4, "a deletion has more calls than {calls}");
    }
}

#[test]
fn of_two_deletions_of_a_location_one_gives_the_quota_back_and_both_are_done() {
    let world = World::with_limit(1_000);
    block_on(async {
        let attached = attach(&world, Purpose::Attachment, "p", &[1; 10])
            .await
            .unwrap();
        attach(&world, Purpose::Attachment, "q", &[1; 7])
            .await
            .unwrap();
        let at = location("u-1", attached.number);
        let (one, other) = (world.storage(), world.storage());
        let (one, other) = join(one.delete_at(&at), other.delete_at(&at)).await;
        assert!(one.unwrap().is_some() != other.unwrap().is_some());
        assert_eq!(used(&world).await, 7);
        assert_eq!(world.storage().delete_at(&at).await.unwrap(), None);
        assert_eq!(world.storage().delete_at("nobody").await.unwrap(), None);
        assert_eq!(world.storage().delete_at("u-1.77").await.unwrap(), None);
        assert_consistent(&world, "at the end").await;
    });
}

#[test]
fn what_came_of_an_id_is_deleted_wherever_attaching_died() {
    let (mut finished, mut calls) = (false, 0);
    while !finished {
        let world = World::with_limit(1_000);
        {
            let dying = StoppingStore::dying_before_call(&world.store, calls);
            let storage = world.storage_on(&dying);
            finished = ends(attach_on(&storage, Purpose::Attachment, "p", &[1; 10]));
        }
        block_on(async {
            attach(&world, Purpose::Attachment, "other", &[1; 7])
                .await
                .unwrap();
            world.clock.advance_ms(2 * LEASE_MS);
            for _ in 0..2 {
                let storage = world.storage();
                storage.delete_attached(&owner(), "p").await.unwrap();
            }
            settle(&world).await;
            assert_eq!(stored(&world).await, (1, 7), "at call {calls}");
            assert_consistent(&world, &format!("at call {calls}")).await;
        });
        calls += 1;
    }
    assert!(calls > 8, "attaching has more calls than {calls}");
}

#[test]
fn a_recount_counts_what_is_in_the_quota() {
    let world = World::with_limit(1_000);
    block_on(async {
        attach(&world, Purpose::Attachment, "p", &[1; 10])
            .await
            .unwrap();
        attach(&world, Purpose::Derived, "i", &[1; 100])
            .await
            .unwrap();
        world.upload("a.mp4", &[1; 5]).await.unwrap();
        files().used.add(&world.store, 77).await.unwrap();
        world.clock.advance_ms(2 * LEASE_MS);
        let storage = world.storage();
        storage.recount(&files(), Patience::Leases).await.unwrap();
        assert_eq!(used(&world).await, 15);
    });
}

#[test]
fn a_user_who_goes_takes_the_attachments_along() {
    let world = World::with_limit(1_000);
    block_on(async {
        attach(&world, Purpose::Attachment, "p", &[1; 10])
            .await
            .unwrap();
        world.upload("a.mp4", &[1; 5]).await.unwrap();
        attach(&world, Purpose::Derived, "i", &[1; 100])
            .await
            .unwrap();
        let removed = async {
            let mut removed = 0;
            loop {
                let purged = world.storage().purge(&files()).await.unwrap();
                removed += purged.removed;
                if purged.done {
                    return removed;
                }
                world.clock.advance_ms(LEASE_MS);
            }
        };
        assert_eq!(removed.await, 3);
        assert_eq!((used(&world).await, world.bucket.names().len()), (0, 0));
        let late = attach(&world, Purpose::Attachment, "q", b"x").await;
        assert!(matches!(late, Err(UploadError::UserGone)));
    });
}

#[test]
fn attaching_and_deleting_cost_as_much_as_an_upload_and_a_deletion() {
    let world = World::with_limit(1_000);
    block_on(async {
        world.upload("a.mp4", b"x").await.unwrap();
        world.store.take_calls();
        for (purpose, id, writes) in [(Purpose::Attachment, "p", 4), (Purpose::Derived, "i", 3)] {
            let number = attach(&world, purpose, id, b"x").await.unwrap().number;
            assert_eq!(world.store.take_calls().writes(), writes, "{purpose:?}");
            let record = files().record(number).get(&world.store).await.unwrap();
            assert!(matches!(record, Some(Record::File(_))));
            let at = location("u-1", number);
            world.storage().delete_at(&at).await.unwrap();
            assert_eq!(world.store.take_calls().writes(), writes, "{purpose:?}");
        }
    });
}
