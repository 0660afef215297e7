//! What operations cost, in calls of the store: counted, and the same however many files there are or were.
#![allow(clippy::unwrap_used)]

use futures::executor::block_on;
use futures::future::join;
use spinreel_ledger::LEASE_MS;

use super::record::UserFiles;
use super::testing::{PieceSource, World, owner};
use super::tidy::Eagerness;

/// A user with so many files, after as many deletions of others, of which nothing is left.
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
    let user = UserFiles::new("u-1");
    while world
        .storage()
        .tidy(&user, Eagerness::Now)
        .await
        .unwrap()
        .more
    {}
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

async fn delete_and_look(world: &World, name: &str) {
    let deleted = world.storage().delete(&owner(), name).await.unwrap();
    look(world, deleted.operation).await;
}

/// What follows the operation of a number.
async fn look(world: &World, number: u64) {
    let user = UserFiles::new("u-1");
    let eagerness = Eagerness::InPassing(number);
    world.storage().tidy(&user, eagerness).await.unwrap();
}

async fn status(world: &World) {
    let owner = owner();
    let status = world.storage().status(&owner).await.unwrap();
    let user = UserFiles::new("u-1");
    let left = &status.left;
    world.storage().tidy_left(&user, left).await.unwrap();
}

const SIZES: [(usize, usize); 3] = [(16, 0), (2_000, 0), (16, 2_000)];

#[test]
fn an_upload_and_a_deletion_cost_the_same_however_many_files_there_are_or_were() {
    for (files, deleted) in SIZES {
        let size = format!("{files} files, {deleted} deleted ones");
        assert_eq!(costs(files, deleted, upload), (5, 4), "an upload, {size}");
        let of_unknown_size = costs(files, deleted, upload_of_unknown_size);
        assert_eq!(of_unknown_size, (5, 5), "an upload of unknown size, {size}");
        assert_eq!(costs(files, deleted, delete), (4, 4), "a deletion, {size}");
    }
}

#[test]
fn the_first_upload_makes_a_user_known_and_costs_three_writes_more() {
    let world = World::with_limit(100);
    block_on(upload(&world));
    assert_eq!(world.store.take_calls().writes(), 7);
}

#[test]
fn what_is_refused_by_its_name_writes_nothing() {
    let taken = async |world: &World| {
        world.upload("0", b"bytes").await.unwrap_err();
    };
    assert_eq!(costs(16, 16, taken), (2, 0));
    let missing = async |world: &World| {
        let deleted = world.storage().delete(&owner(), "none").await;
        deleted.unwrap_err();
    };
    // The name, and what goes on: the head and the mark.
    assert_eq!(costs(16, 16, missing), (3, 0));
}

#[test]
fn a_deletion_that_another_one_was_faster_than_writes_down_what_it_wanted_and_no_more() {
    let both = async |world: &World| {
        let owner = owner();
        let (one, other) = (world.storage(), world.storage());
        let (one, other) = join(one.delete(&owner, "0"), other.delete(&owner, "0")).await;
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    };
    let (_, writes) = costs(16, 0, both);
    assert_eq!(writes, 4 + 2);
}

#[test]
fn eight_operations_pay_for_one_look() {
    for (files, deleted) in SIZES {
        let size = format!("{files} files, {deleted} deleted ones");
        let uploads = async |world: &World| {
            for number in 0..8 {
                let name = format!("new-{number}");
                let uploaded = world.upload(&name, b"bytes").await.unwrap();
                look(world, uploaded.number).await;
            }
        };
        // Seven times the mark, and once the head, the mark and eight numbers.
        let expected = (8 * 5 + 7 + 2 + 8, 8 * 4 + 1);
        assert_eq!(costs(files, deleted, uploads), expected, "{size}");
        let deletions = async |world: &World| {
            for number in 0..8 {
                delete_and_look(world, &number.to_string()).await;
            }
        };
        // The files, the intents and the names of the deletions, and the map, with those above where it is new.
        let (reads, writes) = costs(files, deleted, deletions);
        let at_least = 8 * 4 + 7 + 2 + 8 + 8 * 3 + 1;
        assert!((at_least..at_least + 3).contains(&reads), "{size}: {reads}");
        assert_eq!(writes, 8 * 4 + 2, "{size}");
    }
}

#[test]
fn a_look_where_nothing_was_left_only_reads() {
    let after_nothing = async |world: &World| {
        world.clock.advance_ms(LEASE_MS);
        look(world, 1).await;
    };
    // Twice the mark, and the head.
    assert_eq!(costs(16, 16, after_nothing), (3, 0));
    let swept = async |world: &World| {
        let user = UserFiles::new("u-1");
        let storage = world.storage();
        storage.tidy(&user, Eagerness::Now).await.unwrap();
    };
    assert_eq!(costs(16, 16, swept), (2, 0));
}

#[test]
fn a_status_costs_a_read_for_each_living_file_and_next_to_nothing_for_the_dead() {
    for (files, deleted) in [(10, 0), (1_000, 0)] {
        let expected = (files as u64 + 2, 0);
        assert_eq!(costs(files, deleted, status), expected, "{files} files");
    }
    // The first dead number, and the map.
    assert_eq!(costs(10, 1_000, status), (10 + 4, 0));
    // All before a look: an intent and a number that has nothing for each deletion.
    let after_deletions = async |world: &World| {
        for number in 0..7 {
            let owner = owner();
            let storage = world.storage();
            storage.delete(&owner, &number.to_string()).await.unwrap();
        }
        world.store.take_calls();
        status(world).await;
    };
    assert_eq!(costs(20, 0, after_deletions), (13 + 2 + 7 + 7 + 1, 0));
}
