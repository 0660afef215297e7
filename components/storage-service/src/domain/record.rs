//! What is known of files and of what is being done with them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spinreel_gcs::ResumableSession;
use spinreel_ledger::{
    Cell, Counter, Found, Intents, LEASE_MS, LedgerError, Lock, Patience, Roster,
};
use spinreel_platform::Store;

/// The key of an object's custom metadata that names the file's number.
pub const FILE_NUMBER: &str = "spinreel-file";
/// The key of an object's custom metadata that names the owner's user id.
pub const FILE_OWNER: &str = "spinreel-owner";

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

/// Whether a text can be a user's id, and a part of keys: 1 to 64 letters, digits and hyphens.
pub fn is_user_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What a number stands for.
///
/// An upload's intent becomes its file, once, in one write; a file is never written again, and deleted once. Nothing
/// may write an upload's intent after its file may be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "record")]
pub enum Record {
    /// A stored file.
    File(FileRecord),
    /// Something that is being done, or was left undone.
    Intent(Intent),
}

impl Record {
    /// What a page of files makes of a number.
    pub(super) fn found(record: Option<Self>) -> Found<FileRecord> {
        match record {
            Some(Self::File(file)) => Found::Item(file),
            Some(Self::Intent(_)) => Found::Other,
            None => Found::Nothing,
        }
    }
}

/// A file before its bytes are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHead {
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
}

/// A stored file: written once, when its object is there, and deleted once, when its object is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// What was known before.
    #[serde(flatten)]
    pub head: FileHead,
    /// Its object.
    #[serde(flatten)]
    pub object: StoredObject,
    /// Until then, in milliseconds since the Unix epoch, a request that was not answered may write the object again if
    /// it is deleted; so it is not. 0 where there is no such request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub settled_ms: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
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
}

/// What somebody is about to do, written down before it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// When others may take it over, in milliseconds since the Unix epoch.
    pub until_ms: u64,
    /// What is being done.
    #[serde(flatten)]
    pub operation: Operation,
}

/// An operation that is going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "operation")]
pub enum Operation {
    /// A file's bytes are coming in; the number is the file's.
    Upload(Box<Upload>),
    /// A file is going.
    Deletion(Box<Deletion>),
    /// What an operation left undone.
    Rest(Rest),
}

/// The deletion of a file. It is over when the file's record is gone and nothing is left undone: the quota was given
/// back before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// The file's number.
    pub number: u64,
    /// What it was.
    pub file: FileRecord,
    /// What it leaves undone.
    pub rest: Rest,
    /// The bucket said that the object was gone: another deletion may have been told that it did it.
    pub object_was_gone: bool,
}

/// What an operation that is over left undone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rest {
    /// The counter of used bytes may be wrong, and is to be made the sum of the files.
    pub recount: bool,
    /// What the catalogue may not have heard.
    pub notice: Option<Notice>,
}

/// A file of which the catalogue is to be told what became of it: that it is there, or that it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The file's number.
    pub number: u64,
    /// The file's id.
    pub id: String,
}

/// An upload, as far as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// What it is to become.
    pub head: FileHead,
    /// Bytes taken of the quota, for certain.
    pub reserved: u64,
    /// Whether the counter is being moved: perhaps it was, perhaps not.
    pub moving: bool,
    /// The bucket's session, where there is one.
    pub session: Option<ResumableSession>,
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

    /// The right to recount.
    pub fn recount_lock(&self) -> Lock {
        Lock::new(format!("{}/lock/recount", self.prefix))
    }

    /// What the user may store, in bytes, where that is not what everybody may.
    pub(super) fn limit(&self) -> Cell<i64> {
        Cell::new(format!("{}/limit", self.prefix))
    }

    /// What [`sweeps`](super::sweep) know the user by.
    pub(super) fn registration(&self) -> Cell<u64> {
        Cell::new(format!("{}/user", self.prefix))
    }

    /// The number that sweeps know the user by and shall not any more.
    pub(super) fn leaving(&self) -> Cell<u64> {
        Cell::new(format!("{}/user/leaving", self.prefix))
    }

    /// How often the use has fallen below the alert's threshold.
    pub(super) fn falls(&self) -> Counter {
        Counter::new(self.falls_key())
    }

    /// The key of the [falls](Self::falls).
    pub(super) fn falls_key(&self) -> String {
        format!("{}/alert/falls", self.prefix)
    }

    /// Up to which fall the alert was sent.
    pub(super) fn alerted(&self) -> Cell<i64> {
        Cell::new(format!("{}/alert/sent", self.prefix))
    }
}

impl Intent {
    /// An operation that is left alone for the time of a lease.
    pub(super) fn new(operation: Operation, now_ms: u64) -> Self {
        Self {
            until_ms: now_ms + LEASE_MS,
            operation,
        }
    }

    /// What an operation left undone. It waits until nothing that was tried can have an effect any more.
    pub(super) fn rest(rest: Rest, now_ms: u64) -> Self {
        Self::new(Operation::Rest(rest), now_ms)
    }

    /// A counter that may be wrong.
    pub(super) fn recount(now_ms: u64) -> Self {
        let rest = Rest {
            recount: true,
            notice: None,
        };
        Self::rest(rest, now_ms)
    }

    /// Whether others may take it over.
    pub(super) fn is_abandoned(&self, now_ms: u64, patience: Patience) -> bool {
        patience == Patience::Offline || self.until_ms < now_ms
    }
}
