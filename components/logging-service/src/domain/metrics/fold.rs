use serde_json::Value;
use spinreel_api::actions::Action;
use spinreel_api::logs::{LogEntry, WEIGHT};

use super::Metrics;
use super::series::{OTHER, add};

/// The longest name of a service and the longest route that are labels, in bytes.
const MAX_SERVICE: usize = 32;
const MAX_ROUTE: usize = 96;
/// The most requests that one line stands for.
const MAX_WEIGHT: u64 = 1_000_000;
/// The longest reason that is a label, in bytes.
const MAX_REASON: usize = 64;
/// Methods that are labels (RFC 9110, section 9, and RFC 5789).
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE",
];

impl Metrics {
    /// Adds what a line tells. A line that does not have what its action promises counts as a line and no more.
    pub fn absorb(&mut self, entry: &LogEntry) {
        let service = match entry.service.as_str() {
            name if (1..=MAX_SERVICE).contains(&name.len()) => name,
            _ => OTHER,
        };
        self.entries.add((service.to_owned(), entry.level), 1);
        match Action::named(&entry.action) {
            Some(Action::Request) => self.absorb_request(service, entry),
            Some(Action::FileUploaded) => add(&mut self.uploads.uploaded, 1),
            Some(Action::UploadFailed) => add(&mut self.uploads.failed, 1),
            Some(Action::UploadRefused) => self.uploads.refused.add(reason(entry), 1),
            Some(Action::AlertStorage) => add(&mut self.alerts.storage, 1),
            Some(Action::AlertBandwidth) => add(&mut self.alerts.bandwidth, 1),
            Some(Action::AlertDelivered) => add(&mut self.deliveries.delivered, 1),
            Some(Action::AlertDeliveryFailed) => add(&mut self.deliveries.failed, 1),
            Some(Action::AlertGaveUp) => add(&mut self.deliveries.gave_up, 1),
            Some(Action::LogsLost) => {
                if let Some(count) = number(entry, "logs.lost_count") {
                    self.lost.add(service.to_owned(), count);
                }
            }
            _ => {}
        }
    }

    /// Counts a request, or as many as its line stands for where it is one of a sample.
    fn absorb_request(&mut self, service: &str, entry: &LogEntry) {
        let (Some(method), Some(route), Some(status), Some(latency_ms)) = (
            text(entry, "http.method"),
            text(entry, "http.route").filter(|route| (1..=MAX_ROUTE).contains(&route.len())),
            number(entry, "http.status")
                .and_then(|status| u16::try_from(status).ok())
                .filter(|status| (100..600).contains(status)),
            number(entry, "http.latency_ms"),
        ) else {
            return;
        };
        let method = match METHODS.contains(&method) {
            true => method,
            false => OTHER,
        };
        let (service, route) = (service.to_owned(), route.to_owned());
        let weight = number(entry, WEIGHT).unwrap_or(1).clamp(1, MAX_WEIGHT);
        let labels = (service.clone(), method.to_owned(), route.clone(), status);
        self.requests.add(labels, weight);
        let served = self.served.row((service, route));
        served.took(latency_ms, weight);
        // Not every request has them.
        for (sum, field) in [
            (&mut served.request_bytes, "http.request_bytes"),
            (&mut served.response_bytes, "http.response_bytes"),
            (&mut served.store_calls, "store.calls"),
        ] {
            let each = number(entry, field).unwrap_or(0);
            add(sum, each.saturating_mul(weight));
        }
    }
}

/// Why an upload was refused: a word, or [`OTHER`].
fn reason(entry: &LogEntry) -> String {
    let is_word = |reason: &&str| {
        (1..=MAX_REASON).contains(&reason.len())
            && reason
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    let reason = text(entry, "upload.reason").filter(is_word);
    reason.unwrap_or(OTHER).to_owned()
}

fn text<'a>(entry: &'a LogEntry, field: &str) -> Option<&'a str> {
    entry.fields.get(field).and_then(Value::as_str)
}

/// A whole number that is not negative.
fn number(entry: &LogEntry, field: &str) -> Option<u64> {
    entry.fields.get(field).and_then(Value::as_u64)
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
