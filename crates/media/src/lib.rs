#![forbid(unsafe_code)]
#![expect(
    async_fn_in_trait,
    reason = "the trait is used by generic code on one thread"
)]
//! What a file is as a video: its container, tracks, codecs and samples, read by ranges.
//!
//! MP4, QuickTime and fragmented MP4 (ISO/IEC 14496-12), WebM and Matroska (RFC 9559). Nothing here is decoded, and the
//! bytes of pictures and sound are never read. Files are read as strangers' files: what is wrong ends in an
//! [`Unplayable`] reason, and every loop, read and allocation has a bound ([`Limits`]).
//!
//! # Layout
//! - [`inspect`]: the way in. [`ReadAt`]: where the bytes come from.
//! - [`Track`], [`Samples`]: what packaging needs of a file.

mod inspected;
mod read;
mod samples;
mod track;

pub use inspected::{InspectError, Inspected, Unplayable};
pub use read::{Limits, ReadAt, ReadError};
pub use samples::{Sample, Samples};
pub use track::{Edit, Kind, Track};
