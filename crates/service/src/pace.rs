//! How long a client may take over its body.

use crate::settings::Settings;

/// How long a body may take that is read as a whole, in milliseconds.
const WHOLE_MS: u64 = 10_000;

/// The least rate of a body that is streamed, in bytes a second.
const LEAST_RATE: &str = "upload_least_rate";
/// The time in which it is looked at, in seconds.
const RATE_WINDOW: &str = "upload_rate_window_seconds";

/// In which time something has to come of a body that is passed on, in seconds.
const PASSED_ON_S: u64 = 120;

const NS_PER_MS: u64 = 1_000_000;
const NS_PER_S: u64 = 1_000_000_000;

/// What a client is held to. Times are nanoseconds of the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Everything must be there at this moment.
    Until(u64),
    /// So much must come in each window. Only the time counts in which the client is waited for: what else the
    /// service does with the body is not the client's fault.
    AtLeast {
        /// Bytes a window.
        bytes: u64,
        /// The window's length.
        window: u64,
        /// The bytes of this window so far.
        came: u64,
        /// How long this window has waited for them.
        waited: u64,
    },
}

impl Pace {
    /// That of a body that is read as a whole, from `now` on.
    pub(crate) fn whole(now: u64) -> Self {
        Self::Until(now.saturating_add(WHOLE_MS * NS_PER_MS))
    }

    /// That of a body that is streamed, as the component's variables say. One that has none passes bodies on, and whoever
    /// takes them holds the client to the rate: here something has to come now and then.
    pub(crate) fn streamed(settings: &Settings) -> Self {
        let number = |name| u64::try_from(settings.number(name)).unwrap_or(0);
        match number(RATE_WINDOW) {
            0 => Self::at_least(1, PASSED_ON_S),
            window => Self::at_least(number(LEAST_RATE), window),
        }
    }

    fn at_least(bytes_a_second: u64, window_s: u64) -> Self {
        Self::AtLeast {
            bytes: bytes_a_second.saturating_mul(window_s),
            window: window_s.saturating_mul(NS_PER_S),
            came: 0,
            waited: 0,
        }
    }

    /// When a wait must end that begins now.
    pub(crate) fn deadline(&self, now: u64) -> u64 {
        match *self {
            Self::Until(end) => end,
            Self::AtLeast { window, waited, .. } => {
                now.saturating_add(window.saturating_sub(waited))
            }
        }
    }

    /// After the client was waited for, for so long.
    pub(crate) fn after_wait(self, time: u64) -> Self {
        match self {
            Self::Until(_) => self,
            Self::AtLeast {
                bytes,
                window,
                came,
                waited,
            } => Self::AtLeast {
                bytes,
                window,
                came,
                waited: waited.saturating_add(time),
            },
        }
    }

    /// After so many bytes came.
    pub(crate) fn after_bytes(self, more: u64) -> Self {
        match self {
            Self::Until(_) => self,
            Self::AtLeast {
                bytes,
                window,
                came,
                waited,
            } => {
                let came = came.saturating_add(more);
                let is_full = came >= bytes;
                Self::AtLeast {
                    bytes,
                    window,
                    came: if is_full { 0 } else { came },
                    waited: if is_full { 0 } else { waited },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How long a client is waited for that sends `bytes` bytes `every` nanoseconds and would go on for ever; `None`
    /// where it may.
    fn patience(mut pace: Pace, bytes: u64, every: u64) -> Option<u64> {
        let mut now = 0;
        for _ in 0..10_000 {
            let deadline = pace.deadline(now);
            if deadline < now + every {
                return Some(deadline);
            }
            now += every;
            pace = pace.after_wait(every).after_bytes(bytes);
        }
        None
    }

    #[test]
    fn a_whole_body_has_its_time_however_it_comes() {
        let pace = Pace::whole(0);
        for (bytes, every) in [(0, NS_PER_S), (1, NS_PER_S), (1_000, 3 * NS_PER_S)] {
            assert_eq!(patience(pace, bytes, every), Some(10 * NS_PER_S));
        }
    }

    #[test]
    fn who_keeps_the_rate_may_go_on_and_who_does_not_has_one_window() {
        let pace = Pace::at_least(1_024, 30);
        for (bytes, every_s) in [(1_024, 1), (30 * 1_024, 30), (1 << 20, 29)] {
            assert_eq!(patience(pace, bytes, every_s * NS_PER_S), None, "{bytes}");
        }
        for (bytes, every_s) in [(0, 1), (1, 1), (1_000, 1), (30 * 1_024, 31)] {
            let patience = patience(pace, bytes, every_s * NS_PER_S);
            assert_eq!(patience, Some(30 * NS_PER_S), "{bytes}");
        }
    }

    #[test]
    fn without_a_rate_any_byte_begins_a_new_window() {
        let pace = Pace::at_least(0, 2);
        assert_eq!(patience(pace, 1, NS_PER_S), None);
        assert_eq!(patience(pace, 1, 3 * NS_PER_S), Some(2 * NS_PER_S));
    }

    #[test]
    fn time_in_which_nobody_waits_does_not_count() {
        let pace = Pace::at_least(1_024, 30).after_bytes(1);
        let hour = 3_600 * NS_PER_S;
        assert_eq!(pace.deadline(hour), hour + 30 * NS_PER_S);
    }

    proptest! {
        #[test]
        fn whoever_cannot_fill_a_window_is_waited_for_as_long_as_it_is(
            rate in 1_u64..10_000,
            window_s in 1_u64..100,
            every in 100_000_000_u64..10 * NS_PER_S,
        ) {
            let window = window_s * NS_PER_S;
            let least = rate * window_s;
            // So little that it takes more than a window until enough has come.
            let bytes = (u128::from(least) * u128::from(every) / u128::from(window)) as u64;
            prop_assume!(bytes > 0 && least.div_ceil(bytes) * every > window);
            let end = patience(Pace::at_least(rate, window_s), bytes, every);
            prop_assert_eq!(end, Some(window));
        }
    }
}
