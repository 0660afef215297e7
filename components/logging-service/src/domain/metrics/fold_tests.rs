#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};
use spinreel_api::logs::Level;

use super::*;
use crate::domain::metrics::testing::line;

/// The fields of a request's line.
fn request() -> Value {
    json!({
        "http.method": "GET",
        "http.route": "/v1/videos",
        "http.status": 200,
        "http.latency_ms": 7,
        "http.request_bytes": 10,
        "http.response_bytes": 100,
        "store.calls": 3,
    })
}

fn folded(lines: &[LogEntry]) -> Metrics {
    let mut metrics = Metrics::default();
    lines.iter().for_each(|line| metrics.absorb(line));
    metrics
}

#[test]
fn a_request_is_counted_under_its_labels_and_its_route() {
    let mut other_method = request();
    other_method["http.method"] = json!("BREW");
    let metrics = folded(&[
        line("video-service", "request", request()),
        line("video-service", "request", request()),
        line("video-service", "request", other_method),
        line("user-service", "request", request()),
    ]);
    let of = |service: &str, method: &str| {
        let labels = (service.into(), method.into(), "/v1/videos".into(), 200);
        let row = metrics.requests.rows().find(|(key, _)| **key == labels);
        row.map(|(_, count)| *count)
    };
    assert_eq!(of("video-service", "GET"), Some(2));
    assert_eq!(of("video-service", "other"), Some(1));
    assert_eq!(of("user-service", "GET"), Some(1));
    assert_eq!(metrics.requests.sum(), 4);
    let (labels, served) = metrics.served.rows().nth(1).unwrap();
    assert_eq!(*labels, ("video-service".into(), "/v1/videos".into()));
    assert_eq!((served.count(), served.sum_ms), (3, 21));
    assert_eq!((served.request_bytes, served.response_bytes), (30, 300));
    assert_eq!(served.store_calls, 9);
}

#[test]
fn a_line_of_a_sample_counts_for_all_requests_that_it_stands_for() {
    let of_weight = |weight: Value| {
        let mut fields = request();
        fields["log.weight"] = weight;
        line("video-service", "request", fields)
    };
    let metrics = folded(&[
        line("video-service", "request", request()),
        of_weight(json!(100)),
    ]);
    assert_eq!(metrics.requests.sum(), 101);
    let (_, served) = metrics.served.rows().next().unwrap();
    assert_eq!((served.count(), served.sum_ms), (101, 707));
    assert_eq!((served.request_bytes, served.store_calls), (1_010, 303));
    assert_eq!(metrics.entries.sum(), 2);
    // What is no weight is none.
    for (weight, expected) in [
        (json!("many"), 1),
        (json!(0), 1),
        (json!(u64::MAX), MAX_WEIGHT),
    ] {
        let metrics = folded(&[of_weight(weight.clone())]);
        assert_eq!(metrics.requests.sum(), expected, "{weight}");
    }
}

#[test]
fn a_request_without_what_it_must_have_counts_as_a_line_only() {
    for (field, value) in [
        ("http.method", Value::Null),
        ("http.method", json!(5)),
        ("http.route", Value::Null),
        ("http.route", json!("")),
        ("http.route", json!("/".repeat(MAX_ROUTE + 1))),
        ("http.status", Value::Null),
        ("http.status", json!("200")),
        ("http.status", json!(99)),
        ("http.status", json!(600)),
        ("http.status", json!(65_736)),
        ("http.latency_ms", Value::Null),
        ("http.latency_ms", json!(-1)),
        ("http.latency_ms", json!(0.5)),
    ] {
        let mut odd = request();
        odd[field] = value;
        let metrics = folded(&[line("video-service", "request", odd.clone())]);
        let plain = folded(&[line("video-service", "test", json!({}))]);
        assert_eq!(metrics, plain, "{odd}");
    }
}

