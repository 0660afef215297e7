use futures::future::LocalBoxFuture;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use spinreel_http::Problem;
use spinreel_identity::Jwks;
use spinreel_service::{Call, Context, Outcome, json};

use super::{keys, unavailable};

/// `GET /.well-known/jwks.json`: the public keys (RFC 7517).
pub(crate) async fn jwks(call: Call) -> Outcome {
    let keys = keys(&call.context).public().await.map_err(unavailable)?;
    let mut response = json(StatusCode::OK, &keys)?;
    // Half of the time for which a new key is published before it signs.
    response.headers_mut().insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    Ok(response)
}

/// The same keys, for this service's own routes.
pub(crate) fn own_keys(context: &Context) -> LocalBoxFuture<'_, Result<Jwks, Problem>> {
    Box::pin(async { keys(context).public().await.map_err(unavailable) })
}
