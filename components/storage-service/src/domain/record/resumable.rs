use serde::{Deserialize, Serialize};

use spinreel_api::internal::Reservation;

use super::concat::{Concat, Final, Part};
use super::{FileHead, StoredObject};

/// A resumable upload, until it is a file. It is written under the lock of its number, once it is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumable {
    /// What it is to become.
    pub head: FileHead,
    /// What the client says of it, as it was written.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metadata: String,
    /// How many bytes it will have; `None` where the client says so later.
    pub length: Option<u64>,
    /// How many bytes it will have when its client says that they are all there; `None` where the length says so, or nobody
    /// knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<u64>,
    /// Bytes taken of the quota, for certain.
    pub reserved: u64,
    /// Whether the counter is being moved: perhaps it was, perhaps not.
    pub moving: bool,
    /// What is being done with it.
    pub phase: Phase,
    /// The bucket's session, sealed; `None` where there is none yet.
    pub session: Option<String>,
    /// Whether its client sends the bytes to the bucket itself, in the bucket's session.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub direct: bool,
    /// The bandwidth that was paid for bytes that do not come through here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paid: Vec<Reservation>,
    /// How often it was written: no two that were are the same.
    pub version: u64,
    /// What it is to others; `None` for a file that comes in alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concat: Option<Concat>,
}

/// What is being done with a resumable upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is being created, and no client knows of it. Abandoned, it is ended.
    Creating,
    /// It waits for bytes until it expires. Nobody needs to be at work on it.
    Open,
    /// Its object is being completed. Abandoned, it is a file where the object is there, and else open again.
    Finishing,
    /// It is being ended, and takes no more bytes. Abandoned, it is ended.
    Ending,
    /// A part whose bytes are all there. It waits until a file is made of it, or it expires.
    Whole,
    /// A final upload that waits for its parts.
    Waiting,
    /// A final upload whose parts are being joined. Abandoned, they are free again, and it waits for them or is gone.
    Joining,
    /// A final upload whose object is there, and whose parts are going. Abandoned, it is made a file.
    Joined,
}

impl Resumable {
    /// Whether somebody may be moving the counter, or may have died at it.
    pub(in crate::domain) fn moves_the_counter(&self) -> bool {
        self.moving
            || matches!(
                self.phase,
                Phase::Creating | Phase::Ending | Phase::Joining | Phase::Joined
            )
    }

    /// Whether it waits for a client, and nobody needs to be at work on it.
    pub(in crate::domain) fn waits(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Whole | Phase::Waiting)
    }

    /// It as a part.
    pub(in crate::domain) fn part(&self) -> Option<&Part> {
        match &self.concat {
            Some(Concat::Part(part)) => Some(part),
            Some(Concat::Final(_)) | None => None,
        }
    }

    /// It as a final upload.
    pub(in crate::domain) fn as_final(&self) -> Option<&Final> {
        match &self.concat {
            Some(Concat::Final(of_parts)) => Some(of_parts),
            Some(Concat::Part(_)) | None => None,
        }
    }

    /// The object of a part that is whole.
    pub(in crate::domain) fn part_object(&self) -> Option<StoredObject> {
        self.part()?.object
    }

    /// Whether it is written under the lock of the user's parts: a final upload, and a part that is whole. Every other one
    /// is written under the lock of its number.
    pub(in crate::domain) fn is_of_parts(&self) -> bool {
        self.as_final().is_some() || self.part_object().is_some()
    }

    /// The same in another phase, to be written.
    #[must_use]
    pub(in crate::domain) fn in_phase(&self, phase: Phase) -> Self {
        Self {
            phase,
            version: self.version + 1,
            ..self.clone()
        }
    }
}
