//! What operations cost, in calls of the store: counted, and the same however many files there are or were.
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use spinreel_ledger::LEASE_MS;

use super::record::UserFiles;
use super::testing::{PieceSource, World, owner};
use super::tidy::Eagerness;

/// A user with so many files, after as many deletions of others, at a quiet time.
async fn world_with(files: usize, deleted: usize) -> World {
    let world = World::with_limit(1 << 40);
    for number in 0..deleted {
        let name = format!("dead-{number}");
        world.upload(&name, b"x").await.unwrap();
        world.storage().delete(&owner(), &name).await.unwrap();
    }
    for number in 0..files {
        world.upload(&format!("{number}"), b"x").await.unwrap();
    }
    // The looks of many requests, half a minute apart.
    for _ in 0..(files + 2 * deleted) / 200 + 8 {
        world.clock.advance_ms(LEASE_MS);
        let storage = world.storage();
        let user = UserFiles::new("u-1");
        storage.tidy(&user, Eagerness::InPassing).await.unwrap();
    }
    world.store.take_calls();
    world
}

/// Counts reads and writes of an operation on that user.
fn costs(files: usize, deleted: usize, operation: impl AsyncFn(&World)) -> (u64, u64) {
    block_on(async {
        let world = world_with(files, deleted).await;
        operation(&world).await;
        let calls = world.store.take_calls();
        (calls.reads(), calls.writes())
    })
}

async fn upload(world: &World) {
    world.upload("new.mp4", b"bytes").await.unwrap();
}

async fn upload_of_unknown_size(world: &World) {
    let source = PieceSource::new([b"bytes".to_vec()]);
    world.upload_from("new.mp4", 0, source).await.unwrap();
}

async fn delete(world: &World) {
    let owner = owner();
    world.storage().delete(&owner, "0").await.unwrap();
}

async fn look(world: &World) {
    world.clock.advance_ms(LEASE_MS);
    let storage = world.storage();
    let user = UserFiles::new("u-1");
    storage.tidy(&user, Eagerness::InPassing).await.unwrap();
}

async fn status(world: &World) {
    let owner = owner();
    world.storage().status(&owner).await.unwrap();
}

#[test]
fn an_upload_a_deletion_and_a_look_cost_the_same_however_many_files_there_are_or_were() {
    for (files, deleted) in [(10, 0), (2_000, 0), (10, 2_000)] {
        let size = format!("{files} files, {deleted} deleted ones");
        assert_eq!(costs(files, deleted, upload), (5, 5), "an upload, {size}");
        let of_unknown_size = costs(files, deleted, upload_of_unknown_size);
        assert_eq!(of_unknown_size, (5, 6), "an upload of unknown size, {size}");
        assert_eq!(costs(files, deleted, look), (3, 1), "a look, {size}");
        let (reads, writes) = costs(files, deleted, delete);
        // Where nothing was struck before, the maps above are read, too.
        assert!((10..=12).contains(&reads), "a deletion, {size}: {reads}");
        assert_eq!(writes, 9, "a deletion, {size}");
    }
}

#[test]
fn a_status_costs_a_read_for_each_living_file_and_nothing_for_the_dead() {
    for (files, deleted) in [(10, 0), (1_000, 0), (10, 1_000)] {
        let (reads, writes) = costs(files, deleted, status);
        let size = format!("{files} files, {deleted} deleted ones");
        assert_eq!((reads, writes), (files as u64 + 4, 0), "{size}");
    }
}
