//! What a user has stored.

use spinreel_api::storage::{StorageStatus, StoredFile};
use spinreel_gcs::TokenCache;
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::{Owner, UserFiles};
use super::storage::Storage;

/// A status, and what the walk over the files came upon.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What the client gets.
    pub body: StorageStatus,
    /// Numbers that have no file and never will, to be struck so that the next walk steps over them.
    pub dead: Vec<u64>,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers, T: TokenCache>
    Storage<S, H, C, R, P, T>
{
    /// Lists every file of the user, by name: that is what this call is.
    pub async fn status(&self, owner: &Owner) -> Result<Status, LedgerError> {
        let records = UserFiles::new(&owner.user_id);
        let limit = self.limit_of(&records).await?;
        let mark = records.intents.mark(&self.store).await?;
        let head = records.roster.head(&self.store).await?;
        let mut files = Vec::new();
        let mut dead = Vec::new();
        let mut walk = records.roster.walk(&self.store, None, head);
        while let Some(number) = walk.next().await? {
            match records.file(number).get(&self.store).await? {
                Some(file) => files.push(StoredFile {
                    filename: owner.object_name(&file.head.name),
                    size: file.object.size,
                }),
                // A file is entered while its upload goes on, and none goes on up to the mark.
                None if number <= mark.over => dead.push(number),
                None => {}
            }
        }
        files.sort_by(|one, other| one.filename.cmp(&other.filename));
        let used: u64 = files.iter().map(|file| file.size).sum();
        let used_storage = i64::try_from(used).unwrap_or(i64::MAX);
        Ok(Status {
            body: StorageStatus {
                total_storage: limit,
                used_storage,
                storage_percentage: percentage(used_storage, limit),
                files,
            },
            dead,
        })
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
