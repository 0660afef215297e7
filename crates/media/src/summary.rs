//! From what a container says to what clients are shown.

use spinreel_api::videos::Media;

use crate::inspected::{InspectError, Inspected, Unplayable};
use crate::track::{Kind, Track};

/// What a container says of the whole file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) container: &'static str,
    /// Ticks, and ticks per second.
    pub(crate) duration: (u64, u32),
    pub(crate) fast_start: bool,
    /// Bytes.
    pub(crate) size: u64,
}

/// Makes the answer of the first track with pictures and the first with sound. `pictures` says how many samples a track has
/// beside those of its table.
pub(crate) fn summary(
    found: &Found,
    tracks: Vec<Track>,
    samples_unread: bool,
    pictures: impl Fn(u64) -> u64,
) -> Result<Inspected, InspectError> {
    let video = tracks.iter().find_map(|track| match track.kind {
        Kind::Video {
            width,
            height,
            rotation,
            frame_rate,
        } => Some((track, width, height, rotation, frame_rate)),
        _ => None,
    });
    let (video, width, height, rotation, frame_rate) = video.ok_or(Unplayable::NoVideo)?;
    if video.sample_count() + pictures(video.id) == 0 {
        return Err(Unplayable::NoPictures.into());
    }
    let audio = tracks
        .iter()
        .find(|track| matches!(track.kind, Kind::Audio { .. }));
    let (ticks, timescale) = found.duration;
    let (ticks, timescale) = (u128::from(ticks), u128::from(timescale));
    let duration_ms = (ticks * 1_000 + timescale / 2).checked_div(timescale);
    let bitrate = (u128::from(found.size) * 8 * timescale).checked_div(ticks);
    let number = |value: Option<u128>| value.and_then(|value| u64::try_from(value).ok());
    let media = Media {
        container: found.container.to_owned(),
        duration_ms: number(duration_ms).ok_or(Unplayable::Damaged)?,
        width,
        height,
        video_codec: Some(video.codec.clone()),
        audio_codec: audio.map(|track| track.codec.clone()),
        bitrate: number(bitrate).unwrap_or(0),
        frame_rate,
        rotation,
        fast_start: found.fast_start,
    };
    Ok(Inspected {
        media,
        tracks,
        samples_unread,
        defaults: Vec::new(),
    })
}
