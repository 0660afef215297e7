use http::StatusCode;
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderMap, HeaderValue};
use spinreel_api::videos::Video;
use spinreel_platform::Clock;
use spinreel_service::{Call, Outcome, Response, empty};

use crate::domain::conditions::is_known;
use crate::domain::inspection::is_due;
use crate::domain::views;
use crate::routes::create::as_owner;
use crate::routes::views::fold_later;
use crate::routes::{answer_of, inspect_later, ledger_problem, visible_video};

/// `GET /v1/videos/{id}`: a video that the caller may see, with the entity tag of this representation.
pub(crate) async fn get(call: Call) -> Outcome {
    let record = visible_video(&call).await?;
    let context = &call.context;
    if is_due(&record, context.clock.now_ms()) {
        inspect_later(context, record.id.clone());
    }
    let total = views::total(&context.store, &context.clock, &record)
        .await
        .map_err(ledger_problem)?;
    let is_owner = call.caller.is_user(&record.stored.owner);
    let video = match is_owner {
        true => as_owner(&call.request, context, &record),
        false => record.to_video(),
    };
    let (response, tag) = answer_of(&Video {
        views: total.views,
        ..video
    })?;
    if total.is_unfolded {
        fold_later(context, record.id);
    }
    Ok(unless_known(&call.request.headers, &tag, response))
}

/// The response, or 304 with its headers where the client has it already.
pub(super) fn unless_known(headers: &HeaderMap, tag: &HeaderValue, response: Response) -> Response {
    if !is_known(headers, tag) {
        return response;
    }
    let mut short = empty(StatusCode::NOT_MODIFIED);
    for name in [ETAG, CACHE_CONTROL] {
        if let Some(value) = response.headers().get(&name) {
            short.headers_mut().insert(name, value.clone());
        }
    }
    short
}
