//! Sample entries (ISO/IEC 14496-12, 8.5.2 and 12; QuickTime File Format, "Sample Description Atoms").

use bytes::Bytes;

use super::boxes::{Boxes, Name};
use crate::codec::{audio_config, av1, avc, elementary, hevc, vp};
use crate::cursor::Cursor;
use crate::inspected::Unplayable;

/// Which rules the entries of sound follow where the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Iso,
    QuickTime,
}

/// The bytes of a `VisualSampleEntry` before its boxes.
const VISUAL: usize = 78;

/// An entry of pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visual {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) codec: String,
}

/// An entry of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sound {
    pub(super) channels: u16,
    pub(super) sample_rate: u32,
    pub(super) codec: String,
}

/// The first entry of an `stsd`: its four characters, and the whole box.
pub(super) fn first(stsd: &Bytes) -> Result<(Name, Bytes), Unplayable> {
    let mut cursor = Cursor::new(stsd);
    cursor.full_box()?;
    if cursor.u32()? == 0 {
        return Err(Unplayable::Damaged);
    }
    Boxes::first_whole(&cursor.rest())
}

/// Reads an entry of pictures.
pub(super) fn visual(name: Name, entry: &Bytes) -> Result<Visual, Unplayable> {
    if name == *b"encv" {
        return Err(Unplayable::Encrypted);
    }
    let mut cursor = Cursor::new(&content(entry)?);
    let mut fields = Cursor::new(&cursor.take(VISUAL)?);
    fields.skip(24)?;
    let (width, height) = (fields.u16()?.into(), fields.u16()?.into());
    let boxes = cursor.rest();
    let text = four_characters(name);
    let configuration = |name| -> Result<Bytes, Unplayable> {
        Boxes::find(&boxes, name)?.ok_or(Unplayable::Damaged)
    };
    let codec = match &name {
        b"avc1" | b"avc3" => avc(&text, &configuration(*b"avcC")?)?,
        b"hvc1" | b"hev1" => hevc(&text, &configuration(*b"hvcC")?)?,
        b"av01" => av1(&configuration(*b"av1C")?)?,
        b"vp08" | b"vp09" => vp(&text, &configuration(*b"vpcC")?)?,
        b"mp4v" => mpeg4_visual(&configuration(*b"esds")?)?,
        _ => text,
    };
    Ok(Visual {
        width,
        height,
        codec,
    })
}

/// MPEG-4 part 2: its profile is in the first header of the stream (ISO/IEC 14496-2, 6.2.2), RFC 6381, section 3.3.
fn mpeg4_visual(esds: &Bytes) -> Result<String, Unplayable> {
    let stream = elementary(esds)?;
    let profile = match stream.specific.as_ref() {
        [0, 0, 1, 0xb0, profile, ..] if stream.object_type == 0x20 => format!(".{profile}"),
        _ => String::new(),
    };
    Ok(format!("mp4v.{:X}{profile}", stream.object_type))
}

/// Reads an entry of sound.
pub(super) fn sound(name: Name, entry: &Bytes, dialect: Dialect) -> Result<Sound, Unplayable> {
    let mut cursor = Cursor::new(&content(entry)?);
    cursor.skip(8)?;
    let version = cursor.u16()?;
    cursor.skip(6)?;
    let mut channels = cursor.u16()?;
    cursor.skip(6)?;
    let mut sample_rate = cursor.u32()? >> 16;
    match (dialect, version) {
        (Dialect::QuickTime, 1) => cursor.skip(16)?,
        (Dialect::QuickTime, 2) => {
            cursor.skip(4)?;
            sample_rate = f64::from_bits(cursor.u64()?) as u32;
            channels = u16::try_from(cursor.u32()?).map_err(|_| Unplayable::Damaged)?;
            cursor.skip(20)?;
        }
        _ => {}
    }
    let boxes = cursor.rest();
    let codec = match &name {
        b"mp4a" => {
            let mut esds = Boxes::find(&boxes, *b"esds")?;
            if let (None, Some(wave)) = (&esds, Boxes::find(&boxes, *b"wave")?) {
                esds = Boxes::find(&wave, *b"esds")?;
            }
            let stream = elementary(&esds.ok_or(Unplayable::Damaged)?)?;
            match (stream.object_type, audio_config(&stream.specific)) {
                (0x40, Some(config)) => {
                    // What the entry says of AAC is 2 channels, whatever it has.
                    channels = config.channels.unwrap_or(channels);
                    sample_rate = config.sample_rate.unwrap_or(sample_rate);
                    format!("mp4a.40.{}", config.object_type)
                }
                (object_type, _) => format!("mp4a.{object_type:X}"),
            }
        }
        b"Opus" => {
            if let Some(config) = Boxes::find(&boxes, *b"dOps")? {
                channels = config.get(1).copied().map_or(channels, u16::from);
            }
            "opus".to_owned()
        }
        b"fLaC" => "flac".to_owned(),
        // MP3 in QuickTime, by its own name and by that of Windows.
        b".mp3" | b"ms\0U" => "mp4a.6B".to_owned(),
        _ => four_characters(name),
    };
    Ok(Sound {
        channels,
        sample_rate,
        codec,
    })
}

/// A box without its header.
fn content(whole: &Bytes) -> Result<Bytes, Unplayable> {
    let (_, content) = Boxes::of(whole).next().ok_or(Unplayable::Damaged)??;
    Ok(content)
}

/// A name as text that is safe to show.
pub(super) fn four_characters(name: Name) -> String {
    name.iter()
        .map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '?',
        })
        .collect::<String>()
        .trim_end()
        .to_owned()
}