#[test]
fn a_request_may_lack_its_sizes_and_its_calls() {
    for odd in [Value::Null, json!(-5), json!("many"), json!(1.5)] {
        let mut fields = request();
        for field in ["http.request_bytes", "http.response_bytes", "store.calls"] {
            fields[field] = odd.clone();
        }
        let metrics = folded(&[line("video-service", "request", fields)]);
        let (_, served) = metrics.served.rows().next().unwrap();
        assert_eq!(served.count(), 1);
        let sums = (served.request_bytes, served.response_bytes);
        assert_eq!((sums, served.store_calls), ((0, 0), 0));
    }
}

#[test]
fn sums_stop_at_the_largest() {
    let mut huge = request();
    huge["http.response_bytes"] = json!(u64::MAX);
    huge["http.latency_ms"] = json!(u64::MAX);
    let lines = vec![line("video-service", "request", huge); 2];
    let metrics = folded(&lines);
    let (_, served) = metrics.served.rows().next().unwrap();
    assert_eq!((served.response_bytes, served.sum_ms), (u64::MAX, u64::MAX));
    assert_eq!(served.count(), 2);
}

#[test]
fn what_became_of_uploads_alerts_and_lines_is_counted() {
    let refused = |reason: Value| {
        line(
            "storage-service",
            "upload.refused",
            json!({ "upload.reason": reason }),
        )
    };
    let usage = |action: &str| line("usage-service", action, json!({}));
    let metrics = folded(&[
        line("storage-service", "file.uploaded", json!({})),
        line("storage-service", "upload.failed", json!({})),
        refused(json!("quota_exceeded")),
        refused(json!("quota_exceeded")),
        refused(json!("no word")),
        refused(Value::Null),
        usage("alert.storage"),
        usage("alert.bandwidth"),
        usage("alert.bandwidth"),
        usage("alert.delivered"),
        usage("alert.delivery_failed"),
        usage("alert.delivery_failed"),
        usage("alert.gave_up"),
        line("video-service", "logs.lost", json!({"logs.lost_count": 5})),
        line("video-service", "logs.lost", json!({"logs.lost_count": 7})),
        line("video-service", "logs.lost", json!({})),
    ]);
    assert_eq!((metrics.uploads.uploaded, metrics.uploads.failed), (1, 1));
    let refusals: Vec<(&str, u64)> = metrics
        .uploads
        .refused
        .rows()
        .map(|(reason, count)| (reason.as_str(), *count))
        .collect();
    assert_eq!(refusals, [("other", 2), ("quota_exceeded", 2)]);
    assert_eq!((metrics.alerts.storage, metrics.alerts.bandwidth), (1, 2));
    let told = &metrics.deliveries;
    assert_eq!((told.delivered, told.failed, told.gave_up), (1, 2, 1));
    let lost: Vec<_> = metrics.lost.rows().collect();
    assert_eq!(lost, [(&"video-service".to_owned(), &12)]);
    assert_eq!(metrics.entries.sum(), 16);
}

#[test]
fn lines_are_counted_by_service_and_level() {
    let mut loud = line("user-service", "test", json!({}));
    loud.level = Level::Error;
    let nameless = line("", "test", json!({}));
    let metrics = folded(&[loud.clone(), loud, nameless]);
    let rows: Vec<_> = metrics.entries.rows().collect();
    assert_eq!(
        rows,
        [
            (&("other".to_owned(), Level::Info), &1),
            (&("user-service".to_owned(), Level::Error), &2),
        ]
    );
}

/// As many rows of every family as it keeps and more, with the longest labels and the largest numbers.
fn overflowing() -> Vec<LogEntry> {
    let mut lines = Vec::new();
    for n in 0..3_000_u32 {
        // What JSON writes in two bytes each.
        let route = format!("{n:\\>MAX_ROUTE$}");
        let mut with = request();
        with["http.route"] = json!(route);
        for sum in ["http.request_bytes", "http.response_bytes", "store.calls"] {
            with[sum] = json!(u64::MAX);
        }
        with["http.latency_ms"] = json!(u64::MAX);
        let service = format!("{n:\\>MAX_SERVICE$}");
        lines.push(line(&service, "request", with));
        let reason = json!({ "upload.reason": format!("{n:_>MAX_REASON$}") });
        lines.push(line(&service, "upload.refused", reason));
        let lost = json!({ "logs.lost_count": u64::MAX });
        lines.push(line(&service, "logs.lost", lost));
    }
    lines
}

