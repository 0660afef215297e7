//! What every service must know to check access tokens, and how long it may believe it.

use serde::{Deserialize, Serialize};
use spinreel_platform::is_fresh;

use crate::{Jwks, Suspects};

/// How long an answer of user-service is believed, in milliseconds. With the time that a request takes, a revocation
/// reaches every service within five seconds.
const FRESH_MS: u64 = 4_000;
/// From this age on the next answer is asked for in good time, in milliseconds: then no request has to wait for it.
const ASK_AHEAD_MS: u64 = 2_000;
/// How long nobody asks again where the last one asked in vain, in milliseconds.
const PAUSE_MS: u64 = 1_000;
/// How much longer than a token a suspicion lives, in milliseconds: for the clocks of two services.
const MARGIN_MS: u64 = 60_000;

/// The answer to `GET /internal/users/trust?since=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// The keys that access tokens may be signed with.
    pub keys: Jwks,
    /// Lifetime of an access token, in seconds.
    pub token_seconds: u64,
    /// Ids of users of whom tokens were revoked after `since`.
    pub revoked: Vec<String>,
    /// What to pass as `since` the next time.
    pub next: u64,
    /// Whether more tokens were revoked than are told.
    pub lagging: bool,
}

/// What a service knows: user-service's last [`Trust`], and the suspicions of those before it.
///
/// A suspect is not refused, but asked about. Suspicions are kept in two generations, each as long as a token lives, so
/// that they end, and take the same space however many there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trusted {
    /// The keys that access tokens may be signed with.
    pub keys: Jwks,
    /// What to pass as `since` the next time; `None` at first.
    pub next: Option<u64>,
    /// When the answer was asked for, in milliseconds since the Unix epoch: it holds what was revoked before that.
    asked_ms: u64,
    /// When it was last asked for in vain, in milliseconds since the Unix epoch.
    failed_ms: u64,
    suspects: Suspects,
    earlier: Suspects,
    /// When this generation of suspects began, in milliseconds since the Unix epoch.
    turned_ms: u64,
    /// Until then everybody is a suspect, in milliseconds since the Unix epoch.
    everybody_until_ms: u64,
}

/// What to do about the age of a [`Trusted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing.
    Fresh,
    /// Ask, when there is time.
    AskAhead,
    /// Ask before it is used.
    Ask,
    /// Use it as it is: it was asked for in vain a moment ago.
    Stale,
}

impl Trusted {
    /// These keys, and nobody suspected: for user-service itself, which knows who is good.
    pub fn of_keys(keys: Jwks) -> Self {
        Self {
            keys,
            ..Self::default()
        }
    }

    /// What to do about its age.
    pub fn freshness(&self, now_ms: u64) -> Freshness {
        let is_younger = |than_ms| is_fresh(self.asked_ms, now_ms, than_ms);
        match is_fresh(self.failed_ms, now_ms, PAUSE_MS) {
            true if is_younger(FRESH_MS) => Freshness::Fresh,
            true => Freshness::Stale,
            false if is_younger(ASK_AHEAD_MS) => Freshness::Fresh,
            false if is_younger(FRESH_MS) => Freshness::AskAhead,
            false => Freshness::Ask,
        }
    }

    /// Whether a key that is not among the known ones is a reason to ask again.
    pub fn may_lack_keys(&self, now_ms: u64) -> bool {
        let asked_lately = |at_ms| is_fresh(at_ms, now_ms, PAUSE_MS);
        !asked_lately(self.asked_ms) && !asked_lately(self.failed_ms)
    }

    /// Whether tokens of this user may have been revoked; `false` is certain, as of the last answer.
    pub fn is_suspect(&self, user_id: &str, now_ms: u64) -> bool {
        now_ms < self.everybody_until_ms
            || self.suspects.may_contain(user_id)
            || self.earlier.may_contain(user_id)
    }

    /// Takes an answer over that was asked for at `asked_ms`.
    pub fn absorb(&mut self, answer: Trust, asked_ms: u64) {
        let generation_ms = answer.token_seconds.saturating_mul(1_000) + MARGIN_MS;
        if asked_ms.saturating_sub(self.turned_ms) >= generation_ms {
            let old = std::mem::take(&mut self.suspects);
            let forgotten = asked_ms.saturating_sub(self.turned_ms) >= 2 * generation_ms;
            self.earlier = if forgotten { Suspects::default() } else { old };
            self.turned_ms = asked_ms;
        }
        for user_id in &answer.revoked {
            self.suspects.insert(user_id);
        }
        if answer.lagging {
            self.everybody_until_ms = asked_ms.saturating_add(generation_ms);
        }
        self.keys = answer.keys;
        self.next = Some(answer.next);
        self.asked_ms = asked_ms;
        self.failed_ms = 0;
    }

