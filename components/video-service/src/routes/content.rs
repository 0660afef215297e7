use std::rc::Rc;

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, LOCATION, RANGE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::Timestamp;
use spinreel_api::actions;
use spinreel_api::internal::{Direction, Reserve, Settle};
use spinreel_api::logs::Level;
use spinreel_api::usage::{Action, ActionKind};
use spinreel_http::Problem;
use spinreel_platform::Clock;
use spinreel_service::{
    Body, Call, Context, Outcome, PeerError, Relay, Response, ResponseBody, Transfer, empty,
};

use crate::domain::delivery::{
    Plan, content_headers, length, linkable_path, plan, seconds_to_midnight, validator_headers,
};
use crate::domain::disposition::attachment;
use crate::domain::record::Record;
use crate::routes::visible_video;

/// A checksum of the whole file, also beside a part of it (RFC 9530, section 3).
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

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
    let mut headers = content_headers(&record, plan, download);
    let nothing_to_send =
        call.request.method == Method::HEAD || length(plan, record.stored.size) == 0;
    let body = if nothing_to_send {
        Body::Empty
    } else {
        let disposition = download.then(|| attachment(&record.stored.filename));
        let action = if download {
            ActionKind::Download
        } else {
            ActionKind::Stream
        };
        let path = linkable_path(&record.stored.location, disposition.as_deref());
        match open(&call.context, &record, &path, plan, action).await? {
            Opened::Here { bytes, digest } => {
                headers.extend(digest.map(|digest| (REPR_DIGEST, digest)));
                Body::Relay(bytes)
            }
            Opened::Elsewhere(address) => return Ok(redirect(&record, address)),
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Where the bytes are to be had.
enum Opened<T> {
    /// Here, as they arrive from storage-service.
    Here {
        /// The body.
        bytes: T,
        /// The bucket's checksum of the whole file.
        digest: Option<HeaderValue>,
    },
    /// At an address of the bucket, which is a credential.
    Elsewhere(HeaderValue),
}

/// Sends the client to the bucket.
fn redirect(record: &Record, address: HeaderValue) -> Response {
    let mut response = empty(StatusCode::TEMPORARY_REDIRECT);
    *response.headers_mut() = validator_headers(record);
    let headers = response.headers_mut();
    headers.insert(LOCATION, address);
    // The address is good for a while only, and for this client.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Takes the bandwidth, then opens the bytes; what is not sent is given back. What the bucket sends itself is billed
/// as asked for: nobody here sees what arrives.
async fn open(
    context: &Rc<Context>,
    record: &Record,
    path: &str,
    plan: Plan,
    action: ActionKind,
) -> Result<Opened<Relay>, Problem> {
    let bytes = length(plan, record.stored.size);
    let billing = Billing {
        transfer_id: context.new_id(),
        owner: record.stored.owner.clone(),
        video_id: record.id.clone(),
        action,
    };
    billing.reserve(context, bytes).await?;
    let context = Rc::clone(context);
    match fetch(&context, record, path, plan, bytes).await {
        Ok(Opened::Here { bytes, digest }) => {
            let bytes = Relay::new(bytes).on_finish(move |transfer| {
                let later = Rc::clone(&context);
                context.after_answer(async move { billing.settle(&later, transfer).await });
                Box::pin(std::future::ready(()))
            });
            Ok(Opened::Here { bytes, digest })
        }
        Ok(Opened::Elsewhere(address)) => {
            let all = Transfer {
                bytes,
                complete: true,
            };
            let later = Rc::clone(&context);
            context.after_answer(async move { billing.settle(&later, all).await });
            Ok(Opened::Elsewhere(address))
        }
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

/// The bytes of `plan` from storage-service: exactly `bytes` of them, or where the bucket has them, or a problem.
async fn fetch(
    context: &Context,
    record: &Record,
    path: &str,
    plan: Plan,
    bytes: u64,
) -> Result<Opened<ResponseBody>, Problem> {
    let (range, expected) = match plan {
        Plan::Part { start, end } => (
            Some(format!("bytes={start}-{end}")),
            StatusCode::PARTIAL_CONTENT,
        ),
        _ => (None, StatusCode::OK),
    };
    let headers: Vec<(HeaderName, &str)> =
        range.iter().map(|range| (RANGE, range.as_str())).collect();
    let storage = context.storage().about(&record.stored.owner);
    let response = storage.fetch(Method::GET, path, &headers).await?;
    let status = response.status();
    if status == StatusCode::TEMPORARY_REDIRECT {
        let address = response.headers().get(LOCATION).cloned();
        let address =
            address.ok_or_else(|| Problem::unavailable("a redirect without an address"))?;
        return Ok(Opened::Elsewhere(address));
    }
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
    let digest = response.headers().get(REPR_DIGEST).cloned();
    let bytes = response.into_body();
    Ok(Opened::Here { bytes, digest })
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
        let usage = context.usage().about(&self.owner);
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
            part: None,
        };
        let usage = context.usage().about(&settle.user_id);
        if let Err(error) = usage
            .call::<Value>(Method::POST, "/internal/usage/settlements", &settle)
            .await
        {
            context.log.internal(
                Level::Warn,
                actions::Action::UsageUnsettled,
                error.to_string(),
                json!({ "video.id": self.video_id, "transfer.bytes": transfer.bytes }),
            );
        }
    }
}
