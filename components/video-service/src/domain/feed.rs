//! The feed: the videos that everybody may see, the one first that became public last.
//!
//! A video that is [published](Record::is_published) has a number in a [`Roster`], and its cell there is a copy of the
//! record, so that a page of the feed reads each video once. The copy follows the record in the call that writes it. A
//! video that is published no more loses its number for good: the cell is emptied and the number struck. One that is
//! published again gets a new number, and so stands first.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use spinreel_ledger::{
    Burial, Cell, DEAD_AFTER_MS, Edits, Found, LedgerError, Lock, Postings, Roster, Slots,
};
use spinreel_platform::{Clock, Store};

use super::filter::Filter;
use super::record::Record;
use super::terms::{CHUNK, CHUNKS, Candidates, note, public_terms, wanted};

/// How far the feed is in its postings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Watermarks {
    /// The numbers up to this one are.
    indexed: u64,
    /// And the changes up to this one.
    changed: u64,
}

/// A video of the feed has other terms than when it was put into the postings, maybe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Changed {
    /// Its number in the feed.
    number: u64,
    /// When that came about, in milliseconds since the Unix epoch.
    at_ms: u64,
}

/// A page of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// The videos, newest first.
    pub records: Vec<Record>,
    /// Where the next page begins: below this number. `None` at the end.
    pub next: Option<u64>,
    /// Whether [`index`] has much to do.
    pub is_index_due: bool,
}

/// What a changed record writes into the feed, in the call that writes the record.
#[derive(Debug, Default)]
pub(super) struct FeedChange {
    /// Before the record: what must not be seen any more when the record says so.
    pub(super) before: Vec<(String, Vec<u8>)>,
    /// After it.
    pub(super) after: Vec<(String, Vec<u8>)>,
    /// A cell that was emptied, to be deleted some time.
    pub(super) emptied: Option<String>,
    /// Full maps of the dead, to be deleted after that.
    pub(super) burial: Burial,
    /// Whether [`index`] has much to do.
    pub(super) is_index_due: bool,
}

/// The list of the feed.
pub(super) fn feed() -> Roster {
    Roster::new("videos/feed")
}

/// What a number of the feed holds: `null` where the video is there no more.
fn cell(number: u64) -> Cell<Option<Record>> {
    feed().cell(number)
}

/// The key of a number of the feed.
pub(super) fn cell_key(number: u64) -> String {
    cell(number).key().to_owned()
}

fn postings() -> Postings {
    Postings::new("videos/feed/terms")
}

/// The changes of videos in the feed, each with a number.
fn changed() -> Slots {
    Slots::new("videos/feed/changed")
}

fn watermarks() -> Cell<Watermarks> {
    Cell::new("videos/feed/indexed")
}

/// Gives `record` its number in the feed, or takes it away, and says what is to be written. `before` is what it was.
///
/// Costs nothing where the video was not in the feed and is not now; 1 `increment` where it comes, or has other terms than
/// before; and 1 to 3 `get` where it goes.
pub(super) async fn follow(
    store: &impl Store,
    clock: &impl Clock,
    before: Option<&Record>,
    record: &mut Record,
) -> Result<FeedChange, LedgerError> {
    let mut change = FeedChange::default();
    match (record.feed_number, record.is_published()) {
        (None, false) => {}
        (None, true) => {
            let number = feed().allocate_timely(store, clock, 1).await?;
            record.feed_number = Some(number);
            record.published_ms = clock.now_ms();
            change.is_index_due = number % CHUNK == 0;
            change.after.push(cell(number).pair(&Some(record.clone()))?);
        }
        (Some(number), true) => {
            change.after.push(cell(number).pair(&Some(record.clone()))?);
            if before.is_none_or(|before| public_terms(before) != public_terms(record)) {
                let of_change = changed().allocate(store, 1).await?;
                change.is_index_due = of_change % CHUNK == 0;
                let at_ms = clock.now_ms();
                // After the copy: whoever meets this finds the terms of now.
                let pair = changed().cell(of_change).pair(&Changed { number, at_ms })?;
                change.after.push(pair);
            }
        }
        (Some(number), false) => {
            record.feed_number = None;
            change.before.push(cell(number).pair(&None)?);
            change.emptied = Some(cell_key(number));
            change.burial = feed().burial(store, &[number]).await?;
            change.after.append(&mut change.burial.pairs);
        }
    }
    Ok(change)
}

