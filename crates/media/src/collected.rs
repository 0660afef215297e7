//! The samples of a track while they are collected, of files that have them all over the place.

use crate::inspected::{Inspected, Unplayable};
use crate::packed::Packing;
use crate::samples::{Sample, SampleTable};
use crate::track::{Kind, Track};

/// The samples of a track so far.
#[derive(Debug)]
pub(crate) struct Collected {
    /// The track's id.
    pub(crate) track: u64,
    pub(crate) is_video: bool,
    packing: Packing,
    /// How many bytes the packed samples may have.
    memory: u64,
    /// When the first sample is decoded, and when the next one is if nothing else is said.
    first: Option<u64>,
    next: u64,
    /// When the newest sample is decoded.
    newest_at: u64,
}

impl Collected {
    /// One for each track, with the samples that are known already; `memory` bytes at most for each.
    pub(crate) fn of_tracks(inspected: &Inspected, memory: u64) -> Result<Vec<Self>, Unplayable> {
        let of_track = |track: &Track| {
            let mut of_track = Self {
                track: track.id,
                is_video: matches!(track.kind, Kind::Video { .. }),
                packing: Packing::default(),
                memory,
                first: None,
                next: 0,
                newest_at: 0,
            };
            for sample in track.samples() {
                of_track.push(sample)?;
            }
            Ok(of_track)
        };
        inspected.tracks.iter().map(of_track).collect()
    }

    /// Bytes of all packed samples.
    pub(crate) fn bytes(all: &[Self]) -> u64 {
        all.iter().map(|one| one.packing.len()).sum()
    }

    pub(crate) fn push(&mut self, sample: Sample) -> Result<(), Unplayable> {
        if self.packing.len() > self.memory {
            return Err(Unplayable::IndexTooLarge);
        }
        self.first.get_or_insert(self.next);
        self.newest_at = self.next;
        self.next = self.next.saturating_add(sample.duration.into());
        self.packing.push(sample);
        Ok(())
    }

    /// What comes next is decoded at that time, in ticks: the sample before it lasts until then.
    pub(crate) fn begin(&mut self, time: u64) {
        let lasts = time.checked_sub(self.newest_at);
        if let (Some(newest), Some(lasts)) = (self.packing.newest(), lasts) {
            newest.duration = u32::try_from(lasts).unwrap_or(newest.duration);
        }
        self.next = time;
    }

    /// The newest sample, to be corrected.
    pub(crate) fn newest(&mut self) -> Option<&mut Sample> {
        self.packing.newest()
    }

    /// When the newest sample is decoded, in ticks; 0 where there is none.
    pub(crate) fn newest_at(&self) -> u64 {
        self.newest_at
    }

    /// Gives the tracks their samples. The first one of each begins at 0, so edits are moved by what it began at.
    pub(crate) fn finish(all: Vec<Self>, inspected: &mut Inspected) -> Result<(), Unplayable> {
        let firsts = all.iter().map(|one| i64::try_from(one.first.unwrap_or(0)));
        let firsts: Result<Vec<i64>, _> = firsts.collect();
        let firsts = firsts.map_err(|_| Unplayable::Damaged)?;
        for ((track, of_track), first) in inspected.tracks.iter_mut().zip(all).zip(firsts) {
            track.edit.media_time = track.edit.media_time.saturating_sub(first);
            track.duration = of_track.next.saturating_sub(first.unsigned_abs());
            track.table = SampleTable::Packed(of_track.packing.finish());
        }
        Ok(())
    }
}
