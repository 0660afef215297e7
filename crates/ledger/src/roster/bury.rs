//! Striking numbers from the maps of the dead.

use std::collections::BTreeMap;

use spinreel_platform::Store;

use super::map::{Map, SPAN};
use super::{LEVELS, Roster};
use crate::LedgerError;

impl Roster {
    /// Strikes numbers whose cells are empty for good: no walk offers them again.
    ///
    /// **The caller must know that nobody will ever fill such a cell**, because it was filled once and emptied, or
    /// because it was given so long ago that its writer must be dead. Harmless when repeated, and safe beside readers,
    /// writers and others that bury: what is overwritten by a slower one comes to be offered again and can be buried
    /// again.
    pub async fn bury(&self, store: &impl Store, numbers: &[u64]) -> Result<(), LedgerError> {
        let mut positions: Vec<u64> = numbers
            .iter()
            .filter_map(|number| number.checked_sub(1))
            .collect();
        let mut gone = Vec::new();
        for level in 0..LEVELS {
            let mut full = Vec::new();
            for (index, bits) in by_map(&positions) {
                if self.strike(store, level, index, &bits).await? == Struck::Full {
                    full.push(index);
                }
            }
            gone.extend(full.iter().map(|index| self.map_key(level, *index)));
            positions = full;
        }
        // Only now: the maps above say all that these did.
        if !gone.is_empty() {
            store.delete_many(&gone).await?;
        }
        Ok(())
    }

    /// Strikes bits of a map. One that becomes full by that is left to be struck in the map above and deleted.
    async fn strike(
        &self,
        store: &impl Store,
        level: u32,
        index: u64,
        bits: &[u64],
    ) -> Result<Struck, LedgerError> {
        let key = self.map_key(level, index);
        let stored = store.get(&key).await?;
        if stored.is_none() && self.is_gone(store, level, index).await? {
            return Ok(Struck::Kept);
        }
        let mut map = stored.map_or(Map::EMPTY, |bytes| Map::from_bytes(&bytes));
        let mut news = false;
        for bit in bits {
            news |= map.strike(*bit);
        }
        if map.is_full() && level + 1 < LEVELS {
            return Ok(Struck::Full);
        }
        if news {
            store.set(&key, &map.to_bytes()).await?;
        }
        Ok(Struck::Kept)
    }

    /// Whether a map is struck in one above it: then it was full, and must not be begun anew.
    async fn is_gone(
        &self,
        store: &impl Store,
        level: u32,
        index: u64,
    ) -> Result<bool, LedgerError> {
        let mut position = index;
        for above in level + 1..LEVELS {
            let map = self.map(store, above, position / SPAN).await?;
            if map.is_dead(position % SPAN) {
                return Ok(true);
            }
            position /= SPAN;
        }
        Ok(false)
    }
}

/// What became of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Struck {
    /// It is stored as it should be, or need not be.
    Kept,
    /// It has no living bit left.
    Full,
}

/// Positions at one level, by the map that has them, as bits of that map.
fn by_map(positions: &[u64]) -> BTreeMap<u64, Vec<u64>> {
    let mut maps: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for position in positions {
        maps.entry(position / SPAN)
            .or_default()
            .push(position % SPAN);
    }
    maps
}
