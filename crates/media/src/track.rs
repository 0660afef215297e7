//! A track of a file.

use bytes::Bytes;
use spinreel_api::videos::FrameRate;

use crate::samples::{SampleTable, Samples};

/// A track of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// The track's id in `tkhd`, or Matroska's track number.
    pub id: u64,
    /// What it carries.
    pub kind: Kind,
    /// The codec as players are told (RFC 6381), such as `avc1.64001f` or `mp4a.40.2`. Where no such name is defined it is
    /// the sample entry's four characters, or Matroska's codec id.
    pub codec: String,
    /// Ticks per second of everything in [`samples`](Self::samples), of `duration` and of `edit`. Never 0.
    pub timescale: u32,
    /// Length of the media in ticks, without its [`edit`](Self::edit); 0 where the file does not say.
    pub duration: u64,
    /// ISO 639-2 or BCP 47, where the file says it.
    pub language: Option<String>,
    /// The first sample entry (ISO/IEC 14496-12, 8.5.2), a whole box with its header, as it is in the file. Of Matroska it
    /// is made for VP9, AV1 and Opus, by their bindings to that format, and empty for all else.
    pub sample_entry: Bytes,
    /// What the track's edit list makes of its time.
    pub edit: Edit,
    pub(crate) table: SampleTable,
}

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pictures.
    Video {
        /// Coded width in pixels, before the rotation.
        width: u32,
        /// Coded height in pixels, before the rotation.
        height: u32,
        /// Degrees clockwise that a player turns the picture by: 0, 90, 180 or 270.
        rotation: u16,
        /// Pictures a second, on average; `None` where the file does not say.
        frame_rate: Option<FrameRate>,
    },
    /// Sound.
    Audio {
        /// How many channels, as the file says; of MP3 in MP4 it says 2 as a rule, whatever there are.
        channels: u16,
        /// Samples of sound a second.
        sample_rate: u32,
    },
    /// Anything else: subtitles, time codes.
    Other,
}

/// What an edit list (ISO/IEC 14496-12, 8.6.6) makes of a track's time: an empty edit, then one that shows the media. All
/// in the track's ticks. A sample with decoding time `d` is shown at `d + composition_offset - media_time + delay`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Edit {
    /// How long nothing is shown at first: the initial empty edit.
    pub delay: u64,
    /// The composition time that is shown first.
    pub media_time: i64,
}

impl Track {
    /// The samples in decoding order, made from the file's own tables one by one. All of them lie within the file.
    ///
    /// Empty where [`Inspected::samples_unread`](crate::Inspected::samples_unread), and where the tables are larger than the
    /// limit of memory.
    pub fn samples(&self) -> Samples<'_> {
        self.table.samples()
    }

    /// How many [`samples`](Self::samples) there are.
    pub fn sample_count(&self) -> u64 {
        self.table.count()
    }
}
