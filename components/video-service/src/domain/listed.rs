//! The entries of an owner's list, and which of its slots a reader can tell to be dead.

use serde::{Deserialize, Serialize};
use spinreel_ledger::{DEAD_AFTER_MS, LedgerError, Roster};
use spinreel_platform::Store;

/// What a slot of an owner's list holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The video's id.
    pub(crate) id: String,
    /// When the slot was filled, in milliseconds since the Unix epoch.
    pub(crate) recorded_ms: u64,
}

/// What the reader of a page learns about slots on its way down the list.
///
/// A slot is filled once, together with the record that names it, within half of [`DEAD_AFTER_MS`] of being given, or
/// never. Slots are given in order. So below an entry of that age every slot that is empty is dead, and so is one whose
/// video is gone or has another slot: two that recorded a video at once, or one that died while it forgot it.
#[derive(Debug)]
pub(crate) struct Reading {
    now_ms: u64,
    /// The newest slot whose entry is old: all below are as old.
    old: Option<u64>,
    /// Slots with an entry that stands for nothing.
    stale: Vec<u64>,
}

impl Reading {
    /// One that begins at `now_ms`, in milliseconds since the Unix epoch.
    pub(crate) fn at(now_ms: u64) -> Self {
        Self {
            now_ms,
            old: None,
            stale: Vec::new(),
        }
    }

    /// Takes note of an entry, and whether it stands for a video. Slots come newest first. Returns whether the slot is
    /// old.
    pub(crate) fn saw(&mut self, number: u64, entry: &Entry, stands: bool) -> bool {
        if self.now_ms.saturating_sub(entry.recorded_ms) > DEAD_AFTER_MS {
            self.old.get_or_insert(number);
        }
        if !stands {
            self.stale.push(number);
        }
        self.old.is_some()
    }

    /// Buries those of the slots without a video that are dead for certain.
    pub(crate) async fn bury(
        &self,
        store: &impl Store,
        list: &Roster,
        without_video: &[u64],
    ) -> Result<(), LedgerError> {
        let is_old = |number: &u64| self.old.is_some_and(|old| *number <= old);
        let stale: Vec<String> = self
            .stale
            .iter()
            .copied()
            .filter(|number| is_old(number))
            .map(|number| list.cell::<Entry>(number).key().to_owned())
            .collect();
        if !stale.is_empty() {
            store.delete_many(&stale).await?;
        }
        let dead: Vec<u64> = without_video.iter().copied().filter(is_old).collect();
        list.bury(store, &dead).await
    }
}
