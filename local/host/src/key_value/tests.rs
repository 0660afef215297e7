#![allow(clippy::unwrap_used)]
//! The stores as guests see them: through the interfaces' traits.

mod calls;
mod commits;
mod single;

use std::path::Path;

use wasmtime::component::Resource;

use super::*;
use crate::bindings::fermyon::spin::key_value as labelled;
use crate::bindings::wasi::keyvalue::atomics::{CasError, Host as _, HostCas};
use crate::bindings::wasi::keyvalue::batch::Host as _;
use crate::bindings::wasi::keyvalue::store::{Error, Host as _, HostBucket};

/// An instance with one store, `default`, open as a bucket.
struct Instance {
    table: ResourceTable,
    granted: Granted,
    open: usize,
}

impl Instance {
    fn new(database: &Arc<Database>) -> Instance {
        let store = Store::new("default", database.clone());
        Instance {
            table: ResourceTable::new(),
            granted: Arc::new([("default".to_owned(), store)].into()),
            open: 0,
        }
    }

    fn view(&mut self) -> KeyValueView<'_> {
        KeyValueView {
            table: &mut self.table,
            granted: &self.granted,
            open: &mut self.open,
        }
    }

    async fn bucket(&mut self) -> u32 {
        let bucket = self
            .view()
            .open("default".to_owned())
            .await
            .unwrap()
            .unwrap();
        bucket.rep()
    }
}

