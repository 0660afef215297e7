#![allow(clippy::unwrap_used)]
use futures::executor::block_on;
use spinreel_platform::memory::{ManualClock, MemoryStore};

use super::*;

async fn take(store: &MemoryStore, clock: &ManualClock, id: &str) -> bool {
    let name = Name::username("ada");
    let Some(claim) = name.claim(store, clock, id).await.unwrap() else {
        return false;
    };
    write(store, &claim).await;
    assert!(claim.is_last(store).await.unwrap());
    claim.settle(store).await.unwrap();
    true
}

/// Writes the attempt and the account's record.
async fn write(store: &MemoryStore, claim: &Claim) {
    let record = (record_key(&claim.account_id), b"{}".to_vec());
    let pairs = [claim.pair().unwrap(), record];
    store.set_many(&pairs).await.unwrap();
}

fn world() -> (MemoryStore, ManualClock, Name) {
    (
        MemoryStore::default(),
        ManualClock::at(1_000_000),
        Name::username("ada"),
    )
}

#[test]
fn a_name_that_is_taken_stays_taken() {
    let (store, clock, name) = world();
    block_on(async {
        assert!(name.is_free(&store, &clock).await.unwrap());
        assert!(take(&store, &clock, "a").await);
        clock.advance_ms(10 * PENDING_MS);
        assert!(!name.is_free(&store, &clock).await.unwrap());
        assert!(!take(&store, &clock, "b").await);
        assert_eq!(name.holder(&store).await.unwrap().as_deref(), Some("a"));
    });
}

#[test]
fn a_name_that_was_given_back_is_free_at_once() {
    let (store, clock, name) = world();
    block_on(async {
        let claim = name.claim(&store, &clock, "a").await.unwrap().unwrap();
        assert!(!name.is_free(&store, &clock).await.unwrap());
        give_back(&store, &[&claim]).await.unwrap();
        assert_eq!(name.holder(&store).await.unwrap(), None);
        assert!(take(&store, &clock, "b").await);
        assert_eq!(name.holder(&store).await.unwrap().as_deref(), Some("b"));
    });
}

#[test]
fn an_owner_that_died_before_its_record_blocks_for_a_minute_only() {
    let (store, clock, name) = world();
    block_on(async {
        let claim = name.claim(&store, &clock, "a").await.unwrap().unwrap();
        // On a store that does not write together the attempt may be there alone.
        let (key, attempt) = claim.pair().unwrap();
        store.set(&key, &attempt).await.unwrap();
        clock.advance_ms(PENDING_MS);
        assert!(!take(&store, &clock, "b").await);
        clock.advance_ms(1);
        assert!(take(&store, &clock, "b").await);
    });
}

#[test]
fn an_owner_that_died_before_its_first_word_blocks_for_a_minute_from_when_it_is_noticed() {
    let (store, clock, name) = world();
    block_on(async {
        name.claim(&store, &clock, "a").await.unwrap().unwrap();
        clock.advance_ms(10 * PENDING_MS);
        assert!(!take(&store, &clock, "b").await);
        clock.advance_ms(PENDING_MS + 1);
        assert!(take(&store, &clock, "b").await);
    });
}

#[test]
fn an_owner_that_comes_back_after_it_was_taken_for_dead_learns_so() {
    let (store, clock, name) = world();
    block_on(async {
        let slow = name.claim(&store, &clock, "a").await.unwrap().unwrap();
        assert!(!name.is_free(&store, &clock).await.unwrap());
        clock.advance_ms(PENDING_MS + 1);
        let quick = name.claim(&store, &clock, "b").await.unwrap().unwrap();
        write(&store, &quick).await;
        write(&store, &slow).await;
        assert!(quick.is_last(&store).await.unwrap());
        assert!(!slow.is_last(&store).await.unwrap());
        // Even if it dies before it can take its record back, the name stays with the other.
        assert_eq!(name.holder(&store).await.unwrap().as_deref(), Some("b"));
        quick.settle(&store).await.unwrap();
        assert_eq!(name.holder(&store).await.unwrap().as_deref(), Some("b"));
    });
}

#[test]
fn an_account_that_is_gone_frees_its_name() {
    let (store, clock, name) = world();
    block_on(async {
        assert!(take(&store, &clock, "a").await);
        clock.advance_ms(PENDING_MS + 1);
        store.delete(&record_key("a")).await.unwrap();
        assert_eq!(name.holder(&store).await.unwrap(), None);
        assert!(take(&store, &clock, "b").await);
    });
}

#[test]
fn any_number_of_attempts_that_came_to_nothing_leaves_the_way_short() {
    let (store, clock, name) = world();
    block_on(async {
        for _ in 0..2 * MAX_ATTEMPTS {
            let claim = name.claim(&store, &clock, "a").await.unwrap().unwrap();
            give_back(&store, &[&claim]).await.unwrap();
        }
        assert!(take(&store, &clock, "b").await);
        assert_eq!(name.holder(&store).await.unwrap().as_deref(), Some("b"));
    });
}
