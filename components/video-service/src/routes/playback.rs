//! Playback links: `/v1/videos/{id}/playback` gives and ends them, `/v1/playback/{grant}/…` is what they open.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json as fields;
use spinreel_api::Timestamp;
use spinreel_api::actions::Action;
use spinreel_http::{FieldError, Problem};
use spinreel_platform::Clock;
use spinreel_service::{Call, Outcome, empty, json, requested_origin};

use crate::domain::beside::Which;
use crate::domain::catalogue::{find, is_gone, update};
use crate::domain::grant::{Grant, LONGEST_LIFE_S, USUAL_LIFE_S, origin_of};
use crate::domain::language::tag;
use crate::domain::packaged::index_of;
use crate::domain::record::Record;
use crate::indexing::indexed;
use crate::routes::content::content_of;
use crate::routes::{beside, ledger_problem, own_video, packaged, playable_video, update_problem};

/// What a link is to allow.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    expires_in: Option<u64>,
    max_bytes: Option<u64>,
    referrer: Option<String>,
}

/// The answer.
#[derive(Serialize)]
struct Given {
    expires_at: Timestamp,
    content_url: String,
    hls_url: Option<String>,
    dash_url: Option<String>,
    poster_url: Option<String>,
    captions: Vec<Caption>,
}

#[derive(Serialize)]
struct Caption {
    lang: String,
    url: String,
}

/// `POST /v1/videos/{id}/playback`: links to a video that the caller may see.
pub(crate) async fn give(mut call: Call) -> Outcome {
    let asked: Asked = call.request.json_or_default().await?;
    let record = playable_video(&call).await?;
    let context = &call.context;
    let now_s = context.clock.now_ms() / 1_000;
    let (life_s, origin) = check(&asked)?;
    let record = indexed(context, record).await?;
    let grant = Grant {
        video_id: record.id.clone(),
        giver: call.caller.user()?.user_id.clone(),
        expires_s: now_s + life_s,
        max_bytes: asked.max_bytes,
        origin,
        epoch: record.playback_epoch,
        visibility: record.visibility,
    };
    let signed = grant.sign(context.settings.text("service_secret"));
    let signed = signed.ok_or_else(|| Problem::internal("a grant cannot be signed"))?;
    let origin = requested_origin(&call.request, &context.settings).unwrap_or_default();
    let url = |what: &str| format!("{origin}/v1/playback/{signed}/{what}");
    let if_packaged = |what| index_of(&record).map(|_| url(what));
    let captions = record.captions.iter().map(|caption| Caption {
        lang: caption.lang.clone(),
        url: url(&format!("captions/{}.vtt", caption.lang)),
    });
    let given = Given {
        expires_at: Timestamp::from_ms(grant.expires_s * 1_000),
        content_url: url("content"),
        hls_url: if_packaged("master.m3u8"),
        dash_url: if_packaged("manifest.mpd"),
        poster_url: record.poster.as_ref().map(|_| url("poster")),
        captions: captions.collect(),
    };
    json(StatusCode::CREATED, &given)
}

/// How long the link is to live, in seconds, and the origin of the pages that may use it.
fn check(asked: &Asked) -> Result<(u64, Option<String>), Problem> {
    let mut errors = Vec::new();
    let life_s = asked.expires_in.unwrap_or(USUAL_LIFE_S);
    if !(1..=LONGEST_LIFE_S).contains(&life_s) {
        let detail = format!("must be 1 to {LONGEST_LIFE_S} seconds");
        errors.push(FieldError::new("expires_in", detail));
    }
    if asked.max_bytes == Some(0) {
        errors.push(FieldError::new("max_bytes", "must be at least 1"));
    }
    let origin = asked.referrer.as_deref().map(origin_of);
    if origin == Some(None) {
        errors.push(FieldError::new(
            "referrer",
            "must be an http or https URL; its origin counts",
        ));
    }
    match errors.is_empty() {
        true => Ok((life_s, origin.flatten())),
        false => Err(Problem::invalid(errors)),
    }
}

