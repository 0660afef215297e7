//! How often a video was played: once for each viewer and UTC day, without keeping who.
//!
//! A viewer leaves a few bits of a hash in the day's [sketch](sketch::Sketch) of the video. The hash is keyed with a salt of
//! the day, made by its first viewer of all and overwritten by the next day's: after that nobody can tell whether somebody
//! was there, whatever they know. Who has no account is told by address and user agent.
//!
//! A video has one value: the day's sketch, and what the days before came to. A view is one write of it where it changes
//! something. Two at the same moment may overwrite each other, so whoever wrote looks again after the answer, and writes
//! once more where it is not there.
//!
//! Lists show the days before as of the last [fold]: the sum in the record.

mod salt;
pub mod sketch;

use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use spinreel_api::{Day, Timestamp};
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Random, Store};

use self::salt::{Salt, salt_of};
use self::sketch::Sketch;
use super::catalogue::{UpdateError, find, update};
use super::pseudonym::{Person, words};
use super::record::Record;

/// How long after its write a view looks again, in milliseconds: longer than a request is between its read and its write.
const LOOK_AGAIN_MS: u64 = 250;
/// How often it writes at most.
const TRIES: u32 = 4;

/// The views of a video.
#[derive(Debug, Clone, PartialEq)]
struct Views {
    /// The day of the sketch.
    day: Day,
    /// What the days before came to.
    before: u64,
    sketch: Sketch,
}

impl Views {
    /// Nobody yet.
    fn none(day: Day) -> Self {
        Self {
            day,
            before: 0,
            sketch: Sketch::default(),
        }
    }

    fn total(&self) -> u64 {
        self.before.saturating_add(self.sketch.count())
    }

    /// The same on a later day.
    fn on(self, day: Day) -> Self {
        match day > self.day {
            true => Self {
                before: self.total(),
                ..Self::none(day)
            },
            false => self,
        }
    }
}

/// How [`Views`] are stored: the numbers as JSON, a line feed, the sketch.
#[derive(Serialize, Deserialize)]
struct Head {
    day: Day,
    before: u64,
}

fn to_bytes(views: &Views) -> Result<Vec<u8>, LedgerError> {
    let head = Head {
        day: views.day,
        before: views.before,
    };
    let mut bytes = serde_json::to_vec(&head).map_err(|error| corrupt("", &error))?;
    bytes.push(b'\n');
    bytes.extend(views.sketch.to_bytes());
    Ok(bytes)
}

fn from_bytes(key: &str, bytes: &[u8]) -> Result<Views, LedgerError> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (head, sketch) = bytes.split_at(end.unwrap_or(bytes.len()));
    let Head { day, before } =
        serde_json::from_slice(head).map_err(|error| corrupt(key, &error))?;
    let sketch = sketch.get(1..).and_then(Sketch::from_bytes);
    Ok(Views {
        day,
        before,
        sketch: sketch.ok_or_else(|| corrupt(key, &"there is no sketch"))?,
    })
}

fn corrupt(key: &str, reason: &impl ToString) -> LedgerError {
    LedgerError::Corrupt {
        key: key.to_owned(),
        reason: reason.to_string(),
    }
}

/// Where a video's views are.
pub fn key(id: &str) -> String {
    format!("videos/views/{id}")
}

async fn read(store: &impl Store, id: &str) -> Result<Option<Views>, LedgerError> {
    let key = key(id);
    let bytes = store.get(&key).await.map_err(LedgerError::from)?;
    bytes.map(|bytes| from_bytes(&key, &bytes)).transpose()
}

/// What is known of a view that was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    id: String,
    day: Day,
    hash: u64,
    /// Whether it began the sketch of another day, so that the sum is worth a [`fold`].
    pub is_new_day: bool,
}

