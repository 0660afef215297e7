//! The sink for the service's own lines: it asks itself nothing over HTTP.

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use spinreel_api::logs::LogEntry;
use spinreel_http::Problem;
use spinreel_service::Context;

use super::{book, problem};

/// Appends the lines of a request that has been answered.
pub(crate) fn append(
    context: &Context,
    lines: Vec<LogEntry>,
) -> LocalBoxFuture<'_, Result<(), Problem>> {
    async move {
        let book = book(context);
        let full = book.append(&lines).await.map_err(problem)?;
        if full && let Err(error) = book.tidy().await {
            // The lines are safe; the next full stretch tries again.
            eprintln!("{} logs.tidy_failed: {error}", context.request_id);
        }
        Ok(())
    }
    .boxed_local()
}
