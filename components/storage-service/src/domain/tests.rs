#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use futures::future::join;
use futures::pin_mut;

use spinreel_ledger::LEASE_MS;

use super::delete::DeleteError;
use super::record::UserFiles;
use super::testing::{PieceSource, World, owner};
use super::tidy::{Eagerness, Tidied};
use super::upload::{CHUNK, UploadError};

const MIB: usize = 1024 * 1024;

fn files() -> UserFiles {
    UserFiles::new("u-1")
}

async fn tidy(world: &World) -> Tidied {
    let storage = world.storage();
    storage.tidy(&files(), Eagerness::Now).await.unwrap()
}

/// Lets leases end and looks, until nothing is left to do.
async fn settle(world: &World) {
    for _ in 0..4 {
        world.clock.advance_ms(2 * LEASE_MS);
        tidy(world).await;
    }
    world.clock.advance_ms(2 * LEASE_MS);
    assert_eq!(tidy(world).await, Tidied::default());
}

async fn used(world: &World) -> i64 {
    files().used.get(&world.store).await.unwrap()
}

async fn listed(world: &World) -> Vec<(String, u64)> {
    let status = world.storage().status(&owner()).await.unwrap();
    let files = status.body.files.into_iter();
    files.map(|file| (file.filename, file.size)).collect()
}

#[test]
fn an_upload_is_listed_counted_announced_and_in_the_bucket() {
    let world = World::with_limit(100);
    block_on(async {
        let uploaded = world.upload("a.mp4", b"0123456789").await.unwrap();
        assert_eq!(listed(&world).await, [("ada/a.mp4".to_owned(), 10)]);
        assert_eq!(used(&world).await, 10);
        assert_eq!(world.bucket.names(), ["ada/a.mp4"]);
        assert_eq!(world.peers.announced.borrow()[0].stored.filename, "a.mp4");
        assert_eq!(uploaded.reservations.len(), 1);
    });
}

#[test]
fn a_file_that_meets_the_quota_is_taken_and_one_byte_more_is_not() {
    let world = World::with_limit(100);
    block_on(async {
        let refused = world.upload("b.mp4", &[0; 101]).await;
        assert!(matches!(refused, Err(UploadError::StorageExceeded)));
        assert_eq!((used(&world).await, world.bucket.names().len()), (0, 0));
        world.upload("a.mp4", &[0; 100]).await.unwrap();
        let refused = world.upload("b.mp4", &[0; 1]).await;
        assert!(matches!(refused, Err(UploadError::StorageExceeded)));
        assert_eq!(used(&world).await, 100);
        world.upload("empty.mp4", &[]).await.unwrap();
    });
}

#[test]
fn an_upload_of_unknown_length_is_held_to_the_quota_as_it_comes() {
    let limit = 2 * CHUNK as usize + 10;
    let world = World::with_limit(limit as i64);
    let pieces = |length: usize| PieceSource::new(vec![7; length].chunks(MIB).map(<[u8]>::to_vec));
    block_on(async {
        let refused = world.upload_from("a.mp4", 0, pieces(limit + 1)).await;
        assert!(matches!(refused, Err(UploadError::StorageExceeded)));
        assert_eq!((used(&world).await, world.bucket.sessions()), (0, 0));
        let uploaded = world.upload_from("a.mp4", 0, pieces(limit)).await.unwrap();
        assert_eq!(uploaded.file.object.size, limit as u64);
        assert_eq!(used(&world).await, limit as i64);
        // The bandwidth, too: each step is paid for by its own reservation.
        let reservations = uploaded.reservations.iter();
        let parts: Vec<u64> = reservations.map(|reservation| reservation.bytes).collect();
        assert_eq!(parts, [CHUNK, CHUNK, 10]);
    });
}

#[test]
fn an_estimate_that_was_too_high_is_given_back() {
    let world = World::with_limit(1_000);
    block_on(async {
        let source = PieceSource::new([vec![1; 100]]);
        world.upload_from("a.mp4", 900, source).await.unwrap();
        assert_eq!(used(&world).await, 100);
    });
}

