//! A user who goes, while uploads come.
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use futures::pin_mut;
use spinreel_ledger::{Cell, LEASE_MS};
use spinreel_platform::memory::{CountingStore, MemoryStore, StoppingStore};
use spinreel_platform::stepping::{Stepping, interleave, step};

use super::delete::DeleteError;
use super::record::UserFiles;
use super::testing::{PieceSource, World, owner};
use super::upload::{CHUNK, UploadError};

const MIB: usize = 1024 * 1024;

fn files() -> UserFiles {
    UserFiles::new("u-1")
}

async fn used(world: &World) -> i64 {
    files().used.get(&world.store).await.unwrap()
}

fn users_cell(number: u64) -> Cell<String> {
    super::sweep::users().cell(number)
}

async fn listed(world: &World) -> usize {
    let status = world.storage().status(&owner()).await.unwrap();
    status.body.files.len()
}

/// The user's keys that are left, and the users that sweeps know.
fn left(world: &World) -> (Vec<String>, Vec<String>) {
    let keys = world.store.inner().keys();
    let of_user = keys
        .iter()
        .filter_map(|key| key.strip_prefix("storage/u-1/"));
    let users = keys.iter().filter(|key| {
        key.strip_prefix("storage/users/")
            .is_some_and(|number| number.parse::<u64>().is_ok())
    });
    (
        of_user.map(str::to_owned).collect(),
        users.cloned().collect(),
    )
}

/// What stays of a user who is gone: numbers, and the tombstone.
const NUMBERS: [&str; 5] = ["files/dead/0/0", "files/head", "files/mark", "used", "user"];

/// Nothing is there but what stays; locks are left by those that died.
fn assert_gone(world: &World, what: &str) {
    let (keys, users) = left(world);
    let more: Vec<_> = keys
        .iter()
        .filter(|key| !NUMBERS.contains(&key.as_str()) && !key.starts_with("lock/"))
        .collect();
    assert!(more.is_empty(), "{what}: {more:?}");
    assert!(users.is_empty(), "{what}: {users:?}");
    assert_eq!(world.bucket.names(), [""; 0], "{what}");
}

async fn purge_all(world: &World) -> Vec<u64> {
    let mut removed = Vec::new();
    loop {
        let purged = world.storage().purge(&files()).await.unwrap();
        removed.push(purged.removed);
        if purged.done {
            return removed;
        }
        world.clock.advance_ms(LEASE_MS);
    }
}

#[test]
fn a_user_goes_page_by_page_and_leaves_nothing_but_numbers() {
    let world = World::with_limit(1_000);
    block_on(async {
        for number in 0..70 {
            world.upload(&format!("{number}"), &[1; 12]).await.unwrap();
        }
        let storage = world.storage();
        storage.set_limit(&files(), Some(500)).await.unwrap();
        assert!(storage.report_use(&files()).await.unwrap());
        assert_eq!(purge_all(&world).await, [32, 32, 6]);
        assert_eq!(left(&world), (NUMBERS.map(str::to_owned).to_vec(), vec![]));
        assert_eq!((used(&world).await, world.bucket.names().len()), (0, 0));
        assert_eq!(world.peers.withdrawn.borrow().len(), 70);
        assert_eq!(purge_all(&world).await, [0]);
        assert_eq!(left(&world), (NUMBERS.map(str::to_owned).to_vec(), vec![]));
    });
}

#[test]
fn a_user_who_never_was_is_gone_at_once() {
    let world = World::with_limit(100);
    block_on(async {
        assert_eq!(purge_all(&world).await, [0]);
        assert_eq!(left(&world).0, ["user"]);
        // Nor does anything begin later.
        let late = world.upload("a.mp4", &[1; 5]).await;
        assert!(matches!(late, Err(UploadError::UserGone)), "{late:?}");
        assert_gone(&world, "late");
    });
}

#[test]
fn an_upload_that_is_running_keeps_its_user_from_being_gone() {
    for (length, is_stored) in [(5, true), (CHUNK as usize + 5, false)] {
        let world = World::with_limit(100 * MIB as i64);
        block_on(async {
            let bytes = vec![1; length];
            let uploaded = {
                let upload = world.upload("a.mp4", &bytes);
                pin_mut!(upload);
                let mut polls = 0;
                loop {
                    if let std::task::Poll::Ready(uploaded) = futures::poll!(upload.as_mut()) {
                        break uploaded;
                    }
                    polls += 1;
                    // From its intent on it is known, until then its number is.
                    let purged = world.storage().purge(&files()).await.unwrap();
                    assert!(!purged.done, "after {polls} polls");
                }
            };
            match uploaded {
                Ok(_) => assert!(is_stored),
                Err(error) => assert!(!is_stored && matches!(error, UploadError::UserGone)),
            }
            let removed = purge_all(&world).await.iter().sum::<u64>();
            assert_eq!(removed, u64::from(is_stored));
            assert_gone(&world, "in the end");
        });
    }
}

/// Purges until nothing is left, while others go on.
async fn purge_beside(world: &World, stepping: &Stepping<&CountingStore<MemoryStore>>) {
    for _ in 0..400 {
        let purged = world.storage_on(stepping).purge(&files()).await;
        if purged.is_ok_and(|purged| purged.done) {
            return;
        }
        step().await;
        world.clock.advance_ms(LEASE_MS / 50);
    }
    panic!("the purge has no end");
}

