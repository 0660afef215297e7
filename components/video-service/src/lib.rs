#![deny(unsafe_code)]
//! video-service: the catalogue of videos, and playback of their bytes.
//!
//! storage-service tells it which files there are; it knows who may see them, and streams their bytes through
//! without touching them.
//!
//! # Layout
//! - [`domain`]: records, lists, visibility, and what a request for bytes comes to. No WASI.
//! - `routes`: one handler a file.

pub mod domain;
mod files;
mod routes;

use spinreel_service::{Access, Authority, Kind, LogSink, Route, Service, Variable, handler};

const VARIABLES: &[Variable] = &[
    Variable::new("trash_days", Kind::Number),
    Variable::new("user_service_url", Kind::Origin),
    Variable::new("storage_service_url", Kind::Origin),
    Variable::new("usage_service_url", Kind::Origin),
    Variable::new("logging_service_url", Kind::Origin),
];

/// The service's table.
pub static SERVICE: Service = Service {
    id: "video-service",
    store: "videos",
    prefix: "videos/",
    variables: VARIABLES,
    routes: &[
        Route::get("/v1/videos", Access::User, handler!(routes::list::list)),
        Route::post("/v1/videos", Access::User, handler!(routes::create::create)).streams_body(),
        Route::delete(
            "/v1/videos",
            Access::User,
            handler!(routes::remove::remove_all),
        ),
        Route::get("/v1/feed", Access::Open, handler!(routes::feed::feed)),
        Route::get(
            "/v1/videos/health",
            Access::Open,
            handler!(routes::health::health),
        )
        .quiet(),
        Route::get(
            "/v1/videos/:id",
            Access::Optional,
            handler!(routes::get::get),
        ),
        Route::patch(
            "/v1/videos/:id",
            Access::User,
            handler!(routes::change::change),
        ),
        Route::delete(
            "/v1/videos/:id",
            Access::User,
            handler!(routes::remove::remove),
        ),
        Route::post(
            "/v1/videos/:id/restore",
            Access::User,
            handler!(routes::restore::restore),
        ),
        Route::get(
            "/v1/videos/:id/content",
            Access::Optional,
            handler!(routes::content::content),
        ),
        Route::post(
            "/v1/videos/:id/replacement",
            Access::User,
            handler!(routes::replacement::replace),
        ),
        Route::post(
            "/internal/videos/details",
            Access::Service,
            handler!(routes::known::details),
        ),
        Route::get(
            "/internal/videos/:id",
            Access::Service,
            handler!(routes::known::known),
        ),
        Route::post(
            "/internal/videos/sweep",
            Access::Operator,
            handler!(routes::sweep::sweep),
        ),
        Route::put(
            "/internal/videos/:id",
            Access::Service,
            handler!(routes::put::put),
        ),
        Route::delete(
            "/internal/videos/:id",
            Access::Service,
            handler!(routes::delete::delete),
        ),
        Route::get(
            "/internal/videos/users/:id/public",
            Access::Service,
            handler!(routes::list::public),
        ),
        Route::delete(
            "/internal/videos/users/:id",
            Access::Service,
            handler!(routes::purge::purge),
        ),
    ],
    authority: Authority::UserService,
    logs: LogSink::LoggingService,
};

spinreel_service::component!(crate::SERVICE);
