//! Deletions that die, that meet others, and whose object is gone.
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use futures::{FutureExt, join, pin_mut};
use spinreel_ledger::LEASE_MS;
use spinreel_platform::memory::StoppingStore;

use super::delete::DeleteError;
use super::record::UserFiles;
use super::testing::{World, owner};
use super::tidy::{Eagerness, Tidied};

fn files() -> UserFiles {
    UserFiles::new("u-1")
}

async fn used(world: &World) -> i64 {
    files().used.get(&world.store).await.unwrap()
}

async fn listed(world: &World) -> Vec<String> {
    let status = world.storage().status(&owner()).await.unwrap();
    let files = status.body.files.into_iter();
    files.map(|file| file.filename).collect()
}

/// Two files, one of 50 bytes and one of 40.
async fn two_files() -> World {
    let world = World::with_limit(100);
    world.upload("a.mp4", &[1; 50]).await.unwrap();
    world.upload("b.mp4", &[1; 40]).await.unwrap();
    world
}

/// Begins to delete `a.mp4` and dies before a call of the store; whether it came to its end instead.
fn die_deleting(world: &World, calls: u64) -> bool {
    let dying = StoppingStore::dying_before_call(&world.store, calls);
    let (storage, owner) = (world.storage_on(&dying), owner());
    let deletion = storage.delete(&owner, "a.mp4");
    pin_mut!(deletion);
    // The bucket takes a moment.
    (0..100).any(|_| deletion.as_mut().now_or_never().is_some())
}

async fn settle(world: &World) {
    for _ in 0..4 {
        world.clock.advance_ms(2 * LEASE_MS);
        let storage = world.storage();
        storage.tidy(&files(), Eagerness::Now).await.unwrap();
    }
    world.clock.advance_ms(2 * LEASE_MS);
    let tidied = world.storage().tidy(&files(), Eagerness::Now).await;
    assert_eq!(tidied.unwrap(), Tidied::default());
}

/// The file is there as it was, or nothing is left of it; and its name can be used or not, accordingly.
async fn check(world: &World, at: u64) {
    settle(world).await;
    let listed = listed(world).await;
    let is_there = listed.len() == 2;
    let expected = if is_there { 90 } else { 40 };
    assert_eq!(used(world).await, expected, "at call {at}");
    assert_eq!(world.bucket.names(), listed, "at call {at}");
    let withdrawn = world.peers.withdrawn.borrow().len();
    assert_eq!(withdrawn > 0, !is_there, "at call {at}");
    let again = world.upload("a.mp4", &[1; 60]).await;
    assert_eq!(again.is_ok(), !is_there, "at call {at}: {again:?}");
}

#[test]
fn a_deletion_that_stopped_anywhere_is_settled_when_its_lease_is_over() {
    for calls in 0.. {
        let finished = block_on(async {
            let world = two_files().await;
            let finished = die_deleting(&world, calls);
            assert!(used(&world).await >= 40, "at call {calls}");
            check(&world, calls).await;
            finished
        });
        if finished {
            assert!(calls >= 8, "a deletion has more calls than {calls}");
            return;
        }
    }
}

#[test]
fn a_deletion_after_one_that_died_anywhere_deletes_or_says_that_another_one_did() {
    for calls in 0.. {
        let finished = block_on(async {
            let world = two_files().await;
            let finished = die_deleting(&world, calls);
            // So long that nobody waits for the dead one, and nobody has settled it.
            world.clock.advance_ms(2 * LEASE_MS);
            let was_there = listed(&world).await.len() == 2;
            let deleted = world.storage().delete(&owner(), "a.mp4").await;
            match deleted {
                Ok(_) => assert!(was_there, "at call {calls}"),
                Err(DeleteError::NotFound) => assert!(!was_there, "at call {calls}"),
                Err(error) => panic!("at call {calls}: {error}"),
            }
            check(&world, calls).await;
            assert_eq!(world.bucket.names().len(), 2);
            finished
        });
        if finished {
            return;
        }
    }
}

