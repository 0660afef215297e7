//! HTTP Live Streaming (RFC 8216bis).

use std::fmt::Write as _;

use crate::index::{Head, Kind, Track};
use crate::names::track_name;
use crate::rates::Rates;

/// The media type of playlists.
pub const MEDIA_TYPE: &str = "application/vnd.apple.mpegurl";

/// `EXT-X-MAP` in playlists with more than pictures' own frames, and what older versions lack.
const BEGINNING: &str = "#EXTM3U\n#EXT-X-VERSION:7\n";

/// Captions in a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caption<'a> {
    /// BCP 47.
    pub lang: &'a str,
    /// Where what plays them is, seen from the playlist or the manifest.
    pub url: &'a str,
}

/// The multivariant playlist of tracks that are at `{tracks}/{name}/`, seen from here. `captions` are those of
/// [`captions`] playlists.
pub fn master(head: &Head, tracks: &str, captions: &[Caption<'_>]) -> String {
    let mut text = BEGINNING.to_owned();
    if head.tracks.iter().all(Track::is_independent) {
        text.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    let uri = |track, file: &str| format!("{tracks}/{}/{file}", track_name(head, track));
    let video = head.video();
    // Without pictures the first sound is the stream itself, and the others cannot be chosen.
    let Some(main) = video.or_else(|| head.audios().next()) else {
        return text;
    };
    let audios = head.audios().filter(|track| *track != main);
    let mut sound = Rates::default();
    let mut codecs: Vec<&str> = head
        .tracks
        .get(main)
        .map(|track| &*track.codec)
        .into_iter()
        .collect();
    let mut is_first = true;
    for (number, track) in audios.filter_map(|number| Some((number, head.tracks.get(number)?))) {
        let rates = track.rates(head.target_s);
        sound.peak = sound.peak.max(rates.peak);
        sound.average = sound.average.max(rates.average);
        if !codecs.contains(&&*track.codec) {
            codecs.push(&track.codec);
        }
        let chosen = if is_first { "YES" } else { "NO" };
        text.push_str("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\"");
        let _ = write!(text, ",NAME=\"{}\"", track_name(head, number));
        if let Some(language) = language(track) {
            let _ = write!(text, ",LANGUAGE=\"{language}\"");
        }
        let _ = write!(text, ",DEFAULT={chosen},AUTOSELECT=YES");
        if let Kind::Audio { channels, .. } = track.kind {
            let _ = write!(text, ",CHANNELS=\"{channels}\"");
        }
        let _ = writeln!(text, ",URI=\"{}\"", uri(number, "media.m3u8"));
        is_first = false;
    }
    for Caption { lang, url } in captions {
        let _ = writeln!(
            text,
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"captions\",NAME=\"{lang}\",LANGUAGE=\"{lang}\",DEFAULT=NO,\
             AUTOSELECT=YES,FORCED=NO,URI=\"{url}\""
        );
    }
    let Some(track) = head.tracks.get(main) else {
        return text;
    };
    let rates = track.rates(head.target_s).and(sound);
    let _ = write!(
        text,
        "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\"",
        rates.peak,
        rates.average,
        codecs.join(",")
    );
    text.push_str(&resolution(track));
    if let Some((frames, seconds)) = track.frame_rate().filter(|_| video.is_some()) {
        let milli = u128::from(frames) * 1_000 / u128::from(seconds);
        let _ = write!(text, ",FRAME-RATE={}.{:03}", milli / 1_000, milli % 1_000);
    }
    if !is_first {
        text.push_str(",AUDIO=\"audio\"");
    }
    if !captions.is_empty() {
        text.push_str(",SUBTITLES=\"captions\"");
    }
    let _ = writeln!(text, "\n{}", uri(main, "media.m3u8"));
    if video.is_some() {
        let frames = iframes_of(track);
        let pieces: Vec<(u64, u64)> = frames.iter().map(|one| (one.bytes, one.ticks)).collect();
        let rates = Rates::of(&pieces, track.timescale, head.target_s);
        let _ = writeln!(
            text,
            "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\"{},URI=\"{}\"",
            rates.peak,
            rates.average,
            track.codec,
            resolution(track),
            uri(main, "iframes.m3u8")
        );
    }
    text
}

/// The media playlist of a track, whose other parts are beside it.
pub fn media(track: &Track) -> String {
    let times = track.shown_times();
    let ticks: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut text = beginning(track, ticks.iter().copied());
    if track.is_independent() {
        text.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    text.push_str("#EXT-X-MAP:URI=\"init.mp4\"\n");
    for (number, ticks) in ticks.into_iter().enumerate() {
        let _ = writeln!(
            text,
            "#EXTINF:{},\n{number}.m4s",
            seconds(ticks, track.timescale)
        );
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

/// The playlist of the pictures that segments begin with, for players that scrub (section 4.4.3.6).
pub fn iframes(track: &Track) -> String {
    let frames = iframes_of(track);
    let mut text = beginning(track, frames.iter().map(|frame| frame.ticks));
    text.push_str("#EXT-X-I-FRAMES-ONLY\n#EXT-X-MAP:URI=\"init.mp4\"\n");
    for frame in frames {
        let duration = seconds(frame.ticks, track.timescale);
        let (bytes, segment) = (frame.bytes, frame.segment);
        let _ = writeln!(
            text,
            "#EXTINF:{duration},\n#EXT-X-BYTERANGE:{bytes}@0\n{segment}.m4s"
        );
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

/// The playlist of captions that are one file, as long as `head`'s tracks.
pub fn captions(head: &Head, url: &str) -> String {
    let ms = head.end_ms();
    let target = ms.div_ceil(1_000).max(1);
    format!(
        "{BEGINNING}#EXT-X-TARGETDURATION:{target}\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:{}.{:03},\n{url}\n#EXT-X-ENDLIST\n",
        ms / 1_000,
        ms % 1_000
    )
}

struct IFrame {
    segment: usize,
    /// From the segment's beginning to the frame's end.
    bytes: u64,
    /// Until the next one.
    ticks: u64,
}

fn iframes_of(track: &Track) -> Vec<IFrame> {
    let times = track.shown_times();
    let mut frames: Vec<IFrame> = Vec::new();
    for (number, segment) in track.segments.iter().enumerate() {
        let ticks = times.get(number + 1).zip(times.get(number));
        let ticks = ticks.map_or(0, |(next, own)| next - own);
        match frames.last_mut() {
            Some(last) if !segment.is_independent() => last.ticks += ticks,
            _ if !segment.is_independent() => {}
            _ => {
                let head = track.segment_lengths(number).map_or(0, |(head, _)| head);
                frames.push(IFrame {
                    segment: number,
                    bytes: head + u64::from(segment.first_size),
                    ticks,
                });
            }
        }
    }
    frames
}

fn beginning(track: &Track, ticks: impl Iterator<Item = u64>) -> String {
    let timescale = u64::from(track.timescale);
    // Each is at most that when it is rounded (section 4.4.3.1).
    let longest = ticks.map(|ticks| ticks.saturating_add(timescale / 2) / timescale);
    let longest = longest.max().unwrap_or(0).max(1);
    format!(
        "{BEGINNING}#EXT-X-TARGETDURATION:{longest}\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
    )
}

fn seconds(ticks: u64, timescale: u32) -> String {
    let micro = u128::from(ticks) * 1_000_000 / u128::from(timescale);
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

fn resolution(track: &Track) -> String {
    match track.kind {
        Kind::Video {
            width,
            height,
            rotation: 90 | 270,
        } => format!(",RESOLUTION={height}x{width}"),
        Kind::Video { width, height, .. } => format!(",RESOLUTION={width}x{height}"),
        Kind::Audio { .. } => String::new(),
    }
}

/// A language that says something, of characters that need no quotes.
pub(crate) fn language(track: &Track) -> Option<&str> {
    let language = track.language.as_deref()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (language != "und" && !language.is_empty() && language.bytes().all(is_plain))
        .then_some(language)
}

impl Head {
    /// When the last track ends, in milliseconds.
    pub fn end_ms(&self) -> u64 {
        self.tracks.iter().map(Track::end_ms).max().unwrap_or(0)
    }
}
