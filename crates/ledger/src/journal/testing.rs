//! What the journal's tests share.
#![allow(clippy::unwrap_used)]

use serde::{Deserialize, Serialize};
use spinreel_platform::Clock;
use spinreel_platform::memory::{ManualClock, MemoryStore};

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
