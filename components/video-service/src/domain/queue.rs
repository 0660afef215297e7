//! Queues of videos that end, in the trash for a while or at once, and of those whose files change.
//!
//! A queue is worked through from its oldest entry. An entry is a hint: what counts is the record that it names.

use serde::{Deserialize, Serialize};
use spinreel_ledger::{Cell, DEAD_AFTER_MS, LedgerError, Slots};
use spinreel_platform::{Clock, Store};

/// How many entries one call looks at.
const PAGE: usize = 16;
/// How many numbers without an entry one call steps over at most.
const LONGEST_GAP: usize = 1_024;

/// A queue. Each is ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    /// Videos in the trash, which end when their time there is over.
    Trash,
    /// Videos that are ending.
    Endings,
    /// Videos whose posters or captions were about to change.
    Files,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The video.
    pub(super) id: String,
    /// When it was put there, in milliseconds since the Unix epoch.
    pub(super) at_ms: u64,
    /// Which files are not to stay unless the record names them, where it is about files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<Doubtful>,
}

/// Files that a change of a video may have left without anybody who names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Doubtful {
    pub(super) owner: String,
    /// The id that the new one was to be attached under, where there was to be one.
    pub(super) new: Option<String>,
    /// The location of the one before it.
    pub(super) before: Option<String>,
}

impl Queue {
    fn prefix(self) -> &'static str {
        match self {
            Self::Trash => "videos/trash",
            Self::Endings => "videos/endings",
            Self::Files => "videos/files",
        }
    }

    fn slots(self) -> Slots {
        Slots::new(self.prefix())
    }

    /// The last entry that is done, with all below it.
    fn done(self) -> Cell<u64> {
        Cell::new(format!("{}/done", self.prefix()))
    }

    /// Takes the next number: 1 `increment`. The entry is to be written soon, or never.
    pub(super) async fn allocate(self, store: &impl Store) -> Result<u64, LedgerError> {
        self.slots().allocate(store, 1).await
    }

    /// The cell of an entry.
    pub(super) fn cell(self, number: u64) -> Cell<Entry> {
        self.slots().cell(number)
    }

    /// The oldest entries with their numbers, and whether there are more. A number whose entry may yet be written ends
    /// the list. Costs 2 `get`, and 1 for each entry.
    pub(super) async fn oldest(
        self,
        store: &impl Store,
        clock: &impl Clock,
    ) -> Result<Oldest, LedgerError> {
        let head = self.slots().head(store).await?;
        let done = self.done().get(store).await?.unwrap_or(0);
        let (mut entries, mut empty) = (Vec::new(), Vec::new());
        let mut next = done + 1;
        while next <= head && entries.len() < PAGE && empty.len() < LONGEST_GAP {
            let number = next;
            next += 1;
            match self.cell(number).get(store).await? {
                Some(entry) => {
                    // Numbers are given in order: those below an old one are as old.
                    if clock.now_ms().saturating_sub(entry.at_ms) > DEAD_AFTER_MS {
                        entries.extend(empty.drain(..).map(|number| (number, None)));
                    }
                    if !empty.is_empty() {
                        break;
                    }
                    entries.push((number, Some(entry)));
                }
                None => empty.push(number),
            }
        }
        Ok(Oldest {
            entries,
            more: next <= head,
        })
    }

    /// Notes that all entries up to this one are done: 1 `set`, 1 `delete_many`.
    pub(super) async fn finish(
        self,
        store: &impl Store,
        from: u64,
        to: u64,
    ) -> Result<(), LedgerError> {
        self.done().set(store, &to).await?;
        let keys: Vec<String> = (from..=to)
            .map(|number| self.cell(number).key().to_owned())
            .collect();
        Ok(store.delete_many(&keys).await?)
    }
}

/// The oldest entries of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Oldest {
    /// The numbers, in order, and what they hold; `None` where that was never written, or is gone.
    pub(super) entries: Vec<(u64, Option<Entry>)>,
    /// Whether there are more than one call looks at.
    pub(super) more: bool,
}
