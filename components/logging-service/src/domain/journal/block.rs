//! What one cell of the journal holds.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use spinreel_api::logs::LogEntry;
use spinreel_ledger::Timed;

use crate::domain::text::MAX_ENTRY;

/// How many bytes of entries a block takes, beyond its first entry: so small that a page of a few entries does not have
/// to read a sealed stretch of 64 full blocks for long.
const BLOCK_BYTES: usize = 2_000;
/// The most entries of a block.
pub const BLOCK_ENTRIES: usize = 8;

/// Entries that arrived together, as one cell of the journal.
///
/// They are kept as text: most readers look for few of many, and text that is not wanted need not be understood.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Block {
    /// When they arrived, in milliseconds since the Unix epoch: what a service says in `at` orders nothing.
    pub received_ms: u64,
    /// The entries, in the order in which they were sent.
    #[serde(default)]
    entries: Vec<Box<RawValue>>,
    /// The only entry: so it was written when a cell had one.
    #[serde(default, skip_serializing)]
    entry: Option<Box<RawValue>>,
}

impl Timed for Block {
    fn at_ms(&self) -> u64 {
        self.received_ms
    }
}

impl Block {
    /// What is left without the entries that `goes` names; `None` where that is nothing. What stays keeps its place.
    #[must_use]
    pub fn without(self, goes: impl Fn(&LogEntry) -> bool) -> Option<Self> {
        let mut entries: Vec<Box<RawValue>> = self.entry.into_iter().chain(self.entries).collect();
        for text in &mut entries {
            if read(text.get()).is_some_and(|entry| goes(&entry)) {
                *text = RawValue::NULL.to_owned();
            }
        }
        while entries
            .pop_if(|text| text.get() == RawValue::NULL.get())
            .is_some()
        {}
        (!entries.is_empty()).then_some(Self {
            received_ms: self.received_ms,
            entries,
            entry: None,
        })
    }

    /// The texts of the entries, in the order in which they were sent; `null` for one that was taken out.
    pub fn texts(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        let texts: Vec<&str> = (self.entry.iter())
            .chain(&self.entries)
            .map(|entry| entry.get())
            .collect();
        texts.into_iter()
    }

    /// The entries; one that this version did not write is left out.
    pub fn entries(&self) -> impl Iterator<Item = LogEntry> {
        self.texts().filter_map(read)
    }
}

/// Reads the text of an entry; `None` where this version did not write it.
pub fn read(text: &str) -> Option<LogEntry> {
    serde_json::from_str(text).ok()
}

/// Cuts a batch that arrived at `received_ms` into blocks, in its order. A block has at most 8 entries, and
/// at most 15,000 bytes of them: 64 such blocks, a sealed stretch, stay below the 1 MB that the smallest of Spin's
/// stores takes as one value.
pub fn blocks(entries: &[LogEntry], received_ms: u64) -> Result<Vec<Block>, serde_json::Error> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut room = 0;
    for entry in entries {
        let text = serde_json::value::to_raw_value(entry)?;
        let size = text.get().len() + 1;
        match blocks.last_mut() {
            Some(block) if size <= room && block.entries.len() < BLOCK_ENTRIES => {
                room -= size;
                block.entries.push(text);
            }
            _ => {
                room = BLOCK_BYTES.saturating_sub(size);
                blocks.push(Block {
                    received_ms,
                    entries: vec![text],
                    entry: None,
                });
            }
        }
    }
    Ok(blocks)
}

const _: () = assert!(BLOCK_BYTES <= MAX_ENTRY);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::domain::testing::{NOON, entry};

    #[test]
    fn a_block_of_the_time_when_a_cell_had_one_entry_is_read() {
        let old = serde_json::json!({ "received_ms": NOON, "entry": entry(NOON, "old") });
        let block: Block = serde_json::from_value(old).unwrap();
        let entries: Vec<LogEntry> = block.entries().collect();
        assert_eq!(entries, [entry(NOON, "old")]);
    }

    #[test]
    fn what_is_taken_out_moves_nothing_that_stays() {
        let batch: Vec<LogEntry> = (0..6).map(|n| entry(NOON, &n.to_string())).collect();
        let left = |goes: &[&str]| {
            let block = blocks(&batch, NOON).unwrap().remove(0);
            let left = block.without(|entry| goes.contains(&entry.message.as_str()))?;
            let again: Block =
                serde_json::from_str(&serde_json::to_string(&left).unwrap()).unwrap();
            let places = again.texts().enumerate();
            let places = places.filter_map(|(place, text)| Some((place, read(text)?.message)));
            Some((again.texts().len(), places.collect::<Vec<_>>()))
        };
        let named = |places: &[usize]| -> Vec<(usize, String)> {
            places.iter().map(|n| (*n, n.to_string())).collect()
        };
        assert_eq!(left(&[]), Some((6, named(&[0, 1, 2, 3, 4, 5]))));
        assert_eq!(left(&["0", "2", "5"]), Some((5, named(&[1, 3, 4]))));
        assert_eq!(left(&["0", "1", "2", "3", "4", "5"]), None);
        let old = serde_json::json!({ "received_ms": NOON, "entry": entry(NOON, "old") });
        let old: Block = serde_json::from_value(old).unwrap();
        assert!(old.without(|_| true).is_none());
    }

    proptest! {
        #[test]
        fn blocks_hold_a_batch_in_its_order_and_stay_small(sizes in prop::collection::vec(0..9_000_usize, 0..60)) {
            let batch: Vec<LogEntry> = sizes.iter().map(|size| entry(NOON, &"x".repeat(*size))).collect();
            let blocks = blocks(&batch, NOON).unwrap();
            let back: Vec<LogEntry> = blocks.iter().flat_map(Block::entries).collect();
            prop_assert_eq!(back, batch);
            for block in &blocks {
                let bytes: usize = block.texts().map(|text| text.len() + 1).sum();
                prop_assert!(bytes <= BLOCK_BYTES || block.texts().len() == 1);
                prop_assert!(block.texts().len() <= BLOCK_ENTRIES);
            }
        }
    }
}
