//! `GET /v1/metrics`.

use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use spinreel_service::{Body, Call, Outcome, Response, VERSION};

use super::{book, problem};
use crate::domain::metrics::CONTENT_TYPE as OPENMETRICS;

/// All numbers, for monitoring.
pub(crate) async fn metrics(call: Call) -> Outcome {
    let metrics = book(&call.context).metrics().await.map_err(problem)?;
    let text = metrics.render(VERSION);
    let mut response = Response::new(Body::Bytes(text.into_bytes()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
