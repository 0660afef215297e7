use http::StatusCode;
use spinreel_api::Timestamp;
use spinreel_api::operations::Sweep;
use spinreel_platform::Clock;
use spinreel_service::{Call, Outcome, json};

use crate::domain::{beside, ending, views};
use crate::files::HttpFiles;
use crate::routes::{ledger_problem, log_end};

/// `POST /internal/videos/sweep`: ends videos whose time in the trash is over, a few a call, deletes files that no video
/// names, and forgets what the viewers of a day that is over were told apart with.
pub(crate) async fn sweep(mut call: Call) -> Outcome {
    let _: Sweep = call.request.json_or_default().await?;
    let context = &call.context;
    let files = HttpFiles(context);
    let mut swept = ending::sweep(&context.store, &context.clock, &files, |record| {
        log_end(context, record);
    })
    .await
    .map_err(ledger_problem)?;
    let left = beside::sweep(&context.store, &context.clock, &files)
        .await
        .map_err(ledger_problem)?;
    swept.pending += left.pending;
    swept.more |= left.more;
    let today = Timestamp::from_ms(context.clock.now_ms()).day();
    views::forget_old_salt(&context.store, today)
        .await
        .map_err(ledger_problem)?;
    json(StatusCode::OK, &swept)
}
