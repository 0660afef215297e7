//! Films made by ffmpeg, packaged: to ffprobe, the initialisation segment and all segments of a track are the track.
//! `cargo xtask clients` makes the films.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use futures::executor::block_on;
use spinreel_media::{Inspected, inspect, read_samples};
use spinreel_packaging::{
    Index, Limits, MediaSegment, Piece, hls, index, init_segment, is_packageable, track_name,
};

fn film(name: &str) -> PathBuf {
    let films = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/films");
    let path = films.join(name);
    assert!(path.exists(), "run `cargo xtask clients` first");
    path
}

fn inspected(bytes: &Bytes) -> Inspected {
    let mut file = bytes.clone();
    let found = inspect(&mut file, spinreel_media::Limits::default());
    let mut found = block_on(found).unwrap();
    if is_packageable(&found, Limits::of_target(1)) {
        let reading = read_samples(&mut file, &mut found);
        block_on(reading).unwrap();
    }
    found
}

fn indexed(bytes: &Bytes, target_s: u32) -> Option<Vec<u8>> {
    index(
        &inspected(bytes),
        bytes.len() as u64,
        Limits::of_target(target_s),
    )
}

/// A track as a player puts it together; and how many segments it has.
fn packaged(bytes: &Bytes, index_bytes: &[u8], track: usize) -> (Vec<u8>, usize) {
    let index = Index::read(index_bytes).unwrap();
    let found = &index.head.tracks[track];
    let mut made = init_segment(found);
    for number in 0..found.segments.len() {
        let (at, length) = index.block(track, number).unwrap();
        let block = &index_bytes[at as usize..][..length as usize];
        for piece in MediaSegment::new(&index, track, number, block)
            .unwrap()
            .pieces
        {
            match piece {
                Piece::Made(own) => made.extend(own),
                Piece::File { start, length } => {
                    made.extend(&bytes[start as usize..][..length as usize]);
                }
            }
        }
    }
    (made, found.segments.len())
}

/// What ffprobe says of each packet: times, size, and whether decoding can begin there.
fn packets(path: &Path, stream: &str) -> Vec<String> {
    let mut ffprobe = Command::new("ffprobe");
    // The edit list moves the times; what it cuts off stays, as in fragments.
    ffprobe.args([
        "-v",
        "error",
        "-advanced_editlist",
        "0",
        "-select_streams",
        stream,
    ]);
    ffprobe.args([
        "-show_entries",
        "packet=pts,dts,size,flags",
        "-of",
        "csv=p=0",
    ]);
    let output = ffprobe.arg(path).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        !text.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let plain = |line: &str| line.trim_end_matches(',').replace(['D', '_'], "");
    // What ffprobe says beside a packet has a line of its own.
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(plain).collect()
}

/// A film whose first fragment is missing: it begins when the second one does.
const CUT_IN: &str = "cut-in.mp4";

fn cut_in(folder: &Path) -> PathBuf {
    let whole = std::fs::read(film("fragmented.mp4")).unwrap();
    let (mut kept, mut at, mut fragments) = (Vec::new(), 0, 0);
    while at < whole.len() {
        let length = u32::from_be_bytes(whole[at..at + 4].try_into().unwrap()) as usize;
        let own = &whole[at..at + length];
        fragments += usize::from(&own[4..8] == b"moof");
        if fragments != 1 && &own[4..8] != b"mfra" {
            kept.extend(own);
        }
        at += length;
    }
    let path = folder.join(CUT_IN);
    std::fs::write(&path, kept).unwrap();
    path
}

