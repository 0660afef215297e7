mod numbers;
mod root;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::BTreeMap;

use spinreel_platform::Store;

use crate::LedgerError;
use numbers::{fitting, pack, pull, push, unpack};
use root::{LeafAt, Root, end_of, leaf_of};

pub use walk::PostingsWalk;

/// Numbers of a root.
const REGION: u64 = 1 << 24;

/// For each term the numbers of a list that have it: an inverted index.
///
/// A term has a root for each 16.7 million numbers, which holds them itself as long as they fit into half a kilobyte: some
/// hundreds that are far apart, or four thousand that lie together. Then it says where leaves begin, each of up to as many
/// bytes. So a term that is rare has one key, one that is frequent a key for hundreds or thousands of numbers, and a number
/// costs a term a byte or two. What is to be stored of many terms goes into one call. A walk reads the roots, and the leaves
/// that it comes to, of all its terms, and gives the numbers that have all of them.
///
/// **One writer at a time**: [`edit`](Self::edit) reads what it changes, so its callers hold a lock. Readers need none.
/// What is stored is a hint for them: a number is looked at before it counts, since it may be there no more.
///
/// | | calls |
/// |---|---|
/// | [`edit`](Self::edit) | 1 `get` for each term, 1 more for each leaf; what it gives is stored with one `set_many` |
/// | [`walk`](Self::walk) of m terms | m `get` for each 16.7 million numbers, and at most m for each leaf of the rarest, 256 in all |
#[derive(Debug, Clone)]
pub struct Postings {
    prefix: String,
}

/// What is changed of terms: for each, numbers that have it from now on (`true`), or do no more.
pub type Edits = BTreeMap<String, BTreeMap<u64, bool>>;

/// Some positions of a term in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Leaf {
    /// Where the next leaf began when this was written.
    end: u64,
    /// In order.
    positions: Vec<u64>,
}

impl Leaf {
    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        Some(Self {
            end: pull(&mut bytes)?,
            positions: unpack(bytes, REGION)?,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        push(&mut bytes, self.end);
        bytes.extend(pack(&self.positions));
        bytes
    }

    /// Those of a leaf that ends there by its root. One that was divided by somebody who died then has more.
    fn below(mut self, end: u64) -> Vec<u64> {
        self.positions.retain(|position| *position < end);
        self.positions
    }
}

/// What an edit writes of one term in a region, in this order. A leaf that is divided loses positions only when the root
/// names the one that has them.
#[derive(Debug, Default)]
struct Writes {
    leaves: Vec<(u64, Leaf)>,
    root: Option<Root>,
    divided: Vec<(u64, Leaf)>,
}

impl Postings {
    /// The postings under `prefix`. Terms become parts of keys.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// What is to be stored, in this order, so that `edits` hold; only reads. Numbers begin at 1.
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
                let writes = self.edit_region(store, term, region, &positions).await?;
                let pair = |(start, leaf): (u64, Leaf)| {
                    (self.leaf_key(term, region, start), leaf.to_bytes())
                };
                pairs.extend(writes.leaves.into_iter().map(pair));
                let root = writes.root.map(|root| root.to_bytes());
                pairs.extend(root.map(|root| (self.root_key(term, region), root)));
                pairs.extend(writes.divided.into_iter().map(pair));
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
    ) -> Result<Writes, LedgerError> {
        let mut writes = Writes::default();
        let mut leaves = match self.root(store, term, region).await? {
            Root::Few(few) => {
                let after = edited(&few, positions);
                if fitting(&after) == after.len() {
                    writes.root = (after != few).then_some(Root::Few(after));
                    return Ok(writes);
                }
                // They become leaves, all at once.
                let parts = divide(0, REGION, &after, true);
                let starts = parts.iter().map(|(start, _)| LeafAt {
                    start: *start,
                    is_empty: false,
                });
                writes.root = Some(Root::Many(starts.collect()));
                writes.leaves = parts;
                return Ok(writes);
            }
            Root::Many(leaves) => leaves,
        };
        let before = leaves.clone();
        let mut of_leaves: BTreeMap<usize, BTreeMap<u64, bool>> = BTreeMap::new();
        for (position, has) in positions {
            let of_leaf = of_leaves.entry(leaf_of(&before, *position)).or_default();
            of_leaf.insert(*position, *has);
        }
        // From the last one, so that those before keep their places.
        for (index, positions) in of_leaves.into_iter().rev() {
            let Some(at) = before.get(index).copied() else {
                continue;
            };
            let end = end_of(&before, index);
            let known = match at.is_empty {
                true => Vec::new(),
                false => self.leaf(store, term, region, at.start).await?.below(end),
            };
            let after = edited(&known, &positions);
            if after == known {
                continue;
            }
            let mut parts = divide(at.start, end, &after, index + 1 == before.len());
            let is_divided = parts.len() > 1;
            let starts = parts.iter().map(|(start, leaf)| LeafAt {
                start: *start,
                is_empty: leaf.positions.is_empty(),
            });
            leaves.splice(index..=index, starts.collect::<Vec<_>>());
            let first = parts.remove(0);
            match is_divided {
                true => writes.divided.push(first),
                false => writes.leaves.push(first),
            }
            writes.leaves.extend(parts);
        }
        writes.root = (leaves != before).then_some(Root::Many(leaves));
        Ok(writes)
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
        start: u64,
    ) -> Result<Leaf, LedgerError> {
        let key = self.leaf_key(term, region, start);
        match store.get(&key).await? {
            None => Ok(Leaf {
                end: REGION,
                positions: Vec::new(),
            }),
            Some(bytes) => Leaf::from_bytes(&bytes).ok_or_else(|| no_postings(key)),
        }
    }

