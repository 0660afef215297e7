use http::StatusCode;
use spinreel_api::operations::Sweep;
use spinreel_service::{Call, Outcome, json};

use crate::domain::ending;
use crate::files::HttpFiles;
use crate::routes::{ledger_problem, log_end};

/// `POST /internal/videos/sweep`: ends videos whose time in the trash is over, a few a call.
pub(crate) async fn sweep(mut call: Call) -> Outcome {
    let _: Sweep = call.request.json_or_default().await?;
    let context = &call.context;
    let files = HttpFiles(context);
    let swept = ending::sweep(&context.store, &context.clock, &files, |record| {
        log_end(context, record);
    })
    .await
    .map_err(ledger_problem)?;
    json(StatusCode::OK, &swept)
}
