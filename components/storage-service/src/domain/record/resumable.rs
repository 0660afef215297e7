use serde::{Deserialize, Serialize};

use spinreel_api::internal::Reservation;

use super::FileHead;

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
}

impl Resumable {
    /// Whether somebody may be moving the counter, or may have died at it.
    pub(in crate::domain) fn moves_the_counter(&self) -> bool {
        self.moving || matches!(self.phase, Phase::Creating | Phase::Ending)
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
