//! Alerts leave the installation: each is sent to the webhook that the variables name, by the scheme of
//! [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
//!
//! # Layout
//! - [`spinreel_webhook`]: where to, signed with what, and when it is tried again.
//! - `message`: what is sent.
//! - `queue`: what is written down about deliveries, and the mark that tells when to look for them.
//! - `deliver`: whoever comes by sends what is due. `attempt`: one try of one delivery.
//!
//! [`raise`](super::Usage::raise) writes a delivery down before its alert stands, and a delivery counts only while its
//! alert stands: so there is one for each alert that stands, a crash anywhere or not, and none for any other. A
//! delivery is tried until the receiver takes it (2xx), is [gone](Outcome::Gone), or a day is over. Who dies between
//! the receiver's answer and writing down what it was leaves the delivery to be sent again, under the same
//! `webhook-id`: at least once, and a receiver can tell.

mod attempt;
mod deliver;
mod message;
mod queue;
#[cfg(test)]
mod race_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use deliver::Webhooks;
pub(super) use queue::{Delivery, due_mark, forget_key, is_late, queue, write_down};
pub use spinreel_webhook::Endpoint;

/// What came of a look for deliveries that are due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Whether something else was due, and is left to the next look.
    pub more: bool,
}

/// What happened to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The `webhook-id`.
    pub webhook_id: String,
    /// The alert's id, which its user knows.
    pub alert_id: String,
    /// How often it was tried, with this time.
    pub attempts: u32,
    /// What it came to.
    pub outcome: Outcome,
}

/// What a delivery came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it, with this status.
    Delivered {
        /// 200 to 299.
        status: u16,
    },
    /// It failed, and is tried again.
    Failed {
        /// The status or what went wrong.
        reason: String,
        /// When, in milliseconds since the Unix epoch.
        next_ms: u64,
    },
    /// It failed, and its time is over.
    GaveUp {
        /// The status or what went wrong.
        reason: String,
    },
    /// The receiver says that it is gone (410): nothing is sent there any more.
    Gone,
    /// It was not tried, since the receiver was gone before.
    Dropped,
}
