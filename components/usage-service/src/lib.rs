#![deny(unsafe_code)]
//! usage-service: what users did, the bandwidth of their day, and the alerts about their limits.
//!
//! storage-service and video-service reserve a transfer's bytes before it begins and settle them when it ended; users
//! see the sums and the actions. Whoever notices that a share of a limit was crossed tells of it here, once a crossing.
//!
//! # Layout
//! - [`domain`]: reservations, settlements, days, actions, alerts and their webhook. No WASI.
//! - `routes`: one handler a file.

pub mod domain;
mod routes;

use routes::delivering;
use spinreel_service::{Access, Authority, Kind, LogSink, Route, Service, Variable, handler};
use spinreel_webhook::are_secrets;

/// The variables that the service reads. `bandwidth_limit_bytes` is what a user may move in and out on one UTC day,
/// unless they have a limit of their own. `alert_webhook_…`: where alerts are sent to, and signed with what.
pub const VARIABLES: &[Variable] = &[
    Variable::new("user_service_url", Kind::Origin),
    Variable::new("logging_service_url", Kind::Origin),
    Variable::new("bandwidth_limit_bytes", Kind::Number),
    Variable::new("alert_webhook_origin", Kind::Origin),
    Variable::new("alert_webhook_path", Kind::Path),
    Variable::new(
        "alert_webhook_secret",
        Kind::CheckedBeside("alert_webhook_origin", are_secrets),
    ),
];

/// The service's table.
pub static SERVICE: Service = Service {
    id: "usage-service",
    store: "usage",
    prefix: "usage/",
    variables: VARIABLES,
    routes: &[
        Route::get(
            "/v1/usage/today",
            Access::User,
            delivering!(routes::today::own),
        ),
        Route::get(
            "/v1/usage/daily",
            Access::User,
            delivering!(routes::daily::own),
        ),
        Route::get(
            "/v1/usage/actions",
            Access::User,
            delivering!(routes::actions::own),
        ),
        Route::get(
            "/v1/usage/alerts",
            Access::User,
            delivering!(routes::alerts::own),
        ),
        Route::get(
            "/v1/usage/health",
            Access::Open,
            handler!(routes::health::health),
        )
        .quiet(),
        Route::get(
            "/v1/usage/users/:id/today",
            Access::Admin,
            delivering!(routes::today::of_user),
        ),
        Route::get(
            "/v1/usage/users/:id/daily",
            Access::Admin,
            delivering!(routes::daily::of_user),
        ),
        Route::get(
            "/v1/usage/users/:id/actions",
            Access::Admin,
            delivering!(routes::actions::of_user),
        ),
        Route::post(
            "/internal/usage/reservations",
            Access::Service,
            delivering!(routes::reservations::reserve),
        ),
        Route::post(
            "/internal/usage/settlements",
            Access::Service,
            delivering!(routes::settlements::settle),
        ),
        Route::put(
            "/internal/usage/alerts/:id",
            Access::Service,
            delivering!(routes::alerts::raise),
        ),
        Route::put(
            "/internal/usage/users/:id/limit",
            Access::Service,
            delivering!(routes::limit::set),
        ),
        Route::delete(
            "/internal/usage/users/:id",
            Access::Service,
            delivering!(routes::purge::purge),
        ),
        // Asked every few seconds.
        Route::post(
            "/internal/usage/sweep",
            Access::Operator,
            handler!(routes::webhook::sweep),
        )
        .quiet(),
    ],
    authority: Authority::UserService,
    logs: LogSink::LoggingService,
};

spinreel_service::component!(crate::SERVICE);