#[test]
fn a_packaged_track_has_the_packets_of_the_film() {
    let folder = std::env::temp_dir().join(format!("spinreel-packaging-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut wrong = Vec::new();
    for name in [
        "h264-aac.mp4",
        "h264-aac-fast.mp4",
        "h264-none.mp4",
        "h264-no-b.mp4",
        "h264-mono.mp4",
        "h264-mp3.mp4",
        "h264-opus.mp4",
        "h264-10bit.mp4",
        "h264-odd.mp4",
        "h264-rotated-90.mp4",
        "h264-rotated-270.mov",
        "h264-variable.mp4",
        "h264-edited.mp4",
        "h264-delayed.mp4",
        "h264-two-tones.mp4",
        "h264-aac.mov",
        "hevc-aac.mp4",
        "hevc-10bit.mp4",
        "hevc-aac.mov",
        "av1-opus.mp4",
        "av1-10bit.mp4",
        "vp9-opus.mp4",
        "fragmented.mp4",
        "fragmented.mov",
        "fragmented-later.mp4",
        "fragmented-index.mp4",
        "fragmented-long.mp4",
        CUT_IN,
        "vp9-opus.webm",
        "vp9-10bit.webm",
        "vp9-front.webm",
        "vp9-live.webm",
        "av1-opus.webm",
    ] {
        let path = match name {
            CUT_IN => cut_in(&folder),
            _ => film(name),
        };
        let bytes = Bytes::from(std::fs::read(&path).unwrap());
        let Some(index_bytes) = indexed(&bytes, 1) else {
            wrong.push(format!("{name} is not packaged"));
            continue;
        };
        let head = Index::read(&index_bytes).unwrap().head;
        for track in 0..head.tracks.len() {
            let (made, segments) = packaged(&bytes, &index_bytes, track);
            let track_name = track_name(&head, track);
            let file = folder.join(format!("{track_name}-{name}.mp4"));
            std::fs::write(&file, made).unwrap();
            let (kind, number) = track_name.split_at(1);
            let expected = packets(&path, &format!("{kind}:{number}"));
            let found = packets(&file, &format!("{kind}:0"));
            if expected != found {
                let at = expected
                    .iter()
                    .zip(&found)
                    .position(|(one, other)| one != other);
                let at = at.unwrap_or(expected.len().min(found.len()));
                wrong.push(format!(
                    "{name} {track_name}: {} packets, {} in {segments} segments; packet {at} {:?} {:?}",
                    expected.len(),
                    found.len(),
                    expected.get(at),
                    found.get(at)
                ));
            }
            // These have one sync sample only.
            assert!(
                segments > 1 || ["h264-variable.mp4", CUT_IN].contains(&name),
                "{name} {track_name}"
            );
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_no_player_takes_is_not_packaged() {
    for name in [
        "h264-pcm.mov",
        "mpeg4-aac.mp4",
        "vp8-vorbis.webm",
        "vp9-mp3.mkv",
        "h264-aac.mkv",
    ] {
        let bytes = Bytes::from(std::fs::read(film(name)).unwrap());
        assert_eq!(indexed(&bytes, 4), None, "{name}");
        let is_packageable = is_packageable(&inspected(&bytes), Limits::of_target(4));
        assert!(!is_packageable, "{name}");
    }
}

#[test]
fn an_hour_of_few_bytes_has_an_index_that_is_small_too() {
    let bytes = Bytes::from(std::fs::read(film("hour.mp4")).unwrap());
    let index_bytes = indexed(&bytes, 4).unwrap();
    // It has 110 kbit/s, pictures and sound interleaved one by one: 259,000 samples.
    assert!(
        index_bytes.len() <= bytes.len() / 100,
        "{} of {}",
        index_bytes.len(),
        bytes.len()
    );
    let head = Index::read(&index_bytes).unwrap().head;
    assert!(
        (3_599_000..3_700_000).contains(&head.end_ms()),
        "{}",
        head.end_ms()
    );
    let playlist = hls::media(&head.tracks[0]);
    assert!(
        playlist.lines().count() > 1_800,
        "{}",
        playlist.lines().count()
    );
    assert!(playlist.contains("#EXT-X-INDEPENDENT-SEGMENTS"));
}
