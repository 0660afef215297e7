//! `GET /v1/metrics`.

use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use spinreel_http::accept::preferred;
use spinreel_service::{Body, Call, Outcome, Response, VERSION};

use super::{book, problem};
use crate::domain::metrics::Format;

/// All numbers, for monitoring, in the format that it asks for.
pub(crate) async fn metrics(call: Call) -> Outcome {
    let metrics = book(&call.context).metrics().await.map_err(problem)?;
    let offers = Format::ALL.map(|(_, offer)| offer);
    let wanted = preferred(&call.request.headers, &offers).unwrap_or(0);
    let (format, _) = Format::ALL[wanted];
    let text = metrics.render_as(format, VERSION);
    let mut response = Response::new(Body::Bytes(text.into_bytes()));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    );
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
