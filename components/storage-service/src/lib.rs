#![deny(unsafe_code)]
//! storage-service: the bytes. Uploads, quota, the bucket; nobody else reaches it.
//!
//! # Layout
//! - [`domain`]: what it does, without WASI. Begin there.
//! - [`multipart`]: forms with a file.
//! - [`bucket_token`]: the bucket's token between two requests.
//! - [`peers`]: the other services, over HTTP.
//! - [`routes`]: the handlers.

pub mod bucket_token;
pub mod domain;
pub mod multipart;
pub mod peers;
pub mod routes;

use spinreel_service::{Access, Authority, Kind, LogSink, Route, Service, Variable, handler};

/// A route of resumable uploads: every answer says which version of tus it speaks.
const fn tus(route: Route) -> Route {
    route.header("tus-resumable", spinreel_tus::VERSION)
}

/// The service.
pub static SERVICE: Service = Service {
    id: "storage-service",
    store: "storage",
    prefix: "storage/",
    variables: &[
        Variable::new("gcs_endpoint", Kind::Origin),
        Variable::new("gcs_bucket", Kind::Text),
        Variable::new("gcs_credentials", Kind::Checked(routes::are_credentials)),
        Variable::new("delivery", Kind::OneOf(&["proxy", "redirect"])),
        Variable::new("storage_limit_bytes", Kind::Number),
        Variable::new("upload_least_rate", Kind::Number),
        Variable::new("upload_rate_window_seconds", Kind::Positive),
        Variable::new("files_per_user", Kind::Number),
        Variable::new("uploads_per_user", Kind::Number),
        Variable::new("upload_expiry_seconds", Kind::Number),
        Variable::new("user_service_url", Kind::Origin),
        Variable::new("video_service_url", Kind::Origin),
        Variable::new("usage_service_url", Kind::Origin),
        Variable::new("logging_service_url", Kind::Origin),
    ],
    routes: &[
        Route::post("/upload", Access::User, handler!(routes::upload::upload))
            .seed()
            .streams_body(),
        Route::delete(
            "/delete-file",
            Access::User,
            handler!(routes::delete_file::delete_file),
        )
        .seed(),
        Route::get(
            "/storage-status",
            Access::User,
            handler!(routes::storage_status::storage_status),
        )
        .seed(),
        tus(Route::options(
            "/v1/uploads",
            Access::Open,
            handler!(routes::uploads::options),
        )),
        tus(Route::post(
            "/v1/uploads",
            Access::User,
            handler!(routes::uploads::create),
        ))
        .streams_body(),
        Route::post(
            "/v1/uploads/direct",
            Access::User,
            handler!(routes::uploads::direct::create),
        ),
        Route::post(
            "/v1/uploads/:id/complete",
            Access::User,
            handler!(routes::uploads::direct::complete),
        ),
        tus(Route::options(
            "/v1/uploads/:id",
            Access::Open,
            handler!(routes::uploads::options),
        )),
        tus(Route::get(
            "/v1/uploads/:id",
            Access::User,
            handler!(routes::uploads::head),
        )),
        tus(Route::patch(
            "/v1/uploads/:id",
            Access::User,
            handler!(routes::uploads::append),
        ))
        .streams_body(),
        tus(Route::post(
            "/v1/uploads/:id",
            Access::User,
            handler!(routes::uploads::overridden),
        ))
        .streams_body(),
        tus(Route::delete(
            "/v1/uploads/:id",
            Access::User,
            handler!(routes::uploads::terminate),
        )),
        Route::get(
            "/v1/storage/health",
            Access::Open,
            handler!(routes::health::health),
        )
        .quiet(),
        Route::get(
            "/internal/storage/files/:location/content",
            Access::Service,
            handler!(routes::content::content),
        ),
        Route::delete(
            "/internal/storage/files/:location",
            Access::Service,
            handler!(routes::delete_file::delete_at),
        ),
        Route::post(
            "/internal/storage/attachments",
            Access::Service,
            handler!(routes::attachments::attach),
        )
        .streams_body(),
        Route::post(
            "/internal/storage/uploads",
            Access::Service,
            handler!(routes::expected::create),
        ),
        Route::delete(
            "/internal/storage/uploads/:id",
            Access::Service,
            handler!(routes::expected::end),
        ),
        Route::post(
            "/internal/storage/forms",
            Access::Service,
            handler!(routes::form::store),
        )
        .streams_body(),
        Route::delete(
            "/internal/storage/attachments/:id",
            Access::Service,
            handler!(routes::attachments::detach),
        ),
        Route::put(
            "/internal/storage/users/:id/limit",
            Access::Service,
            handler!(routes::limit::set),
        ),
        Route::delete(
            "/internal/storage/users/:id",
            Access::Service,
            handler!(routes::purge::purge),
        ),
        Route::post(
            "/internal/storage/sweep",
            Access::Operator,
            handler!(routes::sweep::sweep),
        ),
        Route::post(
            "/internal/storage/reconcile",
            Access::Operator,
            handler!(routes::reconcile::reconcile),
        ),
    ],
    authority: Authority::UserService,
    logs: LogSink::LoggingService,
};

spinreel_service::component!(crate::SERVICE);