/// At most `limit` videos of the feed that `filter` takes, from below number `below` (the newest where `None`).
///
/// Costs what a [page](Roster::page) costs, with 1 `get` a video. Where the filter names a tag or words: 3 `get`, those of
/// a walk through their postings, 1 for each video on the way that may be one, and 1 or 2 for each that is not in the
/// postings yet, of which there are hardly ever more than 64.
pub async fn page(
    store: &impl Store,
    below: Option<u64>,
    limit: usize,
    filter: &Filter,
) -> Result<FeedPage, LedgerError> {
    let look = async |number| -> Result<Found<Record>, LedgerError> {
        Ok(match record_at(store, number, filter.now_ms).await? {
            Some(record) if filter.takes(&record) => Found::Item(record),
            Some(_) => Found::Other,
            None => Found::Nothing,
        })
    };
    let feed = feed();
    let mut is_index_due = false;
    let page = match wanted(filter) {
        None => feed.page(store, below, limit, look).await?,
        Some(terms) => {
            let head = feed.head(store).await?;
            let known = watermarks().get(store).await?.unwrap_or_default();
            let (news, last) = changes(store, known.changed).await?;
            is_index_due = head.saturating_sub(known.indexed) >= CHUNK
                || last.saturating_sub(known.changed) >= CHUNK;
            let news: BTreeSet<u64> = news.iter().map(|(_, change)| change.number).collect();
            let (postings, range) = (postings(), (below, head, known.indexed));
            let candidates = Candidates::new((&feed, &postings), store, range, terms, news);
            candidates.page(limit, look).await?
        }
    };
    Ok(FeedPage {
        records: page.items.into_iter().map(|(_, record)| record).collect(),
        next: page.next,
        is_index_due,
    })
}

/// The changes after one, as far as one call looks, and the number of the last of all.
async fn changes(
    store: &impl Store,
    after: u64,
) -> Result<(Vec<(u64, Changed)>, u64), LedgerError> {
    let head = changed().head(store).await?;
    let mut changes = Vec::new();
    for number in after + 1..=head.min(after + CHUNKS * CHUNK) {
        if let Some(change) = changed().cell::<Changed>(number).get(store).await? {
            changes.push((number, change));
        }
    }
    Ok((changes, head))
}

/// Puts what is new in the feed into the postings: 256 videos and as many changes at most. Harmless when repeated; what
/// dies leaves all to the next one. Nothing where somebody else is at it.
pub async fn index(store: &impl Store, clock: &impl Clock) -> Result<(), LedgerError> {
    let Some(held) = Lock::new("videos/feed/lock").acquire(store, clock).await? else {
        return Ok(());
    };
    let known = watermarks().get(store).await?.unwrap_or_default();
    let mut edits = Edits::new();
    let indexed = index_new(store, clock, known.indexed, &mut edits).await?;
    let (news, head) = changes(store, known.changed).await?;
    let mut done = known.changed;
    let mut keys = Vec::new();
    for (number, change) in news {
        // One between that was never written is dead when one above it is old.
        let is_old = clock.now_ms().saturating_sub(change.at_ms) > DEAD_AFTER_MS;
        if number != done + 1 && !is_old {
            break;
        }
        if change.number <= indexed
            && let Some(record) = record_at(store, change.number, 0).await?
        {
            note(&mut edits, &public_terms(&record), change.number, true);
        }
        keys.push(changed().cell::<Changed>(number).key().to_owned());
        done = number.min(head);
    }
    let after = Watermarks {
        indexed,
        changed: done,
    };
    if after != known {
        let mut pairs = postings().edit(store, &edits).await?;
        pairs.push(watermarks().pair(&after)?);
        if !held.is_good(clock) {
            return Ok(());
        }
        store.set_many(&pairs).await?;
    }
    keys.push(held.key().to_owned());
    Ok(store.delete_many(&keys).await?)
}

/// Notes the terms of the numbers above the watermark, and says up to which one they are known now.
async fn index_new(
    store: &impl Store,
    clock: &impl Clock,
    watermark: u64,
    edits: &mut Edits,
) -> Result<u64, LedgerError> {
    let feed = feed();
    let head = feed.head(store).await?;
    let mut dead = feed.walk(store, None, head);
    let last = head.min(watermark + CHUNKS * CHUNK);
    let (mut records, mut first_unsure) = (Vec::new(), None);
    for number in watermark + 1..=last {
        match cell(number).get(store).await? {
            Some(Some(record)) => {
                // Those below that were never written are dead by now.
                if clock.now_ms().saturating_sub(record.published_ms) > DEAD_AFTER_MS {
                    first_unsure = None;
                }
                records.push((number, record));
            }
            Some(None) => {}
            None if dead.is_dead(number).await? => {}
            None => {
                first_unsure.get_or_insert(number);
            }
        }
    }
    let end = first_unsure.map_or(last, |number| number - 1);
    for (number, record) in records.iter().filter(|(number, _)| *number <= end) {
        note(edits, &public_terms(record), *number, true);
    }
    Ok(end)
}

/// The video with this number of the feed. Costs 1 `get`.
async fn record_at(
    store: &impl Store,
    number: u64,
    now_ms: u64,
) -> Result<Option<Record>, LedgerError> {
    let record = cell(number).get(store).await?.flatten();
    Ok(record.filter(|record| record.is_published() && !record.is_over(now_ms)))
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
