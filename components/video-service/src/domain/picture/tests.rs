#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

const PNG: &[u8] = include_bytes!("../../../../../tests/pictures/picture.png");
const JPEG: &[u8] = include_bytes!("../../../../../tests/pictures/picture.jpg");
const LOSSY: &[u8] = include_bytes!("../../../../../tests/pictures/lossy.webp");
const LOSSLESS: &[u8] = include_bytes!("../../../../../tests/pictures/lossless.webp");

/// What ffmpeg made, 64 pixels by 48.
const ALL: [(&[u8], &str); 4] = [
    (PNG, "image/png"),
    (JPEG, "image/jpeg"),
    (LOSSY, "image/webp"),
    (LOSSLESS, "image/webp"),
];

/// A PNG file with these chunks.
fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = png::SIGNATURE.to_vec();
    for (name, data) in chunks {
        bytes.extend((data.len() as u32).to_be_bytes());
        let named = [name.as_slice(), data].concat();
        bytes.extend(&named);
        bytes.extend(crc32fast::hash(&named).to_be_bytes());
    }
    bytes
}

fn header(width: u32, height: u32) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    [sides.as_slice(), &[8, 2, 0, 0, 0]].concat()
}

#[test]
fn pictures_are_told_by_their_bytes() {
    for (bytes, content_type) in ALL {
        let expected = Picture {
            content_type,
            width: 64,
            height: 48,
        };
        assert_eq!(read(bytes), Ok(expected));
    }
}

#[test]
fn a_picture_that_is_cut_off_anywhere_is_refused() {
    for (bytes, content_type) in ALL {
        for length in 0..bytes.len() {
            assert!(
                read(&bytes[..length]).is_err(),
                "{content_type} at {length}"
            );
        }
    }
}

#[test]
fn what_is_no_picture_is_unknown() {
    let texts: [&[u8]; 6] = [
        b"",
        b"<html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a\x01\x00\x01\x00",
        b"RIFF\x04\x00\x00\x00WAVE",
        b"\x00\x00\x00\x20ftypavif",
    ];
    for text in texts {
        assert_eq!(read(text), Err(PictureError::Unknown), "{text:?}");
    }
}

#[test]
fn a_picture_without_pixels_or_with_too_many_is_refused() {
    for (width, height, is_taken) in [
        (1, 1, true),
        (MAX_SIDE, MAX_SIDE, true),
        (0, 1, false),
        (1, 0, false),
        (MAX_SIDE + 1, 1, false),
        (60_000, 60_000, false),
        (u32::MAX, u32::MAX, false),
    ] {
        let header = header(width, height);
        let bytes = png(&[(b"IHDR", &header), (b"IDAT", b"x"), (b"IEND", b"")]);
        let expected = (!is_taken).then_some(PictureError::Size(width, height));
        assert_eq!(read(&bytes).err(), expected, "{width} × {height}");
    }
}

#[test]
fn a_png_file_has_its_chunks_in_order_with_their_sums() {
    let (header, pixels) = (header(1, 1), b"x".as_slice());
    let head = (b"IHDR", header.as_slice());
    let (pixels, end) = ((b"IDAT", pixels), (b"IEND", b"".as_slice()));
    assert!(read(&png(&[head, pixels, end])).is_ok());
    for chunks in [
        vec![pixels, head, end],
        vec![head, end],
        vec![head, pixels],
        vec![head, head, pixels, end],
        vec![head, pixels, end, end],
        vec![head, pixels, (b"IEND", b"x")],
        vec![(b"IHDR", &header[1..]), pixels, end],
    ] {
        let broken = read(&png(&chunks));
        assert!(
            matches!(broken, Err(PictureError::Broken(..))),
            "{broken:?}"
        );
    }
    let mut wrong = header.clone();
    // There are no pixels of three bits.
    wrong[8] = 3;
    assert!(read(&png(&[(b"IHDR", &wrong), pixels, end])).is_err());
    for at in png::SIGNATURE.len()..PNG.len() {
        let mut bytes = PNG.to_vec();
        bytes[at] ^= 0x10;
        assert!(read(&bytes).is_err(), "at {at}");
    }
}

#[test]
fn a_jpeg_file_may_have_restarts_and_filled_markers_but_no_second_header() {
    let frame = [0xff, 0xc0, 0, 11, 8, 0, 48, 0, 64, 1, 1, 0x11, 0];
    let scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0];
    let pixels = [1, 0xff, 0, 2, 0xff, 0xd0, 3];
    let file = |parts: &[&[u8]]| [&[0xff, 0xd8], parts.concat().as_slice()].concat();
    let end = [0xff, 0xff, 0xff, 0xd9];
    assert!(read(&file(&[&frame, &scan, &pixels, &end, b"more"])).is_ok());
    for parts in [
        vec![frame.as_slice(), &frame, &scan, &pixels, &end],
        vec![&scan, &pixels, &frame, &end],
        vec![&frame, &end],
        vec![&frame, b"x", &scan, &pixels, &end],
        vec![&frame, &[0xff, 0xe0, 0, 1], &scan, &pixels, &end],
        vec![&frame[..12], &scan, &pixels, &end],
    ] {
        assert!(read(&file(&parts)).is_err(), "{parts:?}");
    }
}

#[test]
fn a_webp_file_says_its_length_and_has_pixels() {
    let file = |chunks: &[u8]| {
        let length = (chunks.len() as u32 + 4).to_le_bytes();
        [b"RIFF".as_slice(), &length, b"WEBP", chunks].concat()
    };
    let extended = |more: &[u8]| {
        let mut chunks = b"VP8X\x0a\0\0\0\0\0\0\0\x3f\0\0\x2f\0\0".to_vec();
        chunks.extend(more);
        file(&chunks)
    };
    let pixels = &LOSSY[12..];
    let picture = read(&extended(pixels)).unwrap();
    assert_eq!((picture.width, picture.height), (64, 48));
    assert!(read(&extended(b"")).is_err());
    assert!(read(&extended(b"EXIF\x01\0\0\0x\0")).is_err());
    assert!(read(&[LOSSY, b"more"].concat()).is_err());
    assert!(read(&file(b"ALPH\x01\0\0\0x\0")).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(
        which in 0..4_usize, at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let (picture, _) = ALL[which];
        let at = at.index(picture.len());
        let mut changed = picture.to_vec();
        changed.splice(at.., bytes.iter().copied());
        let _ = read(&changed);
        let mut inside = picture.to_vec();
        inside.splice(at..at, bytes.iter().copied());
        let _ = read(&inside);
        let _ = read(&bytes);
    }
}