    fn root_key(&self, term: &str, region: u64) -> String {
        format!("{}/{term}/{region}", self.prefix)
    }

    fn leaf_key(&self, term: &str, region: u64, start: u64) -> String {
        format!("{}/{term}/{region}/{start}", self.prefix)
    }

    /// All keys that a term has around this number: for whoever removes the whole list. Without the last one, which is the
    /// root's, nobody finds the others. Costs 1 `get`.
    pub async fn keys_of(
        &self,
        store: &impl Store,
        term: &str,
        number: u64,
    ) -> Result<Vec<String>, LedgerError> {
        let region = number.saturating_sub(1) / REGION;
        let mut keys = Vec::new();
        if let Root::Many(leaves) = self.root(store, term, region).await? {
            let of_leaves = leaves
                .iter()
                .map(|leaf| self.leaf_key(term, region, leaf.start));
            keys.extend(of_leaves);
        }
        keys.push(self.root_key(term, region));
        Ok(keys)
    }
}

/// Positions in order, with those that come and without those that go.
fn edited(known: &[u64], edits: &BTreeMap<u64, bool>) -> Vec<u64> {
    let mut positions = Vec::with_capacity(known.len() + edits.len());
    let mut rest = known;
    for (position, has) in edits {
        let (before, after) = rest.split_at(rest.partition_point(|known| known < position));
        positions.extend_from_slice(before);
        rest = match after.split_first() {
            Some((known, after)) if known == position => after,
            _ => after,
        };
        positions.extend(has.then_some(*position));
    }
    positions.extend_from_slice(rest);
    positions
}

/// The leaves that positions between `start` and `end` need: one, if they fit. The last leaf of a region grows at its end
/// as a rule, so it is filled before the next one begins; others are halved.
fn divide(start: u64, end: u64, positions: &[u64], is_last: bool) -> Vec<(u64, Leaf)> {
    let fits = fitting(positions);
    if fits == positions.len() {
        let positions = positions.to_vec();
        return vec![(start, Leaf { end, positions })];
    }
    let mut parts = Vec::new();
    let (mut start, mut rest) = (start, positions);
    while !rest.is_empty() {
        let fits = fitting(rest);
        let count = match is_last || fits == rest.len() {
            true => fits,
            false => fits.min(rest.len().div_ceil(2)),
        };
        let (part, more) = rest.split_at(count.max(1));
        let end = more.first().copied().unwrap_or(end);
        let positions = part.to_vec();
        parts.push((start, Leaf { end, positions }));
        (start, rest) = (end, more);
    }
    parts
}

fn no_postings(key: String) -> LedgerError {
    LedgerError::Corrupt {
        key,
        reason: "bytes that are no postings".to_owned(),
    }
}
