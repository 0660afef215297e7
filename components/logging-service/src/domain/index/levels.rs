//! How the index of terms is laid out, and how it grows.
//!
//! Each sealed segment has a run of its own on level 0. Four neighbours become one run of the next level, four of these
//! one of the level after that, and so on: so a term is looked up in a few pages however many segments there are, and
//! what is written for a segment grows with the logarithm of their number. A run is cut into pages by the first bits of
//! the terms. What a run holds follows from its segments alone: whoever makes it again makes the same.

use serde::{Deserialize, Serialize};
use spinreel_ledger::{Cell, LedgerError};
use spinreel_platform::Store;

use super::IndexError;
use super::postings::Postings;
use super::term::Term;

/// How many runs become one of the next level.
const FAN_OUT: u64 = 4;
/// How many segments share a page, as a rule.
const SEGMENTS_PER_PAGE: u64 = 8;
/// The most keys that one step deletes.
const MAX_DELETED: u64 = 64;

/// How many segments a run covers.
pub fn span(level: usize) -> u64 {
    FAN_OUT.saturating_pow(u32::try_from(level).unwrap_or(u32::MAX))
}

/// How many pages a run has: a power of two.
fn pages(level: usize) -> u64 {
    (span(level) / SEGMENTS_PER_PAGE).max(1)
}

/// Which page of a run has a term.
fn page_of(level: usize, term: Term) -> u64 {
    ((u128::from(term) * u128::from(pages(level))) >> Term::BITS) as u64
}

fn key(level: usize, run: u64, page: u64) -> String {
    format!("logs/terms/{level}/{run}/{page}")
}

/// The key of the page that has `term` in the run of a level.
pub fn key_of(level: usize, run: u64, term: Term) -> String {
    key(level, run, page_of(level, term))
}

/// The pair that stores the only page of a segment's own run.
pub fn first_page(segment: u64, page: &Postings) -> Result<(String, Vec<u8>), IndexError> {
    Ok((key(0, segment, 0), page.encode()?))
}

/// What there is of the index: one value, with one writer at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Levels(Vec<Level>);

/// A level. Its runs below `FAN_OUT` times the number of the next level's runs are merged into these, and gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Level {
    /// How many runs are complete.
    runs: u64,
    /// How far the next run is: so many of the pages that it is made of were read; or, beyond their number, how far
    /// those that the last run was made of are deleted.
    step: u64,
    /// The first run that was not deleted for its age.
    first: u64,
    /// So many of its pages are.
    deleted: u64,
}

impl Levels {
    /// Where it is kept.
    pub fn cell() -> Cell<Self> {
        Cell::new("logs/terms/levels")
    }

    /// How many segments are in the index.
    pub fn indexed(&self) -> u64 {
        self.runs(0)
    }

    /// Notes that the next segment is in the index.
    pub fn add_segment(&mut self) {
        self.level_mut(0).runs += 1;
    }

    /// The run that has `segment`, as its level and number; `None` where it is not in the index.
    pub fn run_of(&self, segment: u64) -> Option<(usize, u64)> {
        let level = (0..self.0.len())
            .rev()
            .find(|level| segment < self.covered(*level))?;
        Some((level, segment / span(level)))
    }

    fn runs(&self, level: usize) -> u64 {
        self.0.get(level).map_or(0, |level| level.runs)
    }

    fn level_mut(&mut self, level: usize) -> &mut Level {
        if self.0.len() <= level {
            self.0.resize(level + 1, Level::default());
        }
        &mut self.0[level]
    }

    /// The segments before this one are in runs of a level, or were.
    fn covered(&self, level: usize) -> u64 {
        self.runs(level).saturating_mul(span(level))
    }

    /// Merges a page of four runs, or deletes some that were merged, and writes down how far it is. Returns whether there
    /// was something to do.
    pub async fn merge_step(&mut self, store: &impl Store) -> Result<bool, IndexError> {
        for lower in 0..self.0.len() {
            let upper = self.0.get(lower + 1).copied().unwrap_or_default();
            let per_run = pages(lower);
            if upper.step < per_run {
                if self.runs(lower) < FAN_OUT * (upper.runs + 1) {
                    continue;
                }
                let mut pairs = merged_page(store, lower, upper.runs, upper.step).await?;
                let upper = self.level_mut(lower + 1);
                upper.step += 1;
                upper.runs += u64::from(upper.step == per_run);
                pairs.push(Self::cell().pair(self)?);
                store.set_many(&pairs).await.map_err(LedgerError::from)?;
            } else {
                let from = upper.step - per_run;
                let to = (from + MAX_DELETED / FAN_OUT).min(per_run);
                let merged = FAN_OUT * (upper.runs - 1)..FAN_OUT * upper.runs;
                let keys: Vec<String> = merged
                    .flat_map(|run| (from..to).map(move |page| key(lower, run, page)))
                    .collect();
                delete(store, &keys).await?;
                let step = if to == per_run { 0 } else { per_run + to };
                self.level_mut(lower + 1).step = step;
                Self::cell().set(store, self).await?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Deletes pages of runs whose segments are all before `dropped`, and writes down how far it is. Returns whether there
    /// was something to do.
    pub async fn drop_step(
        &mut self,
        store: &impl Store,
        dropped: u64,
    ) -> Result<bool, LedgerError> {
        for level in 0..self.0.len() {
            let merged = FAN_OUT * self.runs(level + 1);
            let Level {
                runs,
                mut first,
                mut deleted,
                ..
            } = self.0[level];
            if first < merged {
                (first, deleted) = (merged, 0);
            }
            if first >= runs || (first + 1).saturating_mul(span(level)) > dropped {
                continue;
            }
            let to = (deleted + MAX_DELETED).min(pages(level));
            let keys: Vec<String> = (deleted..to).map(|page| key(level, first, page)).collect();
            delete(store, &keys).await?;
            (first, deleted) = match to == pages(level) {
                true => (first + 1, 0),
                false => (first, to),
            };
            let level = self.level_mut(level);
            (level.first, level.deleted) = (first, deleted);
            Self::cell().set(store, self).await?;
            return Ok(true);
        }
        Ok(false)
    }
}

/// Those pages of a run of the level above `lower` that come from page `page` of the four runs below it.
async fn merged_page(
    store: &impl Store,
    lower: usize,
    run: u64,
    page: u64,
) -> Result<Vec<(String, Vec<u8>)>, IndexError> {
    let mut sources = Vec::new();
    for (offset, source) in (0..).zip(FAN_OUT * run..FAN_OUT * (run + 1)) {
        // What is not there was dropped for its age.
        if let Some(bytes) = get(store, &key(lower, source, page)).await? {
            let offset = offset * u32::try_from(span(lower)).unwrap_or(u32::MAX);
            sources.push((offset, bytes));
        }
    }
    let upper = lower + 1;
    let share = pages(upper) / pages(lower);
    let mut pairs = Vec::new();
    for target in page * share..(page + 1) * share {
        let mut merged = Postings::default();
        for (offset, bytes) in &sources {
            merged.absorb(bytes, *offset, |term| page_of(upper, term) == target);
        }
        pairs.push((key(upper, run, target), merged.encode()?));
    }
    Ok(pairs)
}

async fn get(store: &impl Store, key: &str) -> Result<Option<Vec<u8>>, LedgerError> {
    Ok(store.get(key).await?)
}

async fn delete(store: &impl Store, keys: &[String]) -> Result<(), LedgerError> {
    Ok(store.delete_many(keys).await?)
}
