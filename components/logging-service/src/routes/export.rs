//! `GET /v1/logs/export`.

use futures::stream;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use spinreel_http::Problem;
use spinreel_service::{Body, Call, Outcome, Pieces, Response};

use super::{book, problem, search};
use crate::domain::book::Export;

/// What the list would show, an entry a line, from the oldest on: as it stands when the request comes.
pub(crate) async fn export(call: Call) -> Outcome {
    let search = search(&call)?;
    let context = call.context;
    let export = Export::begin(&book(&context), search)
        .await
        .map_err(problem)?;
    let pieces = stream::try_unfold(export, move |mut export| {
        let context = context.clone();
        async move {
            let Some(entries) = export.next(&book(&context)).await.map_err(problem)? else {
                return Ok(None);
            };
            let mut lines = Vec::new();
            for entry in &entries {
                serde_json::to_writer(&mut lines, entry).map_err(Problem::internal)?;
                lines.push(b'\n');
            }
            Ok(Some((lines, export)))
        }
    });
    let mut response = Response::new(Body::Pieces(Pieces::new(pieces)));
    for (name, value) in [
        (CONTENT_TYPE, "application/x-ndjson"),
        (CONTENT_DISPOSITION, "attachment; filename=\"logs.ndjson\""),
        (CACHE_CONTROL, "no-store"),
    ] {
        let headers = response.headers_mut();
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
