//! The feed: the videos that everybody may see, the one first that became public last.
//!
//! A video that is [published](Record::is_published) has a number in a [`Roster`], and its cell there is a copy of the
//! record, so that a page of the feed reads each video once. The copy follows the record in the call that writes it. A
//! video that is published no more loses its number for good: the cell is emptied and the number struck. One that is
//! published again gets a new number, and so stands first.

use spinreel_ledger::{Burial, Cell, Found, LedgerError, Roster, RosterPage};
use spinreel_platform::{Clock, Store};

use super::record::Record;

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

/// Gives `record` its number in the feed, or takes it away, and says what is to be written. Costs nothing where the video
/// was not in the feed and is not now; 1 `increment` where it comes, and 1 to 3 `get` where it goes.
pub(super) async fn follow(
    store: &impl Store,
    clock: &impl Clock,
    record: &mut Record,
) -> Result<FeedChange, LedgerError> {
    let mut change = FeedChange::default();
    match (record.feed_number, record.is_published()) {
        (None, false) => {}
        (None, true) => {
            let number = feed().allocate_timely(store, clock, 1).await?;
            record.feed_number = Some(number);
            change.after.push(cell(number).pair(&Some(record.clone()))?);
        }
        (Some(number), true) => {
            change.after.push(cell(number).pair(&Some(record.clone()))?);
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

/// At most `limit` videos of the feed that are there at `now_ms`, from below number `below` (the newest where `None`).
/// Costs what a [page](Roster::page) costs, with 1 `get` a video.
pub async fn page(
    store: &impl Store,
    now_ms: u64,
    below: Option<u64>,
    limit: usize,
) -> Result<RosterPage<Record>, LedgerError> {
    let look = async |number| -> Result<Found<Record>, LedgerError> {
        Ok(match record_at(store, number, now_ms).await? {
            Some(record) => Found::Item(record),
            None => Found::Nothing,
        })
    };
    feed().page(store, below, limit, look).await
}

/// The video with this number of the feed. Costs 1 `get`.
pub(super) async fn record_at(
    store: &impl Store,
    number: u64,
    now_ms: u64,
) -> Result<Option<Record>, LedgerError> {
    let record = cell(number).get(store).await?.flatten();
    Ok(record.filter(|record| record.is_published() && !record.is_over(now_ms)))
}