#[test]
fn a_purge_and_an_upload_in_any_order_leave_nothing() {
    let (mut stored, mut refused) = (0, 0);
    for seed in 0..600 {
        let world = World::with_limit(100 * MIB as i64);
        let stepping = Stepping(&world.store);
        // Of half of the users sweeps know already.
        if seed % 2 == 0 {
            block_on(world.upload("old.mp4", &[1; 5])).unwrap();
        }
        let length = if seed % 7 == 0 { CHUNK as usize + 5 } else { 5 };
        let expected = if seed % 3 == 0 { 0 } else { length as u64 };
        let upload = async {
            // The request has been let in; its form comes when it comes.
            for _ in 0..seed % 11 {
                step().await;
            }
            let pieces = vec![1; length];
            let source = PieceSource::new(pieces.chunks(MIB).map(<[u8]>::to_vec));
            let storage = world.storage_on(&stepping);
            Some(world.upload_on(&storage, "a.mp4", expected, source).await)
        };
        let purge = async {
            for _ in 0..seed % 61 {
                step().await;
            }
            purge_beside(&world, &stepping).await;
            None
        };
        let ended = interleave(seed, vec![Box::pin(upload), Box::pin(purge)], || ());
        match ended.into_iter().flatten().next() {
            Some(Ok(_)) => stored += 1,
            Some(Err(UploadError::UserGone)) => refused += 1,
            other => panic!("seed {seed}: {other:?}"),
        }
        if seed % 2 == 1 {
            // Sweeps may have come to know of a user who was gone already: they look in vain.
            block_on(users_cell(1).delete(&world.store)).unwrap();
        }
        assert_gone(&world, &format!("seed {seed}"));
        assert_eq!(block_on(used(&world)), 0, "seed {seed}");
    }
    assert!(
        stored > 20 && refused > 20,
        "{stored} stored, {refused} refused"
    );
}

#[test]
fn an_upload_that_died_anywhere_leaves_nothing_of_a_user_who_is_purged() {
    let mut finished = false;
    let mut calls = 0;
    while !finished {
        let world = World::with_limit(100);
        let dying = StoppingStore::dying_before_call(&world.store, calls);
        block_on(async {
            finished = {
                let storage = world.storage_on(&dying);
                let source = PieceSource::new([vec![1; 50]]);
                let upload = world.upload_on(&storage, "a.mp4", 50, source);
                pin_mut!(upload);
                (0..100).any(|_| futures::FutureExt::now_or_never(upload.as_mut()).is_some())
            };
            let (keys, users) = left(&world);
            if !users.is_empty() && !keys.contains(&"user".to_owned()) {
                // It died just when sweeps had come to know of a user who did not know it: they look in vain.
                users_cell(1).delete(&world.store).await.unwrap();
            }
            purge_all(&world).await;
            assert_gone(&world, &format!("at call {calls}"));
            let late = world.upload("a.mp4", &[1; 5]).await;
            assert!(matches!(late, Err(UploadError::UserGone)), "{late:?}");
            assert_gone(&world, &format!("late, at call {calls}"));
        });
        calls += 1;
    }
    assert!(calls > 10, "an upload has more calls than {calls}");
}

#[test]
fn a_bucket_that_is_down_is_the_error_and_nothing_is_lost() {
    let world = World::with_limit(100);
    block_on(async {
        world.upload("a.mp4", &[1; 5]).await.unwrap();
        world.upload("b.mp4", &[1; 5]).await.unwrap();
        world.bucket.failures.set(1);
        let failed = world.storage().purge(&files()).await;
        assert!(matches!(failed, Err(DeleteError::Bucket(_))), "{failed:?}");
        assert_eq!(listed(&world).await, 2);
        purge_all(&world).await;
        assert_eq!((used(&world).await, world.bucket.names().len()), (0, 0));
    });
}

#[test]
fn a_purge_that_stopped_anywhere_is_made_up_for_by_the_next_ones() {
    let mut finished = false;
    let mut calls = 0;
    while !finished {
        let world = World::with_limit(100);
        block_on(async {
            world.upload("a.mp4", &[1; 50]).await.unwrap();
            world.upload("b.mp4", &[1; 40]).await.unwrap();
            world.storage().report_use(&files()).await.unwrap();
            let dying = StoppingStore::dying_before_call(&world.store, calls);
            finished = {
                let (storage, files) = (world.storage_on(&dying), files());
                let purge = storage.purge(&files);
                pin_mut!(purge);
                // The bucket takes a moment.
                (0..100).any(|_| futures::FutureExt::now_or_never(purge.as_mut()).is_some())
            };
            for _ in 0..4 {
                world.clock.advance_ms(2 * LEASE_MS);
                world.storage().purge(&files()).await.unwrap();
            }
            let purged = world.storage().purge(&files()).await.unwrap();
            assert!(purged.done, "at call {calls}");
            assert_gone(&world, &format!("at call {calls}"));
            assert_eq!((used(&world).await, world.bucket.names().len()), (0, 0));
        });
        calls += 1;
    }
    assert!(calls > 40, "a purge has more calls than {calls}");
}
