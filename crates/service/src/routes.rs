//! The routes that every service has.

use http::StatusCode;
use spinreel_api::operations::RouteEntry;

use crate::access::Access;
use crate::respond::json;
use crate::route::{Call, Outcome, Route};

/// Their table.
pub(crate) const OF_EVERY_SERVICE: &[Route] = &[Route::get(
    "/internal/:service/routes",
    Access::Operator,
    crate::handler!(list),
)];

/// `GET /internal/{service}/routes`: what the service answers, and who may call it.
async fn list(call: Call) -> Outcome {
    let service = call.context.service;
    let entries: Vec<RouteEntry> = service
        .routes
        .iter()
        .chain(OF_EVERY_SERVICE)
        .map(|route| RouteEntry {
            method: route.method.as_str().to_owned(),
            path: route.pattern.replace(":service", service.store),
            access: route.access.name().to_owned(),
            body_limit: route.body_limit.map(|bytes| bytes as u64),
        })
        .collect();
    json(StatusCode::OK, &entries)
}
