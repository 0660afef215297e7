#![deny(unsafe_code)]
//! logging-service: takes in what the services log and shows it, and tells the health of all of them.
//!
//! # Layout
//! - [`domain`]: what an entry must look like, the journal that keeps entries, and the filters of its readers. No WASI.
//! - `routes`: one handler a file, and the sink for the service's own lines.

pub mod domain;
mod routes;

use spinreel_service::{Access, Authority, Kind, LogSink, Route, Service, Variable, handler};

/// The variables that the service reads. `log_retention_days` is how many days entries are shown, 0 for ever;
/// `log_retention_entries` is how many events are kept, 0 for any number, `log_retention_access_entries` how many access lines,
/// and `log_retention_audit_entries` how many entries of the audit trail. What is past that is deleted bit by bit.
/// `metrics_token` is what a program shows that reads the metrics; empty: only admins may.
pub const VARIABLES: &[Variable] = &[
    Variable::new("user_service_url", Kind::Origin),
    Variable::new("video_service_url", Kind::Origin),
    Variable::new("storage_service_url", Kind::Origin),
    Variable::new("usage_service_url", Kind::Origin),
    Variable::new("log_retention_days", Kind::Number),
    Variable::new("log_retention_entries", Kind::Number),
    Variable::new("log_retention_access_entries", Kind::Number),
    Variable::new("log_retention_audit_entries", Kind::Number),
    Variable::new("metrics_token", Kind::BearerSecret),
];

/// The service's table.
pub static SERVICE: Service = Service {
    id: "logging-service",
    store: "logs",
    prefix: "logs/",
    variables: VARIABLES,
    routes: &[
        Route::post(
            "/v1/logs",
            Access::Service,
            handler!(routes::intake::intake),
        )
        .body(domain::batch::MAX_BATCH)
        .quiet(),
        Route::get("/v1/logs", Access::User, handler!(routes::list::list)),
        Route::get(
            "/v1/logs/export",
            Access::User,
            handler!(routes::export::export),
        ),
        Route::get("/v1/logs/tail", Access::Admin, handler!(routes::tail::tail)),
        Route::get(
            "/v1/metrics",
            Access::AdminOr("metrics_token"),
            handler!(routes::metrics::metrics),
        ),
        Route::get(
            "/v1/health",
            Access::Open,
            handler!(routes::overall::overall),
        )
        .quiet(),
        Route::get(
            "/v1/logs/health",
            Access::Open,
            handler!(routes::health::health),
        )
        .quiet(),
    ],
    authority: Authority::UserService,
    logs: LogSink::Own(routes::own::append),
};

spinreel_service::component!(crate::SERVICE);
