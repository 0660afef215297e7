//! `POST /internal/storage/reconcile`.

use http::StatusCode;
use serde_json::json as value;
use spinreel_api::actions::Action;
use spinreel_api::operations::{Reconcile, Reconciled};
use spinreel_http::Problem;
use spinreel_ledger::Patience;
use spinreel_service::{Call, Outcome, json};

use super::{bucket_problem, storage};
use crate::domain::reconcile::{Place, ReconcileError};
use crate::domain::storage::SettleError;

/// Compares a part of what the store says with what the bucket holds.
pub async fn reconcile(mut call: Call) -> Outcome {
    let request: Reconcile = call.request.json_or_default().await?;
    let place = match request.cursor.as_deref() {
        None => Place::first(request.repair, request.force),
        Some(cursor) => cursor.parse().map_err(|_| Problem::invalid_cursor())?,
    };
    let patience = match request.offline {
        true => Patience::Offline,
        false => Patience::Leases,
    };
    let reconciled = storage(&call.context)?
        .reconcile(place, request.repair, patience)
        .await
        .map_err(problem)?;
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

fn problem(error: ReconcileError) -> Problem {
    match error {
        ReconcileError::NoBucket => {
            Problem::conflict("bucket_missing", "The bucket does not exist.")
        }
        ReconcileError::Suspicious { tally, user_id } => {
            let whose = match user_id {
                Some(user_id) => format!("of the user {user_id}"),
                None => "of all users".to_owned(),
            };
            Problem::conflict(
                "repair_refused",
                format!(
                    "A repair would remove {} of the {} files {whose}. If it is the right bucket, ask with `force`.",
                    tally.missing, tally.files
                ),
            )
        }
        ReconcileError::Failed(SettleError::Bucket(error)) => bucket_problem(&error),
        ReconcileError::Failed(error) => Problem::unavailable(error),
    }
}
