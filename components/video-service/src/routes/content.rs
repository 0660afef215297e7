use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use spinreel_api::usage::ActionKind;
use spinreel_http::Problem;
use spinreel_platform::Random;
use spinreel_service::{Body, Call, Outcome, Response, empty};

use crate::domain::delivery::{
    Answer, Plan, answer, linkable_path, plain_path, plan, validator_headers,
};
use crate::domain::grant::Grant;
use crate::domain::pieces;
use crate::domain::record::Record;
use crate::routes::bytes::{Delivery, Opened, REPR_DIGEST};
use crate::routes::playable_video;
use crate::routes::playback::check_length;

/// Parts that lie closer to each other than that are read in one go, in bytes.
const MOST_GAP: u64 = 64 * 1024;

/// `GET`, `HEAD /v1/videos/{id}/content`: the bytes, or parts of them. The owner's bandwidth pays for what the client
/// receives.
pub(crate) async fn content(call: Call) -> Outcome {
    let record = playable_video(&call).await?;
    content_of(&call, &record, None).await
}

/// The bytes of a video that the caller may have, by a link where there is a grant.
pub(super) async fn content_of(call: &Call, record: &Record, grant: Option<&Grant>) -> Outcome {
    let download = call.request.query.get("download") == Some("1");
    let plan = plan(record, &call.request.headers);
    if let Some(outcome) = without_bytes(&plan, record) {
        return outcome;
    }
    let boundary = boundary(call);
    let Answer {
        status,
        mut headers,
        pieces,
    } = answer(record, plan, download, &boundary);
    check_length(grant, pieces::length(&pieces))?;
    let body = if call.request.method == Method::HEAD || pieces.is_empty() {
        Body::Empty
    } else {
        let delivery = Delivery {
            record,
            path: path(record, download, grant),
            pieces,
            most_gap: MOST_GAP,
            kind: match download {
                true => ActionKind::Download,
                false => ActionKind::Stream,
            },
        };
        match delivery.open(call).await? {
            Opened::Here { body, digest } => {
                headers.extend(digest.map(|digest| (REPR_DIGEST, digest)));
                body
            }
            Opened::Elsewhere(address) => return Ok(redirect(record, address)),
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Where the bytes are had. The bucket knows no limits of a grant, so one that has any is not sent there.
fn path(record: &Record, download: bool, grant: Option<&Grant>) -> String {
    match grant.is_some_and(Grant::is_limited) {
        true => plain_path(&record.stored.location),
        false => linkable_path(record, download),
    }
}

/// The answer to a plan that sends no bytes of the file.
fn without_bytes(plan: &Plan, record: &Record) -> Option<Outcome> {
    match plan {
        Plan::NotModified => {
            let mut response = empty(StatusCode::NOT_MODIFIED);
            *response.headers_mut() = validator_headers(record);
            Some(Ok(response))
        }
        Plan::PreconditionFailed => Some(Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            "The file is not the one that the condition names.",
        ))),
        Plan::Unsatisfiable => Some(Err(Problem::range_not_satisfiable(record.stored.size))),
        Plan::Whole | Plan::Part(_) | Plan::Parts(_) => None,
    }
}

/// What stands between parts: 128 random bits, which no file has by chance, and nobody can put into one beforehand.
fn boundary(call: &Call) -> String {
    let mut random = [0; 16];
    call.context.random.fill(&mut random);
    format!("{:032x}", u128::from_be_bytes(random))
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
