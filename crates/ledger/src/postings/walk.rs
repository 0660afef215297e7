//! From the newest number to the oldest that has all terms.

use spinreel_platform::Store;

use super::root::{Root, end_of, leaf_of};
use super::{Postings, REGION};
use crate::LedgerError;

/// How often a walk reads a root again, since a leaf was divided beside it.
const RELOADS: usize = 4;
/// How many leaves a walk reads at most: terms that are frequent and hardly ever together would lead it through all.
const MOST_LEAVES: u32 = 256;

/// The numbers that have all terms, newest first.
#[derive(Debug)]
pub struct PostingsWalk<'a, S> {
    postings: &'a Postings,
    store: &'a S,
    terms: Vec<String>,
    /// The numbers that were not looked at yet are below this one.
    before: u64,
    /// The region that the walk is in, and its terms there, the rarest first.
    region: Option<(u64, Vec<OfTerm>)>,
    /// How many leaves it may read yet.
    left: u32,
}

/// A term in the region that a walk is in.
#[derive(Debug)]
struct OfTerm {
    term: String,
    root: Root,
    /// The leaf that was read last: where it begins, and its positions.
    leaf: Option<(u64, Vec<u64>)>,
    reloads: usize,
}

impl<'a, S: Store> PostingsWalk<'a, S> {
    pub(super) fn new(
        postings: &'a Postings,
        store: &'a S,
        terms: Vec<String>,
        before: u64,
    ) -> Self {
        Self {
            postings,
            store,
            terms,
            before,
            region: None,
            left: MOST_LEAVES,
        }
    }

    /// The next number; `None` past the oldest.
    pub async fn next(&mut self) -> Result<Option<u64>, LedgerError> {
        if self.terms.is_empty() {
            return Ok(None);
        }
        while self.before > 1 {
            let position = self.before - 2;
            let region = position / REGION;
            match self.highest_of_all(region, position % REGION).await? {
                Some(position) => {
                    self.before = region * REGION + position + 1;
                    return Ok(Some(self.before));
                }
                None => self.before = region * REGION + 1,
            }
        }
        Ok(None)
    }

    /// Whether it has read as much as it may. Then what it gives is no more than where another walk goes on: that number may
    /// have all terms, and none above it that was not given does.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// The highest position of a region that all terms have, `from` or below; where the walk is spent, one that none of them is
    /// above.
    async fn highest_of_all(&mut self, region: u64, from: u64) -> Result<Option<u64>, LedgerError> {
        let (postings, store, mut left) = (self.postings, self.store, self.left);
        let terms = self.enter(region).await?;
        let (mut position, mut agreeing, mut found) = (from, 0, None);
        for index in (0..terms.len()).cycle() {
            if left == 0 {
                found = Some(position);
                break;
            }
            let highest = terms[index].highest(postings, store, region, position, &mut left);
            let Some(highest) = highest.await? else {
                break;
            };
            match highest == position {
                true => agreeing += 1,
                false => (position, agreeing) = (highest, 1),
            }
            if agreeing == terms.len() {
                found = Some(position);
                break;
            }
        }
        self.left = left;
        Ok(found)
    }

    /// The terms in a region.
    async fn enter(&mut self, region: u64) -> Result<&mut Vec<OfTerm>, LedgerError> {
        let known = self.region.take().filter(|(known, _)| *known == region);
        let of_region = match known {
            Some(known) => known,
            None => {
                let mut terms = Vec::new();
                for term in &self.terms {
                    let root = self.postings.root(self.store, term, region).await?;
                    terms.push(OfTerm {
                        term: term.clone(),
                        root,
                        leaf: None,
                        reloads: 0,
                    });
                }
                terms.sort_by_key(|term| term.root.weight());
                (region, terms)
            }
        };
        Ok(&mut self.region.insert(of_region).1)
    }
}

impl OfTerm {
    /// The term's highest position, `from` or below.
    async fn highest(
        &mut self,
        postings: &Postings,
        store: &impl Store,
        region: u64,
        from: u64,
        left: &mut u32,
    ) -> Result<Option<u64>, LedgerError> {
        loop {
            let leaves = match &self.root {
                Root::Few(positions) => return Ok(highest_below(positions, from)),
                Root::Many(leaves) => leaves,
            };
            let mut divided = false;
            for index in (0..=leaf_of(leaves, from)).rev() {
                let Some(at) = leaves.get(index).filter(|leaf| !leaf.is_empty) else {
                    continue;
                };
                let is_known = matches!(&self.leaf, Some((known, _)) if *known == at.start);
                if !is_known {
                    *left = left.saturating_sub(1);
                    let leaf = postings.leaf(store, &self.term, region, at.start).await?;
                    let end = end_of(leaves, index);
                    divided = leaf.end < end && self.reloads < RELOADS;
                    if divided {
                        break;
                    }
                    self.leaf = Some((at.start, leaf.below(end)));
                }
                let positions = self.leaf.iter().map(|(_, positions)| positions);
                let highest = positions
                    .flat_map(|positions| highest_below(positions, from))
                    .next();
                if highest.is_some() {
                    return Ok(highest);
                }
            }
            if !divided {
                return Ok(None);
            }
            // What is not in the leaf any more is in one that this root does not name yet.
            self.reloads += 1;
            self.root = postings.root(store, &self.term, region).await?;
            self.leaf = None;
        }
    }
}

/// The highest of them, `from` or below.
fn highest_below(positions: &[u64], from: u64) -> Option<u64> {
    let count = positions.partition_point(|position| *position <= from);
    count
        .checked_sub(1)
        .and_then(|index| positions.get(index).copied())
}
