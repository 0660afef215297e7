//! When a delivery is tried again, and when it is given up.

use std::time::{Duration, UNIX_EPOCH};

use spinreel_platform::{Random, back_off_ms};

/// The longest pause after the first failure, in milliseconds; it doubles with every further one.
pub const FIRST_PAUSE_MS: u64 = 5_000;
/// The longest pause of all, in milliseconds, whatever the receiver asks for.
pub const LONGEST_PAUSE_MS: u64 = 3_600_000;
/// When a delivery that was written down at `written_ms`, lives for `lifetime_ms` milliseconds and failed for the
/// `failures`th time at `now_ms` is tried again, all else in milliseconds since the Unix epoch; `None` where that was the
/// last time. The last time is the end of its life, or whenever somebody comes by after that.
pub fn next_try(
    written_ms: u64,
    lifetime_ms: u64,
    failures: u32,
    retry_after_ms: u64,
    now_ms: u64,
    random: &impl Random,
) -> Option<u64> {
    let end = written_ms.saturating_add(lifetime_ms);
    let own = back_off_ms(FIRST_PAUSE_MS, LONGEST_PAUSE_MS, failures, random);
    let pause = own.max(retry_after_ms.min(LONGEST_PAUSE_MS));
    (now_ms < end).then(|| now_ms.saturating_add(pause).min(end))
}

/// Whether something that was never more than `at_most_ms` away is due at `at_ms`. What is further away was written by
/// a clock that was set back since.
pub fn is_due(at_ms: u64, now_ms: u64, at_most_ms: u64) -> bool {
    at_ms <= now_ms || at_ms - now_ms > at_most_ms
}

/// The pause that a `Retry-After` asks for (RFC 9110, section 10.2.3), in milliseconds; 0 where it cannot be read.
pub fn retry_after_ms(value: &str, now_ms: u64) -> u64 {
    if let Ok(seconds) = value.parse::<u64>() {
        return seconds.saturating_mul(1_000);
    }
    let Ok(at) = httpdate::parse_http_date(value) else {
        return 0;
    };
    let now = UNIX_EPOCH + Duration::from_millis(now_ms);
    at.duration_since(now)
        .map_or(0, |pause| pause.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use spinreel_platform::memory::SeededRandom;

    use super::*;

    /// Tuesday, 14 November 2023, 12:00 UTC.
    const NOON: u64 = 1_699_963_200_000;
    const LIFETIME_MS: u64 = 86_400_000;

    /// The times of all attempts of a delivery that always fails, tried whenever it is due.
    fn attempts(seed: u64, retry_after_ms: u64) -> Vec<u64> {
        let random = SeededRandom::new(seed);
        let (mut at, mut all) = (NOON, vec![NOON]);
        while let Some(next) = next_try(
            NOON,
            LIFETIME_MS,
            all.len() as u32,
            retry_after_ms,
            at,
            &random,
        ) {
            assert!(all.len() < 1_000, "it never ends");
            at = next;
            all.push(at);
        }
        all
    }

    proptest! {
        #[test]
        fn pauses_grow_to_an_hour_and_the_last_attempt_is_a_day_later(seed in any::<u64>()) {
            let all = attempts(seed, 0);
            prop_assert_eq!(*all.last().unwrap(), NOON + LIFETIME_MS);
            // Ten pauses up to an hour, then 30 to 60 minutes each.
            prop_assert!((33..60).contains(&all.len()), "{}", all.len());
            for (number, pair) in all.windows(2).enumerate().take(all.len() - 2) {
                let longest = (FIRST_PAUSE_MS << number.min(20)).min(LONGEST_PAUSE_MS);
                prop_assert!((longest / 2..=longest).contains(&(pair[1] - pair[0])), "{}", number);
            }
        }

        #[test]
        fn a_retry_after_is_waited_for_up_to_an_hour(seed in any::<u64>(), asked_ms in 0..10_000_000_u64) {
            let all = attempts(seed, asked_ms);
            for pair in all.windows(2).take(all.len() - 2) {
                let pause = pair[1] - pair[0];
                prop_assert!(pause >= asked_ms.min(LONGEST_PAUSE_MS));
                prop_assert!(pause <= LONGEST_PAUSE_MS);
            }
        }

        #[test]
        fn an_attempt_lies_ahead_within_an_hour_or_not_at_all(
            written_ms in any::<u64>(), failures in any::<u32>(), asked_ms in any::<u64>(), now_ms in any::<u64>(),
        ) {
            let random = SeededRandom::new(now_ms);
            match next_try(written_ms, LIFETIME_MS, failures, asked_ms, now_ms, &random) {
                None => prop_assert!(now_ms >= written_ms.saturating_add(LIFETIME_MS)),
                Some(next) => {
                    prop_assert!(next > now_ms && next - now_ms <= LONGEST_PAUSE_MS);
                    prop_assert!(!is_due(next, now_ms, LONGEST_PAUSE_MS));
                    prop_assert!(is_due(next, next, LONGEST_PAUSE_MS));
                }
            }
        }

        #[test]
        fn any_retry_after_is_read_without_a_panic(value in "\\PC{0,40}", now_ms in 0..(1_u64 << 50)) {
            retry_after_ms(&value, now_ms);
        }
    }

    #[test]
    fn what_lies_further_ahead_than_it_can_is_due() {
        let day = 86_400_000;
        assert!(is_due(NOON + day, NOON, LONGEST_PAUSE_MS));
        assert!(!is_due(NOON + 1, NOON, LONGEST_PAUSE_MS));
        assert!(is_due(NOON, NOON, LONGEST_PAUSE_MS));
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after_ms("120", NOON), 120_000);
        assert_eq!(
            retry_after_ms("Tue, 14 Nov 2023 12:00:30 GMT", NOON),
            30_000
        );
        for nothing in ["", "soon", "-5", "1.5", "Tue, 14 Nov 2023 11:00:00 GMT"] {
            assert_eq!(retry_after_ms(nothing, NOON), 0, "{nothing}");
        }
        assert_eq!(retry_after_ms(&u64::MAX.to_string(), NOON), u64::MAX);
    }
}
