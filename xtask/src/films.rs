//! Small films for the tests, made with the machine's ffmpeg: a file for each thing that files do.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::clients::{apt_install, complete, is_complete, works};
use crate::run::{capture, step};

/// A picture that moves, small and short, and a tone.
const PICTURE: &str = "-f lavfi -i testsrc=size=160x90:rate=25:duration=2";
const TONE: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=2";
const AVC: &str = "-pix_fmt yuv420p -c:v libx264 -preset veryfast -g 25 -bf 2";
const HEVC: &str =
    "-pix_fmt yuv420p -c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=25";
const AV1: &str = "-pix_fmt yuv420p -c:v libaom-av1 -cpu-used 8 -g 25";
const VP9: &str = "-pix_fmt yuv420p -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25";

/// Name, and what ffmpeg is told; `{picture}` and the like stand for the constants above, and names of earlier films for
/// their paths where `{in}` is before them. The order matters.
const FILMS: [(&str, &str); 46] = [
    ("h264-aac.mp4", "{picture} {tone} {avc} -c:a aac"),
    (
        "h264-aac-fast.mp4",
        "-i {in}h264-aac.mp4 -c copy -movflags +faststart",
    ),
    ("h264-none.mp4", "{picture} {avc}"),
    ("h264-no-b.mp4", "{picture} {avc} -bf 0"),
    (
        "h264-mono.mp4",
        "{picture} {tone} {avc} -c:a aac -ac 1 -ar 22050",
    ),
    ("h264-mp3.mp4", "{picture} {tone} {avc} -c:a libmp3lame"),
    ("h264-opus.mp4", "{picture} {tone} {avc} -c:a libopus"),
    ("h264-10bit.mp4", "{picture} {avc} -pix_fmt yuv420p10le"),
    (
        "h264-odd.mp4",
        "{picture} {avc} -vf scale=162:122 -r 30000/1001",
    ),
    (
        "h264-rotated-90.mp4",
        "-i {in}h264-aac.mp4 -c copy -metadata:s:v:0 rotate=90",
    ),
    (
        "h264-rotated-180.mp4",
        "-i {in}h264-aac.mp4 -c copy -metadata:s:v:0 rotate=180",
    ),
    (
        "h264-rotated-270.mov",
        "-i {in}h264-aac.mp4 -c copy -metadata:s:v:0 rotate=270",
    ),
    (
        "h264-variable.mp4",
        "{picture} {tone} {avc} -c:a aac -vf select=not(mod(n\\,3))+not(mod(n\\,7)) -vsync vfr",
    ),
    ("h264-edited.mp4", "-ss 0.7 -i {in}h264-aac.mp4 -c copy"),
    (
        "h264-delayed.mp4",
        "-i {in}h264-none.mp4 -itsoffset 0.5 -i {in}h264-mono.mp4 -map 0:v -map 1:a -c copy",
    ),
    (
        "h264-two-tones.mp4",
        "{picture} {tone} {tone} -map 0 -map 1 -map 2 {avc} -c:a aac -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu",
    ),
    ("h264-aac.mov", "-i {in}h264-aac.mp4 -c copy"),
    ("h264-mp3.mov", "-i {in}h264-mp3.mp4 -c copy"),
    ("h264-pcm.mov", "{picture} {tone} {avc} -c:a pcm_s16le"),
    (
        "hevc-aac.mp4",
        "{picture} {tone} {hevc} -tag:v hvc1 -c:a aac",
    ),
    ("hevc-10bit.mp4", "{picture} {hevc} -pix_fmt yuv420p10le"),
    ("hevc-aac.mov", "-i {in}hevc-aac.mp4 -c copy -tag:v hvc1"),
    ("av1-opus.mp4", "{picture} {tone} {av1} -c:a libopus"),
    ("av1-10bit.mp4", "{picture} {av1} -pix_fmt yuv420p10le"),
    ("vp9-opus.mp4", "{picture} {tone} {vp9} -c:a libopus"),
    ("mpeg4-aac.mp4", "{picture} {tone} -c:v mpeg4 -c:a aac"),
    ("vp9-opus.webm", "{picture} {tone} {vp9} -c:a libopus"),
    ("vp9-10bit.webm", "{picture} {vp9} -pix_fmt yuv420p10le"),
    (
        "vp9-front.webm",
        "-i {in}vp9-opus.webm -c copy -cues_to_front 1",
    ),
    (
        "vp8-vorbis.webm",
        "{picture} {tone} -pix_fmt yuv420p -c:v libvpx -deadline realtime -c:a libvorbis",
    ),
    // As what is recorded in a browser: no length, and clusters that go on until the next one.
    ("vp9-live.webm", "-i {in}vp9-opus.webm -c copy -live 1"),
    ("av1-opus.webm", "-i {in}av1-opus.mp4 -c copy"),
    ("h264-aac.mkv", "-i {in}h264-aac.mp4 -c copy"),
    ("hevc-flac.mkv", "{picture} {tone} {hevc} -c:a flac"),
    ("vp9-mp3.mkv", "{picture} {tone} {vp9} -c:a libmp3lame"),
    (
        "fragmented.mp4",
        "-i {in}h264-aac.mp4 -c copy -movflags frag_keyframe+empty_moov+default_base_moof",
    ),
    (
        "fragmented.mov",
        "-i {in}h264-aac.mp4 -c copy -movflags frag_keyframe+empty_moov+default_base_moof",
    ),
    (
        "fragmented-later.mp4",
        "-i {in}h264-aac.mp4 -c copy -movflags frag_keyframe",
    ),
    (
        "fragmented-index.mp4",
        "-i {in}h264-aac.mp4 -c copy -movflags +dash+global_sidx+frag_keyframe",
    ),
    (
        "fragmented-long.mp4",
        "-stream_loop 149 -i {in}h264-no-b.mp4 -c copy -movflags frag_keyframe+empty_moov+default_base_moof",
    ),
    ("hour.mp4", "-stream_loop 1799 -i {in}h264-aac.mp4 -c copy"),
    (
        "hour-fast.mp4",
        "-i {in}hour.mp4 -c copy -movflags +faststart",
    ),
    (
        "twelve-seconds.mp4",
        "-f lavfi -i testsrc=size=320x180:rate=25:duration=12 -f lavfi -i sine=sample_rate=48000:duration=12 {avc} -c:a aac",
    ),
    ("sound.m4a", "{tone} -c:a aac"),
    ("sound.webm", "{tone} -c:a libopus"),
    ("sound.mp4", "-i {in}h264-aac.mp4 -vn -c copy"),
];

