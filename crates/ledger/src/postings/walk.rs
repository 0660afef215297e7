//! From the newest number to the oldest that has all terms.

use spinreel_platform::Store;

use super::bits::{Bits, SPAN};
use super::root::Root;
use super::{Postings, REGION};
use crate::LedgerError;

/// The numbers that have all terms, newest first.
#[derive(Debug)]
pub struct PostingsWalk<'a, S> {
    postings: &'a Postings,
    store: &'a S,
    terms: Vec<String>,
    /// The numbers that were not looked at yet are below this one.
    before: u64,
    /// The region that the walk is in: the roots of the terms there, and the leaves that all of them have.
    region: Option<(u64, Vec<Root>, Bits)>,
    /// The leaf that the walk is in, by its number over all regions: what all terms have there.
    leaf: Option<(u64, Bits)>,
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
            leaf: None,
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
            let leaves = self.enter_region(region).await?;
            let Some(leaf) = leaves.highest_at_or_below(position % REGION / SPAN) else {
                self.before = region * REGION + 1;
                continue;
            };
            let first = region * REGION + leaf * SPAN;
            let from = position.min(first + SPAN - 1) - first;
            match self
                .enter_leaf(region, leaf)
                .await?
                .highest_at_or_below(from)
            {
                Some(bit) => {
                    self.before = first + bit + 1;
                    return Ok(Some(self.before));
                }
                None => self.before = first + 1,
            }
        }
        Ok(None)
    }

    /// The leaves of a region that all terms have.
    async fn enter_region(&mut self, region: u64) -> Result<&Bits, LedgerError> {
        let known = matches!(&self.region, Some((known, ..)) if *known == region);
        if !known {
            let (mut roots, mut leaves) = (Vec::new(), Bits::FULL);
            for term in &self.terms {
                let root = self.postings.root(self.store, term, region).await?;
                leaves.intersect(&root.leaves());
                roots.push(root);
            }
            self.region = Some((region, roots, leaves));
        }
        Ok(self
            .region
            .as_ref()
            .map_or(&Bits::EMPTY, |(_, _, leaves)| leaves))
    }

    /// What all terms have in a leaf of the region that the walk is in.
    async fn enter_leaf(&mut self, region: u64, leaf: u64) -> Result<&Bits, LedgerError> {
        let index = region * SPAN + leaf;
        let known = matches!(&self.leaf, Some((known, _)) if *known == index);
        if !known {
            let mut bits = Bits::FULL;
            let roots = self.region.iter().flat_map(|(_, roots, _)| roots);
            for (root, term) in roots.zip(&self.terms) {
                match root.few_in(leaf) {
                    Some(few) => bits.intersect(&few),
                    None => {
                        let leaf = self.postings.leaf(self.store, term, region, leaf).await?;
                        bits.intersect(&leaf);
                    }
                }
            }
            self.leaf = Some((index, bits));
        }
        Ok(self.leaf.as_ref().map_or(&Bits::EMPTY, |(_, bits)| bits))
    }
}