#[test]
fn a_deletion_waits_for_one_that_goes_on_and_lets_it_do_the_rest() {
    for calls in 0.. {
        let finished = block_on(async {
            let world = two_files().await;
            let slow_store = StoppingStore::before_call(&world.store, calls);
            let (slow, fast) = (world.storage_on(&slow_store), world.storage());
            let owner = owner();
            let first = slow.delete(&owner, "a.mp4");
            let second = fast.delete(&owner, "a.mp4");
            pin_mut!(first);
            // It stands still before a call, or waits for the bucket.
            let early = (0..calls + 4).find_map(|_| first.as_mut().now_or_never());
            let finished = early.is_some();
            let time = async {
                for _ in 0..200 {
                    world.clock.advance_ms(1);
                    futures::pending!();
                }
            };
            let rest = async {
                match early {
                    Some(early) => early,
                    None => first.await,
                }
            };
            let woken = async {
                let mut all = Box::pin(async { join!(rest, second, time) });
                loop {
                    if let std::task::Poll::Ready(done) = futures::poll!(all.as_mut()) {
                        return done;
                    }
                }
            };
            let (one, other, ()) = woken.await;
            assert!(
                one.is_ok() != other.is_ok(),
                "at call {calls}: {one:?} {other:?}"
            );
            assert_eq!((used(&world).await, listed(&world).await.len()), (40, 1));
            check(&world, calls).await;
            finished
        });
        if finished {
            return;
        }
    }
}

#[test]
fn a_file_whose_object_is_lost_can_be_deleted_and_its_quota_comes_back_at_once() {
    block_on(async {
        let world = two_files().await;
        world.bucket.lose("ada/a.mp4");
        world.storage().delete(&owner(), "a.mp4").await.unwrap();
        assert_eq!((used(&world).await, listed(&world).await.len()), (40, 1));
        check(&world, 0).await;
    });
}

#[test]
fn a_deletion_that_the_bucket_failed_is_left_to_its_client_for_a_while_and_then_made() {
    for effect in [false, true] {
        for again in [true, false] {
            block_on(async {
                let world = two_files().await;
                let kind = if effect {
                    &world.bucket.lost_answers
                } else {
                    &world.bucket.failures
                };
                kind.set(1);
                let failed = world.storage().delete(&owner(), "a.mp4").await;
                assert!(matches!(failed, Err(DeleteError::Bucket(_))), "{failed:?}");
                // Whoever looks meanwhile leaves it alone.
                world.clock.advance_ms(LEASE_MS / 2);
                let tidied = world.storage().tidy(&files(), Eagerness::Now).await;
                assert_eq!(tidied.unwrap().settled, 0);
                assert_eq!((used(&world).await, listed(&world).await.len()), (90, 2));
                if again {
                    world.storage().delete(&owner(), "a.mp4").await.unwrap();
                    assert_eq!((used(&world).await, listed(&world).await.len()), (40, 1));
                }
                check(&world, 0).await;
                assert_eq!(world.bucket.names().len(), 2);
            });
        }
    }
}

#[test]
fn an_intent_that_a_deletion_left_is_removed_with_others_and_its_numbers_struck() {
    let world = World::with_limit(1_000);
    block_on(async {
        let mut names = Vec::new();
        for number in 0..8 {
            names.push(number.to_string());
            world.upload(&names[number], &[1; 5]).await.unwrap();
        }
        let keys = |kind: &str| {
            let prefix = format!("storage/u-1/{kind}/");
            let keys = world.store.inner().keys();
            let mut own = keys.into_iter().filter_map(|key| {
                let rest = key.strip_prefix(&prefix)?;
                (!["head", "mark"].contains(&rest)).then(|| rest.to_owned())
            });
            own.by_ref().collect::<Vec<_>>()
        };
        for (number, name) in names.iter().enumerate() {
            let deleted = world.storage().delete(&owner(), name).await.unwrap();
            assert_eq!(deleted.operation, 9 + number as u64);
            let eagerness = Eagerness::InPassing(deleted.operation);
            world.storage().tidy(&files(), eagerness).await.unwrap();
            if number < 7 {
                // The files that are left, and the intents.
                assert_eq!(keys("files").len(), 8, "{number}");
            }
        }
        assert_eq!(
            (keys("files"), keys("name").len()),
            (vec!["dead/0/0".to_owned()], 0)
        );
        world.store.take_calls();
        assert!(listed(&world).await.is_empty());
        // The limit, the head, the last number and the map.
        assert_eq!(world.store.take_calls().reads(), 4);
    });
}
