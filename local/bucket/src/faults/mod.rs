//! Faults on request: rules that say which requests fail, and how. They are in memory, and gone with the
//! process.

mod admin;
mod rule;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Method, Uri};
use uuid::Uuid;

pub(crate) use admin::PATH;
use rule::Rule;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This answer, and no effect.
    Status {
        status: u16,
        /// The value of `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// The connection is reset before the request has an effect.
    Reset,
    /// The request is done, and the connection reset in place of an answer.
    ResetAfterEffect,
    /// So long nothing happens, then everything as usual, even if the client has gone.
    Stall(Duration),
    /// Of the answer's body at most so many bytes come before the connection ends.
    CutBody(u64),
}

/// The rules, in the order in which they were added.
pub(crate) struct Faults(Mutex<State>);

struct State {
    rules: Vec<Rule>,
    random: Random,
}

impl Faults {
    /// No rules, and random numbers that are different each time.
    pub(crate) fn new() -> Faults {
        Faults(Mutex::new(State {
            rules: Vec::new(),
            random: Random(Uuid::new_v4().as_u64_pair().0),
        }))
    }

    /// What happens to this request: the fault of the first rule that fits and strikes, if one does.
    pub(crate) fn strike(&self, method: &Method, uri: &Uri) -> Option<Fault> {
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        if target.starts_with(admin::FOLDER) {
            return None;
        }
        let mut state = self.lock();
        let State { rules, random } = &mut *state;
        let at = rules
            .iter()
            .position(|rule| rule.fits(method, target) && random.happens(rule.probability()))?;
        let fault = rules[at].fault();
        if !rules[at].use_up() {
            rules.remove(at);
        }
        // Without the query: an upload's id is a credential.
        tracing::debug!(%method, path = uri.path(), ?fault, "a fault strikes");
        Some(fault)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SplitMix64 (Steele, Lea, Flood, 2014): a seed gives the same numbers anywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// True with this probability; for certainty no number is used up.
    fn happens(&mut self, probability: Option<f64>) -> bool {
        let Some(probability) = probability else {
            return true;
        };
        // 53 bits are what a double holds: at least 0, less than 1.
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        unit < probability
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn faults(json: &str) -> Faults {
        let faults = Faults::new();
        faults.add(json.as_bytes()).unwrap();
        faults
    }

    fn strike(faults: &Faults, method: Method, target: &str) -> Option<Fault> {
        faults.strike(&method, &target.parse().unwrap())
    }

    #[test]
    fn the_first_rule_that_fits_strikes_as_often_as_it_says() {
        let faults = faults(
            r#"{"faults": [
                {"method": "PUT", "path_contains": "/upload/", "times": 2, "do": {"status": 503, "retry_after": 1}},
                {"method": "PUT", "do": {"reset": true}},
                {"path_contains": "alt=media", "do": {"cut_body": 100}}
            ]}"#,
        );
        let put = || strike(&faults, Method::PUT, "/upload/x?upload_id=1");
        let unavailable = Some(Fault::Status {
            status: 503,
            retry_after: Some(1),
        });
        assert_eq!(put(), unavailable);
        assert_eq!(strike(&faults, Method::PUT, "/films/a"), Some(Fault::Reset));
        assert_eq!(put(), unavailable);
        assert_eq!(put(), Some(Fault::Reset));
        assert_eq!(strike(&faults, Method::GET, "/upload/x"), None);
        assert_eq!(
            strike(&faults, Method::GET, "/films/a?alt=media"),
            Some(Fault::CutBody(100))
        );
        assert_eq!(strike(&faults, Method::PUT, "/_spinreel/faults"), None);
    }

    #[test]
    fn a_probability_is_kept_and_a_seed_gives_the_same_again() {
        let run = || {
            let faults =
                faults(r#"{"seed": 7, "faults": [{"probability": 0.3, "do": {"stall_ms": 5}}]}"#);
            (0..10_000)
                .map(|_| strike(&faults, Method::GET, "/a").is_some())
                .collect::<Vec<_>>()
        };
        let strikes = run();
        let count = strikes.iter().filter(|struck| **struck).count();
        assert!((2_700..3_300).contains(&count), "{count}");
        assert_eq!(run(), strikes);
        let never = faults(r#"{"faults": [{"probability": 0, "do": {"reset": true}}]}"#);
        let always = faults(r#"{"faults": [{"probability": 1, "do": {"reset": true}}]}"#);
        for _ in 0..1_000 {
            assert_eq!(strike(&never, Method::GET, "/a"), None);
            assert_eq!(strike(&always, Method::GET, "/a"), Some(Fault::Reset));
        }
    }
}
