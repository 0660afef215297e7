//! Sample entries (ISO/IEC 14496-12, 8.5.2), as fragmented MP4 has them.

/// The codecs that players take in fragmented MP4: H.264, HEVC, AV1, VP9; AAC and MP3 (`mp4a`, `.mp3`), Opus.
const CODECS: [&[u8; 4]; 9] = [
    b"avc1", b"avc3", b"hvc1", b"hev1", b"av01", b"vp09", b"mp4a", b".mp3", b"Opus",
];
/// The largest entry that is taken, in bytes.
const MOST: usize = 64 * 1024;
/// The bytes of an audio entry of version 0 before its boxes, and how many version 1 of QuickTime has more.
const AUDIO: usize = 36;
const AUDIO_MORE: usize = 16;

/// The entry as an MP4 file has it; `None` where no player would take it.
///
/// QuickTime's entries for sound may be longer, and have the decoder's description a box further in (QuickTime File Format,
/// "Sound Sample Description (Version 1)").
pub(crate) fn packageable(entry: &[u8]) -> Option<Vec<u8>> {
    let (kind, _) = header(entry).filter(|_| entry.len() <= MOST)?;
    if !CODECS.contains(&&kind) {
        return None;
    }
    let is_sound = matches!(&kind, b"mp4a" | b".mp3" | b"Opus");
    let version = entry.get(16..18)?;
    match (is_sound, version) {
        (true, [0, 1]) => from_quicktime(entry),
        // Version 2 has no length that an MP4 player knows.
        (true, [0, 2]) => None,
        _ => Some(entry.to_vec()),
    }
}

fn from_quicktime(entry: &[u8]) -> Option<Vec<u8>> {
    let children = entry.get(AUDIO + AUDIO_MORE..)?;
    let description = find(children, b"esds").or_else(|| {
        let wave = find(children, b"wave")?;
        find(wave.get(8..)?, b"esds")
    })?;
    let mut made = entry.get(..AUDIO)?.to_vec();
    made.extend_from_slice(description);
    let length = u32::try_from(made.len()).ok()?;
    made.get_mut(..4)?.copy_from_slice(&length.to_be_bytes());
    // The version, the revision and the vendor, and what QuickTime has in reserved places.
    made.get_mut(16..24)?.fill(0);
    made.get_mut(28..32)?.fill(0);
    Some(made)
}

/// The first box of this kind among boxes that lie one after the other, whole.
fn find<'a>(mut boxes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    loop {
        let (kind, length) = header(boxes)?;
        let (own, rest) = boxes.split_at_checked(length)?;
        if kind == *wanted {
            return Some(own);
        }
        boxes = rest;
    }
}

/// A box's kind and its length with its header, which is 8 at least.
fn header(bytes: &[u8]) -> Option<([u8; 4], usize)> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?);
    let kind = *bytes.get(4..)?.first_chunk()?;
    let length = usize::try_from(length).ok().filter(|length| *length >= 8)?;
    Some((kind, length))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(8 + body.len())
            .unwrap()
            .to_be_bytes()
            .to_vec();
        bytes.extend(kind);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn a_description_of_quicktime_becomes_one_of_mp4() {
        let esds = boxed(b"esds", &[7; 20]);
        let wave = boxed(b"wave", &[boxed(b"frma", b"mp4a"), esds.clone()].concat());
        let mut body = vec![0; 28 + 16];
        body[9] = 1;
        body[12..16].copy_from_slice(b"appl");
        body[17] = 2;
        let entry = boxed(b"mp4a", &[body, wave].concat());
        let made = packageable(&entry).unwrap();
        let mut expected = vec![0; 28];
        expected[17] = 2;
        assert_eq!(made, boxed(b"mp4a", &[expected, esds].concat()));
        assert_eq!(packageable(&made), Some(made));
    }

    #[test]
    fn what_no_player_takes_is_none() {
        for kind in [b"sowt", b"jpeg", b"tmcd", b"encv"] {
            assert_eq!(packageable(&boxed(kind, &[0; 80])), None);
        }
        let mut second = vec![0; 80];
        second[9] = 2;
        assert_eq!(packageable(&boxed(b"mp4a", &second)), None);
        assert_eq!(packageable(b""), None);
        assert!(packageable(&boxed(b"avc1", &[0; 80])).is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_entry_or_none(body in proptest::collection::vec(0_u8..20, 0..120)) {
            if let Some(made) = packageable(&boxed(b"mp4a", &body)) {
                let length = u32::from_be_bytes(*made.first_chunk().unwrap());
                prop_assert_eq!(length as usize, made.len());
            }
        }
    }
}
