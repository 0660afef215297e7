//! Indexes of samples that are made up: what is cut, and that all of it comes back out of a file.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use spinreel_media::Sample;

use crate::index::{Head, Index, Kind, Track};
use crate::plan::{Cutter, Limits};
use crate::segment::{MediaSegment, Piece};
use crate::{dash, head_length, hls};

const SIZE: u64 = 1 << 40;

fn limits() -> Limits {
    Limits::of_target(4)
}

fn video() -> Kind {
    Kind::Video {
        width: 320,
        height: 240,
        rotation: 90,
    }
}

/// A track of these samples, and its blocks; `None` where it cannot be packaged.
fn cut(timescale: u32, samples: &[Sample], limits: Limits) -> Option<(Track, Vec<u8>)> {
    let mut cutter = Cutter::new(timescale, SIZE, limits);
    for sample in samples {
        cutter.add(*sample)?;
    }
    let (segments, blocks) = cutter.finish()?;
    let track = Track {
        kind: video(),
        codec: "avc1.64001f".to_owned(),
        timescale,
        language: None,
        sample_entry: vec![0; 16],
        media_time: 0,
        delay: 0,
        segments,
    };
    Some((track, blocks))
}

fn written(track: Track, blocks: &[u8]) -> Vec<u8> {
    let head = Head {
        file_size: SIZE,
        target_s: 4,
        tracks: vec![track],
    };
    head.write(blocks).unwrap()
}

fn frames(count: u64, duration: u32, sync_every: u64) -> Vec<Sample> {
    let frame = |n: u64| Sample {
        offset: 1_000 + n * 600,
        size: 500,
        duration,
        composition_offset: 0,
        is_sync: n.is_multiple_of(sync_every),
    };
    (0..count).map(frame).collect()
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// What a player reads of a segment: the decoding time of its first sample, and the samples as the file has them.
fn read_segment(segment: &MediaSegment) -> (u64, Vec<Sample>) {
    let Some(Piece::Made(head)) = segment.pieces.first() else {
        panic!("no head");
    };
    let find = |name: &[u8]| head.windows(4).position(|four| four == name).unwrap();
    let time = u64::from_be_bytes(head[find(b"tfdt") + 8..][..8].try_into().unwrap());
    let defaults = find(b"tfhd") + 12;
    let (duration, default_flags) = (be32(head, defaults), be32(head, defaults + 4));
    let run = find(b"trun");
    let flags = be32(head, run + 4) & 0xff_ffff;
    let (count, offset) = (be32(head, run + 8), be32(head, run + 12));
    assert_eq!(offset as usize, head.len() - find(b"moof") + 4);
    let mut at = run + 16;
    let mut word = |is_there: bool, otherwise: u32| {
        if !is_there {
            return otherwise;
        }
        at += 4;
        be32(head, at - 4)
    };
    let mut places = segment.pieces[1..].iter().flat_map(|piece| match piece {
        Piece::File { start, length } => *start..start + length,
        Piece::Made(_) => panic!("a second head"),
    });
    let mut samples = Vec::new();
    for _ in 0..count {
        let duration = word(flags & 0x100 != 0, duration);
        let size = word(flags & 0x200 != 0, 0);
        let is_sync = word(flags & 0x400 != 0, default_flags) & 0x1_0000 == 0;
        let composition_offset = word(flags & 0x800 != 0, 0).cast_signed();
        let offset = places.next().unwrap();
        if size > 1 {
            assert_eq!(
                places.nth(size as usize - 2),
                Some(offset + u64::from(size) - 1)
            );
        }
        samples.push(Sample {
            offset,
            size,
            duration,
            composition_offset,
            is_sync,
        });
    }
    assert_eq!(places.next(), None);
    let bytes: u64 = samples.iter().map(|sample| u64::from(sample.size)).sum();
    assert_eq!(u64::from(be32(head, head.len() - 8)), 8 + bytes);
    (time, samples)
}

/// All samples of all segments, after a look at the times and the lengths that playlists tell.
fn read_all(bytes: &[u8]) -> Vec<Sample> {
    assert!(head_length(bytes).unwrap() <= bytes.len() as u64);
    let index = Index::read(bytes).unwrap();
    let track = &index.head.tracks[0];
    let (mut all, mut time) = (Vec::new(), 0);
    for number in 0..track.segments.len() {
        let (at, length) = index.block(0, number).unwrap();
        let block = &bytes[at as usize..][..length as usize];
        let segment = MediaSegment::new(&index, 0, number, block).unwrap();
        let (began, samples) = read_segment(&segment);
        assert_eq!(began, time);
        time += samples
            .iter()
            .map(|sample| u64::from(sample.duration))
            .sum::<u64>();
        let length: u64 = segment
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Made(bytes) => bytes.len() as u64,
                Piece::File { length, .. } => *length,
            })
            .sum();
        assert_eq!(track.segment_lengths(number).unwrap().1, length);
        all.extend(samples);
    }
    assert_eq!(index.block(0, track.segments.len()), None);
    assert!(MediaSegment::new(&index, 0, usize::MAX, &[]).is_err());
    all
}

