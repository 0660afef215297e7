//! Health of all and of each, and the metrics.

use spinreel_api::health::{Health, ServiceHealth};

use crate::operation::{Access, Operation};

pub(crate) fn operations() -> Vec<Operation> {
    let mut all = vec![
        Operation::new(
            "GET",
            "/v1/health",
            Access::Open,
            "getHealth",
            "Whether all of it works",
        )
        .answers::<Health>(200, "It works.")
        .answers::<Health>(503, "A part is down."),
        Operation::new(
            "GET",
            "/v1/metrics",
            Access::Scraper,
            "getMetrics",
            "Metrics (OpenMetrics 1.0)",
        )
        .answers_bytes(
            200,
            "The metrics, in the format that `Accept` gives more weight.",
            &[
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                "text/plain; version=0.0.4; charset=utf-8",
            ],
        ),
    ];
    all.extend(
        [
            ("/v1/users/health", "getUserServiceHealth"),
            ("/v1/videos/health", "getVideoServiceHealth"),
            ("/v1/storage/health", "getStorageServiceHealth"),
            ("/v1/usage/health", "getUsageServiceHealth"),
            ("/v1/logs/health", "getLoggingServiceHealth"),
        ]
        .map(|(path, id)| {
            Operation::new("GET", path, Access::Open, id, "Whether one service works")
                .answers::<ServiceHealth>(200, "It works.")
                .answers::<ServiceHealth>(503, "A part is down.")
        }),
    );
    all
}
