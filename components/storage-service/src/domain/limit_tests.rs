#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use futures::future::LocalBoxFuture;
use spinreel_ledger::LEASE_MS;
use spinreel_platform::memory::StoppingStore;
use spinreel_platform::stepping::{Stepping, interleave};

use super::super::testing::{PieceSource, World, owner};
use super::super::upload::UploadError;
use super::*;

fn world(files_per_user: u64) -> World {
    World {
        files_per_user,
        ..World::with_limit(100)
    }
}

async fn is_stored(world: &World, name: &str) -> bool {
    match world.upload(name, &[]).await {
        Ok(_) => true,
        Err(UploadError::TooManyFiles) => false,
        Err(error) => panic!("{name}: {error}"),
    }
}

async fn delete(world: &World, name: &str) {
    world.storage().delete(&owner(), name).await.unwrap();
}

#[test]
fn a_user_may_have_so_many_files_and_no_more_whatever_was_before() {
    for deletions in [0, 1, 9, 40] {
        let world = world(3);
        block_on(async {
            for number in 0..deletions {
                let name = format!("old-{number}");
                assert!(is_stored(&world, &name).await);
                delete(&world, &name).await;
            }
            for name in ["a", "b", "c"] {
                assert!(is_stored(&world, name).await, "{name} after {deletions}");
            }
            for name in ["d", "e", "f", "d"] {
                assert!(!is_stored(&world, name).await, "{name} after {deletions}");
            }
            delete(&world, "b").await;
            // What is refused for another reason takes no place.
            let too_large = world.upload("g", &[1; 101]).await;
            assert!(matches!(too_large, Err(UploadError::StorageExceeded)));
            let source = PieceSource::cut_off([vec![1; 10]]);
            let cut_off = world.upload_from("h", 50, source).await;
            assert!(matches!(cut_off, Err(UploadError::Source(_))));
            assert!(is_stored(&world, "i").await, "after {deletions}");
            assert!(!is_stored(&world, "j").await, "after {deletions}");
            let status = world.storage().status(&owner()).await.unwrap();
            assert_eq!(status.body.files.len(), 3);
        });
    }
}

#[test]
fn uploads_at_once_never_get_more_places_than_there_are() {
    for seed in 0..300 {
        let world = world(3);
        let stepping = Stepping(&world.store);
        block_on(async {
            for name in ["a", "b"] {
                assert!(is_stored(&world, name).await);
            }
        });
        let upload = async |name| {
            let source = PieceSource::new([]);
            let storage = world.storage_on(&stepping);
            world.upload_on(&storage, name, 0, source).await
        };
        let mut racers: Vec<LocalBoxFuture<'_, _>> = Vec::new();
        for name in ["c", "d", "e"] {
            racers.push(Box::pin(upload(name)));
        }
        let ended = interleave(seed, racers, || ());
        let stored = ended.iter().filter(|one| one.is_ok()).count();
        // Whoever has the lowest number of them sees nobody.
        assert_eq!(stored, 1, "seed {seed}");
    }
}

#[test]
fn an_upload_that_died_takes_a_place_until_a_lease_after_the_next_look() {
    let world = world(3);
    block_on(async {
        for name in ["a", "b"] {
            assert!(is_stored(&world, name).await);
        }
        // It dies after its number.
        let dying = StoppingStore::dying_before_call(&world.store, 5);
        {
            let storage = world.storage_on(&dying);
            let upload = world.upload_on(&storage, "c", 0, PieceSource::new([]));
            let ended = futures::FutureExt::now_or_never(upload);
            assert!(ended.is_none());
        }
        assert!(!is_stored(&world, "d").await);
        // That one looked.
        world.clock.advance_ms(2 * LEASE_MS);
        assert!(is_stored(&world, "d").await);
    });
}

#[test]
fn nobody_looks_at_files_as_long_as_there_cannot_be_too_many() {
    for (files_per_user, deletions, most) in [(10, 0, 0), (10, 3, 0), (10, 20, 3)] {
        let world = world(files_per_user);
        block_on(async {
            for number in 0..deletions {
                let name = format!("old-{number}");
                assert!(is_stored(&world, &name).await);
                delete(&world, &name).await;
            }
            let files = UserFiles::new("u-1");
            world.storage().tidy(&files, Eagerness::Now).await.unwrap();
            let number = files.roster.head(&world.store).await.unwrap();
            world.store.take_calls();
            assert!(world.storage().has_place(&files, number).await.unwrap());
            let calls = world.store.take_calls();
            assert_eq!(calls.writes(), 0);
            assert!(calls.reads() <= most, "{} reads", calls.reads());
        });
    }
}
