use std::rc::Rc;

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, LOCATION, RANGE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use spinreel_api::Timestamp;
use spinreel_api::actions;
use spinreel_api::internal::{Direction, Playback, Reservation, Reserve, Settle};
use spinreel_api::logs::Level;
use spinreel_api::usage::ActionKind;
use spinreel_http::Problem;
use spinreel_platform::Clock;
use spinreel_service::{
    Body, Call, Caller, Context, Outcome, PeerError, Relay, Response, ResponseBody, empty,
};

use crate::domain::delivery::{
    Plan, content_headers, length, linkable_path, plan, seconds_to_midnight, validator_headers,
};
use crate::domain::pseudonym::{Person, pseudonym};
use crate::domain::record::Record;
use crate::routes::playable_video;

/// A checksum of the whole file, also beside a part of it (RFC 9530, section 3).
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// `GET`, `HEAD /v1/videos/{id}/content`: the bytes, or a part of them. The owner's bandwidth pays for what the client
/// receives.
pub(crate) async fn content(call: Call) -> Outcome {
    let record = playable_video(&call).await?;
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
        let playback = Playback {
            video_id: record.id.clone(),
            viewer: viewer(&call),
            kind: match download {
                true => ActionKind::Download,
                false => ActionKind::Stream,
            },
        };
        let path = linkable_path(&record, download);
        match open(&call.context, &record, &path, plan, playback).await? {
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

/// Opens the bytes, so that nothing is counted where they cannot be had, and takes the bandwidth before the first one is
/// sent. What is not sent is given back. What the bucket sends itself is billed as asked for: nobody here sees what arrives.
async fn open(
    context: &Rc<Context>,
    record: &Record,
    path: &str,
    plan: Plan,
    playback: Playback,
) -> Result<Opened<Relay>, Problem> {
    let bytes = length(plan, record.stored.size);
    let opened = fetch(context, record, path, plan, bytes).await?;
    let owner = record.stored.owner.clone();
    let reservation = reserve(context, &owner, bytes, playback).await?;
    Ok(match opened {
        Opened::Here { bytes, digest } => {
            let after = Rc::clone(context);
            let bytes = Relay::new(bytes).on_finish(move |transfer| {
                if transfer.bytes < reservation.bytes {
                    let later = Rc::clone(&after);
                    after.after_answer(async move {
                        give_back(&later, owner, reservation, transfer.bytes).await;
                    });
                }
                Box::pin(std::future::ready(()))
            });
            Opened::Here { bytes, digest }
        }
        Opened::Elsewhere(address) => Opened::Elsewhere(address),
    })
}

/// Who looks, in a word for usage-service, which knows nobody by it.
fn viewer(call: &Call) -> String {
    let context = &call.context;
    let address = context.client_address();
    let person = match &call.caller {
        Caller::User(user) => Person::User(&user.user_id),
        Caller::Anonymous | Caller::Service(_) => {
            Person::Address(address.and_then(|address| address.parse().ok()))
        }
    };
    let today = Timestamp::from_ms(context.clock.now_ms()).day();
    pseudonym(context.settings.text("service_secret"), person, today)
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

/// Takes the bandwidth of the owner's day.
async fn reserve(
    context: &Context,
    owner: &str,
    bytes: u64,
    playback: Playback,
) -> Result<Reservation, Problem> {
    let reserve = Reserve {
        user_id: owner.to_owned(),
        direction: Direction::Out,
        bytes,
        playback: Some(playback),
    };
    let usage = context.usage().about(owner);
    let answer = usage
        .call(Method::POST, "/internal/usage/reservations", &reserve)
        .await;
    match answer {
        Err(PeerError::Refused { code, .. }) if code == "bandwidth_exceeded" => {
            let now = Timestamp::from_ms(context.clock.now_ms());
            Err(Problem::too_many(
                "bandwidth_exceeded",
                "The bandwidth of this video's owner is used up for today.",
                seconds_to_midnight(now),
            ))
        }
        answer => Ok(answer?),
    }
}

/// Gives back what the client did not receive. Where that fails, it stays taken until midnight.
async fn give_back(context: &Context, owner: String, reservation: Reservation, moved: u64) {
    let settle = Settle {
        user_id: owner,
        reservations: vec![reservation],
        moved,
        action: None,
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
            json!({ "transfer.bytes": moved }),
        );
    }
}
