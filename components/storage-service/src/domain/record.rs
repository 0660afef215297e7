//! What is known of a file.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spinreel_gcs::ResumableSession;
use spinreel_ledger::{Cell, Counter, LedgerError, Slots, claim};
use spinreel_platform::Store;

/// The key of an object's custom metadata that names the record's number.
pub const FILE_NUMBER: &str = "spinreel-file";

/// A user, as the storage knows one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The user's id.
    pub user_id: String,
    /// The prefix of the user's objects.
    pub username: String,
}

impl Owner {
    /// The name of the object that holds the file `name`.
    pub fn object_name(&self, name: &str) -> String {
        format!("{}/{name}", self.username)
    }
}

/// A file, from the beginning of its upload to the end of its deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Time-ordered and opaque; the video's id, and in the object's metadata.
    pub id: String,
    /// The name without the user's prefix.
    pub name: String,
    /// The object's name in the bucket.
    pub object: String,
    /// The media type that the upload declared.
    pub content_type: String,
    /// When the upload began, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// Where the file is in its life.
    pub state: State,
}

/// Where a file is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// Its bytes are coming in: an intent, to be settled by others when its time is over.
    Uploading {
        /// Bytes taken of the quota, for certain.
        reserved: u64,
        /// Bytes being taken of it: perhaps they were, perhaps not.
        reserving: u64,
        /// The bucket's session, where there is one.
        session: Option<Box<ResumableSession>>,
        /// When others may settle it, in milliseconds since the Unix epoch.
        until_ms: u64,
    },
    /// It is there.
    Stored(StoredObject),
    /// It is being deleted; until that is done it counts.
    Deleting(StoredObject),
    /// It is gone; video-service has not heard of it yet.
    Deleted,
}

/// A file's object in the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredObject {
    /// Bytes.
    pub size: u64,
    /// The object's generation: a name can be used again, a generation cannot.
    pub generation: i64,
    /// CRC32C of the bytes.
    pub crc32c: u32,
    /// Whether video-service knew of it when the upload ended; if not, a key of its own says when it does.
    pub announced: bool,
}

impl State {
    /// An upload that has taken nothing yet.
    pub(crate) fn uploading_at(now_ms: u64) -> Self {
        Self::Uploading {
            reserved: 0,
            reserving: 0,
            session: None,
            until_ms: now_ms,
        }
    }
}

impl FileRecord {
    /// The object of a file that is there, also while it is being deleted.
    pub fn stored(&self) -> Option<&StoredObject> {
        match &self.state {
            State::Stored(object) | State::Deleting(object) => Some(object),
            State::Uploading { .. } | State::Deleted => None,
        }
    }
}

/// The keys of one user's files.
#[derive(Debug, Clone)]
pub struct UserFiles {
    user_id: String,
    prefix: String,
    /// The records, by number.
    pub slots: Slots,
    /// Bytes in use and reserved.
    pub used: Counter,
}

impl UserFiles {
    /// The files of the user `user_id`.
    pub fn new(user_id: &str) -> Self {
        let prefix = format!("storage/{user_id}");
        Self {
            slots: Slots::new(format!("{prefix}/files")),
            used: Counter::new(format!("{prefix}/used")),
            user_id: user_id.to_owned(),
            prefix,
        }
    }

    /// Whose files these are.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The record of a number.
    pub fn record(&self, number: u64) -> Cell<FileRecord> {
        self.slots.cell(number)
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

    /// Set when video-service has heard of a file that it had not when the upload ended.
    pub fn announced(&self, number: u64) -> Cell<bool> {
        Cell::new(format!("{}/announced/{number}", self.prefix))
    }

    /// Gives `amount` bytes of the file `number` back to the quota: once, however many ask. The answer is whether
    /// this call did it.
    ///
    /// A winner that dies before the counter moves leaves it too high, never too low: a recount finds that.
    pub async fn refund_once(
        &self,
        store: &impl Store,
        number: u64,
        amount: u64,
    ) -> Result<bool, LedgerError> {
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        self.move_once(store, "refunded", number, -amount).await
    }

    /// Moves the quota by what the upload `number` was estimated wrongly: once, however many ask.
    pub async fn adjust_once(
        &self,
        store: &impl Store,
        number: u64,
        drift: i64,
    ) -> Result<(), LedgerError> {
        if drift != 0 {
            self.move_once(store, "adjusted", number, drift).await?;
        }
        Ok(())
    }

    async fn move_once(
        &self,
        store: &impl Store,
        reason: &str,
        number: u64,
        delta: i64,
    ) -> Result<bool, LedgerError> {
        let won = claim(store, &format!("{}/{reason}/{number}", self.prefix)).await?;
        if won && delta != 0 {
            self.used.add(store, delta).await?;
        }
        Ok(won)
    }
}
