//! The text, as the Prometheus project's own parser reads it. `cargo xtask clients` installs it.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use spinreel_api::logs::{Level, LogEntry};

use super::Metrics;
use super::testing::line;

/// What needs care between quotes.
const ODD_ROUTE: &str = "/a\"b\\c\nd\\n,{}=é 💧";

fn request(service: &str, route: &str, status: u16, latency_ms: u64) -> LogEntry {
    let fields = json!({
        "http.method": "GET",
        "http.route": route,
        "http.status": status,
        "http.latency_ms": latency_ms,
        "http.request_bytes": 10,
        "http.response_bytes": 1_000,
        "store.calls": 3,
    });
    line(service, "request", fields)
}

/// Something in every family.
fn rich() -> Metrics {
    let mut metrics = Metrics::default();
    let mut lines = vec![
        line("storage-service", "file.uploaded", json!({})),
        line(
            "storage-service",
            "upload.refused",
            json!({"upload.reason": "file_exists"}),
        ),
        line("storage-service", "upload.failed", json!({})),
        line("usage-service", "alert.storage", json!({})),
        line("usage-service", "alert.delivered", json!({})),
        line("video-service", "logs.lost", json!({"logs.lost_count": 9})),
        request("od\"d\\\n", ODD_ROUTE, 200, 1),
    ];
    for latency_ms in [0, 5, 6, 999, 1_000, 29_999, 31_000] {
        lines.push(request("video-service", "/v1/videos/:id", 200, latency_ms));
    }
    lines.push(request("video-service", "/v1/videos/:id", 404, 1));
    for line in &mut lines {
        if line.action == "upload.failed" {
            line.level = Level::Warn;
        }
        metrics.absorb(line);
    }
    metrics
}

/// What the parser finds in the text: families by their names.
fn parsed(text: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join("target/interop/metrics/venv/bin/python");
    assert!(python.exists(), "run `cargo xtask clients` first");
    let mut parser = Command::new(python)
        .args(["-E", "-s", "-B"])
        .arg(root.join("tests/interop/metrics/check.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It reads everything before it writes anything.
    let mut stdin = parser.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = parser.wait_with_output().unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complained}\n{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The value of the sample with exactly these labels.
fn value(families: &Value, family: &str, sample: &str, labels: Value) -> Option<f64> {
    let samples = families[family]["samples"].as_array().unwrap();
    let found = samples
        .iter()
        .find(|found| found["name"] == sample && found["labels"] == labels);
    found.map(|found| found["value"].as_f64().unwrap())
}

#[test]
fn prometheus_own_parser_reads_every_family() {
    let families = parsed(&rich().render("1.2.3"));
    let told: Vec<(&str, &str, &str)> = families
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, family)| {
            assert!(family["help"].as_str().unwrap().ends_with('.'), "{name}");
            let text = |member: &str| family[member].as_str().unwrap();
            (name.as_str(), text("type"), text("unit"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("spinreel_alert_deliveries", "counter", ""),
            ("spinreel_alerts", "counter", ""),
            ("spinreel_build", "info", ""),
            ("spinreel_http_request_body_bytes", "counter", "bytes"),
            (
                "spinreel_http_request_duration_seconds",
                "histogram",
                "seconds"
            ),
            ("spinreel_http_requests", "counter", ""),
            ("spinreel_http_response_body_bytes", "counter", "bytes"),
            ("spinreel_log_entries", "counter", ""),
            ("spinreel_log_entries_lost", "counter", ""),
            ("spinreel_store_calls", "counter", ""),
            ("spinreel_upload_refusals", "counter", ""),
            ("spinreel_uploads", "counter", ""),
        ]
    );
}

#[test]
fn prometheus_own_parser_finds_what_was_counted() {
    let families = parsed(&rich().render("1.2.3"));
    let route = json!({"service": "video-service", "route": "/v1/videos/:id"});
    for (family, labels, count) in [
        (
            "spinreel_http_requests",
            json!({"service": "video-service", "method": "GET", "route": "/v1/videos/:id", "status": "200"}),
            7.0,
        ),
        (
            "spinreel_http_requests",
            json!({"service": "od\"d\\\n", "method": "GET", "route": ODD_ROUTE, "status": "200"}),
            1.0,
        ),
        ("spinreel_http_request_body_bytes", route.clone(), 80.0),
        ("spinreel_http_response_body_bytes", route.clone(), 8_000.0),
        ("spinreel_store_calls", route, 24.0),
        ("spinreel_uploads", json!({"outcome": "uploaded"}), 1.0),
        ("spinreel_uploads", json!({"outcome": "refused"}), 1.0),
        ("spinreel_uploads", json!({"outcome": "failed"}), 1.0),
        (
            "spinreel_upload_refusals",
            json!({"reason": "file_exists"}),
            1.0,
        ),
        ("spinreel_alerts", json!({"kind": "storage"}), 1.0),
        ("spinreel_alerts", json!({"kind": "bandwidth"}), 0.0),
        (
            "spinreel_alert_deliveries",
            json!({"outcome": "delivered"}),
            1.0,
        ),
        (
            "spinreel_log_entries",
            json!({"service": "storage-service", "level": "warn"}),
            1.0,
        ),
        (
            "spinreel_log_entries_lost",
            json!({"service": "video-service"}),
            9.0,
        ),
    ] {
        let sample = format!("{family}_total");
        let found = value(&families, family, &sample, labels.clone());
        assert_eq!(found, Some(count), "{family} {labels}");
    }
    let version = json!({"version": "1.2.3"});
    assert_eq!(
        value(&families, "spinreel_build", "spinreel_build_info", version),
        Some(1.0)
    );
}

#[test]
fn the_buckets_are_in_seconds_and_add_up() {
    let families = parsed(&rich().render("1.2.3"));
    let name = "spinreel_http_request_duration_seconds";
    let of = |sample: &str, le: Option<&str>| {
        let mut labels = json!({"service": "video-service", "route": "/v1/videos/:id"});
        if let Some(le) = le {
            labels["le"] = json!(le);
        }
        value(&families, name, &format!("{name}_{sample}"), labels)
    };
    for (le, count) in [
        ("0.005", 3.0),
        ("0.01", 4.0),
        ("0.5", 4.0),
        ("1.0", 6.0),
        ("10.0", 6.0),
        ("30.0", 7.0),
        ("+Inf", 8.0),
    ] {
        assert_eq!(of("bucket", Some(le)), Some(count), "{le}");
    }
    assert_eq!(of("count", None), Some(8.0));
    // 0 + 5 + 6 + 999 + 1,000 + 29,999 + 31,000 + 1 ms.
    assert_eq!(of("sum", None), Some(63.01));
}

#[test]
fn without_a_line_there_is_a_text_all_the_same() {
    let text = Metrics::default().render("1");
    assert!(text.ends_with("# EOF\n"), "{text}");
    let families = parsed(&text);
    let labels = json!({"outcome": "uploaded"});
    let found = value(
        &families,
        "spinreel_uploads",
        "spinreel_uploads_total",
        labels,
    );
    assert_eq!(found, Some(0.0));
}
