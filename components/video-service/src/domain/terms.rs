//! The terms that videos are found by, and pages of those that have all of some.
//!
//! A list's [`Postings`] know all numbers up to one, the watermark. A video that is changed takes its postings along; new
//! ones stay above the watermark, where each is looked at, until 64 of them are put into the postings at once. So what is
//! new costs nothing when it comes, and a search looks at a bounded number of videos for nothing.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use spinreel_api::videos::Status;
use spinreel_ledger::{
    Edits, Found, LedgerError, Postings, PostingsWalk, ROSTER_SCAN, Roster, RosterPage, Walk,
};
use spinreel_platform::Store;

use super::edits::tag_key;
use super::filter::Filter;
use super::record::Record;
use super::words::Words;

/// How many videos are put into the postings at once.
pub(super) const CHUNK: u64 = 64;
/// How many times one call does that at most.
pub(super) const CHUNKS: u64 = 4;

/// The postings of an owner's list.
pub(super) fn postings_of(owner: &str) -> Postings {
    Postings::new(format!("videos/{owner}/terms"))
}

/// What everybody may look for: tags and words.
pub(super) fn public_terms(record: &Record) -> BTreeSet<String> {
    let tags = record.tags.iter().map(|tag| tag_term(&tag_key(tag)));
    let words = Words::of(record).terms();
    tags.chain(words.iter().map(|term| key(term))).collect()
}

/// What the owner may look for, too.
pub(super) fn own_terms(record: &Record) -> BTreeSet<String> {
    if record.ending {
        return BTreeSet::new();
    }
    let mut terms = public_terms(record);
    terms.extend(status_term(record.status()));
    if record.is_published() {
        terms.insert(published_term());
    }
    terms
}

/// The terms of what a filter takes; `None` where it takes most of a list.
pub(super) fn wanted(filter: &Filter) -> Option<Vec<String>> {
    let mut terms: Vec<String> = filter.status.and_then(status_term).into_iter().collect();
    terms.extend(filter.tag.as_deref().map(tag_term));
    if let Some(search) = &filter.search {
        terms.extend(search.terms().iter().map(|term| key(term)));
    }
    if filter.published {
        terms.push(published_term());
    }
    let takes_most = terms.is_empty() && filter.search.is_none();
    (!takes_most).then_some(terms)
}

fn tag_term(tag_key: &str) -> String {
    key(&format!("t:{tag_key}"))
}

/// Those that are ready are most of a list.
fn status_term(status: Status) -> Option<String> {
    match status {
        Status::Ready => None,
        Status::Uploading => Some(key("s:uploading")),
        Status::Unplayable => Some(key("s:unplayable")),
        Status::Deleted => Some(key("s:deleted")),
    }
}

fn published_term() -> String {
    key("s:published")
}

/// A term as part of a key: short, whatever it is. Two that come to the same cost their reader a look.
fn key(term: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(term)[..9])
}

/// Notes that a number has these terms, or has them no more.
pub(super) fn note(edits: &mut Edits, terms: &BTreeSet<String>, number: u64, has: bool) {
    for term in terms {
        edits.entry(term.clone()).or_default().insert(number, has);
    }
}

/// What a change of a record's terms comes to: what it has now, and what it has no more.
pub(super) fn changes(
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
    number: u64,
) -> (Edits, Edits) {
    let edits = |terms: BTreeSet<String>, has| {
        let mut edits = BTreeMap::new();
        note(&mut edits, &terms, number, has);
        edits
    };
    (edits(after - before, true), edits(before - after, false))
}

/// Numbers of a list that may have all terms, newest first.
pub(super) struct Candidates<'a, S> {
    /// Those above the watermark, all of them.
    above: Option<Walk<'a, S>>,
    watermark: u64,
    below: PostingsWalk<'a, S>,
    next_below: Option<u64>,
    /// Numbers at or below the watermark that may have terms which the postings do not know yet.
    changed: BTreeSet<u64>,
    dead: Walk<'a, S>,
}

impl<'a, S: Store> Candidates<'a, S> {
    pub(super) fn new(
        (list, postings): (&'a Roster, &'a Postings),
        store: &'a S,
        (before, head, watermark): (Option<u64>, u64, u64),
        terms: Vec<String>,
        mut changed: BTreeSet<u64>,
    ) -> Self {
        let before = before.unwrap_or(u64::MAX);
        changed.retain(|number| *number < before && *number <= watermark);
        Self {
            above: (!terms.is_empty()).then(|| list.walk(store, Some(before), head)),
            watermark,
            below: postings.walk(store, terms, before.min(watermark + 1)),
            next_below: None,
            changed,
            dead: list.walk(store, None, head),
        }
    }

    async fn next(&mut self) -> Result<Option<u64>, LedgerError> {
        if let Some(above) = &mut self.above {
            match above.next().await? {
                Some(number) if number > self.watermark => return Ok(Some(number)),
                _ => self.above = None,
            }
        }
        loop {
            if self.next_below.is_none() {
                self.next_below = self.below.next().await?;
            }
            let number = self.next_below.max(self.changed.last().copied());
            let Some(number) = number else {
                return Ok(None);
            };
            self.changed.remove(&number);
            if self.next_below == Some(number) {
                self.next_below = None;
            }
            if !self.dead.is_dead(number).await? {
                return Ok(Some(number));
            }
        }
    }

    /// A page of those that `look` says belong on it, as [`Roster::page`].
    pub(super) async fn page<T>(
        mut self,
        limit: usize,
        mut look: impl AsyncFnMut(u64) -> Result<Found<T>, LedgerError>,
    ) -> Result<RosterPage<T>, LedgerError> {
        let mut page = RosterPage {
            items: Vec::new(),
            next: None,
            empty: Vec::new(),
        };
        let mut looks = 0;
        while let Some(number) = self.next().await? {
            let is_full = looks == ROSTER_SCAN || page.items.len() >= limit;
            if is_full || self.below.is_spent() {
                page.next = Some(number + 1);
                break;
            }
            looks += 1;
            match look(number).await? {
                Found::Item(item) => page.items.push((number, item)),
                Found::Other => {}
                Found::Nothing => page.empty.push(number),
            }
        }
        Ok(page)
    }
}