#[test]
fn segments_are_cut_at_the_first_sync_sample_after_their_time() {
    // 25 pictures a second, a sync sample each second and a half.
    let samples = frames(1_000, 1_000, 37);
    let (track, blocks) = cut(25_000, &samples, limits()).unwrap();
    assert!(
        track
            .segments
            .iter()
            .all(|segment| segment.is_independent())
    );
    assert!(
        track.segments[..8]
            .iter()
            .all(|segment| segment.samples == 111)
    );
    assert_eq!(read_all(&written(track, &blocks)), samples);
}

#[test]
fn sync_samples_an_hour_apart_make_segments_that_are_told_not_to_begin_with_one() {
    let samples = frames(200_000, 1_000, 90_000);
    let (track, blocks) = cut(25_000, &samples, limits()).unwrap();
    assert!(
        track
            .segments
            .iter()
            .all(|segment| segment.samples <= 4_096)
    );
    let independent = track
        .segments
        .iter()
        .filter(|segment| segment.is_independent());
    assert_eq!(independent.count(), 3);
    let playlist = hls::media(&track);
    assert!(!playlist.contains("INDEPENDENT"), "{playlist}");
    assert!(
        playlist.contains("#EXT-X-TARGETDURATION:164\n"),
        "{playlist}"
    );
    // One picture an hour.
    assert_eq!(hls::iframes(&track).matches("#EXTINF").count(), 3);
    assert_eq!(read_all(&written(track, &blocks)).len(), samples.len());
}

#[test]
fn timescales_of_one_and_of_the_most_are_told_in_seconds() {
    for (timescale, duration) in [(1, 1), (u32::MAX, u32::MAX)] {
        let samples = frames(20, duration, 1);
        let (track, blocks) = cut(timescale, &samples, limits()).unwrap();
        assert_eq!(track.segments.len(), 5);
        let playlist = hls::media(&track);
        assert_eq!(
            playlist.matches("#EXTINF:4.000000,").count(),
            5,
            "{playlist}"
        );
        assert_eq!(track.end_ms(), 20_000);
        assert_eq!(track.frame_rate(), Some((1, 1)));
        assert_eq!(read_all(&written(track, &blocks)), samples);
    }
}

#[test]
fn samples_beyond_the_file_and_tracks_without_any_are_not_packaged() {
    let mut samples = frames(3, 1_000, 1);
    samples[2].offset = SIZE - 499;
    assert!(cut(25_000, &samples, limits()).is_none());
    samples[2].offset = u64::MAX;
    assert!(cut(25_000, &samples, limits()).is_none());
    assert!(cut(25_000, &[], limits()).is_none());
}

#[test]
fn an_index_that_says_more_than_the_file_has_is_damaged() {
    let (track, blocks) = cut(25_000, &frames(500, 1_000, 25), limits()).unwrap();
    for wrong in [
        |track: &mut Track| track.segments[1].distance = -1_000_000,
        |track: &mut Track| track.segments[1].distance = i64::MAX,
        |track: &mut Track| track.segments[1].span = SIZE,
        |track: &mut Track| track.segments[1].samples = 0,
        |track: &mut Track| track.segments[1].duration = u64::MAX,
        |track: &mut Track| track.segments.clear(),
        |track: &mut Track| track.timescale = 0,
    ] {
        let mut track = track.clone();
        wrong(&mut track);
        assert!(Index::read(&written(track, &blocks)).is_err());
    }
    let mut shorter = track.clone();
    shorter.segments[0].bytes -= 1;
    let bytes = written(shorter, &blocks);
    let index = Index::read(&bytes).unwrap();
    let (at, length) = index.block(0, 0).unwrap();
    let block = &bytes[at as usize..][..length as usize];
    assert!(MediaSegment::new(&index, 0, 0, block).is_err());
    assert!(MediaSegment::new(&index, 0, 0, &block[..3]).is_err());
    assert!(MediaSegment::new(&index, 1, 0, block).is_err());
}

