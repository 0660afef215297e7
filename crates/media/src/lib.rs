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
//! - [`inspect`]: the way in; [`inspection_of`]: only what is kept of it. [`ReadAt`]: where the bytes come from.
//!   [`read_samples`]: the samples of fragmented MP4 and of Matroska.
//! - [`Track`], [`Samples`]: what packaging needs of a file.

mod codec;
mod collected;
mod cursor;
mod inspected;
mod matroska;
mod mp4;
mod packed;
mod read;
mod reader;
mod samples;
mod summary;
mod track;

use reader::Reader;
use spinreel_api::internal::Inspection;

pub use inspected::{InspectError, Inspected, Unplayable};
pub use read::{Limits, ReadAt, ReadError};
pub use samples::{Sample, Samples};
pub use track::{Edit, Kind, Track};

/// Finds out what a file is. The same file always gives the same.
pub async fn inspect(source: &mut impl ReadAt, limits: Limits) -> Result<Inspected, InspectError> {
    if source.size() == 0 {
        return Err(Unplayable::Empty.into());
    }
    let mut reader = Reader::new(source, limits);
    let first = reader.get_up_to(0, 8).await?;
    if mp4::is_mp4(&first) {
        mp4::inspect(&mut reader).await
    } else if matroska::is_matroska(&first) {
        matroska::inspect(&mut reader).await
    } else {
        Err(Unplayable::UnknownContainer.into())
    }
}

/// The same, for those who keep only what came of it.
///
/// # Errors
/// Where the file could not be read: to be tried again.
pub async fn inspection_of(
    source: &mut impl ReadAt,
    limits: Limits,
) -> Result<Inspection, ReadError> {
    match inspect(source, limits).await {
        Ok(inspected) => Ok(Inspection::Playable(inspected.media)),
        Err(InspectError::Unplayable(reason)) => Ok(Inspection::Unplayable(reason.to_string())),
        Err(InspectError::Read(error)) => Err(error),
    }
}

/// Whether a file that begins with these bytes can be one that [`inspect`] knows. Eight bytes tell.
pub fn has_known_container(first: &[u8]) -> bool {
    mp4::is_mp4(first) || matroska::is_matroska(first)
}

/// Reads all movie fragments of a fragmented file, or all blocks of Matroska, which [`inspect`] does not, so that
/// [`Track::samples`] has all samples. Costs a read for each fragment, of Matroska all of the file that is not in frames of half
/// a MiB, and nothing where the samples are known. Where it fails, `inspected` is as it was.
pub async fn read_samples(
    source: &mut impl ReadAt,
    inspected: &mut Inspected,
) -> Result<(), InspectError> {
    if inspected.samples_unread {
        match inspected.media.container.as_str() {
            matroska::WEBM | matroska::MATROSKA => {
                let limits = Limits::BLOCKS;
                let mut reader = Reader::dense(source, limits);
                matroska::read_blocks(&mut reader, inspected, limits).await?;
            }
            _ => {
                let limits = Limits::FRAGMENTS;
                let mut reader = Reader::sparse(source, limits);
                mp4::read_fragments(&mut reader, inspected, limits.memory).await?;
            }
        }
        inspected.samples_unread = false;
    }
    Ok(())
}
