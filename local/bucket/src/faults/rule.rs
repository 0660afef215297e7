//! A rule: which requests it fits, how often it strikes, and what it does to them.

use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};

use super::Fault;

/// The longest that a request can be held up, in milliseconds.
const LONGEST_STALL: u64 = 10 * 60 * 1000;

/// A rule as it is written in JSON; what is absent or null fits everything, always.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    method: Option<String>,
    /// A part of the path and query, as they came.
    path_contains: Option<String>,
    /// So often it still strikes.
    times: Option<u64>,
    /// How likely it strikes where it fits.
    probability: Option<f64>,
    #[serde(rename = "do")]
    action: Action,
}

/// What a rule does: exactly one of these, `retry_after` beside `status`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "Members", into = "Members")]
struct Action(Fault);

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_after_effect: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stall_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_body: Option<u64>,
}

impl TryFrom<Members> for Action {
    type Error = &'static str;

    fn try_from(members: Members) -> Result<Action, &'static str> {
        let Members {
            status,
            retry_after,
            reset,
            reset_after_effect,
            stall_ms,
            cut_body,
        } = members;
        let only = "do has exactly one of status, reset, reset_after_effect, stall_ms and cut_body";
        let mut faults = [
            status.map(|status| Fault::Status {
                status,
                retry_after,
            }),
            reset.map(|_| Fault::Reset),
            reset_after_effect.map(|_| Fault::ResetAfterEffect),
            stall_ms.map(|millis| Fault::Stall(Duration::from_millis(millis))),
            cut_body.map(Fault::CutBody),
        ]
        .into_iter()
        .flatten();
        let (Some(fault), None) = (faults.next(), faults.next()) else {
            return Err(only);
        };
        if reset == Some(false) || reset_after_effect == Some(false) {
            return Err("a reset is true, or not named");
        }
        if retry_after.is_some() && status.is_none() {
            return Err("retry_after is for a status");
        }
        if status.is_some_and(|status| !(400..600).contains(&status)) {
            return Err("the status is that of an error, 400 to 599");
        }
        if stall_ms.is_some_and(|millis| millis > LONGEST_STALL) {
            return Err("a request is stalled for ten minutes at most");
        }
        Ok(Action(fault))
    }
}

impl From<Action> for Members {
    fn from(action: Action) -> Members {
        let none = Members::default();
        match action.0 {
            Fault::Status {
                status,
                retry_after,
            } => Members {
                status: Some(status),
                retry_after,
                ..none
            },
            Fault::Reset => Members {
                reset: Some(true),
                ..none
            },
            Fault::ResetAfterEffect => Members {
                reset_after_effect: Some(true),
                ..none
            },
            Fault::Stall(time) => Members {
                stall_ms: time.as_millis().try_into().ok(),
                ..none
            },
            Fault::CutBody(bytes) => Members {
                cut_body: Some(bytes),
                ..none
            },
        }
    }
}

impl Rule {
    /// Checks what JSON cannot.
    ///
    /// # Errors
    /// The rule for rules that it breaks.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let method = self.method.as_deref();
        if method.is_some_and(|method| {
            Method::from_bytes(method.as_bytes()).is_err()
                || method.bytes().any(|byte| byte.is_ascii_lowercase())
        }) {
            return Err("a method is in capital letters");
        }
        if self.times == Some(0) {
            return Err("times is at least 1");
        }
        if self
            .probability
            .is_some_and(|probability| !(0.0..=1.0).contains(&probability))
        {
            return Err("a probability is from 0 to 1");
        }
        Ok(())
    }

    /// Whether the rule is about this request.
    pub(super) fn fits(&self, method: &Method, target: &str) -> bool {
        let method_fits = self.method.as_deref().is_none_or(|wanted| method == wanted);
        let part = self.path_contains.as_deref().unwrap_or_default();
        method_fits && target.contains(part)
    }

    pub(super) fn probability(&self) -> Option<f64> {
        self.probability
    }

    pub(super) fn fault(&self) -> Fault {
        self.action.0
    }

    /// Counts a strike; false if it was the last.
    pub(super) fn use_up(&mut self) -> bool {
        if let Some(times) = &mut self.times {
            *times -= 1;
        }
        self.times != Some(0)
    }
}
