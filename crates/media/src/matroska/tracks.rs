//! The `Tracks` element (RFC 9559, 5.1.4).

use bytes::Bytes;
use spinreel_api::videos::FrameRate;

use super::ebml::{Elements, float, text, unsigned};
use super::entry::{self, Colour};
use crate::codec::{audio_config, av1, avc, hevc};
use crate::inspected::Unplayable;
use crate::mp4::frame_rate;
use crate::samples::SampleTable;
use crate::track::{Edit, Kind, Track};

/// The most tracks that are looked at.
const MOST_TRACKS: usize = 64;

/// VP9, whose name is made of its first frame where there is no more.
pub(super) const VP9: &str = "vp09";

/// What a `TrackEntry` says, as far as it was read.
#[derive(Debug, Default)]
struct Entry {
    number: u64,
    kind: u64,
    codec: String,
    private: Bytes,
    language: Option<String>,
    /// Nanoseconds.
    frame: u64,
    width: u32,
    height: u32,
    rotation: u16,
    channels: u16,
    sample_rate: u32,
    /// How much of the sound is not to be heard at first, in nanoseconds.
    delay: u64,
    colour: Colour,
    /// Whether frames are not as a decoder takes them.
    is_encoded: bool,
}

/// Reads the content of a `Tracks`, each with the colours of its pictures; `timescale` is the file's ticks per second.
pub(super) fn tracks(content: &Bytes, timescale: u32) -> Result<Vec<(Track, Colour)>, Unplayable> {
    let mut tracks = Vec::new();
    for child in Elements::of(content) {
        let (id, content) = child?;
        if id != 0xae {
            continue;
        }
        if tracks.len() == MOST_TRACKS {
            return Err(Unplayable::IndexTooLarge);
        }
        let entry = read_entry(&content)?;
        let colour = entry.colour;
        tracks.push((track(entry, timescale)?, colour));
    }
    Ok(tracks)
}

fn read_entry(content: &Bytes) -> Result<Entry, Unplayable> {
    let mut entry = Entry {
        channels: 1,
        sample_rate: 8_000,
        ..Entry::default()
    };
    for child in Elements::of(content) {
        let (id, content) = child?;
        match id {
            0xd7 => entry.number = unsigned(&content)?,
            0x83 => entry.kind = unsigned(&content)?,
            0x86 => entry.codec = text(&content)?,
            0x63a2 => entry.private = content,
            0x0022_b59c if entry.language.is_none() => entry.language = Some(text(&content)?),
            // BCP 47 comes before the older one.
            0x0022_b59d => entry.language = Some(text(&content)?),
            0x0023_e383 => entry.frame = unsigned(&content)?,
            0xe0 => video(&content, &mut entry)?,
            0xe1 => audio(&content, &mut entry)?,
            0x56aa => entry.delay = unsigned(&content)?,
            0x6d80 => {
                refuse_encryption(&content)?;
                entry.is_encoded = true;
            }
            _ => {}
        }
    }
    Ok(entry)
}

fn video(content: &Bytes, entry: &mut Entry) -> Result<(), Unplayable> {
    let pixels =
        |content: &Bytes| u32::try_from(unsigned(content)?).map_err(|_| Unplayable::Damaged);
    for child in Elements::of(content) {
        let (id, content) = child?;
        match id {
            0xb0 => entry.width = pixels(&content)?,
            0xba => entry.height = pixels(&content)?,
            0x55b0 => entry.colour = Colour::read(&content)?,
            0x7670 => {
                for child in Elements::of(&content) {
                    // `ProjectionPoseRoll`: degrees against the clock.
                    if let (0x7675, roll) = child? {
                        let quarters = (-float(&roll)? / 90.0).round().rem_euclid(4.0);
                        entry.rotation = 90 * (quarters as u16);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn audio(content: &Bytes, entry: &mut Entry) -> Result<(), Unplayable> {
    for child in Elements::of(content) {
        let (id, content) = child?;
        match id {
            0xb5 => entry.sample_rate = float(&content)? as u32,
            0x9f => {
                let channels = unsigned(&content)?;
                entry.channels = u16::try_from(channels).map_err(|_| Unplayable::Damaged)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// `ContentEncodings` (5.1.4.1.31): compression is the player's affair, encryption is in its way.
fn refuse_encryption(encodings: &Bytes) -> Result<(), Unplayable> {
    for encoding in Elements::of(encodings) {
        for child in Elements::of(&encoding?.1) {
            if child?.0 == 0x5035 {
                return Err(Unplayable::Encrypted);
            }
        }
    }
    Ok(())
}

fn track(entry: Entry, timescale: u32) -> Result<Track, Unplayable> {
    let kind = match entry.kind {
        1 => Kind::Video {
            width: entry.width,
            height: entry.height,
            rotation: entry.rotation,
            frame_rate: rate(entry.frame),
        },
        2 => Kind::Audio {
            channels: entry.channels,
            sample_rate: entry.sample_rate,
        },
        _ => Kind::Other,
    };
    let sample_entry = match entry.codec.as_str() {
        _ if entry.is_encoded => None,
        "V_AV1" => entry::av1(entry.width, entry.height, &entry.private),
        "A_OPUS" => entry::opus(&entry.private),
        _ => None,
    };
    let delay = u128::from(entry.delay) * u128::from(timescale);
    let delay = (delay + 500_000_000) / 1_000_000_000;
    Ok(Track {
        id: entry.number,
        kind,
        codec: codec(&entry)?,
        timescale,
        duration: 0,
        language: entry.language.filter(|language| language != "und"),
        sample_entry: sample_entry.unwrap_or_default(),
        edit: Edit {
            delay: 0,
            media_time: i64::try_from(delay).map_err(|_| Unplayable::Damaged)?,
        },
        table: SampleTable::None,
    })
}

fn rate(frame_ns: u64) -> Option<FrameRate> {
    frame_rate(1_000_000_000, 1, frame_ns)
}

/// The codec's name (RFC 9559's codec ids are in the Matroska codec specification) as MP4 has it, since players know those.
fn codec(entry: &Entry) -> Result<String, Unplayable> {
    Ok(match entry.codec.as_str() {
        "V_MPEG4/ISO/AVC" => avc("avc1", &entry.private)?,
        "V_MPEGH/ISO/HEVC" => hevc("hvc1", &entry.private)?,
        "V_AV1" => av1(&entry.private)?,
        "V_VP9" => VP9.to_owned(),
        "V_VP8" => "vp8".to_owned(),
        "A_OPUS" => "opus".to_owned(),
        "A_VORBIS" => "vorbis".to_owned(),
        "A_FLAC" => "flac".to_owned(),
        "A_MPEG/L3" => "mp4a.6B".to_owned(),
        "A_AC3" => "ac-3".to_owned(),
        "A_EAC3" => "ec-3".to_owned(),
        "A_AAC" => {
            let config = audio_config(&entry.private).ok_or(Unplayable::Damaged)?;
            format!("mp4a.40.{}", config.object_type)
        }
        other => other.to_owned(),
    })
}
