//! What goes wrong at the embedded bucket, by request.

use serde_json::{Value, json};

/// A rule of the bucket's fault injection: which requests it meets, and what becomes of them.
///
/// As it is made, it meets every request, for ever.
#[derive(Debug, Clone)]
pub struct Fault {
    method: Option<&'static str>,
    path_contains: Option<String>,
    times: Option<u32>,
    probability: Option<f64>,
    effect: Value,
}

impl Fault {
    /// The bucket answers with a status, and with `Retry-After` of so many seconds.
    pub fn status(status: u16, retry_after: Option<u32>) -> Self {
        Self::of(json!({ "status": status, "retry_after": retry_after }))
    }

    /// The connection breaks, and nothing was done.
    pub fn reset() -> Self {
        Self::of(json!({ "reset": true }))
    }

    /// All is done, and the connection breaks instead of the answer.
    pub fn reset_after_effect() -> Self {
        Self::of(json!({ "reset_after_effect": true }))
    }

    /// The bucket waits so many milliseconds before it begins.
    pub fn stall(milliseconds: u64) -> Self {
        Self::of(json!({ "stall_ms": milliseconds }))
    }

    /// The answer's body breaks off after so many bytes.
    pub fn cut_body(bytes: u64) -> Self {
        Self::of(json!({ "cut_body": bytes }))
    }

    fn of(effect: Value) -> Self {
        Self {
            method: None,
            path_contains: None,
            times: None,
            probability: None,
            effect,
        }
    }

    /// Meets requests of this method only.
    #[must_use]
    pub fn on(mut self, method: &'static str) -> Self {
        self.method = Some(method);
        self
    }

    /// Meets requests only whose path and query contain this.
    #[must_use]
    pub fn at(mut self, part: &str) -> Self {
        self.path_contains = Some(part.to_owned());
        self
    }

    /// Meets so many requests and no more.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Meets a request with this probability, from 0 to 1.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    /// The rule as the bucket's admin call takes it.
    pub fn to_json(&self) -> Value {
        json!({
            "method": self.method,
            "path_contains": self.path_contains,
            "times": self.times,
            "probability": self.probability,
            "do": self.effect,
        })
    }
}
