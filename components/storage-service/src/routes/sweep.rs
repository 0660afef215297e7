//! `POST /internal/storage/sweep`.

use http::StatusCode;
use serde_json::json as value;
use spinreel_api::actions::Action;
use spinreel_api::operations::{Sweep, Swept};
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, json};

use super::storage;
use crate::domain::tidy::Eagerness;

/// Brings to its end what was left half-done, for a page of users.
pub async fn sweep(mut call: Call) -> Outcome {
    let request: Sweep = call.request.json_or_default().await?;
    let cursor = match request.cursor.as_deref() {
        None => None,
        Some(cursor) => Some(cursor.parse().map_err(|_| Problem::invalid_cursor())?),
    };
    let eagerness = match request.offline {
        true => Eagerness::Offline,
        false => Eagerness::Now,
    };
    let mut storage = storage(&call.context)?;
    if request.offline {
        storage.peers = storage.peers.offline();
    }
    let swept = storage
        .sweep(cursor, eagerness)
        .await
        .map_err(Problem::unavailable)?;
    if swept.settled > 0 || swept.recounted > 0 {
        call.context.log.info(
            Action::StorageSwept,
            format!(
                "Settled {} operations that were left half-done",
                swept.settled
            ),
            value!({ "operation.count": swept.settled, "storage.recounted": swept.recounted }),
        );
    }
    let body = Swept {
        users: swept.users,
        settled: swept.settled,
        recounted: swept.recounted,
        pending: swept.pending,
        next_cursor: swept.next.map(|next| next.to_string()),
    };
    json(StatusCode::OK, &body)
}
