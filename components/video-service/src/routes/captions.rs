//! `/v1/videos/{id}/captions`: what is said in a video, one file for each language.

use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde::Serialize;
use spinreel_api::Page;
use spinreel_http::{FieldError, Problem};
use spinreel_service::{Call, Outcome, json};

use crate::domain::beside::Which;
use crate::domain::language::tag;
use crate::domain::webvtt::check;
use crate::routes::{beside, own_video, visible_video};

/// Captions in a list.
#[derive(Serialize)]
struct Listed {
    lang: String,
    size: u64,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    this: String,
}

/// The languages that there are captions in; all of them, by their tags.
pub(crate) async fn list(call: Call) -> Outcome {
    let record = visible_video(&call).await?;
    let items = record.captions.iter().map(|caption| Listed {
        lang: caption.lang.clone(),
        size: caption.attachment.size,
        links: Links {
            this: format!("/v1/videos/{}/captions/{}", record.id, caption.lang),
        },
    });
    let page = Page {
        items: items.collect(),
        next_cursor: None,
    };
    let mut response = json(StatusCode::OK, &page)?;
    let cache = http::HeaderValue::from_static("private, no-cache");
    response.headers_mut().insert(CACHE_CONTROL, cache);
    Ok(response)
}

/// Stores the captions of a language.
pub(crate) async fn put(mut call: Call) -> Outcome {
    let bytes = call.request.bytes().await?;
    let record = own_video(&call).await?;
    let lang = tag(call.parameters.get("lang")).ok_or_else(|| {
        let detail = "must be a language tag (BCP 47)";
        Problem::invalid(vec![FieldError::new("lang", detail)])
    })?;
    check(&bytes)
        .map_err(|error| Problem::invalid(vec![FieldError::new("body", error.to_string())]))?;
    beside::store(
        &call.context,
        &record,
        Which::Captions(&lang),
        "text/vtt",
        bytes,
    )
    .await
}

/// The captions of a language.
pub(crate) async fn get(call: Call) -> Outcome {
    let record = visible_video(&call).await?;
    let lang = lang(&call)?;
    let request = &call.request;
    beside::serve(
        &call.context,
        &record,
        Which::Captions(&lang),
        &request.method,
        &request.headers,
    )
    .await
}

/// Removes them.
pub(crate) async fn delete(call: Call) -> Outcome {
    let record = own_video(&call).await?;
    let lang = lang(&call)?;
    beside::remove(&call.context, &record, Which::Captions(&lang)).await
}

/// `:lang`. There are no captions under what is no tag.
fn lang(call: &Call) -> Result<String, Problem> {
    tag(call.parameters.get("lang")).ok_or_else(Problem::not_found)
}
