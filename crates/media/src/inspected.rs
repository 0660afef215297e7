//! What came of a look at a file.

use spinreel_api::videos::Media;
use thiserror::Error;

use crate::mp4::Defaults;
use crate::read::ReadError;
use crate::track::Track;

/// A file that can be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// What clients are shown.
    pub media: Media,
    /// The tracks in the file's order, sound and subtitles too.
    pub tracks: Vec<Track>,
    /// Whether the samples are described all over the file, in movie fragments (ISO/IEC 14496-12, 8.8) or in the blocks of
    /// Matroska, and were not read:
    /// [`Track::samples`] then has those of the first part only, as a rule none, until they are
    /// [read](crate::read_samples).
    pub samples_unread: bool,
    pub(crate) defaults: Vec<Defaults>,
}

/// Why a file cannot be played, in a sentence for the person who uploaded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unplayable {
    /// It has no byte.
    #[error("The file is empty.")]
    Empty,
    /// It begins like no container that is known.
    #[error("The file is not an MP4, QuickTime, WebM or Matroska file.")]
    UnknownContainer,
    /// It is whole as far as one can see, and has no `moov` box, or no `Tracks` element.
    #[error("The file has no index, so it cannot be played.")]
    NoIndex,
    /// What it has of its index is not all.
    #[error("The file ends before its index.")]
    EndsBeforeIndex,
    /// Its index names bytes beyond its end.
    #[error("The file is cut off: its index names more than the file has.")]
    CutOff,
    /// What it says of itself breaks the format's rules.
    #[error("The file's index is damaged.")]
    Damaged,
    /// It would take more reads or memory than are allowed.
    #[error("The file's index is too large.")]
    IndexTooLarge,
    /// It has only sound, or nothing.
    #[error("The file has no video track.")]
    NoVideo,
    /// It has a video track without a single picture.
    #[error("The file's video track has no pictures.")]
    NoPictures,
    /// The pictures are encrypted.
    #[error("The file is encrypted.")]
    Encrypted,
}

/// Why there is nothing to say of a file but this.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InspectError {
    /// The file was read, and it cannot be played: final.
    #[error(transparent)]
    Unplayable(#[from] Unplayable),
    /// The file could not be read: to be tried again.
    #[error(transparent)]
    Read(#[from] ReadError),
}
