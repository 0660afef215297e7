//! Files that nobody makes by accident.

use bytes::Bytes;
use spinreel_media::{InspectError, Unplayable};

use super::counting::look;
use super::film;

fn whole(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = content.len() as u32 + 8;
    [&size.to_be_bytes()[..], name, content].concat()
}

/// What a file is found to be, which must cost little.
fn found(file: Vec<u8>) -> Unplayable {
    let (inspected, counting) = look(file.into());
    assert!(counting.reads <= 16 && counting.bytes <= 8 * 1024 * 1024);
    match inspected {
        Err(InspectError::Unplayable(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// A film in which the content of the nth box of that name is changed.
fn changed(film_name: &str, name: &[u8; 4], nth: usize, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut file = film(film_name).to_vec();
    let places = file
        .windows(4)
        .enumerate()
        .filter(|(_, window)| window == name);
    let at = places.map(|(at, _)| at).nth(nth).expect("the box") + 4;
    change(&mut file[at..]);
    file
}

#[test]
fn boxes_ten_thousand_deep_are_no_more_than_one() {
    for name in [b"moov", b"trak", b"stbl"] {
        let mut nested = Vec::new();
        for _ in 0..10_000 {
            // From the inside out; the sizes are right.
            let size = nested.len() as u32 + 8;
            nested.splice(0..0, [&size.to_be_bytes()[..], name].concat());
        }
        let file = [whole(b"ftyp", b"isom"), whole(b"moov", &nested)].concat();
        assert_eq!(found(file), Unplayable::Damaged);
    }
}

#[test]
fn sizes_of_nothing_and_of_everything_end() {
    let ftyp = whole(b"ftyp", b"isom");
    for (tail, reason) in [
        (&b"\0\0\0\0mdat"[..], Unplayable::NoIndex),
        (b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x01", Unplayable::Damaged),
        (
            b"\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff",
            Unplayable::Damaged,
        ),
        (
            b"\0\0\0\x01moov\x7f\xff\xff\xff\xff\xff\xff\xff",
            Unplayable::EndsBeforeIndex,
        ),
        (b"\0\0\0\x04mdat", Unplayable::Damaged),
        (b"\xff\xff\xff\xffmoov", Unplayable::EndsBeforeIndex),
        (b"\0\0\0\0moov", Unplayable::Damaged),
    ] {
        let file = [&ftyp, tail].concat();
        assert_eq!(found(file), reason, "{}", tail.escape_ascii());
    }
    // A million boxes without content take no more reads than others.
    let file = [ftyp, whole(b"free", b"").repeat(1_000_000)].concat();
    assert_eq!(found(file), Unplayable::IndexTooLarge);
}

#[test]
fn tables_that_say_four_thousand_million_are_damaged_or_cut_off() {
    let count_at = |at: usize| move |content: &mut [u8]| content[at..at + 4].fill(0xff);
    for (name, at) in [
        (b"stts", 4),
        (b"ctts", 4),
        (b"stsc", 4),
        (b"stco", 4),
        (b"stss", 4),
        (b"stsz", 8),
    ] {
        let file = changed("h264-aac.mp4", name, 0, count_at(at));
        assert_eq!(found(file), Unplayable::Damaged, "{}", name.escape_ascii());
    }
    // All of one size, so that the table needs no bytes.
    let file = changed("h264-aac.mp4", b"stsz", 0, |content| {
        content[4..8].copy_from_slice(&1_u32.to_be_bytes());
        content[8..12].fill(0xff);
    });
    assert!(matches!(
        found(file),
        Unplayable::Damaged | Unplayable::CutOff
    ));
    let file = changed("h264-aac.mp4", b"stsd", 0, |content| content[4..8].fill(0));
    assert_eq!(found(file), Unplayable::Damaged);
}

#[test]
fn a_clock_that_does_not_tick_is_damaged() {
    for name in [b"mvhd", b"mdhd"] {
        let file = changed("h264-aac.mp4", name, 0, |content| content[12..16].fill(0));
        assert_eq!(found(file), Unplayable::Damaged, "{}", name.escape_ascii());
    }
    let file = changed("fragmented-index.mp4", b"sidx", 0, |content| {
        content[8..12].fill(0)
    });
    assert!(look(file.into()).0.is_ok());
}

#[test]
fn elements_without_an_end_end() {
    let ebml = [
        &[0x1a, 0x45, 0xdf, 0xa3, 0x87, 0x42, 0x82, 0x84][..],
        b"webm",
    ]
    .concat();
    let head = [&ebml[..], &[0x18, 0x53, 0x80, 0x67]].concat();
    let unknown = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let huge = [1, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    for (tail, reason) in [
        (vec![], Unplayable::EndsBeforeIndex),
        (unknown.to_vec(), Unplayable::NoIndex),
        (huge.to_vec(), Unplayable::EndsBeforeIndex),
        // An element of unknown size after another, each in the one before it.
        (
            [&unknown[..], &[0x1f, 0x43, 0xb6, 0x75, 0xff].repeat(1_000)].concat(),
            Unplayable::NoIndex,
        ),
        (
            [&unknown[..], &[0x16, 0x54, 0xae, 0x6b], &huge].concat(),
            Unplayable::EndsBeforeIndex,
        ),
        ([&unknown[..], &[0; 100]].concat(), Unplayable::Damaged),
    ] {
        let file = [&head[..], &tail].concat();
        assert_eq!(found(file), reason, "{tail:x?}");
    }
    // A million elements without content.
    let file = [&head[..], &unknown, &[0xec, 0x80].repeat(1_000_000)].concat();
    assert_eq!(found(file), Unplayable::IndexTooLarge);
    let only_head = Bytes::from(ebml);
    assert!(look(only_head.slice(..4)).0.is_err() && look(only_head).0.is_err());
}
