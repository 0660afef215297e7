//! MPEG-DASH (ISO/IEC 23009-1), profile `isoff-live`.

use std::fmt::Write as _;

use spinreel_api::markup::escape;

use crate::hls::{Caption, language};
use crate::index::{Head, Kind, Track};
use crate::names::track_name;

/// The media type of manifests.
pub const MEDIA_TYPE: &str = "application/dash+xml";

/// The manifest of tracks that are at `{tracks}/{name}/`, seen from here, with captions that are WebVTT files.
pub fn manifest(head: &Head, tracks: &str, captions: &[Caption<'_>]) -> String {
    let duration = seconds(head.end_ms());
    let target = head.target_s;
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" \
         profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"static\" mediaPresentationDuration=\"{duration}\" \
         minBufferTime=\"PT{target}S\">\n <Period id=\"0\" start=\"PT0S\" duration=\"{duration}\">\n"
    );
    for (number, track) in head.tracks.iter().enumerate() {
        let name = track_name(head, number);
        adaptation_set(&mut text, track, number, &name, tracks, target);
    }
    for (number, Caption { lang, url }) in captions.iter().enumerate() {
        let _ = writeln!(
            text,
            "  <AdaptationSet id=\"{}\" contentType=\"text\" mimeType=\"text/vtt\" lang=\"{}\">\n   \
             <Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"subtitle\"/>\n   \
             <Representation id=\"t{number}\" bandwidth=\"256\">\n    <BaseURL>{}</BaseURL>\n   \
             </Representation>\n  </AdaptationSet>",
            head.tracks.len() + number,
            escape(lang),
            escape(url)
        );
    }
    text.push_str(" </Period>\n</MPD>\n");
    text
}

fn adaptation_set(
    text: &mut String,
    track: &Track,
    number: usize,
    name: &str,
    tracks: &str,
    target_s: u32,
) {
    let kind = if track.kind.is_video() {
        "video"
    } else {
        "audio"
    };
    let _ = write!(
        text,
        "  <AdaptationSet id=\"{number}\" contentType=\"{kind}\" mimeType=\"{kind}/mp4\" segmentAlignment=\"true\""
    );
    if track.is_independent() {
        text.push_str(" startWithSAP=\"1\"");
    }
    if let Some(language) = language(track) {
        let _ = write!(text, " lang=\"{}\"", escape(language));
    }
    let folder = escape(&format!("{tracks}/{name}"));
    let _ = write!(
        text,
        ">\n   <SegmentTemplate timescale=\"{}\" initialization=\"{folder}/init.mp4\" \
         media=\"{folder}/$Number$.m4s\" startNumber=\"0\">\n    <SegmentTimeline>\n",
        track.timescale
    );
    timeline(text, &track.shown_times());
    text.push_str("    </SegmentTimeline>\n   </SegmentTemplate>\n");
    let _ = write!(
        text,
        "   <Representation id=\"{name}\" codecs=\"{}\" bandwidth=\"{}\"",
        escape(&track.codec),
        track.rates(target_s).peak.max(1)
    );
    match track.kind {
        Kind::Video { width, height, .. } => {
            let _ = write!(text, " width=\"{width}\" height=\"{height}\"");
            if let Some((frames, seconds)) = track.frame_rate() {
                let _ = match seconds {
                    1 => write!(text, " frameRate=\"{frames}\""),
                    _ => write!(text, " frameRate=\"{frames}/{seconds}\""),
                };
            }
            text.push_str("/>\n");
        }
        Kind::Audio {
            channels,
            sample_rate,
        } => {
            let _ = writeln!(
                text,
                " audioSamplingRate=\"{sample_rate}\">\n    <AudioChannelConfiguration \
                 schemeIdUri=\"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" value=\"{channels}\"/>\n   \
                 </Representation>"
            );
        }
    }
    text.push_str("  </AdaptationSet>\n");
}

/// The segments' times, those that last equally long in a row as one.
fn timeline(text: &mut String, times: &[u64]) {
    let lengths: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut at = 0;
    while let Some(length) = lengths.get(at) {
        let alike = lengths.iter().skip(at).take_while(|other| *other == length);
        let repeated = alike.count() - 1;
        let _ = write!(text, "     <S");
        if at == 0 {
            let _ = write!(text, " t=\"{}\"", times.first().copied().unwrap_or(0));
        }
        let _ = write!(text, " d=\"{length}\"");
        if repeated > 0 {
            let _ = write!(text, " r=\"{repeated}\"");
        }
        text.push_str("/>\n");
        at += repeated + 1;
    }
}

fn seconds(ms: u64) -> String {
    format!("PT{}.{:03}S", ms / 1_000, ms % 1_000)
}
