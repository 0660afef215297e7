//! `GET /internal/videos/{id}` and `POST /internal/videos/details`.

use http::StatusCode;
use serde_json::{Map, Value};
use spinreel_api::internal::KnownVideo;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, json};

use crate::domain::arrival::details_of;
use crate::domain::catalogue::find;
use crate::domain::edits::Edits;
use crate::routes::{ledger_problem, video_id};

/// A video of the user whom the call is about, as its owner sees it, and its file: else 404.
pub(crate) async fn known(call: Call) -> Outcome {
    let found = find(&call.context.store, video_id(&call)?)
        .await
        .map_err(ledger_problem)?;
    let record = found
        .filter(|record| !record.ending)
        .filter(|record| call.caller.must_be_about(&record.stored.owner).is_ok())
        .ok_or_else(Problem::not_found)?;
    let known = KnownVideo {
        video: record.to_video(),
        location: Some(record.stored.location).filter(|location| !location.is_empty()),
    };
    json(StatusCode::OK, &known)
}

/// What a client says of a video, in the form in which it would be kept: 422 where it cannot be said.
pub(crate) async fn details(mut call: Call) -> Outcome {
    let object: Map<String, Value> = call.request.json().await?;
    let edits = Edits::read(&object).map_err(Problem::invalid)?;
    json(StatusCode::OK, &details_of(edits))
}