#[test]
fn of_two_uploads_of_one_name_at_once_one_wins_and_the_other_takes_nothing() {
    for size in [10, CHUNK as usize + 5] {
        let world = World::with_limit(100 * MIB as i64);
        let bytes = vec![1; size];
        block_on(async {
            let (one, other) =
                join(world.upload("a.mp4", &bytes), world.upload("a.mp4", &bytes)).await;
            let (won, lost) = if one.is_ok() {
                (one, other)
            } else {
                (other, one)
            };
            won.unwrap();
            assert!(matches!(lost, Err(UploadError::NameTaken)), "{lost:?}");
            assert_eq!(listed(&world).await.len(), 1);
            assert_eq!(used(&world).await, size as i64);
        });
    }
}

#[test]
fn a_client_that_goes_away_leaves_nothing() {
    for pieces in [vec![vec![1; 10]], vec![vec![1; MIB]; 9]] {
        let world = World::with_limit(100 * MIB as i64);
        block_on(async {
            let expected = 10 * MIB as u64;
            let cut = world
                .upload_from("a.mp4", expected, PieceSource::cut_off(pieces))
                .await;
            assert!(matches!(cut, Err(UploadError::Source(_))));
            assert_eq!((used(&world).await, world.bucket.sessions()), (0, 0));
            assert!(listed(&world).await.is_empty());
            world.upload("a.mp4", b"again").await.unwrap();
        });
    }
}

#[test]
fn an_upload_that_stopped_anywhere_is_settled_when_its_lease_is_over() {
    let bytes = vec![1; CHUNK as usize + 5];
    let mut finished = false;
    let mut stops = 0;
    while !finished {
        let world = World::with_limit(2 * bytes.len() as i64);
        block_on(async {
            {
                let upload = world.upload("a.mp4", &bytes);
                pin_mut!(upload);
                // The future is dropped after this many polls: the instance is gone.
                for _ in 0..=stops {
                    finished = futures::poll!(upload.as_mut()).is_ready();
                    if finished {
                        break;
                    }
                }
            }
            settle(&world).await;
            let sizes: u64 = listed(&world).await.iter().map(|(_, size)| size).sum();
            assert_eq!(
                used(&world).await,
                sizes as i64,
                "stopped after {stops} polls"
            );
            assert_eq!(world.bucket.names().len(), listed(&world).await.len());
            // A session that was opened and not yet written down ends by itself: nobody knows its address.
            assert!(world.bucket.sessions() <= 1);
            let again = world.upload("a.mp4", &bytes).await;
            assert_eq!(again.is_err(), sizes > 0, "stopped after {stops} polls");
        });
        stops += 1;
    }
    assert!(stops > 10, "the upload has more steps than {stops}");
}

#[test]
fn a_bucket_that_fails_costs_nothing_and_works_again() {
    let world = World::with_limit(100 * MIB as i64);
    let bytes = vec![1; CHUNK as usize + 5];
    block_on(async {
        world.bucket.failures.set(100);
        let failed = world.upload("a.mp4", &bytes).await;
        assert!(matches!(failed, Err(UploadError::Bucket(_))), "{failed:?}");
        world.bucket.failures.set(0);
        world.clock.advance_ms(1);
        tidy(&world).await;
        assert_eq!((used(&world).await, world.bucket.sessions()), (0, 0));
        world.upload("a.mp4", &bytes).await.unwrap();
    });
}

#[test]
fn a_deletion_frees_the_name_and_the_quota() {
    let world = World::with_limit(100);
    block_on(async {
        world.upload("a.mp4", &[1; 60]).await.unwrap();
        let deleted = world.storage().delete(&owner(), "a.mp4").await.unwrap();
        assert_eq!(deleted.size, 60);
        assert_eq!(*world.peers.withdrawn.borrow(), [deleted.id]);
        assert_eq!((used(&world).await, world.bucket.names().len()), (0, 0));
        world.upload("a.mp4", &[2; 100]).await.unwrap();
        let gone = world.storage().delete(&owner(), "b.mp4").await;
        assert!(matches!(gone, Err(DeleteError::NotFound)));
    });
}

