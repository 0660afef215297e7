//! The routes, a file each.

pub(crate) mod bytes;
pub(crate) mod content;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod health;
pub(crate) mod list;
pub(crate) mod purge;
pub(crate) mod put;

use spinreel_http::Problem;
use spinreel_ledger::LedgerError;
use spinreel_service::{Call, Caller};

use crate::domain::catalogue::find;
use crate::domain::id::is_id;
use crate::domain::record::{Record, Viewer};

/// The video of `:id`, where the caller may see it; else 404, whether it exists or not.
async fn visible_video(call: &Call) -> Result<Record, Problem> {
    let id = video_id(call)?;
    let viewer = match &call.caller {
        _ if call.caller.is_admin() => Viewer::Admin,
        Caller::User(user) => Viewer::User(&user.user_id),
        Caller::Anonymous | Caller::Service(_) => Viewer::Anonymous,
    };
    find(&call.context.store, id)
        .await
        .map_err(ledger_problem)?
        .filter(|record| record.is_visible_to(viewer))
        .ok_or_else(Problem::not_found)
}

/// `:id`, where it can be one.
fn video_id(call: &Call) -> Result<&str, Problem> {
    let id = call.parameters.get("id");
    if is_id(id) {
        Ok(id)
    } else {
        Err(Problem::not_found())
    }
}

fn ledger_problem(error: LedgerError) -> Problem {
    match error {
        LedgerError::Store(error) => Problem::unavailable(error),
        LedgerError::Corrupt { .. } => Problem::internal(error),
    }
}
