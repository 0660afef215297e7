//! What clients are shown.

use serde_json::Value;
use spinreel_media::{InspectError, Kind, Unplayable};

use super::counting::look;
use super::ffprobe::{ffprobe, number, streams};
use super::{film, videos};

/// The names of a codec that ffprobe's name, profile and level come to.
fn codec(stream: &Value) -> String {
    let level = stream["level"].as_u64().unwrap_or(0);
    let profile = stream["profile"].as_str().unwrap_or_default();
    match (stream["codec_name"].as_str().unwrap(), profile) {
        ("h264", "High") => format!("avc1.6400{level:02x}"),
        ("h264", "High 10") => format!("avc1.6e00{level:02x}"),
        ("hevc", "Main") => format!(
            "{}.1.6.L{level}.90",
            stream["codec_tag_string"].as_str().unwrap()
        ),
        ("hevc", "Main 10") => format!(
            "{}.2.4.L{level}.90",
            stream["codec_tag_string"].as_str().unwrap()
        ),
        ("av1", "Main") => {
            let bits = if stream["pix_fmt"] == "yuv420p10le" {
                10
            } else {
                8
            };
            format!("av01.0.{level:02}M.{bits:02}")
        }
        ("vp9", "Profile 0") => "vp09.00.10.08".to_owned(),
        ("vp9", "Profile 2") => "vp09.02.10.10".to_owned(),
        ("aac", "LC") => "mp4a.40.2".to_owned(),
        ("mp3", _) => "mp4a.6B".to_owned(),
        ("mpeg4", "Simple Profile") => "mp4v.20.1".to_owned(),
        ("pcm_s16le", _) => "sowt".to_owned(),
        (name, _) => name.to_owned(),
    }
}

fn rotation(stream: &Value) -> u16 {
    let data = stream["side_data_list"].as_array();
    let rotation = data.and_then(|data| data.iter().find_map(|data| data["rotation"].as_i64()));
    // ffprobe turns against the clock.
    (-rotation.unwrap_or(0)).rem_euclid(360) as u16
}

#[test]
fn every_film_is_what_ffprobe_says_it_is() {
    for name in videos() {
        let (inspected, counting) = look(film(&name));
        let inspected = inspected.unwrap_or_else(|error| panic!("{name}: {error}"));
        let media = &inspected.media;
        let probed = ffprobe(&name, &["-show_format", "-show_streams"]);
        let video = streams(&probed, "video")[0];
        // A film that was recorded as it went does not say how long it is.
        let is_live = name == "vp9-live.webm";
        let format = |key: &str| match is_live {
            true => 0.0,
            false => number(&probed["format"][key]),
        };
        let seconds = format("duration");
        let is_near = (media.duration_ms as f64 / 1_000.0 - seconds).abs() <= 0.001;
        assert!(is_near, "{name}: {} ms, {seconds} s", media.duration_ms);
        assert_eq!(
            Some(u64::from(media.width)),
            video["width"].as_u64(),
            "{name}"
        );
        assert_eq!(
            Some(u64::from(media.height)),
            video["height"].as_u64(),
            "{name}"
        );
        assert_eq!(media.rotation, rotation(video), "{name}");
        let bitrate = format("bit_rate");
        assert!(
            (media.bitrate as f64 - bitrate).abs() <= bitrate * 0.001,
            "{name}: {} {bitrate}",
            media.bitrate
        );
        let mut expected = codec(video);
        if expected.starts_with("[0]") {
            // Matroska has no tags; ours are MP4's.
            expected.replace_range(..12, "hvc1");
        }
        assert_eq!(media.video_codec.as_ref(), Some(&expected), "{name}");
        let sound = streams(&probed, "audio");
        let audio = sound.first().map(|stream| codec(stream));
        assert_eq!(media.audio_codec, audio, "{name}");
        if let Some((pictures, seconds)) = video["avg_frame_rate"].as_str().unwrap().split_once('/')
        {
            let rate = pictures.parse::<f64>().unwrap() / seconds.parse::<f64>().unwrap();
            let ours = f64::from(media.frame_rate.unwrap().thousandths) / 1_000.0;
            assert!((rate - ours).abs() <= 0.0006, "{name}: {ours} {rate}");
        }
        let container = name.rsplit_once('.').unwrap().1;
        assert_eq!(media.container, container);
        let audio = inspected
            .tracks
            .iter()
            .filter_map(|track| match track.kind {
                Kind::Audio {
                    channels,
                    sample_rate,
                } => Some((track, channels, sample_rate)),
                _ => None,
            });
        for ((track, channels, sample_rate), stream) in audio.zip(sound) {
            if name != "h264-mp3.mp4" {
                assert_eq!(
                    Some(u64::from(channels)),
                    stream["channels"].as_u64(),
                    "{name}"
                );
            }
            assert_eq!(
                f64::from(sample_rate),
                number(&stream["sample_rate"]),
                "{name}"
            );
            let language = stream["tags"]["language"]
                .as_str()
                .filter(|language| *language != "und");
            assert_eq!(track.language.as_deref(), language, "{name}");
        }
        assert!(
            counting.reads <= 16 && counting.bytes <= 8 * 1024 * 1024,
            "{name}: {}",
            counting.reads
        );
    }
}

#[test]
fn the_index_is_at_the_front_where_it_was_put_there() {
    for (name, at_the_front) in [
        ("h264-aac.mp4", false),
        ("h264-aac-fast.mp4", true),
        ("fragmented.mp4", true),
        ("hour.mp4", false),
        ("hour-fast.mp4", true),
        ("vp9-opus.webm", false),
        ("vp9-front.webm", true),
    ] {
        let media = look(film(name)).0.unwrap().media;
        assert_eq!(media.fast_start, at_the_front, "{name}");
    }
}

#[test]
fn a_file_is_found_out_by_few_reads() {
    let mut table = String::new();
    for name in videos() {
        let counting = look(film(&name)).1;
        table += &format!("{name} {} {}\n", counting.reads, counting.bytes);
        let most = if name == "fragmented-long.mp4" { 16 } else { 4 };
        assert!(counting.reads <= most, "{table}");
    }
}

#[test]
fn what_is_no_video_says_why() {
    for name in ["sound.m4a", "sound.mp4", "sound.webm"] {
        let error = look(film(name)).0.unwrap_err();
        assert_eq!(
            error,
            InspectError::Unplayable(Unplayable::NoVideo),
            "{name}"
        );
        assert_eq!(error.to_string(), "The file has no video track.");
    }
    let text = bytes::Bytes::from_static(b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n");
    let (error, counting) = look(text);
    assert_eq!(error, Err(Unplayable::UnknownContainer.into()));
    assert_eq!(counting.reads, 1);
    let (error, counting) = look(bytes::Bytes::from(vec![7; 10_000_000]));
    assert_eq!(error, Err(Unplayable::UnknownContainer.into()));
    assert_eq!((counting.reads, counting.bytes), (1, 4_096));
    let (error, counting) = look(bytes::Bytes::new());
    assert_eq!(error, Err(Unplayable::Empty.into()));
    assert_eq!(counting.reads, 0);
}