#[test]
fn of_two_deletions_at_once_one_is_told_that_it_did_it_and_the_refund_is_one() {
    let world = World::with_limit(100);
    block_on(async {
        world.upload("a.mp4", &[1; 60]).await.unwrap();
        world.upload("b.mp4", &[1; 30]).await.unwrap();
        let (one, other) = (world.storage(), world.storage());
        let owner = owner();
        let (one, other) = join(one.delete(&owner, "a.mp4"), other.delete(&owner, "a.mp4")).await;
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        assert_eq!(used(&world).await, 30);
    });
}

#[test]
fn a_deletion_that_the_bucket_refuses_leaves_the_file_and_can_be_repeated() {
    let world = World::with_limit(100);
    block_on(async {
        world.upload("a.mp4", &[1; 60]).await.unwrap();
        world.bucket.failures.set(1);
        let failed = world.storage().delete(&owner(), "a.mp4").await;
        assert!(matches!(failed, Err(DeleteError::Bucket(_))));
        assert_eq!(listed(&world).await.len(), 1);
        world.storage().delete(&owner(), "a.mp4").await.unwrap();
        assert_eq!((used(&world).await, listed(&world).await.len()), (0, 0));
    });
}

#[test]
fn a_catalogue_that_was_down_hears_of_files_later() {
    let world = World::with_limit(100);
    block_on(async {
        *world.peers.catalogue_is_down.borrow_mut() = true;
        world.upload("a.mp4", &[1; 60]).await.unwrap();
        world.upload("b.mp4", &[1; 10]).await.unwrap();
        world.storage().delete(&owner(), "b.mp4").await.unwrap();
        assert_eq!(listed(&world).await.len(), 1);
        *world.peers.catalogue_is_down.borrow_mut() = false;
        settle(&world).await;
        assert_eq!(world.peers.announced.borrow().len(), 1);
        // By the deletion, and by the upload, of which it had not heard either.
        let withdrawn = world.peers.withdrawn.borrow();
        assert_eq!((withdrawn.len(), &withdrawn[0]), (2, &withdrawn[1]));
    });
}

#[test]
fn a_name_whose_index_is_lost_is_found_by_its_object() {
    let world = World::with_limit(100);
    block_on(async {
        world.upload("a.mp4", &[1; 60]).await.unwrap();
        files().name("a.mp4").delete(&world.store).await.unwrap();
        let taken = world.upload("a.mp4", &[1; 5]).await;
        assert!(matches!(taken, Err(UploadError::NameTaken)));
        files().name("a.mp4").delete(&world.store).await.unwrap();
        world.storage().delete(&owner(), "a.mp4").await.unwrap();
        assert_eq!(used(&world).await, 0);
    });
}

#[test]
fn an_upload_that_fails_gives_back_the_bandwidth_that_it_knows_of_in_one_call() {
    let world = World::with_limit(100);
    block_on(async {
        *world.peers.usage_answers_are_lost.borrow_mut() = true;
        let failed = world.upload("a.mp4", &[1; 60]).await;
        assert!(matches!(failed, Err(UploadError::Peer(_))), "{failed:?}");
        assert_eq!(used(&world).await, 0);
        assert_eq!(*world.peers.settled.borrow(), []);

        *world.peers.usage_answers_are_lost.borrow_mut() = false;
        let source = PieceSource::cut_off([vec![1; 30]]);
        let failed = world.upload_from("a.mp4", 60, source).await;
        assert!(matches!(failed, Err(UploadError::Source(_))), "{failed:?}");
        let settled = world.peers.settled.borrow();
        assert_eq!(settled.len(), 1);
        assert_eq!(settled[0].reservations[0].bytes, 60);
        assert_eq!((settled[0].moved, &settled[0].action), (0, &None));
    });
}

