/// Whether what was true at `at_ms` may still be believed: it is younger than `for_ms` milliseconds.
///
/// What lies ahead of the clock is not fresh. A clock that was set back cannot tell how old it is, and would otherwise
/// believe it for as long as it was set back. (Whether something is *old* is the other question, and its answer
/// `abs_diff`: what lies further ahead than clocks differ is from before the clock was set.)
#[must_use]
pub fn is_fresh(at_ms: u64, now_ms: u64, for_ms: u64) -> bool {
    now_ms
        .checked_sub(at_ms)
        .is_some_and(|age_ms| age_ms < for_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_young_is_fresh_and_what_is_old_or_ahead_of_the_clock_is_not() {
        for (at_ms, expected) in [
            (1_000, true),
            (901, true),
            (900, false),
            (0, false),
            (1_001, false),
            (u64::MAX, false),
        ] {
            assert_eq!(is_fresh(at_ms, 1_000, 100), expected, "{at_ms}");
        }
        assert!(!is_fresh(1_000, 1_000, 0));
    }

    #[test]
    fn wherever_the_clock_is_set_nothing_is_fresh_at_more_readings_than_its_time() {
        for at_ms in 0..60 {
            for for_ms in 0..20 {
                let readings = (0..100).filter(|now_ms| is_fresh(at_ms, *now_ms, for_ms));
                assert_eq!(readings.count() as u64, for_ms, "{at_ms} {for_ms}");
            }
        }
    }
}