/// Counts a view; `None` where its viewer was counted today. `viewer` is all that tells viewers apart. One write, and
/// with the first view of a day, of all videos, 3 more; 2 reads.
pub async fn count(
    store: &impl Store,
    clock: &impl Clock,
    random: &impl Random,
    id: &str,
    viewer: &str,
) -> Result<Option<Counted>, LedgerError> {
    let today = Timestamp::from_ms(clock.now_ms()).day();
    let Salt { day, salt } = salt_of(store, clock, random, today).await?;
    let counted = Counted {
        id: id.to_owned(),
        day,
        hash: hash(&salt, id, viewer),
        is_new_day: false,
    };
    add(store, counted).await
}

/// Takes a viewer in where that is to be done.
async fn add(store: &impl Store, mut counted: Counted) -> Result<Option<Counted>, LedgerError> {
    let known = read(store, &counted.id).await?;
    counted.is_new_day = known.as_ref().is_some_and(|views| views.day < counted.day);
    let views = known.unwrap_or_else(|| Views::none(counted.day));
    let mut views = views.on(counted.day);
    if views.day > counted.day || !views.sketch.add(counted.hash) {
        return Ok(None);
    }
    let key = key(&counted.id);
    let bytes = to_bytes(&views)?;
    store.set(&key, &bytes).await.map_err(LedgerError::from)?;
    Ok(Some(counted))
}

/// Sees to it that a view that was counted stays so, whoever wrote beside it. After the answer.
pub async fn confirm(
    store: &impl Store,
    clock: &impl Clock,
    counted: Counted,
) -> Result<(), LedgerError> {
    for _ in 1..TRIES {
        clock.sleep_ms(LOOK_AGAIN_MS).await;
        if add(store, counted.clone()).await?.is_none() {
            break;
        }
    }
    if find(store, &counted.id).await?.is_none() {
        // The video ended beside it.
        store
            .delete(&key(&counted.id))
            .await
            .map_err(LedgerError::from)?;
    }
    Ok(())
}

/// How often a video was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// Today with it.
    pub views: u64,
    /// Whether a day is over whose views the record does not have: a [`fold`] brings them there.
    pub is_unfolded: bool,
}

/// How often a video was played, today with it: one read.
pub async fn total(
    store: &impl Store,
    clock: &impl Clock,
    record: &Record,
) -> Result<Total, LedgerError> {
    let today = Timestamp::from_ms(clock.now_ms()).day();
    let views = read(store, &record.id).await?;
    let is_over = views.as_ref().is_some_and(|views| views.day < today);
    let views = views.map_or(0, |views| views.total());
    Ok(Total {
        views: views.max(record.views),
        is_unfolded: is_over && record.views < views,
    })
}

/// Brings what the days before came to into the record, for lists. Harmless when repeated.
pub async fn fold(store: &impl Store, clock: &impl Clock, id: &str) -> Result<(), UpdateError> {
    let today = Timestamp::from_ms(clock.now_ms()).day();
    let Some(views) = read(store, id).await? else {
        return Ok(());
    };
    let before = views.on(today).before;
    update(store, clock, id, |record| {
        record.views = record.views.max(before);
    })
    .await?;
    Ok(())
}

/// 64 bits of HMAC-SHA256 of video and viewer.
fn hash(salt: &[u8], id: &str, viewer: &str) -> u64 {
    let mac = Hmac::<Sha256>::new_from_slice(salt)
        .map(|mac| mac.chain_update(format!("{id}\n{viewer}")).finalize());
    let bytes = mac.map_or_else(|_| [0; 32], |mac| mac.into_bytes().into());
    let (first, _) = bytes.split_at(8);
    first
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What tells a viewer from others: the account, or else address and user agent.
pub fn viewer(person: Person<'_>, agent: Option<&str>) -> String {
    let words = words(person);
    match person {
        Person::User(_) => words,
        Person::Address(_) => format!("{words}\n{}", agent.unwrap_or_default()),
    }
}

pub use self::salt::forget_old as forget_old_salt;

#[cfg(test)]
mod tests;
