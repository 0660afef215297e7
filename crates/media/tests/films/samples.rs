//! Samples: those of ffprobe's packets.

use futures::executor::block_on;
use spinreel_media::{Kind, Sample, Track, Unplayable, read_samples};

use super::counting::look;
use super::ffprobe::ffprobe;
use super::{film, videos};

/// Films in Matroska with B-frames.
const REORDERED: [&str; 2] = ["h264-aac.mkv", "hevc-flac.mkv"];

/// What a player is given of a sample: times, place, size, and whether decoding can begin there.
type Packet = (i64, i64, u64, u64, bool);

/// What differs in Matroska: ffprobe tells where a block is, and not where its frame begins.
fn without_place((shown, decoded, _, size, is_sync): Packet) -> Packet {
    (shown, decoded, 0, size, is_sync)
}

/// The packets that the samples of a track are.
fn packets(track: &Track) -> Vec<Packet> {
    let shift = track.edit.delay as i64 - track.edit.media_time;
    let mut decoded = shift;
    let packet = |sample: Sample| {
        let shown = decoded + i64::from(sample.composition_offset);
        let packet = (
            shown,
            decoded,
            sample.offset,
            sample.size.into(),
            sample.is_sync,
        );
        decoded += i64::from(sample.duration);
        packet
    };
    track.samples().map(packet).collect()
}

fn probed(name: &str, stream: usize) -> Vec<Packet> {
    let stream = stream.to_string();
    let arguments = [
        "-advanced_editlist",
        "0",
        "-show_packets",
        "-select_streams",
        &stream,
    ];
    // Edit lists are ours to apply: ffprobe's own way leaves packets out.
    let entries = ["-show_entries", "packet=pts,dts,pos,size,flags"];
    let probed = ffprobe(name, &[&arguments[..], &entries[..]].concat());
    let packets = probed["packets"].as_array().unwrap().iter();
    packets
        .map(|packet| {
            let number = |key: &str| packet[key].as_str().unwrap().parse::<u64>().unwrap();
            let time = |key: &str| packet[key].as_i64().unwrap();
            let flags = packet["flags"].as_str().unwrap();
            (
                time("pts"),
                time("dts"),
                number("pos"),
                number("size"),
                flags.starts_with('K'),
            )
        })
        .collect()
}

#[test]
fn the_samples_of_every_film_are_ffprobes_packets() {
    let mut compared = 0;
    for name in videos() {
        let is_long = name.starts_with("hour");
        let mut inspected = look(film(&name)).0.unwrap();
        let mut file = film(&name);
        let reading = read_samples(&mut file, &mut inspected);
        let read = block_on(reading);
        // Blocks have no decoding times, so pictures that are shown in another order are not told.
        if REORDERED.contains(&name.as_str()) {
            assert_eq!(read, Err(Unplayable::Damaged.into()), "{name}");
            continue;
        }
        read.unwrap();
        let is_matroska = matches!(inspected.media.container.as_str(), "webm" | "mkv");
        if is_long {
            continue;
        }
        for (index, track) in inspected.tracks.iter().enumerate() {
            let (mut ours, mut theirs) = (packets(track), probed(&name, index));
            if is_matroska {
                let forget = |packet: &mut Packet| *packet = without_place(*packet);
                ours.iter_mut().chain(&mut theirs).for_each(forget);
            }
            // Sound without a size of its own comes many samples to a packet.
            if track.codec == "sowt" {
                let bytes = |packets: &[Packet]| packets.iter().map(|packet| packet.3).sum::<u64>();
                assert_eq!(bytes(&ours), bytes(&theirs), "{name}");
                continue;
            }
            assert_eq!(ours, theirs, "{name}, track {index}");
            compared += ours.len();
        }
    }
    assert!(compared > 3_000, "{compared}");
}

#[test]
fn an_hour_is_read_within_the_limits_and_has_all_its_samples() {
    for name in ["hour.mp4", "hour-fast.mp4"] {
        let (inspected, counting) = look(film(name));
        let inspected = inspected.unwrap();
        assert!(
            counting.reads <= 4 && counting.bytes < 4_000_000,
            "{} {}",
            counting.reads,
            counting.bytes
        );
        for track in &inspected.tracks {
            let count = track.samples().count() as u64;
            assert_eq!(count, track.sample_count());
            let pictures = matches!(track.kind, Kind::Video { .. });
            assert!(
                count == 90_000 || !pictures && count > 160_000,
                "{name} {count}"
            );
        }
    }
}
