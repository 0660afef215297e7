//! Which stretches of the journal may hold what a reader looks for.
//!
//! The index speaks of sealed segments only, and it may only err on one side: a segment that it names need not have what
//! is looked for, one that it does not name has it not.
//!
//! # Layout
//! - [`term`]: users, requests, actions, services and levels, as numbers.
//! - [`postings`]: pages of terms with the segments that have them.
//! - [`levels`]: where these pages are, and how few pages become of many.
//! - [`zones`]: between which times a segment's entries lie.
//! - [`Candidates`]: the reader's way from one segment to the next that all of these allow.

pub mod levels;
pub mod postings;
mod seek;
pub mod term;
pub mod zones;

pub use seek::{Candidates, Direction, Next, Wanted};

use spinreel_api::logs::LogEntry;
use spinreel_ledger::LedgerError;
use spinreel_platform::Store;
use thiserror::Error;

use crate::domain::class::Class;
use levels::Levels;
use postings::Postings;
use zones::Zone;

/// Why the index could not be moved on.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The store.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A page cannot be written as bytes.
    #[error("a page of the index cannot be encoded: {0}")]
    Encode(#[from] postcard::Error),
}

/// What must be written so that the next segment is in the index, and `levels` says so afterwards, which is the last pair.
/// `entries` are the segment's, with the moments of their arrival in milliseconds since the Unix epoch.
pub async fn pairs_of(
    store: &impl Store,
    levels: &mut Levels,
    entries: &[(u64, LogEntry)],
) -> Result<Vec<(String, Vec<u8>)>, IndexError> {
    let segment = levels.indexed();
    let mut page = Postings::default();
    let mut zone = Zone {
        through: zones::through(store, segment).await?,
        ..Zone::EMPTY
    };
    for (received_ms, entry) in entries {
        let mut through = zone.through;
        through[Class::of(entry).index()] += 1;
        term::of(entry).for_each(|term| page.add(term, 0));
        zone = zone.with(Zone {
            first_ms: entry.at.as_ms(),
            last_ms: entry.at.as_ms(),
            received_ms: *received_ms,
            through,
        });
    }
    let mut pairs = zones::append(store, segment, zone).await?;
    pairs.push(levels::first_page(segment, &page)?);
    levels.add_segment();
    pairs.push(Levels::cell().pair(levels)?);
    Ok(pairs)
}
