//! What is known of files and of what is being done with them.

mod concat;
mod resumable;
mod user_files;
mod video;

use serde::{Deserialize, Serialize};
use spinreel_gcs::ResumableSession;
use spinreel_ledger::{Found, LEASE_MS, Patience};

pub use self::concat::{Concat, Final, Part, PartId};
pub use self::resumable::{Phase, Resumable};
pub(super) use self::user_files::Registration;
pub use self::user_files::UserFiles;
pub use self::video::{Replaced, VideoHead};

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
    /// The name of the object that holds a part of a file: no user's name begins with a dot.
    pub fn part_name(user_id: &str, id: &str) -> String {
        format!(".parts/{user_id}/{id}")
    }

    /// The name of the object that holds the file `name`.
    pub fn object_name(&self, name: &str) -> String {
        format!("{}/{name}", self.username)
    }

    /// The name of the object that holds the attachment `id`. No file of a client has such a name, since no user's name
    /// begins with a dot.
    pub fn attachment_name(&self, id: &str) -> String {
        format!(".attachments/{}/{id}", self.user_id)
    }
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A client's file: it has a name, is listed, and the catalogue is told of it.
    #[default]
    Video,
    /// What the catalogue keeps beside a video for its owner. It counts in the quota.
    Attachment,
    /// What the catalogue keeps beside a video for itself. It counts in no quota.
    Derived,
}

impl Purpose {
    /// Whether it is a client's file.
    pub fn is_video(&self) -> bool {
        *self == Self::Video
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
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time is read, written and dropped"
)]
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
    /// Time-ordered and opaque, and in the object's metadata; the video's id, where it does not replace another file.
    pub id: String,
    /// The name without the user's prefix; empty for an attachment.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Purpose::is_video")]
    pub purpose: Purpose,
    /// The object's name in the bucket.
    pub object: String,
    /// The media type that the upload declared.
    pub content_type: String,
    /// When the upload began, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// What it is to the catalogue.
    #[serde(flatten)]
    pub video: VideoHead,
    /// What `Upload-Concat` said at its creation, where it said something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concat: Option<String>,
}

impl FileHead {
    /// The entity tag of its bytes (RFC 9110, section 8.8.3), quotes included.
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.id)
    }

    /// How many of `bytes` that it has count in the quota.
    pub(super) fn counted(&self, bytes: u64) -> u64 {
        match self.purpose {
            Purpose::Video | Purpose::Attachment => bytes,
            Purpose::Derived => 0,
        }
    }

    /// Whether it is the client's file called `name`.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.purpose.is_video() && self.name == name
    }

    /// Whether it is made of parts.
    pub(super) fn is_of_parts(&self) -> bool {
        let said = self.concat.as_deref();
        said.is_some_and(|said| said.starts_with("final"))
    }
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
    /// Whether it came over many requests: these may have left something under its number.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumable: bool,
}

impl FileRecord {
    /// Its bytes that count in the quota.
    pub(super) fn counted(&self) -> u64 {
        self.head.counted(self.object.size)
    }
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
    /// A file's bytes are coming in over many requests; the number is the file's.
    Resumable(Box<Resumable>),
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
    /// What it may do yet.
    pub stage: Stage,
    /// Whether the catalogue asked for it, and need not be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
}

/// What a deletion whose file is there may do yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It may be told that it deleted the object, and end without a lock.
    Asked,
    /// It was told that the object was gone, and may take over under the file's lock.
    Waiting,
    /// It failed, has not given the quota back, and does nothing any more. For the time of its lease it is left to its
    /// client, who may try again.
    GaveUp,
}

/// What an operation that is over left undone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rest {
    /// The counter of used bytes may be wrong, and is to be made the sum of the files.
    pub recount: bool,
    /// What the catalogue may not have heard.
    pub notice: Option<Notice>,
    /// Keys that a call may have written that was late.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// A file of which the catalogue is to be told what became of it: that it is there, or that it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The file's number.
    pub number: u64,
    /// The video's id.
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
            ..Rest::default()
        };
        Self::rest(rest, now_ms)
    }

    /// Whether others may take it over.
    pub(super) fn is_abandoned(&self, now_ms: u64, patience: Patience) -> bool {
        patience == Patience::Offline || self.until_ms < now_ms
    }
}
