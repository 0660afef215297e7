#![deny(unsafe_code)]
//! user-service: accounts, sessions, tokens and the keys that sign them.
//!
//! # Layout
//! - `routes`: a module for each call, thin.
//! - `domain`: what the service knows, without HTTP and without WASI.
//! - `peers`: the other services, over HTTP.

mod domain;
mod peers;
mod routes;

use domain::login::FirstAdmin;
use spinreel_service::{Access, Authority, Kind, LogSink, Route, Service, Variable, handler};

/// What the shell needs to know of this service.
pub static SERVICE: Service = Service {
    id: "user-service",
    store: "users",
    prefix: "users/",
    variables: &[
        Variable::new("access_token_seconds", Kind::Number),
        Variable::new("refresh_token_seconds", Kind::Number),
        Variable::new("password_hashes_per_second", Kind::Positive),
        Variable::new("admin_email", Kind::Checked(FirstAdmin::may_have_address)),
        Variable::new(
            "admin_password",
            Kind::Checked(FirstAdmin::may_have_password),
        ),
        Variable::new("sweep_token", Kind::BearerSecret),
        // A wrong one is for usage-service to tell: nobody is to be kept from signing in by it.
        Variable::new("alert_webhook_origin", Kind::Text),
        Variable::new("alert_webhook_path", Kind::Text),
        Variable::new("alert_webhook_secret", Kind::Text),
        Variable::new("video_service_url", Kind::Origin),
        Variable::new("storage_service_url", Kind::Origin),
        Variable::new("usage_service_url", Kind::Origin),
        Variable::new("logging_service_url", Kind::Origin),
    ],
    routes: &[
        Route::post(
            "/v1/users",
            Access::Open,
            handler!(routes::register::register),
        ),
        Route::get("/v1/users", Access::Admin, handler!(routes::users::list)),
        Route::get(
            "/v1/users/health",
            Access::Open,
            handler!(routes::health::health),
        )
        .quiet(),
        Route::get("/v1/users/me", Access::User, handler!(routes::me::me)),
        Route::patch("/v1/users/me", Access::User, handler!(routes::me::change)),
        Route::delete("/v1/users/me", Access::User, handler!(routes::me::delete)),
        Route::get(
            "/v1/users/:id",
            Access::User,
            handler!(routes::public::public),
        ),
        Route::get(
            "/v1/users/:id/videos",
            Access::Open,
            handler!(routes::videos::videos),
        ),
        Route::patch(
            "/v1/users/:id",
            Access::Admin,
            handler!(routes::users::change),
        ),
        Route::post(
            "/v1/users/:id/password-reset",
            Access::Admin,
            handler!(routes::password_resets::issue),
        ),
        Route::post(
            "/v1/password-resets",
            Access::Open,
            handler!(routes::password_resets::request),
        ),
        Route::post(
            "/v1/password-resets/complete",
            Access::Open,
            handler!(routes::password_resets::complete),
        ),
        Route::post("/v1/sessions", Access::Open, handler!(routes::login::login)),
        Route::get(
            "/v1/sessions",
            Access::User,
            handler!(routes::sessions::list),
        ),
        Route::delete(
            "/v1/sessions",
            Access::User,
            handler!(routes::sessions::end_all),
        ),
        Route::post(
            "/v1/sessions/refresh",
            Access::Open,
            handler!(routes::refresh::refresh),
        ),
        Route::delete(
            "/v1/sessions/current",
            Access::User,
            handler!(routes::sessions::end_current),
        ),
        Route::post(
            "/v1/tokens/introspect",
            Access::Service,
            handler!(routes::tokens::introspect),
        ),
        Route::post(
            "/v1/tokens/revoke",
            Access::Service,
            handler!(routes::tokens::revoke),
        ),
        Route::get(
            "/internal/users/trust",
            Access::Service,
            handler!(routes::trust::trust),
        )
        .quiet(),
        Route::post(
            "/internal/users/standing",
            Access::Service,
            handler!(routes::standing::ask),
        )
        .quiet(),
        Route::post(
            "/internal/users/sweep",
            Access::Operator,
            handler!(routes::sweep::sweep),
        ),
        // Asked every few seconds.
        Route::post(
            "/internal/sweep",
            Access::OperatorOr("sweep_token"),
            handler!(routes::sweep_all::sweep_all),
        )
        .quiet(),
        Route::post(
            "/internal/users/keys/rotate",
            Access::Operator,
            handler!(routes::keys::rotate),
        ),
        Route::get(
            "/.well-known/jwks.json",
            Access::Open,
            handler!(routes::jwks::jwks),
        )
        .quiet(),
    ],
    authority: Authority::Own {
        keys: routes::jwks::own_keys,
        standing: routes::standing::of_session,
    },
    logs: LogSink::LoggingService,
};

spinreel_service::component!(crate::SERVICE);
