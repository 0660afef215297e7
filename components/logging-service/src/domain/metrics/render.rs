//! The text that monitoring reads: OpenMetrics 1.0, written by the Prometheus project's own library.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use spinreel_api::logs::Level;
use spinreel_http::accept::Offer;

use super::Metrics;
use super::plain;
use super::series::OTHER;
use super::served::{BOUNDS_MS, Served};

/// A format of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus's text format 0.0.4.
    Plain,
}

impl Format {
    /// All of them, and what each is called in `Accept`; the first where a client does not care.
    pub const ALL: [(Self, Offer); 2] = [
        (
            Self::OpenMetrics,
            Offer {
                essence: "application/openmetrics-text",
                version: "1.0.0",
            },
        ),
        (
            Self::Plain,
            Offer {
                essence: "text/plain",
                version: "0.0.4",
            },
        ),
    ];

    /// The media type of the text (OpenMetrics 1.0, section "Protocol Negotiation").
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => plain::CONTENT_TYPE,
        }
    }
}

/// What all names begin with.
const PREFIX: &str = "spinreel";

type Label<'a> = (&'static str, &'a str);

impl Metrics {
    /// The numbers as text in a format; `version` is the application's.
    pub fn render_as(&self, format: Format, version: &str) -> String {
        match format {
            Format::OpenMetrics => self.render(version),
            Format::Plain => plain::from_openmetrics(&self.render(version)),
        }
    }

    /// The numbers as OpenMetrics text, `# EOF` included; `version` is the application's.
    pub fn render(&self, version: &str) -> String {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register(
            "build",
            "The application",
            Info::new([("version", version.to_owned())]),
        );
        registry.register_collector(Box::new(Numbers(self.clone())));
        let mut text = String::new();
        // Writing to a string fails never, and nothing else is asked for here that can fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

/// A registry collects from what it owns.
#[derive(Debug)]
struct Numbers(Metrics);

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = &self.0;
        encode_requests(metrics, &mut encoder)?;
        encode_served(metrics, &mut encoder)?;
        encode_events(metrics, &mut encoder)?;
        encode_lines(metrics, &mut encoder)
    }
}

fn encode_requests(metrics: &Metrics, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut requests = encoder.encode_descriptor(
        "http_requests",
        "Requests that were answered.",
        None,
        MetricType::Counter,
    )?;
    for ((service, method, route, status), count) in metrics.requests.rows() {
        let status = match status {
            0 => OTHER.to_owned(),
            status => status.to_string(),
        };
        let labels = [
            ("service", service.as_str()),
            ("method", method),
            ("route", route),
            ("status", &status),
        ];
        count_under(&mut requests, &labels, *count)?;
    }
    Ok(())
}

fn encode_served(metrics: &Metrics, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut durations = encoder.encode_descriptor(
        "http_request_duration",
        "From a request's arrival until the last byte of its answer was handed over.",
        Some(&Unit::Seconds),
        MetricType::Histogram,
    )?;
    for ((service, route), served) in metrics.served.rows() {
        let mut bounds: Vec<f64> = BOUNDS_MS.iter().map(|ms| seconds(*ms)).collect();
        bounds.push(f64::INFINITY);
        let buckets: Vec<(f64, u64)> = bounds.into_iter().zip(served.within).collect();
        let labels = [("service", service.as_str()), ("route", route)];
        durations
            .encode_family(&labels)?
            .encode_histogram::<[Label<'_>; 0]>(
                seconds(served.sum_ms),
                served.count(),
                &buckets,
                None,
            )?;
    }
    type Sum = fn(&Served) -> u64;
    let sums: [(&str, &str, Option<&Unit>, Sum); 3] = [
        (
            "http_request_body",
            "Bodies of requests, as far as they were read.",
            Some(&Unit::Bytes),
            |served| served.request_bytes,
        ),
        (
            "http_response_body",
            "Bodies of answers, as far as they were sent.",
            Some(&Unit::Bytes),
            |served| served.response_bytes,
        ),
        (
            "store_calls",
            "Calls of the key-value store.",
            None,
            |served| served.store_calls,
        ),
    ];
    for (name, help, unit, sum) in sums {
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Counter)?;
        for ((service, route), served) in metrics.served.rows() {
            let labels = [("service", service.as_str()), ("route", route)];
            count_under(&mut family, &labels, sum(served))?;
        }
    }
    Ok(())
}

/// A name, its help, a label, and a counter for each of its values.
type Events<'a> = (&'a str, &'a str, &'static str, Vec<(&'a str, u64)>);

fn encode_events(metrics: &Metrics, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let (uploads, alerts, told) = (&metrics.uploads, &metrics.alerts, &metrics.deliveries);
    let reasons: Vec<(&str, u64)> = uploads
        .refused
        .rows()
        .map(|(reason, count)| (reason.as_str(), *count))
        .collect();
    let families: [Events<'_>; 4] = [
        (
            "uploads",
            "Uploads that ended.",
            "outcome",
            vec![
                ("uploaded", uploads.uploaded),
                ("refused", uploads.refused.sum()),
                ("failed", uploads.failed),
            ],
        ),
        (
            "upload_refusals",
            "Uploads that were refused.",
            "reason",
            reasons,
        ),
        (
            "alerts",
            "Alerts that were raised.",
            "kind",
            vec![("storage", alerts.storage), ("bandwidth", alerts.bandwidth)],
        ),
        (
            "alert_deliveries",
            "Attempts to tell the webhook of an alert, and alerts that were given up.",
            "outcome",
            vec![
                ("delivered", told.delivered),
                ("failed", told.failed),
                ("gave_up", told.gave_up),
            ],
        ),
    ];
    for (name, help, label, rows) in families {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (value, count) in rows {
            count_under(&mut family, &[(label, value)], count)?;
        }
    }
    Ok(())
}

fn encode_lines(metrics: &Metrics, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut entries = encoder.encode_descriptor(
        "log_entries",
        "Log lines that arrived.",
        None,
        MetricType::Counter,
    )?;
    for ((service, level), count) in metrics.entries.rows() {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let labels = [("service", service.as_str()), ("level", level)];
        count_under(&mut entries, &labels, *count)?;
    }
    let mut lost = encoder.encode_descriptor(
        "log_entries_lost",
        "Log lines that did not arrive, as far as their services could tell.",
        None,
        MetricType::Counter,
    )?;
    for (service, count) in metrics.lost.rows() {
        count_under(&mut lost, &[("service", service)], *count)?;
    }
    Ok(())
}

/// A counter of a family.
fn count_under<const N: usize>(
    family: &mut MetricEncoder<'_>,
    labels: &[Label<'_>; N],
    count: u64,
) -> fmt::Result {
    ConstCounter::new(count).encode(family.encode_family(labels)?)
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
