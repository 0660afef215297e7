//! The initialisation segment of a track: `ftyp` and `moov` without samples (ISO/IEC 14496-12; CMAF, ISO/IEC 23000-19).

use crate::boxes::Writer;
use crate::index::{Kind, Track};

/// The id of the only track of each segment.
pub(crate) const TRACK_ID: u32 = 1;
/// 1 in numbers of 16 bits before the point and 16 after it.
const ONE: u32 = 0x1_0000;
/// 1 in numbers of 2 bits before the point and 30 after it.
const LAST_ONE: u32 = 0x4000_0000;

/// What a player reads before the segments of a track.
pub fn init_segment(track: &Track) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.boxed(b"ftyp", |writer| {
        writer.raw(b"iso6");
        writer.u32(0);
        for brand in [b"iso6", b"cmfc", b"mp41"] {
            writer.raw(brand);
        }
    });
    writer.boxed(b"moov", |writer| {
        writer.full(b"mvhd", 0, 0, |writer| {
            writer.zeros(8);
            writer.u32(track.timescale);
            writer.u32(0);
            writer.u32(ONE);
            // The volume, and what is reserved.
            writer.u16(0x0100);
            writer.zeros(10);
            matrix(writer, 0);
            writer.zeros(24);
            writer.u32(TRACK_ID + 1);
        });
        writer.boxed(b"trak", |writer| trak(writer, track));
        writer.boxed(b"mvex", |writer| {
            writer.full(b"trex", 0, 0, |writer| {
                writer.u32(TRACK_ID);
                writer.u32(1);
                writer.zeros(12);
            });
        });
    });
    writer.bytes
}

fn trak(writer: &mut Writer, track: &Track) {
    let (width, height, rotation) = match track.kind {
        Kind::Video {
            width,
            height,
            rotation,
        } => (width, height, rotation),
        Kind::Audio { .. } => (0, 0, 0),
    };
    // Enabled, and in the movie.
    writer.full(b"tkhd", 0, 3, |writer| {
        writer.zeros(8);
        writer.u32(TRACK_ID);
        writer.zeros(16);
        // Layer and alternate group; the volume.
        writer.zeros(4);
        writer.u16(if track.kind.is_video() { 0 } else { 0x0100 });
        writer.zeros(2);
        matrix(writer, rotation);
        writer.u32(width.min(0xffff) << 16);
        writer.u32(height.min(0xffff) << 16);
    });
    if track.media_time != 0 {
        writer.boxed(b"edts", |writer| {
            writer.full(b"elst", 1, 0, |writer| {
                writer.u32(1);
                // To the end, from there on (8.6.6: 0 in a file that goes on in fragments).
                writer.u64(0);
                writer.u64(track.media_time.cast_unsigned());
                writer.u32(ONE);
            });
        });
    }
    writer.boxed(b"mdia", |writer| {
        writer.full(b"mdhd", 0, 0, |writer| {
            writer.zeros(8);
            writer.u32(track.timescale);
            writer.u32(0);
            writer.u16(language(track.language.as_deref()));
            writer.u16(0);
        });
        writer.full(b"hdlr", 0, 0, |writer| {
            writer.u32(0);
            writer.raw(if track.kind.is_video() {
                b"vide"
            } else {
                b"soun"
            });
            // The handler has no name.
            writer.zeros(13);
        });
        writer.boxed(b"minf", |writer| {
            match track.kind {
                Kind::Video { .. } => writer.full(b"vmhd", 0, 1, |writer| writer.zeros(8)),
                Kind::Audio { .. } => writer.full(b"smhd", 0, 0, |writer| writer.zeros(4)),
            }
            writer.boxed(b"dinf", |writer| {
                writer.full(b"dref", 0, 0, |writer| {
                    writer.u32(1);
                    writer.full(b"url ", 0, 1, |_| {});
                });
            });
            writer.boxed(b"stbl", |writer| {
                writer.full(b"stsd", 0, 0, |writer| {
                    writer.u32(1);
                    writer.raw(&track.sample_entry);
                });
                for empty in [b"stts", b"stsc", b"stco"] {
                    writer.full(empty, 0, 0, |writer| writer.u32(0));
                }
                writer.full(b"stsz", 0, 0, |writer| writer.zeros(8));
            });
        });
    });
}

/// The matrix that turns a picture clockwise (6.2.2).
fn matrix(writer: &mut Writer, rotation: u16) {
    let minus = ONE.wrapping_neg();
    let [a, b, c, d] = match rotation {
        90 => [0, ONE, minus, 0],
        180 => [minus, 0, 0, minus],
        270 => [0, minus, ONE, 0],
        _ => [ONE, 0, 0, ONE],
    };
    for value in [a, b, 0, c, d, 0, 0, 0, LAST_ONE] {
        writer.u32(value);
    }
}

/// Three letters in five bits each (8.4.2.3); `und` for all others.
fn language(language: Option<&str>) -> u16 {
    let letters = language.map(str::as_bytes);
    let letters = match letters {
        Some(letters) if letters.len() == 3 && letters.iter().all(u8::is_ascii_lowercase) => {
            letters
        }
        _ => b"und",
    };
    letters
        .iter()
        .fold(0, |packed, letter| packed << 5 | u16::from(letter - 0x60))
}