/// Makes `folder` with all films; returns at once where they are there.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    let is_there = || ["ffmpeg", "ffprobe"].map(|name| works(Command::new(name).arg("-version")));
    if is_there() != [true; 2] {
        apt_install(&["ffmpeg"])?;
    }
    let made_from = format!("{PICTURE}{TONE}{AVC}{HEVC}{AV1}{VP9}{FILMS:?}");
    if is_complete(folder, &made_from) {
        return Ok(());
    }
    step("Making films for the tests");
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    for (name, recipe) in FILMS {
        make(folder, name, recipe).with_context(|| format!("{name} cannot be made"))?;
    }
    complete(folder, &made_from)
}

fn make(folder: &Path, name: &str, recipe: &str) -> Result<()> {
    let parts = [
        ("{picture}", PICTURE),
        ("{tone}", TONE),
        ("{avc}", AVC),
        ("{hevc}", HEVC),
        ("{av1}", AV1),
        ("{vp9}", VP9),
    ];
    let mut recipe = recipe.to_owned();
    for (part, meaning) in parts {
        recipe = recipe.replace(part, meaning);
    }
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"]);
    for word in recipe.split_whitespace() {
        match word.strip_prefix("{in}") {
            Some(film) => ffmpeg.arg(folder.join(film)),
            None => ffmpeg.arg(word),
        };
    }
    capture(ffmpeg.arg(folder.join(name)))?;
    ensure!(folder.join(name).is_file(), "ffmpeg made nothing");
    Ok(())
}
