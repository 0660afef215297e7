//! Where a user's records are.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spinreel_ledger::{Cell, Counter, Intents, LedgerError, Lock, Roster};
use spinreel_platform::Store;

use super::{FileRecord, Intent, Record};

/// What is known of a user who ever had something, or who is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::domain) enum Registration {
    /// Sweeps know the user by this number.
    Known(u64),
    /// The tombstone: the account was deleted, and nothing is taken for it any more.
    Gone,
}

/// The keys of one user's files.
///
/// Uploads and deletions take their numbers from one row, so that whatever is going on lies near its end.
#[derive(Debug, Clone)]
pub struct UserFiles {
    user_id: String,
    prefix: String,
    /// The numbers.
    pub roster: Roster,
    /// The same numbers, as operations.
    pub intents: Intents,
    /// Bytes in use and reserved. It may be higher than the truth for a while, never lower.
    pub used: Counter,
}

impl UserFiles {
    /// The files of the user `user_id`.
    pub fn new(user_id: &str) -> Self {
        let prefix = format!("storage/{user_id}");
        Self {
            roster: Roster::new(format!("{prefix}/files")),
            intents: Intents::new(format!("{prefix}/files")),
            used: Counter::new(format!("{prefix}/used")),
            user_id: user_id.to_owned(),
            prefix,
        }
    }

    /// Whose files these are.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// What a number stands for.
    pub fn record(&self, number: u64) -> Cell<Record> {
        self.roster.cell(number)
    }

    /// The file of a number, if it stands for one: one `get`.
    pub async fn file(
        &self,
        store: &impl Store,
        number: u64,
    ) -> Result<Option<FileRecord>, LedgerError> {
        Ok(match self.record(number).get(store).await? {
            Some(Record::File(file)) => Some(file),
            Some(Record::Intent(_)) | None => None,
        })
    }

    /// The intent of a number, if it stands for one: one `get`.
    pub async fn intent(
        &self,
        store: &impl Store,
        number: u64,
    ) -> Result<Option<Intent>, LedgerError> {
        Ok(match self.record(number).get(store).await? {
            Some(Record::Intent(intent)) => Some(intent),
            Some(Record::File(_)) | None => None,
        })
    }

    /// Writes an intent down: one `set`.
    pub async fn set_intent(
        &self,
        store: &impl Store,
        number: u64,
        intent: Intent,
    ) -> Result<(), LedgerError> {
        let record = Record::Intent(intent);
        self.record(number).set(store, &record).await
    }

    /// The number of the file called `name`: an index that may be missing or out of date.
    pub fn name(&self, name: &str) -> Cell<u64> {
        let digest = Sha256::digest(name.as_bytes());
        let hex: String = digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Cell::new(format!("{}/name/{hex}", self.prefix))
    }

    /// The right to finish what others began with a file: its upload, or its deletion.
    pub fn file_lock(&self, number: u64) -> Lock {
        Lock::new(format!("{}/lock/{number}", self.prefix))
    }

    /// The right to change parts that are whole, and what is made of them.
    pub fn parts_lock(&self) -> Lock {
        Lock::new(format!("{}/lock/parts", self.prefix))
    }

    /// The numbers of the final uploads that wait for parts; one that is over may still be there.
    pub(in crate::domain) fn waiting(&self) -> Cell<Vec<u64>> {
        Cell::new(format!("{}/waiting", self.prefix))
    }

    /// Who writes to a resumable upload, by number: see [`resumable`](crate::domain::resumable).
    pub(in crate::domain) fn writers(&self, number: u64) -> Counter {
        Counter::new(self.writers_key(number))
    }

    /// The key of the [writers](Self::writers).
    pub(in crate::domain) fn writers_key(&self, number: u64) -> String {
        format!("{}/writer/{number}", self.prefix)
    }

    /// Where the writers of an epoch keep what was received of a resumable upload.
    pub(in crate::domain) fn received_key(&self, number: u64, epoch: u64) -> String {
        format!("{}/received/{number}/{epoch}", self.prefix)
    }

    /// The right to recount.
    pub fn recount_lock(&self) -> Lock {
        Lock::new(format!("{}/lock/recount", self.prefix))
    }

    /// What the user may store, in bytes, where that is not what everybody may.
    pub(in crate::domain) fn limit(&self) -> Cell<i64> {
        Cell::new(format!("{}/limit", self.prefix))
    }

    /// What [`sweeps`](crate::domain::sweep) know the user by, or the user's tombstone.
    pub(in crate::domain) fn registration(&self) -> Cell<Registration> {
        Cell::new(format!("{}/user", self.prefix))
    }

    /// The number that sweeps know a user by who has a tombstone, until nothing is left.
    pub(in crate::domain) fn leaving(&self) -> Cell<u64> {
        Cell::new(format!("{}/user/leaving", self.prefix))
    }

    /// How often the use has fallen below the alert's threshold.
    pub(in crate::domain) fn falls(&self) -> Counter {
        Counter::new(self.falls_key())
    }

    /// The key of the [falls](Self::falls).
    pub(in crate::domain) fn falls_key(&self) -> String {
        format!("{}/alert/falls", self.prefix)
    }

    /// Up to which fall the alert was sent.
    pub(in crate::domain) fn alerted(&self) -> Cell<i64> {
        Cell::new(format!("{}/alert/sent", self.prefix))
    }
}
