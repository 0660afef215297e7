mod read;
mod rewrite;
mod seal;
#[cfg(test)]
pub(crate) mod testing;
mod truncate;

use serde::Serialize;
use serde::de::DeserializeOwned;
use spinreel_platform::{Clock, Store, is_fresh};

use crate::cell::{decode, encode};
use crate::{Cell, LedgerError, Slots};

pub use read::JournalPage;
pub use truncate::Truncated;

/// Entries in a sealed segment.
pub const SEGMENT: u64 = 64;
/// How old a stretch with an empty cell must be before it is sealed, in milliseconds: longer than any writer can be
/// between taking a number and filling its cell.
pub const SEAL_AFTER_MS: u64 = 600_000;

/// When an entry was made.
pub trait Timed {
    /// Milliseconds since the Unix epoch.
    fn at_ms(&self) -> u64;
}

/// An append-only list.
///
/// An entry is a cell of its own until its stretch of 64 is full; then the stretch becomes one value, written first,
/// and its cells are deleted after. Readers prefer the segment. So a journal of n entries has about n/64 keys, and
/// reading a page costs the same however long it is. Segments that are too old to be wanted can be
/// [dropped](Journal::drop_oldest) from the list's beginning, entries can be taken out of [those that
/// stay](Journal::rewrite), and a list that nobody wants can be
/// [truncated](Journal::truncate) to nothing.
#[derive(Debug, Clone)]
pub struct Journal {
    prefix: String,
    slots: Slots,
}

impl Journal {
    /// The journal under `prefix`.
    pub fn new(prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        Self {
            slots: Slots::new(prefix.clone()),
            prefix,
        }
    }

    /// Appends entries, in order and next to each other; returns the position of the last one.
    pub async fn append<T: Serialize>(
        &self,
        store: &impl Store,
        clock: &impl Clock,
        entries: &[T],
    ) -> Result<u64, LedgerError> {
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        loop {
            let began = clock.now_ms();
            let last = self.slots.allocate(store, count).await?;
            // A writer that stood still for long must not fill cells that may be sealed by now.
            if !is_fresh(began, clock.now_ms(), SEAL_AFTER_MS / 2 + 1) {
                continue;
            }
            let first = last + 1 - u64::from(count);
            let pairs = (first..)
                .zip(entries)
                .map(|(number, entry)| {
                    let key = self.slots.cell_key(number);
                    encode(&key, entry).map(|value| (key, value))
                })
                .collect::<Result<Vec<_>, _>>()?;
            store.set_many(&pairs).await?;
            return Ok(last);
        }
    }

    /// The position of the newest entry, 0 where there is none.
    pub async fn head(&self, store: &impl Store) -> Result<u64, LedgerError> {
        self.slots.head(store).await
    }

    /// How many stretches are sealed, or were: the first of those that are not has this index.
    pub async fn sealed(&self, store: &impl Store) -> Result<u64, LedgerError> {
        let sealed = self.sealed_marker().get(store).await?.unwrap_or(0);
        Ok(sealed.max(self.dropped(store).await?))
    }

    /// How many segments were dropped from the beginning: the first of the others has this index.
    pub async fn dropped(&self, store: &impl Store) -> Result<u64, LedgerError> {
        Ok(self.dropped_marker().get(store).await?.unwrap_or(0))
    }

    fn dropped_marker(&self) -> Cell<u64> {
        Cell::new(format!("{}/first", self.prefix))
    }

    fn sealed_marker(&self) -> Cell<u64> {
        Cell::new(format!("{}/sealed", self.prefix))
    }

    async fn segment<T: DeserializeOwned>(
        &self,
        store: &impl Store,
        index: u64,
    ) -> Result<Option<Vec<Option<T>>>, LedgerError> {
        let key = self.segment_key(index);
        match store.get(&key).await? {
            None => Ok(None),
            Some(bytes) => decode(&key, &bytes).map(Some),
        }
    }

    fn segment_key(&self, index: u64) -> String {
        format!("{}/segment/{index}", self.prefix)
    }
}

fn segment_of(position: u64) -> u64 {
    (position - 1) / SEGMENT
}

fn offset_in_segment(position: u64) -> usize {
    ((position - 1) % SEGMENT) as usize
}
