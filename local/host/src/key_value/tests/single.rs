//! A store as on Spin: one operation at a time, a sync for each write.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::*;
use crate::key_value::single::LEAST_WRITE;

/// How many transactions have changed the file: a counter in its header, which SQLite keeps where the journal is one that
/// rolls back.
fn transactions(folder: &Path) -> u32 {
    let file = std::fs::read(folder.join("kv.db")).unwrap();
    u32::from_be_bytes(file[24..28].try_into().unwrap())
}

fn set(key: &str) -> Write {
    Write::Set {
        key: text(key),
        value: vec![1],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_write_has_a_transaction_of_its_own_and_takes_its_time() {
    const TASKS: u32 = 20;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new("default", single_database(folder.path()));
    let before = transactions(folder.path());
    let started = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.write(set(&format!("k{number}"))).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert!(started.elapsed() >= TASKS * LEAST_WRITE);
    assert_eq!(transactions(folder.path()) - before, TASKS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_keys_are_one_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new("default", single_database(folder.path()));
    let keys = || (0..50).map(|number| format!("k{number}"));
    for write in [
        Write::SetMany(keys().map(|key| (key, vec![1])).collect()),
        Write::DeleteMany(keys().collect()),
    ] {
        let before = transactions(folder.path());
        store.write(write).await.unwrap();
        assert_eq!(transactions(folder.path()) - before, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_waits_for_the_write_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let database = single_database(folder.path());
    let store = Store::new("default", database.clone());
    let spawn = |write: bool| {
        let store = store.clone();
        tokio::spawn(async move {
            match write {
                true => store.write(set("k")).await.map(|_| ()),
                false => store.get("k").map(|_| ()),
            }
        })
    };
    // The write has the connection until this lock is given up; a connection of its own could read meanwhile.
    let lock = Connection::open(folder.path().join("kv.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writing = spawn(true);
    while !database.is_busy() {
        tokio::task::yield_now().await;
    }
    let reading = spawn(false);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!writing.is_finished() && !reading.is_finished());
    lock.execute_batch("COMMIT").unwrap();
    writing.await.unwrap().unwrap();
    reading.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_closed_database_refuses_everything_and_keeps_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let database = single_database(folder.path());
    let store = Store::new("default", database.clone());
    store.write(set("k")).await.unwrap();
    database.close();
    assert!(matches!(store.get("k"), Err(StoreError::Closed)));
    let refused = store.write(set("k")).await;
    assert!(matches!(refused, Err(StoreError::Closed)));
    // The other kind of host opens what this one left.
    let reopened = Store::new("default", file_database(folder.path()));
    assert_eq!(reopened.get("k").unwrap(), Some(vec![1]));
}
