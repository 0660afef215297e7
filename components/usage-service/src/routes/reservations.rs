//! `POST /internal/usage/reservations`.

use http::StatusCode;
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::internal::Reserve;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, empty};

use super::{problem, sweep_later, usage};
use crate::domain::Reservation;
use crate::domain::validation::check_reserve;

/// Takes a transfer's bytes of its user's day: 201, or 403 `bandwidth_exceeded`.
pub(crate) async fn reserve(mut call: Call) -> Outcome {
    let request: Reserve = call.request.json().await?;
    check_reserve(&request)?;
    call.caller.must_be_about(&request.user_id)?;
    let context = &call.context;
    let reservation = usage(context).reserve(&request).await.map_err(problem)?;
    let answer = match reservation {
        Reservation::Granted => Ok(empty(StatusCode::CREATED)),
        Reservation::Refused => {
            context.log.set_user(&request.user_id);
            context.log.info(
                Action::BandwidthExceeded,
                format!("{} bytes would exceed the day's bandwidth", request.bytes),
                json!({ "transfer.id": request.id, "transfer.bytes": request.bytes }),
            );
            Err(Problem::bandwidth_exceeded())
        }
    };
    sweep_later(context, request.user_id);
    answer
}
