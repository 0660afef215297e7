use std::rc::Rc;

use http::header::{CONTENT_LENGTH, RANGE};
use http::{HeaderName, Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::Timestamp;
use spinreel_api::internal::{Direction, Reserve, Settle};
use spinreel_api::logs::Level;
use spinreel_api::usage::{Action, ActionKind};
use spinreel_http::Problem;
use spinreel_platform::Clock;
use spinreel_service::{
    Body, Call, Context, Outcome, PeerError, Relay, Response, ResponseBody, Transfer, empty,
};

use crate::domain::delivery::{
    Plan, content_headers, length, plan, seconds_to_midnight, storage_path, validator_headers,
};
use crate::domain::record::Record;
use crate::routes::visible_video;

/// `GET`, `HEAD /v1/videos/{id}/content`: the bytes, or a part of them. The owner's bandwidth pays for what the client
/// receives.
pub(crate) async fn content(call: Call) -> Outcome {
    let record = visible_video(&call).await?;
    let download = call.request.query.get("download") == Some("1");
    let plan = plan(&record, &call.request.method, &call.request.headers);
    let status = match plan {
        Plan::NotModified => {
            let mut response = empty(StatusCode::NOT_MODIFIED);
            *response.headers_mut() = validator_headers(&record);
            return Ok(response);
        }
        Plan::PreconditionFailed => {
            return Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                "The file is not the one that the condition names.",
            ));
        }
        Plan::Unsatisfiable => return Err(Problem::range_not_satisfiable(record.stored.size)),
        Plan::Whole => StatusCode::OK,
        Plan::Part { .. } => StatusCode::PARTIAL_CONTENT,
    };
    let headers = content_headers(&record, plan, download);
    let nothing_to_send =
        call.request.method == Method::HEAD || length(plan, record.stored.size) == 0;
    let body = if nothing_to_send {
        Body::Empty
    } else {
        let action = if download {
            ActionKind::Download
        } else {
            ActionKind::Stream
        };
        Body::Relay(open(&call.context, &record, plan, action).await?)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Takes the bandwidth, then opens the bytes; what is not sent is given back.
async fn open(
    context: &Rc<Context>,
    record: &Record,
    plan: Plan,
    action: ActionKind,
) -> Result<Relay, Problem> {
    let bytes = length(plan, record.stored.size);
    let billing = Billing {
        transfer_id: context.new_id(),
        owner: record.stored.owner.clone(),
        video_id: record.id.clone(),
        action,
    };
    billing.reserve(context, bytes).await?;
    let context = Rc::clone(context);
    match fetch(&context, record, plan, bytes).await {
        Ok(source) => Ok(Relay::new(source).on_finish(move |transfer| {
            Box::pin(async move { billing.settle(&context, transfer).await })
        })),
        Err(problem) => {
            let nothing = Transfer {
                bytes: 0,
                complete: false,
            };
            let later = Rc::clone(&context);
            context.after_answer(async move { billing.settle(&later, nothing).await });
            Err(problem)
        }
    }
}

/// The bytes of `plan` from storage-service: exactly `bytes` of them, or a problem.
async fn fetch(
    context: &Context,
    record: &Record,
    plan: Plan,
    bytes: u64,
) -> Result<ResponseBody, Problem> {
    let path = storage_path(&record.stored.location);
    let (range, expected) = match plan {
        Plan::Part { start, end } => (
            Some(format!("bytes={start}-{end}")),
            StatusCode::PARTIAL_CONTENT,
        ),
        _ => (None, StatusCode::OK),
    };
    let headers: Vec<(HeaderName, &str)> =
        range.iter().map(|range| (RANGE, range.as_str())).collect();
    let response = context
        .storage()
        .fetch(Method::GET, &path, &headers)
        .await?;
    let status = response.status();
    let promised = response
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if status == StatusCode::NOT_FOUND {
        return Err(Problem::not_found().because("storage-service has no such file"));
    }
    if status != expected || promised.is_some_and(|promised| promised != bytes) {
        return Err(Problem::unavailable(format!(
            "storage-service answered {status} with {promised:?} bytes instead of {bytes}"
        )));
    }
    Ok(response.into_body())
}

/// Who pays for a transfer.
struct Billing {
    transfer_id: String,
    owner: String,
    video_id: String,
    action: ActionKind,
}

impl Billing {
    async fn reserve(&self, context: &Context, bytes: u64) -> Result<(), Problem> {
        let reserve = Reserve {
            id: self.transfer_id.clone(),
            user_id: self.owner.clone(),
            direction: Direction::Out,
            bytes,
        };
        let usage = context.usage();
        match usage
            .call::<Value>(Method::POST, "/internal/usage/reservations", &reserve)
            .await
        {
            Ok(_) => Ok(()),
            Err(PeerError::Refused { code, .. }) if code == "bandwidth_exceeded" => {
                let now = Timestamp::from_ms(context.clock.now_ms());
                Err(Problem::too_many(
                    "bandwidth_exceeded",
                    "The bandwidth of this video's owner is used up for today.",
                    seconds_to_midnight(now),
                ))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells usage-service what the client received. Where that fails, the reservation ends by itself in time.
    async fn settle(self, context: &Context, transfer: Transfer) {
        let action = (transfer.bytes > 0).then(|| Action {
            at: Timestamp::from_ms(context.clock.now_ms()),
            action: self.action,
            video_id: Some(self.video_id.clone()),
            bytes: transfer.bytes,
        });
        let settle = Settle {
            id: self.transfer_id,
            user_id: self.owner,
            action,
        };
        let usage = context.usage();
        if let Err(error) = usage
            .call::<Value>(Method::POST, "/internal/usage/settlements", &settle)
            .await
        {
            context.log.internal(
                Level::Warn,
                "usage.unsettled",
                error.to_string(),
                json!({ "video.id": self.video_id, "transfer.bytes": transfer.bytes }),
            );
        }
    }
}
