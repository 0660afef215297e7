//! What the journal's tests share.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::task::Poll;

use futures::future::poll_fn;
use serde::{Deserialize, Serialize};
use spinreel_platform::memory::{ManualClock, MemoryStore};
use spinreel_platform::{Clock, Store, StoreError};

use super::{Journal, Timed};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) at: u64,
    pub(super) n: u64,
}

impl Timed for Entry {
    fn at_ms(&self) -> u64 {
        self.at
    }
}

/// The journal `j` with entries 1 to `count`, made now.
pub(super) async fn filled(store: &MemoryStore, clock: &ManualClock, count: u64) -> Journal {
    let journal = Journal::new("j");
    for n in 1..=count {
        let entry = Entry {
            at: clock.now_ms(),
            n,
        };
        journal.append(store, clock, &[entry]).await.unwrap();
    }
    journal
}

/// All entries' numbers, read in pages of `limit`.
pub(super) async fn walk(journal: &Journal, store: &MemoryStore, limit: usize) -> Vec<u64> {
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = journal
            .page::<Entry>(store, before, limit, |_| true)
            .await
            .unwrap();
        seen.extend(page.items.iter().map(|(_, entry)| entry.n));
        before = page.next;
        if before.is_none() {
            return seen;
        }
    }
}

/// A store whose caller stands still once, before one of its calls, until it is polled again.
pub(crate) struct Stopping<'a> {
    store: &'a MemoryStore,
    calls_left: Cell<Option<u64>>,
}

impl<'a> Stopping<'a> {
    /// Lets `calls` calls through, then makes the caller wait once.
    pub(crate) fn before_call(store: &'a MemoryStore, calls: u64) -> Self {
        Self {
            store,
            calls_left: Cell::new(Some(calls)),
        }
    }

    async fn step(&self) {
        poll_fn(|context| match self.calls_left.get() {
            Some(0) => {
                self.calls_left.set(None);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(calls) => {
                self.calls_left.set(Some(calls - 1));
                Poll::Ready(())
            }
            None => Poll::Ready(()),
        })
        .await;
    }
}

impl Store for Stopping<'_> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.step().await;
        self.store.get(key).await
    }
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.step().await;
        self.store.set(key, value).await
    }
    async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.step().await;
        self.store.set_many(pairs).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.step().await;
        self.store.delete(key).await
    }
    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        // Not every provider deletes together: the caller may stop between any two.
        for key in keys {
            self.step().await;
            self.store.delete(key).await?;
        }
        Ok(())
    }
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        self.step().await;
        self.store.increment(key, delta).await
    }
}
