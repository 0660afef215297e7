use std::rc::Rc;

use http::StatusCode;
use serde_json::json as fields;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_api::operations::{Sweep, SweptUsers};
use spinreel_http::Problem;
use spinreel_service::{Call, Context, Outcome, json};

use super::{departed, departures, password_resets, unavailable};
use crate::domain::departure::Departures;
use crate::peers::HttpPeers;

/// `POST /internal/users/sweep`: goes on with a page of departures, and sends tokens for forgotten passwords that are due.
pub(crate) async fn sweep(mut call: Call) -> Outcome {
    let request: Sweep = call.request.json_or_default().await?;
    json(StatusCode::OK, &page(&call.context, request).await?)
}

/// Does that for the handlers that sweep.
pub(super) async fn page(context: &Rc<Context>, request: Sweep) -> Result<SweptUsers, Problem> {
    let before = match request.cursor.as_deref() {
        None => None,
        Some(cursor) => Some(cursor.parse().map_err(|_| Problem::invalid_cursor())?),
    };
    let peers = HttpPeers(context);
    let departures = Departures {
        offline: request.offline,
        ..departures(context, &peers)
    };
    let swept = departures.sweep(before).await.map_err(unavailable)?;
    if request.cursor.is_none() {
        password_resets::sweep(context).await;
    }
    for user_id in &swept.finished {
        departed(context, user_id);
    }
    for failure in &swept.failures {
        context.log.internal(
            Level::Warn,
            Action::UserDepartureFailed,
            failure.to_string(),
            fields!({}),
        );
    }
    Ok(SweptUsers {
        departures: swept.departures,
        finished: swept.finished.len() as u64,
        pending: swept.pending,
        next_cursor: swept.next.map(|next| next.to_string()),
    })
}
