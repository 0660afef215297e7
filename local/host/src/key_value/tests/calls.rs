//! Guests' calls are counted, by label and operation.

use super::*;
use crate::store_calls::StoreOperation::{self, *};

/// The counts that are not 0.
fn counted(instance: &Instance) -> Vec<(StoreOperation, u64)> {
    let calls = Store::calls(instance.granted.values());
    StoreOperation::ALL
        .into_iter()
        .map(|operation| (operation, calls.of("default", operation)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[tokio::test]
async fn every_call_counts_once_however_many_keys_it_names() {
    let mut instance = Instance::new(&Arc::new(Database::in_memory().unwrap()));
    let bucket = instance.bucket().await;
    let mut view = instance.view();
    let keys = || vec![text("a"), text("b"), text("c")];
    let pairs = keys().into_iter().map(|key| (key, vec![0])).collect();
    view.set_many(on(bucket), pairs).await.unwrap().unwrap();
    view.get_many(on(bucket), keys()).await.unwrap().unwrap();
    view.delete_many(on(bucket), keys()).await.unwrap().unwrap();
    view.set(on(bucket), text("a"), vec![0])
        .await
        .unwrap()
        .unwrap();
    view.get(on(bucket), text("a")).await.unwrap().unwrap();
    view.get(on(bucket), text("absent")).await.unwrap().unwrap();
    view.exists(on(bucket), text("a")).await.unwrap().unwrap();
    view.delete(on(bucket), text("a")).await.unwrap().unwrap();
    view.list_keys(on(bucket), None).await.unwrap().unwrap();
    view.increment(on(bucket), text("n"), 1)
        .await
        .unwrap()
        .unwrap();
    let expected = [
        (Get, 2),
        (GetMany, 1),
        (Exists, 1),
        (ListKeys, 1),
        (Set, 1),
        (SetMany, 1),
        (Delete, 1),
        (DeleteMany, 1),
        (Increment, 1),
    ];
    assert_eq!(counted(&instance), expected);
}

#[tokio::test]
async fn both_interfaces_count_together_and_failures_count() {
    let mut instance = Instance::new(&Arc::new(Database::in_memory().unwrap()));
    let bucket = instance.bucket().await;
    let mut view = instance.view();
    let store = labelled::HostStore::open(&mut view, text("default"))
        .await
        .unwrap()
        .unwrap();
    labelled::HostStore::set(&mut view, store, text("k"), b"text".to_vec())
        .await
        .unwrap()
        .unwrap();
    let failed = view.increment(on(bucket), text("k"), 1).await.unwrap();
    assert!(failed.is_err());
    assert_eq!(counted(&instance), [(Set, 1), (Increment, 1)]);
}

#[tokio::test]
async fn a_lost_swap_counts_as_one_call() {
    let mut instance = Instance::new(&Arc::new(Database::in_memory().unwrap()));
    let bucket = instance.bucket().await;
    let mut view = instance.view();
    view.set(on(bucket), text("k"), b"1".to_vec())
        .await
        .unwrap()
        .unwrap();
    let cas = HostCas::new(&mut view, on(bucket), text("k"))
        .await
        .unwrap()
        .unwrap();
    let borrowed = Resource::new_borrow(cas.rep());
    view.current(borrowed).await.unwrap().unwrap();
    view.set(on(bucket), text("k"), b"2".to_vec())
        .await
        .unwrap()
        .unwrap();
    assert!(view.swap(cas, b"3".to_vec()).await.unwrap().is_err());
    assert_eq!(counted(&instance), [(Get, 1), (Set, 2), (Swap, 1)]);
}
