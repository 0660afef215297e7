//! Bits a second, measured from the index.

use crate::index::Track;

/// Bits a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rates {
    /// The highest rate of segments in a row that last half a segment's usual time at least (RFC 8216bis, section 4.4.6.2:
    /// the peak segment bit rate).
    pub(crate) peak: u64,
    /// All bits in all the time.
    pub(crate) average: u64,
}

impl Rates {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            peak: self.peak.saturating_add(other.peak),
            average: self.average.saturating_add(other.average),
        }
    }

    /// Of pieces with so many bytes and ticks each.
    pub(crate) fn of(pieces: &[(u64, u64)], timescale: u32, target_s: u32) -> Self {
        let least = u64::from(timescale) * u64::from(target_s) / 2;
        let sum = |pieces: &[(u64, u64)]| {
            let sum =
                |one: &dyn Fn(&(u64, u64)) -> u64| pieces.iter().map(one).map(u128::from).sum();
            (sum(&|piece| piece.0), sum(&|piece| piece.1))
        };
        let rate = |(bytes, ticks): (u128, u128)| -> u64 {
            let rate = (bytes * 8 * u128::from(timescale)).div_ceil(ticks.max(1));
            rate.try_into().unwrap_or(u64::MAX)
        };
        let average = rate(sum(pieces));
        let mut peak = average;
        let (mut end, mut bytes, mut ticks) = (0, 0_u128, 0_u128);
        for (start, first) in pieces.iter().enumerate() {
            if end < start {
                end = start;
            }
            while ticks < least.into()
                && let Some((more, longer)) = pieces.get(end)
            {
                bytes += u128::from(*more);
                ticks += u128::from(*longer);
                end += 1;
            }
            if ticks < least.into() || ticks == 0 {
                break;
            }
            peak = peak.max(rate((bytes, ticks)));
            bytes -= u128::from(first.0);
            ticks -= u128::from(first.1);
        }
        Self { peak, average }
    }
}

impl Track {
    pub(crate) fn rates(&self, target_s: u32) -> Rates {
        Rates::of(&self.lengths_and_times(), self.timescale, target_s)
    }

    /// Bytes and ticks of each segment.
    pub(crate) fn lengths_and_times(&self) -> Vec<(u64, u64)> {
        let times = self.shown_times();
        let ticks = times.windows(2).map(|pair| pair[1] - pair[0]);
        let lengths = (0..).map_while(|segment| Some(self.segment_lengths(segment)?.1));
        lengths.zip(ticks).collect()
    }

    /// Pictures a second as a fraction of whole numbers, in lowest terms; `None` where they take no time.
    pub(crate) fn frame_rate(&self) -> Option<(u64, u64)> {
        let samples: u64 = self.segments.iter().map(|one| u64::from(one.samples)).sum();
        let mut ticks = self.segments.iter().map(|one| one.duration);
        let ticks = ticks.try_fold(0_u64, u64::checked_add)?;
        let frames = samples.checked_mul(self.timescale.into())?;
        let divisor = gcd(frames, ticks);
        (ticks > 0 && frames > 0).then(|| (frames / divisor, ticks / divisor))
    }
}

fn gcd(one: u64, other: u64) -> u64 {
    match other {
        0 => one.max(1),
        _ => gcd(other, one % other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_of_what_lasts_long_enough() {
        // 4 s at 1,000 bytes a second, then 1 s at 9,000, which is too short to count alone.
        let pieces = [(4_000, 4), (9_000, 1), (4_000, 4)];
        let rates = Rates::of(&pieces, 1, 4);
        assert_eq!(rates.average, 17_000 * 8 / 9 + 1);
        assert_eq!(rates.peak, 13_000 * 8 / 5);
        assert_eq!(Rates::of(&[(100, 1)], 1, 4).peak, 800);
        assert_eq!(Rates::of(&[(100, 0), (0, 0)], 1, 4).average, 800);
        assert_eq!(Rates::of(&[], 1, 4), Rates::default());
    }
}
