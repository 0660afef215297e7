//! Many writers, shared commits, and what is on the disk afterwards.

use super::*;

#[tokio::test]
async fn labels_in_one_database_are_separate() {
    let database = Arc::new(Database::in_memory().unwrap());
    let (users, videos) = (
        Store::new("users", database.clone()),
        Store::new("videos", database),
    );
    users
        .write(Write::Set {
            key: text("k"),
            value: vec![1],
        })
        .await
        .unwrap();
    assert_eq!(videos.get("k").unwrap(), None);
    assert!(videos.keys().unwrap().is_empty());
    videos
        .write(Write::Delete { key: text("k") })
        .await
        .unwrap();
    assert_eq!(users.get("k").unwrap(), Some(vec![1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_increments_add_up_and_no_two_see_the_same_sum() {
    const TASKS: i64 = 64;
    const EACH: i64 = 20;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new("default", file_database(folder.path()));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut sums = Vec::new();
                for _ in 0..EACH {
                    match store
                        .write(Write::Increment {
                            key: text("n"),
                            delta: 1,
                        })
                        .await
                    {
                        Ok(Outcome::Sum(sum)) => sums.push(sum),
                        other => panic!("{other:?}"),
                    }
                }
                sums
            })
        })
        .collect();
    let mut sums = Vec::new();
    for task in tasks {
        sums.extend(task.await.unwrap());
    }
    sums.sort_unstable();
    assert_eq!(sums, (1..=TASKS * EACH).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_that_fails_does_not_harm_those_that_share_its_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new("default", file_database(folder.path()));
    store
        .write(Write::Set {
            key: text("text"),
            value: b"x".to_vec(),
        })
        .await
        .unwrap();
    let writes: Vec<_> = (0..100)
        .map(|n| {
            let key = if n % 3 == 0 { text("text") } else { text("n") };
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .write(Write::Increment { key, delta: 1 })
                    .await
                    .is_ok()
            })
        })
        .collect();
    let mut succeeded = 0;
    for write in writes {
        succeeded += i64::from(write.await.unwrap());
    }
    assert_eq!(succeeded, 66);
    assert_eq!(store.get("n").unwrap(), Some(66_i64.to_le_bytes().to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_is_in_the_file_without_a_clean_close() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new("default", file_database(folder.path()));
    let writes: Vec<_> = (0..50)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .write(Write::Set {
                        key: format!("k{n}"),
                        value: vec![n],
                    })
                    .await
                    .unwrap();
            })
        })
        .collect();
    for write in writes {
        write.await.unwrap();
    }
    // A copy of the files, as a crash would leave them: the first database is still open.
    let copy = tempfile::tempdir().unwrap();
    for name in ["kv.db", "kv.db-wal"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let reopened = Store::new("default", file_database(copy.path()));
    assert_eq!(reopened.keys().unwrap().len(), 50);
    assert_eq!(reopened.get("k7").unwrap(), Some(vec![7]));
}

#[tokio::test]
async fn a_closed_database_refuses_writes_and_keeps_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let database = file_database(folder.path());
    let store = Store::new("default", database.clone());
    store
        .write(Write::Set {
            key: text("k"),
            value: vec![1],
        })
        .await
        .unwrap();
    tokio::task::spawn_blocking(move || database.close())
        .await
        .unwrap();
    let refused = store
        .write(Write::Set {
            key: text("k"),
            value: vec![2],
        })
        .await;
    assert!(matches!(refused, Err(StoreError::Closed)));
    let reopened = Store::new("default", file_database(folder.path()));
    assert_eq!(reopened.get("k").unwrap(), Some(vec![1]));
}
