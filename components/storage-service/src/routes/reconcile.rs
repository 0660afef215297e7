//! `POST /internal/storage/reconcile`.

use http::StatusCode;
use serde_json::json as value;
use spinreel_api::actions::Action;
use spinreel_api::operations::{Reconcile, Reconciled};
use spinreel_http::Problem;
use spinreel_ledger::Patience;
use spinreel_service::{Call, Outcome, json};

use super::{bucket_problem, storage};
use crate::domain::reconcile::Place;
use crate::domain::storage::SettleError;

/// Compares a part of what the store says with what the bucket holds.
pub async fn reconcile(mut call: Call) -> Outcome {
    let request: Reconcile = call.request.json_or_default().await?;
    let place = match request.cursor.as_deref() {
        None => Place::Users(None),
        Some(cursor) => cursor.parse().map_err(|_| Problem::invalid_cursor())?,
    };
    let patience = match request.offline {
        true => Patience::Offline,
        false => Patience::Leases,
    };
    let reconciled = storage(&call.context)?
        .reconcile(place, request.repair, patience)
        .await
        .map_err(|error| match error {
            SettleError::Bucket(error) => bucket_problem(&error),
            error => Problem::unavailable(error),
        })?;
    if !reconciled.findings.is_empty() {
        let count = reconciled.findings.len();
        call.context.log.info(
            Action::StorageReconciled,
            format!("Found {count} differences between the store and the bucket"),
            value!({ "finding.count": count, "reconcile.repair": request.repair }),
        );
    }
    let body = Reconciled {
        checked: reconciled.checked,
        findings: reconciled.findings,
        next_cursor: reconciled.next.map(|next| next.to_string()),
    };
    json(StatusCode::OK, &body)
}
