#![forbid(unsafe_code)]
//! HLS (RFC 8216bis) and DASH (ISO/IEC 23009-1) of a stored file, without a second copy of it and without transcoding.
//!
//! After an upload, [`index`] makes an index of the file's samples, at most 1 % of it, or 1 MiB. Playlists, manifests and the heads
//! of segments are made of the index; the media itself comes out of the file, by one ranged read a segment.
//!
//! Pictures and sound are apart: DASH players want them so, and HLS players take them so. A segment reads the stretch of the
//! file that its samples lie in, and leaves out what is not of its track.
//!
//! # Layout
//! - [`index`], [`Limits`]: from a file's tracks to the index. `plan.rs` cuts the segments, `block.rs` writes their samples.
//! - [`Index`]: the index, read: its head first ([`Head`]), then the [block](Track::block) of a segment.
//! - [`init_segment`], [`MediaSegment`]: fragmented MP4 (ISO/IEC 14496-12). `boxes.rs` writes boxes.
//! - [`hls`], [`dash`]: playlists and manifests.

mod bits;
mod block;
mod boxes;
pub mod dash;
mod entry;
pub mod hls;
mod index;
mod init;
mod names;
mod plan;
mod rates;
mod segment;

pub use index::{Head, Index, IndexError, Kind, Segment, Track, head_length};
pub use init::init_segment;
pub use names::{Part, track_name};
pub use plan::{Limits, index, is_packageable};
pub use segment::{MediaSegment, Piece};

#[cfg(test)]
mod tests;
