//! `POST /internal/usage/reservations`.

use http::StatusCode;
use serde_json::json as fields;
use spinreel_api::actions::Action;
use spinreel_api::internal::Reserve;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, json};

use super::alerts::report_later;
use super::{problem, seal_later, usage};
use crate::domain::Outcome as Reserved;
use crate::domain::validation::check_reserve;

/// Takes bytes of their user's day: 201 with the reservation, or 403 `bandwidth_exceeded`.
pub(crate) async fn reserve(mut call: Call) -> Outcome {
    let request: Reserve = call.request.json().await?;
    check_reserve(&request)?;
    call.caller.must_be_about(&request.user_id)?;
    let context = &call.context;
    match usage(context).reserve(&request).await.map_err(problem)? {
        Reserved::Granted(granted) => {
            if let Some(nearing) = granted.nearing {
                report_later(context, request.user_id.clone(), nearing);
            }
            if granted.seal {
                seal_later(context, request.user_id);
            }
            json(StatusCode::CREATED, &granted.reservation)
        }
        Reserved::Refused => {
            context.log.set_user(&request.user_id);
            context.log.info(
                Action::BandwidthExceeded,
                format!("{} bytes would exceed the day's bandwidth", request.bytes),
                fields!({ "transfer.bytes": request.bytes }),
            );
            Err(Problem::bandwidth_exceeded())
        }
    }
}