    /// Notes that it was asked for in vain.
    pub fn note_failure(&mut self, now_ms: u64) {
        self.failed_ms = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;
    const GENERATION_MS: u64 = 960_000;

    fn answer(revoked: &[&str], next: u64) -> Trust {
        Trust {
            keys: Jwks::default(),
            token_seconds: 900,
            revoked: revoked.iter().map(|id| (*id).to_owned()).collect(),
            next,
            lagging: false,
        }
    }

    #[test]
    fn it_is_asked_for_ahead_and_believed_for_four_seconds() {
        let mut trusted = Trusted::default();
        assert_eq!(trusted.freshness(NOW_MS), Freshness::Ask);
        trusted.absorb(answer(&[], 7), NOW_MS);
        assert_eq!(trusted.next, Some(7));
        for (age, freshness) in [
            (0, Freshness::Fresh),
            (1_999, Freshness::Fresh),
            (2_000, Freshness::AskAhead),
            (3_999, Freshness::AskAhead),
            (4_000, Freshness::Ask),
        ] {
            assert_eq!(trusted.freshness(NOW_MS + age), freshness, "{age}");
        }
        trusted.note_failure(NOW_MS + 4_000);
        assert_eq!(trusted.freshness(NOW_MS + 4_999), Freshness::Stale);
        assert_eq!(trusted.freshness(NOW_MS + 5_000), Freshness::Ask);
    }

    #[test]
    fn a_clock_that_is_set_back_asks_at_once_for_revocations_and_for_keys() {
        for back_ms in [1, 1_000, 4_000, 3_600_000] {
            let mut trusted = Trusted::default();
            trusted.absorb(answer(&[], 7), NOW_MS);
            let now_ms = NOW_MS - back_ms;
            assert_eq!(trusted.freshness(now_ms), Freshness::Ask, "{back_ms}");
            assert!(trusted.may_lack_keys(now_ms), "{back_ms}");
            // Where that was in vain it is not asked for a second, and no longer.
            trusted.note_failure(now_ms);
            assert_eq!(trusted.freshness(now_ms), Freshness::Stale);
            assert!(!trusted.may_lack_keys(now_ms + 999));
            trusted.note_failure(NOW_MS + 1);
            assert_eq!(trusted.freshness(now_ms), Freshness::Ask, "{back_ms}");
            assert!(trusted.may_lack_keys(now_ms), "{back_ms}");
        }
    }

    #[test]
    fn a_suspicion_lives_longer_than_any_token_and_not_for_ever() {
        let mut trusted = Trusted::default();
        trusted.absorb(answer(&[], 0), NOW_MS);
        trusted.absorb(answer(&["eve"], 1), NOW_MS + GENERATION_MS - 1);
        let mut now = NOW_MS + GENERATION_MS - 1;
        let until = now + 2 * GENERATION_MS + 8_000;
        let mut lived_ms = 0;
        while now < until {
            now += 4_000;
            trusted.absorb(answer(&[], 1), now);
            if trusted.is_suspect("eve", now) {
                lived_ms = now - (NOW_MS + GENERATION_MS - 1);
            }
        }
        assert!(
            (GENERATION_MS - 4_000..=2 * GENERATION_MS).contains(&lived_ms),
            "{lived_ms}"
        );
        assert!(!trusted.is_suspect("eve", now));
    }

    #[test]
    fn after_a_long_pause_nobody_is_suspected_for_what_is_long_over() {
        let mut trusted = Trusted::default();
        trusted.absorb(answer(&["eve"], 1), NOW_MS);
        let later = NOW_MS + 2 * GENERATION_MS;
        trusted.absorb(answer(&["bob"], 2), later);
        assert!(!trusted.is_suspect("eve", later));
        assert!(trusted.is_suspect("bob", later));
    }

    #[test]
    fn who_was_told_too_little_suspects_everybody_as_long_as_tokens_live() {
        let mut trusted = Trusted::default();
        let lagging = Trust {
            lagging: true,
            ..answer(&[], 9)
        };
        trusted.absorb(lagging, NOW_MS);
        assert!(trusted.is_suspect("anybody", NOW_MS + 900_000));
        assert!(!trusted.is_suspect("anybody", NOW_MS + GENERATION_MS));
    }
}
