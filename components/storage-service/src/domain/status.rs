//! What a user has stored.

use spinreel_api::storage::{StorageStatus, StoredFile};
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, HttpClient, Random, Store};

use super::peers::Peers;
use super::record::{Owner, UserFiles};
use super::storage::Storage;

/// A status, and whether the walk over the files came upon something that should be settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What the client gets.
    pub body: StorageStatus,
    /// Whether a record was abandoned half-done.
    pub abandoned: bool,
}

impl<S: Store, H: HttpClient, C: Clock, R: Random, P: Peers> Storage<S, H, C, R, P> {
    /// Lists every file of the user, by name: that is what this call is.
    pub async fn status(&self, owner: &Owner) -> Result<Status, LedgerError> {
        let records = UserFiles::new(&owner.user_id);
        let head = records.slots.head(&self.store).await?;
        let mut files = Vec::new();
        let mut abandoned = false;
        for number in 1..=head {
            let Some(record) = records.record(number).get(&self.store).await? else {
                continue;
            };
            abandoned = abandoned || self.is_abandoned(&records, number, &record).await?;
            if let Some(object) = record.stored() {
                files.push(StoredFile {
                    filename: owner.object_name(&record.name),
                    size: object.size,
                });
            }
        }
        files.sort_by(|one, other| one.filename.cmp(&other.filename));
        let used: u64 = files.iter().map(|file| file.size).sum();
        let used_storage = i64::try_from(used).unwrap_or(i64::MAX);
        Ok(Status {
            body: StorageStatus {
                total_storage: self.limit,
                used_storage,
                storage_percentage: percentage(used_storage, self.limit),
                files,
            },
            abandoned,
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