/// `DELETE /v1/videos/{id}/playback`: all links of a video end.
pub(crate) async fn end(call: Call) -> Outcome {
    let record = own_video(&call).await?;
    let context = &call.context;
    let ended = update(&context.store, &context.clock, &record.id, |record| {
        record.playback_epoch += 1;
    });
    let record = ended.await.map_err(update_problem)?;
    let record = record.ok_or_else(Problem::not_found)?;
    context.log.info(
        Action::VideoLinksEnded,
        "All playback links of a video ended",
        fields!({ "video.id": record.id, "video.owner": record.stored.owner }),
    );
    Ok(empty(StatusCode::NO_CONTENT))
}

/// The grant of `:grant` and its video. One that is forged, expired or ended is 404; a request from elsewhere is 403.
pub(super) async fn granted(call: &Call) -> Result<(Grant, Record), Problem> {
    let context = &call.context;
    let now_ms = context.clock.now_ms();
    let secret = context.settings.text("service_secret");
    let text = call.parameters.get("grant");
    let grant = Grant::verify(text, secret, now_ms / 1_000).ok_or_else(Problem::not_found)?;
    let record = find(&context.store, &grant.video_id).await;
    let record = record.map_err(ledger_problem)?;
    let record = record.filter(|record| grant.opens(record) && !record.is_over(now_ms));
    let record = record.ok_or_else(Problem::not_found)?;
    let owner = &record.stored.owner;
    if is_gone(&context.store, owner)
        .await
        .map_err(ledger_problem)?
    {
        return Err(Problem::not_found());
    }
    match grant.allows_origin(&call.request.headers) {
        true => Ok((grant, record)),
        false => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "referrer_mismatch",
            "The link is for pages of another origin.",
        )),
    }
}

/// Refuses an answer that is longer than a grant allows.
pub(super) fn check_length(grant: Option<&Grant>, bytes: u64) -> Result<(), Problem> {
    match grant.is_none_or(|grant| grant.allows_length(bytes)) {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "max_bytes_exceeded",
            "The link allows fewer bytes than this answer would have; ask for a range.",
        )),
    }
}

/// `GET /v1/playback/{grant}/content`
pub(crate) async fn content(call: Call) -> Outcome {
    let (grant, record) = granted(&call).await?;
    content_of(&call, &record, Some(&grant)).await
}

/// `GET /v1/playback/{grant}/poster`
pub(crate) async fn poster(call: Call) -> Outcome {
    let (grant, record) = granted(&call).await?;
    file_beside(&call, &grant, &record, Which::Poster).await
}

/// `GET /v1/playback/{grant}/captions/{lang}.vtt`
pub(crate) async fn captions(call: Call) -> Outcome {
    let (grant, record) = granted(&call).await?;
    let lang = call.parameters.get("lang").strip_suffix(".vtt");
    let lang = lang.and_then(tag).ok_or_else(Problem::not_found)?;
    file_beside(&call, &grant, &record, Which::Captions(&lang)).await
}

async fn file_beside(call: &Call, grant: &Grant, record: &Record, which: Which<'_>) -> Outcome {
    let size = which.of(record).map_or(0, |file| file.size);
    check_length(Some(grant), size)?;
    let (method, headers) = (&call.request.method, &call.request.headers);
    beside::serve(&call.context, record, which, method, headers).await
}

/// `GET /v1/playback/{grant}/master.m3u8`
pub(crate) async fn master(call: Call) -> Outcome {
    let (grant, record) = granted(&call).await?;
    packaged::master_of(&call, record, Some(&grant)).await
}

/// `GET /v1/playback/{grant}/manifest.mpd`
pub(crate) async fn manifest(call: Call) -> Outcome {
    let (grant, record) = granted(&call).await?;
    packaged::manifest_of(&call, record, Some(&grant)).await
}

/// `GET /v1/playback/{grant}/tracks/{version}/{track}/{part}`
pub(crate) async fn part(call: Call) -> Outcome {
    let (grant, record) = granted(&call).await?;
    packaged::part_of(&call, &record, Some(&grant)).await
}