fn on(rep: u32) -> Resource<Bucket> {
    Resource::new_borrow(rep)
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn file_database(folder: &Path) -> Arc<Database> {
    Arc::new(Database::open(&folder.join("kv.db")).unwrap())
}

/// The same as on Spin.
fn single_database(folder: &Path) -> Arc<Database> {
    Arc::new(Database::open_as_spin(&folder.join("kv.db")).unwrap())
}

/// Runs a test on every kind of database.
async fn on_every_kind<F: AsyncFn(Arc<Database>)>(test: F) {
    for open in [file_database, single_database] {
        let folder = tempfile::tempdir().unwrap();
        let file = open(folder.path());
        test(file.clone()).await;
        tokio::task::spawn_blocking(move || file.close())
            .await
            .unwrap();
    }
    test(Arc::new(Database::in_memory().unwrap())).await;
}

#[tokio::test]
async fn values_are_set_read_found_and_deleted() {
    on_every_kind(async |database| {
        let mut instance = Instance::new(&database);
        let bucket = instance.bucket().await;
        let mut view = instance.view();
        assert_eq!(
            view.get(on(bucket), text("k")).await.unwrap().unwrap(),
            None
        );
        view.set(on(bucket), text("k"), b"one".to_vec())
            .await
            .unwrap()
            .unwrap();
        view.set(on(bucket), text("k"), b"two".to_vec())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            view.get(on(bucket), text("k")).await.unwrap().unwrap(),
            Some(b"two".to_vec())
        );
        assert!(view.exists(on(bucket), text("k")).await.unwrap().unwrap());
        view.delete(on(bucket), text("k")).await.unwrap().unwrap();
        view.delete(on(bucket), text("k")).await.unwrap().unwrap();
        assert!(!view.exists(on(bucket), text("k")).await.unwrap().unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_store_that_was_not_granted_is_denied_by_both_interfaces() {
    let database = Arc::new(Database::in_memory().unwrap());
    let mut instance = Instance::new(&database);
    let denied = instance.view().open("users".to_owned()).await.unwrap();
    assert!(matches!(denied, Err(Error::AccessDenied)));
    let denied = labelled::HostStore::open(&mut instance.view(), "users".to_owned())
        .await
        .unwrap();
    assert!(matches!(denied, Err(labelled::Error::AccessDenied)));
}

#[tokio::test]
async fn an_instance_has_a_limited_number_of_stores_open() {
    let database = Arc::new(Database::in_memory().unwrap());
    let mut instance = Instance::new(&database);
    let mut last = 0;
    for _ in 0..MAX_OPEN {
        last = instance.bucket().await;
    }
    let mut view = instance.view();
    let full = labelled::HostStore::open(&mut view, text("default"))
        .await
        .unwrap();
    assert!(matches!(full, Err(labelled::Error::StoreTableFull)));
    HostBucket::drop(&mut view, Resource::new_own(last))
        .await
        .unwrap();
    assert!(
        labelled::HostStore::open(&mut view, text("default"))
            .await
            .unwrap()
            .is_ok()
    );
}

#[tokio::test]
async fn both_interfaces_see_the_same_values() {
    let database = Arc::new(Database::in_memory().unwrap());
    let mut instance = Instance::new(&database);
    let bucket = instance.bucket().await;
    let mut view = instance.view();
    let store = labelled::HostStore::open(&mut view, text("default"))
        .await
        .unwrap()
        .unwrap();
    let store = || Resource::<LabelledStore>::new_borrow(store.rep());
    labelled::HostStore::set(&mut view, store(), text("k"), b"v".to_vec())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        HostBucket::get(&mut view, on(bucket), text("k"))
            .await
            .unwrap()
            .unwrap(),
        Some(b"v".to_vec())
    );
    assert_eq!(
        labelled::HostStore::get_keys(&mut view, store())
            .await
            .unwrap()
            .unwrap(),
        ["k"]
    );
    assert!(
        labelled::HostStore::exists(&mut view, store(), text("k"))
            .await
            .unwrap()
            .unwrap()
    );
    labelled::HostStore::delete(&mut view, store(), text("k"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        labelled::HostStore::get(&mut view, store(), text("k"))
            .await
            .unwrap()
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn increment_counts_from_zero_in_little_endian() {
    on_every_kind(async |database| {
        let mut instance = Instance::new(&database);
        let bucket = instance.bucket().await;
        let mut view = instance.view();
        assert_eq!(
            view.increment(on(bucket), text("n"), 0)
                .await
                .unwrap()
                .unwrap(),
            0
        );
        assert_eq!(
            view.increment(on(bucket), text("n"), 258)
                .await
                .unwrap()
                .unwrap(),
            258
        );
        assert_eq!(
            view.get(on(bucket), text("n")).await.unwrap().unwrap(),
            Some(vec![2, 1, 0, 0, 0, 0, 0, 0])
        );
        assert_eq!(
            view.increment(on(bucket), text("n"), -300)
                .await
                .unwrap()
                .unwrap(),
            -42
        );
    })
    .await;
}

#[tokio::test]
async fn incrementing_what_is_no_number_is_an_error_and_the_store_lives_on() {
    on_every_kind(async |database| {
        let mut instance = Instance::new(&database);
        let bucket = instance.bucket().await;
        let mut view = instance.view();
        view.set(on(bucket), text("k"), b"text".to_vec())
            .await
            .unwrap()
            .unwrap();
        let error = view
            .increment(on(bucket), text("k"), 1)
            .await
            .unwrap()
            .unwrap_err();
        assert!(matches!(error, Error::Other(message) if message.contains("4 bytes")));
        view.increment(on(bucket), text("big"), i64::MAX)
            .await
            .unwrap()
            .unwrap();
        assert!(
            view.increment(on(bucket), text("big"), 1)
                .await
                .unwrap()
                .is_err()
        );
        assert_eq!(
            view.increment(on(bucket), text("big"), 0)
                .await
                .unwrap()
                .unwrap(),
            i64::MAX
        );
        assert_eq!(
            view.get(on(bucket), text("k")).await.unwrap().unwrap(),
            Some(b"text".to_vec())
        );
    })
    .await;
}

#[tokio::test]
async fn swap_compares_what_current_saw() {
    on_every_kind(async |database| {
        let mut instance = Instance::new(&database);
        let bucket = instance.bucket().await;
        let mut view = instance.view();
        view.set(on(bucket), text("k"), b"1".to_vec())
            .await
            .unwrap()
            .unwrap();
        let winner = HostCas::new(&mut view, on(bucket), text("k"))
            .await
            .unwrap()
            .unwrap();
        let loser = HostCas::new(&mut view, on(bucket), text("k"))
            .await
            .unwrap()
            .unwrap();
        for cas in [&winner, &loser] {
            let seen = view
                .current(Resource::new_borrow(cas.rep()))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(seen, Some(b"1".to_vec()));
        }
        assert!(view.swap(winner, b"2".to_vec()).await.unwrap().is_ok());
        let Err(CasError::CasFailed(again)) = view.swap(loser, b"3".to_vec()).await.unwrap() else {
            panic!("the second swap must fail");
        };
        // The handle that comes back has seen the new value, so the next try succeeds.
        assert!(view.swap(again, b"3".to_vec()).await.unwrap().is_ok());
        assert_eq!(
            view.get(on(bucket), text("k")).await.unwrap().unwrap(),
            Some(b"3".to_vec())
        );
    })
    .await;
}

#[tokio::test]
async fn two_swaps_of_an_absent_key_both_win_as_in_spin() {
    on_every_kind(async |database| {
        let mut instance = Instance::new(&database);
        let bucket = instance.bucket().await;
        let mut view = instance.view();
        let first = HostCas::new(&mut view, on(bucket), text("k"))
            .await
            .unwrap()
            .unwrap();
        let second = HostCas::new(&mut view, on(bucket), text("k"))
            .await
            .unwrap()
            .unwrap();
        for cas in [&first, &second] {
            assert_eq!(
                view.current(Resource::new_borrow(cas.rep()))
                    .await
                    .unwrap()
                    .unwrap(),
                None
            );
        }
        assert!(view.swap(first, b"1".to_vec()).await.unwrap().is_ok());
        assert!(view.swap(second, b"2".to_vec()).await.unwrap().is_ok());
        assert_eq!(
            view.get(on(bucket), text("k")).await.unwrap().unwrap(),
            Some(b"2".to_vec())
        );
    })
    .await;
}

#[tokio::test]
async fn list_keys_gives_all_keys_and_refuses_a_cursor() {
    on_every_kind(async |database| {
        let mut instance = Instance::new(&database);
        let bucket = instance.bucket().await;
        let mut view = instance.view();
        let pairs = (0..300).map(|n| (format!("k{n}"), vec![0])).collect();
        view.set_many(on(bucket), pairs).await.unwrap().unwrap();
        let answer = view.list_keys(on(bucket), None).await.unwrap().unwrap();
        assert_eq!((answer.keys.len(), answer.cursor), (300, None));
        let refused = view.list_keys(on(bucket), Some(text("k1"))).await.unwrap();
        assert!(matches!(refused, Err(Error::Other(_))));
    })
    .await;
}

#[tokio::test]
async fn batches_set_read_and_delete_many_keys() {
    on_every_kind(async |database| {
        let mut instance = Instance::new(&database);
        let bucket = instance.bucket().await;
        let mut view = instance.view();
        let pairs = vec![
            (text("a"), vec![1]),
            (text("quote\"'"), vec![2]),
            (text("c"), vec![3]),
        ];
        view.set_many(on(bucket), pairs).await.unwrap().unwrap();
        let keys = ["a", "absent", "quote\"'"].map(text).to_vec();
        let mut found = view.get_many(on(bucket), keys).await.unwrap().unwrap();
        found.sort();
        // Spin's provider leaves absent keys out.
        assert_eq!(
            found,
            [
                (text("a"), Some(vec![1])),
                (text("quote\"'"), Some(vec![2]))
            ]
        );
        view.delete_many(on(bucket), vec![text("a"), text("c"), text("absent")])
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            view.list_keys(on(bucket), None)
                .await
                .unwrap()
                .unwrap()
                .keys,
            ["quote\"'"]
        );
    })
    .await;
}
