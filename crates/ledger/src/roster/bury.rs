//! Striking numbers from the maps of the dead.

use std::collections::BTreeMap;

use spinreel_platform::Store;

use super::map::{Map, SPAN};
use super::{LEVELS, Roster};
use crate::LedgerError;

/// What striking numbers writes, so that a caller can write it together with other keys: first [`pairs`](Self::pairs),
/// then, when these are stored, [`finish`](Self::finish).
#[derive(Debug, Default)]
pub struct Burial {
    /// Maps, to be set. A part of them that is not stored costs readers a look, nothing else.
    pub pairs: Vec<(String, Vec<u8>)>,
    gone: Vec<String>,
}

impl Burial {
    /// Deletes the maps that are full, once the maps above say all that these did: one `delete_many`, or no call.
    pub async fn finish(self, store: &impl Store) -> Result<(), LedgerError> {
        if !self.gone.is_empty() {
            store.delete_many(&self.gone).await?;
        }
        Ok(())
    }
}

impl Roster {
    /// Strikes numbers whose cells are empty for good: no walk offers them again.
    ///
    /// **The caller must know that nobody will ever fill such a cell**, because it was filled once and emptied, or
    /// because it was given so long ago that its writer must be dead. Harmless when repeated, and safe beside readers,
    /// writers and others that bury: what is overwritten by a slower one comes to be offered again and can be buried
    /// again.
    pub async fn bury(&self, store: &impl Store, numbers: &[u64]) -> Result<(), LedgerError> {
        let burial = self.burial(store, numbers).await?;
        match &burial.pairs[..] {
            [] => {}
            [(key, map)] => store.set(key, map).await?,
            pairs => store.set_many(pairs).await?,
        }
        burial.finish(store).await
    }

    /// What [`bury`](Self::bury) writes. Only reads: 1 to 3 `get` for numbers that lie together.
    pub async fn burial(&self, store: &impl Store, numbers: &[u64]) -> Result<Burial, LedgerError> {
        let mut positions: Vec<u64> = numbers
            .iter()
            .filter_map(|number| number.checked_sub(1))
            .collect();
        let mut burial = Burial::default();
        for level in 0..LEVELS {
            let mut full = Vec::new();
            for (index, bits) in by_map(&positions) {
                match self.strike(store, level, index, &bits).await? {
                    Struck::Full => full.push(index),
                    Struck::Changed(map) => burial.pairs.push((self.map_key(level, index), map)),
                    Struck::Kept => {}
                }
            }
            let full_keys = full.iter().map(|index| self.map_key(level, *index));
            burial.gone.extend(full_keys);
            positions = full;
        }
        Ok(burial)
    }

    /// Strikes bits of a map. One that becomes full by that is to be struck in the map above, and then deleted.
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
        Ok(match news {
            true => Struck::Changed(map.to_bytes()),
            false => Struck::Kept,
        })
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
#[derive(Debug, Clone, PartialEq, Eq)]
enum Struck {
    /// It is stored as it should be, or need not be.
    Kept,
    /// It is to be stored as these bytes.
    Changed(Vec<u8>),
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
