//! What a user has stored.

use std::collections::BTreeSet;

use spinreel_api::storage::{StorageStatus, StoredFile};
use spinreel_gcs::TokenCache;
use spinreel_ledger::{LOOK_EVERY, LedgerError, Patience};
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::{Operation, Owner, Record, Rest, UserFiles};
use super::storage::Storage;
use super::tidy::{Eagerness, Tidied};

/// A status, and what the walk over the files came upon.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What the client gets.
    pub body: StorageStatus,
    /// What is no file.
    pub left: Left,
}

/// What a walk over a user's numbers met besides files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// Numbers that have nothing, newest first.
    empty: Vec<u64>,
    /// The files of deletions whose lease is over.
    deleting: BTreeSet<u64>,
    /// How many intents of deletions there are, over or not.
    deletions: u64,
    /// Whether something was abandoned.
    abandoned: bool,
}

impl Left {
    /// Takes in a number that stands for no file.
    fn note(&mut self, number: u64, record: Option<Record>, now_ms: u64) {
        match record {
            Some(Record::Intent(intent)) => match &intent.operation {
                // Whether it was abandoned can be seen when the walk comes to its file, whose number is lower.
                Operation::Deletion(deletion) if deletion.rest == Rest::default() => {
                    if intent.is_abandoned(now_ms, Patience::Leases) {
                        self.deleting.insert(deletion.number);
                    }
                    self.deletions += 1;
                }
                _ => self.abandoned |= intent.is_abandoned(now_ms, Patience::Leases),
            },
            Some(Record::File(_)) => self.abandoned |= self.deleting.contains(&number),
            None => self.empty.push(number),
        }
    }

    /// Whether it is so much that whoever meets it does something about it.
    pub fn is_much(&self) -> bool {
        self.is_unfinished() || self.empty.len() as u64 >= 2 * LOOK_EVERY
    }

    fn is_unfinished(&self) -> bool {
        self.abandoned || self.deletions >= 2 * LOOK_EVERY
    }
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Lists every file of the user, by name: that is what this call is. Attachments are not listed, but count in what is
    /// used. For n files and attachments n + 2 `get`; where there were
    /// deletions 1 more for each number that is not struck yet, and for each 4,096 numbers with such 1 or 2 for their
    /// maps.
    pub async fn status(&self, owner: &Owner) -> Result<Status, LedgerError> {
        let records = UserFiles::new(&owner.user_id);
        let limit = self.limit_of(&records).await?;
        let head = records.roster.head(&self.store).await?;
        let now_ms = self.clock.now_ms();
        let (mut files, mut sizes) = (Vec::new(), Vec::new());
        let mut replaced = BTreeSet::new();
        let mut left = Left::default();
        let mut walk = records.roster.walk(&self.store, None, head).lazy();
        while let Some(number) = walk.next().await? {
            let record = records.record(number).get(&self.store).await?;
            match &record {
                Some(Record::File(file)) => {
                    sizes.push((number, file.counted()));
                    replaced.extend(file.head.video.replaces.as_ref().map(|old| old.number));
                    if file.head.purpose.is_video() {
                        let filename = owner.object_name(&file.head.name);
                        let size = file.object.size;
                        files.push((number, StoredFile { filename, size }));
                    }
                }
                Some(Record::Intent(_)) => {}
                None => walk.was_empty(),
            }
            left.note(number, record, now_ms);
        }
        // One whose place another one took is about to go.
        files.retain(|(number, _)| !replaced.contains(number));
        let counted = sizes
            .iter()
            .filter(|(number, _)| !replaced.contains(number));
        let used: u64 = counted.map(|(_, size)| size).sum();
        let mut files: Vec<StoredFile> = files.into_iter().map(|(_, file)| file).collect();
        files.sort_by(|one, other| one.filename.cmp(&other.filename));
        let used_storage = i64::try_from(used).unwrap_or(i64::MAX);
        Ok(Status {
            body: StorageStatus {
                total_storage: limit,
                used_storage,
                storage_percentage: percentage(used_storage, limit),
                files,
            },
            left,
        })
    }

    /// Does something about what a status came upon, if that [is much](Left::is_much).
    pub async fn tidy_left(&self, files: &UserFiles, left: &Left) -> Result<Tidied, LedgerError> {
        if !left.is_much() {
            return Ok(Tidied::default());
        }
        let mark = files.intents.mark(&self.store).await?;
        let mut tidied = Tidied::default();
        if left.is_unfinished() && mark.is_old(&self.clock) {
            tidied = self.tidy(files, Eagerness::Now).await?;
        }
        // Numbers that were struck, and whose map somebody overwrote who was slower.
        let dead = left.empty.iter().filter(|number| **number <= mark.over);
        let dead: Vec<u64> = dead.copied().collect();
        files.roster.bury(&self.store, &dead).await?;
        Ok(tidied)
    }
}

/// The share in percent, rounded to two decimals; of nothing, everything is all of it.
fn percentage(part: i64, whole: i64) -> f64 {
    if whole <= 0 {
        return if part > 0 { 100.0 } else { 0.0 };
    }
    (part as f64 / whole as f64 * 10_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_has_at_most_two_decimals() {
        for (part, whole, expected) in [
            (10_485_760, 52_428_800, 20.0),
            (1, 3, 33.33),
            (2, 3, 66.67),
            (0, 10, 0.0),
            (0, 0, 0.0),
            (5, 0, 100.0),
            (15, 10, 150.0),
        ] {
            assert!(
                (percentage(part, whole) - expected).abs() < 1e-9,
                "{part}/{whole}"
            );
        }
    }
}