#[test]
fn however_many_labels_there_are_the_state_fits_the_smallest_store_and_nothing_is_lost() {
    let lines = overflowing();
    let mut metrics = folded(&lines);
    let lengths = (
        metrics.requests.rows().count(),
        metrics.served.rows().count(),
        metrics.entries.rows().count(),
        metrics.lost.rows().count(),
        metrics.uploads.refused.rows().count(),
    );
    assert_eq!(lengths, (2_001, 501, 129, 33, 33));
    assert_eq!(metrics.requests.sum(), 3_000);
    assert_eq!(metrics.uploads.refused.sum(), 3_000);
    assert_eq!(metrics.entries.sum(), 9_000);
    let (_, together) = metrics
        .served
        .rows()
        .find(|(labels, _)| labels.1 == OTHER)
        .unwrap();
    assert_eq!(together.count(), 2_500);
    // The buckets, too, at their largest.
    let keys: Vec<_> = metrics.served.rows().map(|(key, _)| key.clone()).collect();
    for key in keys {
        metrics.served.row(key).within = [u64::MAX; 13];
    }
    let stored = serde_json::to_vec(&metrics).unwrap();
    assert!(stored.len() < 1_000_000, "{}", stored.len());
}

#[test]
fn a_state_of_an_earlier_version_begins_what_it_did_not_count() {
    let metrics: Metrics = serde_json::from_str(r#"{"uploads":{"uploaded":3}}"#).unwrap();
    assert_eq!((metrics.uploads.uploaded, metrics.alerts.storage), (3, 0));
}

fn any_line() -> impl Strategy<Value = LogEntry> {
    let actions = prop::sample::select(vec![
        "request",
        "file.uploaded",
        "upload.refused",
        "alert.bandwidth",
        "alert.gave_up",
        "logs.lost",
        "test",
    ]);
    let value = prop_oneof![
        any::<u64>().prop_map(|number| json!(number)),
        (0..700_u16).prop_map(|number| json!(number)),
        ".{0,12}".prop_map(|text| json!(text)),
        Just(Value::Null),
        any::<f64>().prop_map(|number| json!(number)),
    ];
    let some = prop::collection::vec((0..9_usize, value), 0..3);
    (".{0,3}", actions, some).prop_map(|(service, action, odd)| {
        let mut with = request();
        for (field, value) in odd {
            let name = [
                "http.method",
                "http.route",
                "http.status",
                "http.latency_ms",
                "http.request_bytes",
                "http.response_bytes",
                "store.calls",
                "upload.reason",
                "logs.lost_count",
            ][field];
            with[name] = value;
        }
        line(&service, action, with)
    })
}

proptest! {
    #[test]
    fn lines_in_parts_with_the_state_stored_in_between_come_to_the_same_as_in_one_go(
        lines in prop::collection::vec(any_line(), 0..60),
        parts in prop::collection::vec(0..20_usize, 0..8),
    ) {
        let whole = folded(&lines);
        let mut metrics = Metrics::default();
        let mut rest = lines.as_slice();
        for length in parts.into_iter().chain([lines.len()]) {
            let (part, after) = rest.split_at(length.min(rest.len()));
            part.iter().for_each(|line| metrics.absorb(line));
            let stored = serde_json::to_vec(&metrics).unwrap();
            metrics = serde_json::from_slice(&stored).unwrap();
            rest = after;
        }
        prop_assert_eq!(&metrics, &whole);
        prop_assert_eq!(metrics.render("1"), whole.render("1"));
        prop_assert_eq!(metrics.entries.sum(), lines.len() as u64);
    }
}
