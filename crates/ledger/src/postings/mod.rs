mod bits;
mod root;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use spinreel_platform::Store;

use crate::LedgerError;
use bits::{Bits, SPAN};
use root::Root;

pub use walk::PostingsWalk;

/// Numbers of a root: one leaf for each [`SPAN`] of them.
const REGION: u64 = SPAN * SPAN;

/// For each term the numbers of a list that have it: an inverted index.
///
/// A term has a root for each 16.7 million numbers. As long as it has at most 32 of them the root holds them itself;
/// then it holds a bit for each leaf, and a leaf a bit for each of 4,096 numbers. So a new number costs a term one or two
/// small values, whatever the number, and what is to be stored of many terms goes into one call. A walk reads the roots
/// and the leaves that it comes to, of all its terms, and gives the numbers that have all of them.
///
/// **One writer at a time**: [`edit`](Self::edit) reads what it changes, so its callers hold a lock. Readers need none.
/// What is stored is a hint for them: a number is looked at before it counts, since it may be there no more.
///
/// | | calls |
/// |---|---|
/// | [`edit`](Self::edit) | 1 `get` for each term, 1 more for each leaf; what it gives is stored with one `set_many` |
/// | [`walk`](Self::walk) of m terms | m `get` for each 16.7 million numbers, and at most m for each stretch of 4,096 that has a number with all of them, or may have |
#[derive(Debug, Clone)]
pub struct Postings {
    prefix: String,
}

/// What is changed of terms: for each, numbers that have it from now on (`true`), or do no more.
pub type Edits = BTreeMap<String, BTreeMap<u64, bool>>;

impl Postings {
    /// The postings under `prefix`. Terms become parts of keys.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// What is to be stored so that `edits` hold; only reads. Numbers begin at 1.
    pub async fn edit(
        &self,
        store: &impl Store,
        edits: &Edits,
    ) -> Result<Vec<(String, Vec<u8>)>, LedgerError> {
        let mut pairs = Vec::new();
        for (term, numbers) in edits {
            let mut regions: BTreeMap<u64, BTreeMap<u64, bool>> = BTreeMap::new();
            for (number, has) in numbers {
                let Some(position) = number.checked_sub(1) else {
                    continue;
                };
                let region = regions.entry(position / REGION).or_default();
                region.insert(position % REGION, *has);
            }
            for (region, positions) in regions {
                self.edit_region(store, term, region, &positions, &mut pairs)
                    .await?;
            }
        }
        Ok(pairs)
    }

    async fn edit_region(
        &self,
        store: &impl Store,
        term: &str,
        region: u64,
        positions: &BTreeMap<u64, bool>,
        pairs: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<(), LedgerError> {
        let before = self.root(store, term, region).await?;
        let (mut leaves, mut all) = (BTreeMap::new(), BTreeMap::new());
        let mut roots = match &before {
            Root::Few(few) => {
                let mut few: BTreeSet<u64> = few.iter().copied().collect();
                for (position, has) in positions {
                    match has {
                        true => few.insert(*position),
                        false => few.remove(position),
                    };
                }
                if Root::are_few(few.len()) {
                    let after = Root::Few(few.into_iter().collect());
                    if after != before {
                        pairs.push((self.root_key(term, region), after.to_bytes()));
                    }
                    return Ok(());
                }
                // They become leaves, all at once.
                all.extend(few.into_iter().map(|position| (position, true)));
                Bits::EMPTY
            }
            Root::Many(roots) => {
                all.extend(positions);
                for position in positions.keys() {
                    let leaf = position / SPAN;
                    if !leaves.contains_key(&leaf) {
                        leaves.insert(leaf, self.leaf(store, term, region, leaf).await?);
                    }
                }
                roots.clone()
            }
        };
        for (position, has) in all {
            let leaf = leaves.entry(position / SPAN).or_insert(Bits::EMPTY);
            leaf.set(position % SPAN, has);
        }
        for (leaf, bits) in leaves {
            roots.set(leaf, !bits.is_empty());
            pairs.push((self.leaf_key(term, region, leaf), bits.to_bytes()));
        }
        let after = Root::Many(roots);
        if after != before {
            pairs.push((self.root_key(term, region), after.to_bytes()));
        }
        Ok(())
    }

    /// The numbers below `before` that have all of `terms`, newest first. Reads nothing yet. Without terms there are none.
    pub fn walk<'a, S: Store>(
        &'a self,
        store: &'a S,
        terms: Vec<String>,
        before: u64,
    ) -> PostingsWalk<'a, S> {
        PostingsWalk::new(self, store, terms, before)
    }

    async fn root(&self, store: &impl Store, term: &str, region: u64) -> Result<Root, LedgerError> {
        let key = self.root_key(term, region);
        match store.get(&key).await? {
            None => Ok(Root::EMPTY),
            Some(bytes) => Root::from_bytes(&bytes).ok_or_else(|| no_postings(key)),
        }
    }

    async fn leaf(
        &self,
        store: &impl Store,
        term: &str,
        region: u64,
        leaf: u64,
    ) -> Result<Bits, LedgerError> {
        let key = self.leaf_key(term, region, leaf);
        match store.get(&key).await? {
            None => Ok(Bits::EMPTY),
            Some(bytes) => Bits::from_bytes(&bytes).ok_or_else(|| no_postings(key)),
        }
    }

    fn root_key(&self, term: &str, region: u64) -> String {
        format!("{}/{term}/{region}", self.prefix)
    }

    fn leaf_key(&self, term: &str, region: u64, leaf: u64) -> String {
        format!("{}/{term}/{region}/{leaf}", self.prefix)
    }

    /// The keys that a term may have for these numbers: for whoever removes the whole list.
    pub fn keys_of(&self, term: &str, number: u64) -> [String; 2] {
        let position = number.saturating_sub(1);
        let (region, leaf) = (position / REGION, position % REGION / SPAN);
        [
            self.leaf_key(term, region, leaf),
            self.root_key(term, region),
        ]
    }
}

fn no_postings(key: String) -> LedgerError {
    LedgerError::Corrupt {
        key,
        reason: "bytes that are no postings".to_owned(),
    }
}
