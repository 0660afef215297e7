//! Numbers made of log lines: what monitoring asks for.
//!
//! Nothing counts while it serves: every line that a service logs comes by here, and [`Metrics`] is what is left of the
//! lines when they are folded, one after the other. Lines that were folded in one go and in parts, with the state
//! written down in between, come to the same.
//!
//! # Layout
//! - `fold`: which lines move which numbers.
//! - `series`: a bounded number of counters under labels. `served`: what a route's requests took.
//! - `render`: the text that monitoring reads; `plain` makes the older one of it.

mod fold;
#[cfg(test)]
mod openmetrics_tests;
mod plain;
mod render;
mod series;
mod served;
#[cfg(test)]
mod testing;

use serde::{Deserialize, Serialize};
use spinreel_api::logs::Level;

pub use render::Format;
use series::Series;
use served::Served;

/// What the lines so far come to: integers only, that never go down and stop at the largest.
///
/// It is bounded, as labels come from what services send: rows beyond a family's limit are counted together under
/// `other`, and as JSON it never has more than a megabyte. The order of the lines matters for nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// Requests that were answered, by service, method, route and status.
    requests: Series<Request, u64, 2_000>,
    /// What they took, by service and route.
    served: Series<(String, String), Served, 500>,
    /// All lines, by service and level.
    entries: Series<(String, Level), u64, 128>,
    /// Lines that did not arrive, by service.
    lost: Series<String, u64, 32>,
    uploads: Uploads,
    alerts: Alerts,
    deliveries: Deliveries,
}

/// Service, method, route and status (0 for those that are counted together).
type Request = (String, String, String, u16);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Uploads {
    uploaded: u64,
    failed: u64,
    /// By reason.
    refused: Series<String, u64, 32>,
}

/// Alerts that were raised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Alerts {
    storage: u64,
    bandwidth: u64,
}

/// What came of telling a webhook of alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Deliveries {
    delivered: u64,
    failed: u64,
    gave_up: u64,
}