#[test]
fn the_use_is_reported_once_a_crossing() {
    let world = World::with_limit(100);
    block_on(async {
        let report = async || world.storage().report_use(&files()).await.unwrap();
        world.upload("a.mp4", &[1; 79]).await.unwrap();
        assert!(!report().await);
        world.upload("b.mp4", &[1; 1]).await.unwrap();
        assert!(report().await);
        world.upload("c.mp4", &[1; 5]).await.unwrap();
        assert!(!report().await);
        for name in ["c.mp4", "b.mp4"] {
            world.storage().delete(&owner(), name).await.unwrap();
            assert!(!report().await);
        }
        world.upload("d.mp4", &[1; 2]).await.unwrap();
        assert!(report().await);
        let alerts = world.peers.alerts.borrow();
        assert_eq!(*alerts, ["storage-u-1-0", "storage-u-1-1"]);
    });
}

#[test]
fn what_an_upload_reserved_and_gave_back_is_a_fall_too() {
    let world = World::with_limit(100);
    block_on(async {
        let report = async || world.storage().report_use(&files()).await.unwrap();
        world.upload("a.mp4", &[1; 70]).await.unwrap();
        {
            let source = PieceSource::cut_off([vec![1; 5]]);
            let failing = world.upload_from("b.mp4", 15, source);
            pin_mut!(failing);
            while used(&world).await < 85 {
                assert!(futures::poll!(failing.as_mut()).is_pending());
            }
            assert!(report().await);
            failing.await.unwrap_err();
        }
        assert_eq!(used(&world).await, 70);
        world.upload("c.mp4", &[1; 12]).await.unwrap();
        assert!(report().await);
    });
}

#[test]
fn a_limit_of_ones_own_counts_instead_of_everybodys_until_it_is_taken_away() {
    let world = World::with_limit(100);
    block_on(async {
        let limit = async |bytes| world.storage().set_limit(&files(), bytes).await.unwrap();
        limit(Some(150)).await;
        world.upload("a.mp4", &[1; 120]).await.unwrap();
        let status = world.storage().status(&owner()).await.unwrap().body;
        assert_eq!(
            (status.total_storage, status.storage_percentage),
            (150, 80.0)
        );
        limit(None).await;
        let refused = world.upload("b.mp4", &[1; 1]).await;
        assert!(matches!(refused, Err(UploadError::StorageExceeded)));
        let status = world.storage().status(&owner()).await.unwrap().body;
        assert_eq!(
            (status.total_storage, status.storage_percentage),
            (100, 120.0)
        );
        assert!(
            !world
                .store
                .inner()
                .keys()
                .contains(&"storage/u-1/limit".to_owned())
        );
    });
}

#[test]
fn a_limit_below_what_is_stored_takes_nothing_away_and_lets_nothing_in_until_there_is_room() {
    let world = World::with_limit(100);
    block_on(async {
        world.upload("a.mp4", &[1; 60]).await.unwrap();
        world.upload("b.mp4", &[1; 30]).await.unwrap();
        let storage = world.storage();
        storage.set_limit(&files(), Some(50)).await.unwrap();
        assert_eq!((used(&world).await, listed(&world).await.len()), (90, 2));
        let refused = world.upload("c.mp4", &[1; 1]).await;
        assert!(matches!(refused, Err(UploadError::StorageExceeded)));
        storage.delete(&owner(), "a.mp4").await.unwrap();
        world.upload("c.mp4", &[1; 20]).await.unwrap();
    });
}

#[test]
fn a_limit_that_moves_the_threshold_is_a_fall_or_a_crossing_too() {
    let world = World::with_limit(100);
    block_on(async {
        let report = async || world.storage().report_use(&files()).await.unwrap();
        let limit = async |bytes| world.storage().set_limit(&files(), bytes).await.unwrap();
        world.upload("a.mp4", &[1; 80]).await.unwrap();
        assert!(report().await);
        limit(Some(99)).await;
        assert!(!report().await);
        limit(Some(200)).await;
        assert!(!report().await);
        world.upload("b.mp4", &[1; 80]).await.unwrap();
        assert!(report().await);
        limit(Some(400)).await;
        limit(Some(10)).await;
        assert!(report().await);
    });
}