#[test]
fn playlists_and_manifests_say_what_there_is() {
    let (track, _) = cut(25_000, &frames(250, 1_000, 50), limits()).unwrap();
    let mut sound = track.clone();
    sound.kind = Kind::Audio {
        channels: 2,
        sample_rate: 48_000,
    };
    sound.codec = "mp4a.40.2".to_owned();
    sound.language = Some("deu".to_owned());
    let head = Head {
        file_size: SIZE,
        target_s: 4,
        tracks: vec![track, sound],
    };
    let captions = [hls::Caption {
        lang: "en",
        url: "t/captions/en.m3u8",
    }];
    let master = hls::master(&head, "t", &captions);
    for line in [
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"a0\",LANGUAGE=\"deu\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"t/a0/media.m3u8\"",
        "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"captions\",NAME=\"en\",LANGUAGE=\"en\",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI=\"t/captions/en.m3u8\"",
        "t/v0/media.m3u8",
    ] {
        assert!(master.lines().any(|own| own == line), "{line}\n{master}");
    }
    // Two tracks of 250 samples of 500 bytes in 10 seconds, each with some bytes of its own.
    assert!(master.contains(",CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=240x320,FRAME-RATE=25.000,AUDIO=\"audio\",SUBTITLES=\"captions\"\n"), "{master}");
    assert!(
        master.contains("#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH="),
        "{master}"
    );
    let manifest = dash::manifest(&head, "t", &captions);
    for part in [
        "<S t=\"0\" d=\"100000\" r=\"1\"/>",
        "<S d=\"50000\"/>",
        "media=\"t/v0/$Number$.m4s\"",
        "mediaPresentationDuration=\"PT10.000S\"",
        "frameRate=\"25\"",
        "<BaseURL>t/captions/en.m3u8</BaseURL>",
    ] {
        assert!(manifest.contains(part), "{part}\n{manifest}");
    }
    let alone = Head {
        tracks: head.tracks[1..].to_vec(),
        ..head
    };
    let master = hls::master(&alone, "t", &[]);
    assert!(
        master.ends_with("CODECS=\"mp4a.40.2\"\nt/a0/media.m3u8\n"),
        "{master}"
    );
}

fn any_samples() -> impl Strategy<Value = Vec<Sample>> {
    let any = (
        0_u64..2_000,
        1_u32..3_000,
        0_u32..3_000,
        -2_000_i32..2_000,
        any::<bool>(),
    );
    proptest::collection::vec(any, 1..200).prop_map(|any| {
        let mut at = 10_000_u64;
        let sample =
            |(gap, size, duration, composition_offset, is_sync): (u64, u32, u32, i32, bool)| {
                // Now and then one lies before the one that it follows.
                at = if gap < 50 {
                    at.saturating_sub(5_000)
                } else {
                    at + gap / 500 * 100
                };
                let sample = Sample {
                    offset: at,
                    size,
                    duration,
                    composition_offset,
                    is_sync,
                };
                at += u64::from(size);
                sample
            };
        any.into_iter().map(sample).collect()
    })
}

proptest! {
    #[test]
    fn every_sample_comes_back_as_it_was(
        samples in any_samples(),
        timescale in prop_oneof![Just(1_u32), 100_u32..10_000, Just(u32::MAX)],
        segment_bytes in 1_000_u64..100_000,
        segment_samples in 1_usize..50,
        span in 1_000_u64..100_000,
    ) {
        let limits = Limits { segment_bytes, segment_samples, span, ..limits() };
        let (track, blocks) = cut(timescale, &samples, limits).unwrap();
        prop_assert!(track.segments.iter().all(|one| one.samples as usize <= segment_samples));
        prop_assert!(hls::media(&track).ends_with("#EXT-X-ENDLIST\n"));
        prop_assert!(hls::iframes(&track).ends_with("#EXT-X-ENDLIST\n"));
        let head = Head { file_size: SIZE, target_s: 4, tracks: vec![track.clone()] };
        prop_assert!(dash::manifest(&head, "t", &[]).ends_with("</MPD>\n"));
        prop_assert!(hls::master(&head, "t", &[]).contains("v0/media.m3u8"));
        prop_assert_eq!(read_all(&written(track, &blocks)), samples);
    }

    #[test]
    fn any_bytes_are_an_index_or_none(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        prop_assert!(Index::read(&bytes).is_err());
        let (track, blocks) = cut(25_000, &frames(300, 1_000, 25), limits()).unwrap();
        let mut damaged = written(track, &blocks);
        let length = head_length(&damaged).unwrap() as usize;
        damaged[at.index(length)] = byte;
        let Ok(index) = Index::read(&damaged) else { return Ok(()); };
        for (number, track) in index.head.tracks.iter().enumerate() {
            let _ = (hls::media(track), hls::iframes(track));
            for segment in 0..track.segments.len() {
                let block = index.block(number, segment).and_then(|(at, length)| {
                    damaged.get(usize::try_from(at).ok()?..)?.get(..usize::try_from(length).ok()?)
                });
                let Some(Ok(segment)) = block.map(|block| MediaSegment::new(&index, number, segment, block)) else { continue; };
                for piece in segment.pieces {
                    if let Piece::File { start, length } = piece {
                        prop_assert!(start + length <= index.head.file_size);
                    }
                }
            }
        }
        let _ = (hls::master(&index.head, "t", &[]), dash::manifest(&index.head, "t", &[]));
    }
}
