//! What the parts of a track are called, below the address of its tracks.

use crate::index::{Head, Kind};

/// What a name below a track's stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `media.m3u8`: the media playlist.
    Playlist,
    /// `iframes.m3u8`: the playlist of the pictures that decoding can begin with.
    IFrames,
    /// `init.mp4`.
    Init,
    /// `{n}.m4s`: a segment, from 0 on.
    Segment(usize),
}

impl Part {
    /// Reads a name; `None` where it is none. A number is written in one way only, so that an address is one.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "media.m3u8" => Some(Self::Playlist),
            "iframes.m3u8" => Some(Self::IFrames),
            "init.mp4" => Some(Self::Init),
            _ => {
                let digits = name.strip_suffix(".m4s")?;
                let number: usize = digits.parse().ok()?;
                (number.to_string() == digits).then_some(Self::Segment(number))
            }
        }
    }
}

/// The name of a track: `v0` and so on for pictures, `a0` and so on for sound.
pub fn track_name(head: &Head, track: usize) -> String {
    let kind = |track: usize| head.tracks.get(track).map(|track| track.kind.is_video());
    let own = kind(track);
    let before = (0..track).filter(|other| kind(*other) == own).count();
    let letter = if own == Some(true) { 'v' } else { 'a' };
    format!("{letter}{before}")
}

impl Head {
    /// The number of the track of this name.
    pub fn track_named(&self, name: &str) -> Option<usize> {
        (0..self.tracks.len()).find(|track| track_name(self, *track) == name)
    }

    /// The pictures' track, where there is one.
    pub(crate) fn video(&self) -> Option<usize> {
        let is_video = |track: &crate::Track| matches!(track.kind, Kind::Video { .. });
        self.tracks.iter().position(is_video)
    }

    /// The numbers of the sound's tracks.
    pub(crate) fn audios(&self) -> impl Iterator<Item = usize> {
        let tracks = self.tracks.iter().enumerate();
        tracks.filter_map(|(number, track)| (!track.kind.is_video()).then_some(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_part_in_one_way_only() {
        for (name, part) in [
            ("media.m3u8", Some(Part::Playlist)),
            ("iframes.m3u8", Some(Part::IFrames)),
            ("init.mp4", Some(Part::Init)),
            ("0.m4s", Some(Part::Segment(0))),
            ("17.m4s", Some(Part::Segment(17))),
            ("-1.m4s", None),
            ("+1.m4s", None),
            ("01.m4s", None),
            ("18446744073709551616.m4s", None),
            (".m4s", None),
            ("1.m4s.m4s", None),
            ("1", None),
        ] {
            assert_eq!(Part::parse(name), part, "{name}");
        }
    }
}
