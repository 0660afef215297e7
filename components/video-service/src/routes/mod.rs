//! The routes, a file each.

mod beside;
pub(crate) mod bytes;
pub(crate) mod captions;
pub(crate) mod change;
pub(crate) mod content;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod feed;
pub(crate) mod get;
pub(crate) mod health;
pub(crate) mod known;
pub(crate) mod list;
pub(crate) mod packaged;
pub(crate) mod playback;
pub(crate) mod poster;
pub(crate) mod purge;
pub(crate) mod put;
pub(crate) mod remove;
pub(crate) mod replacement;
pub(crate) mod restore;
pub(crate) mod sweep;
pub(crate) mod views;

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json as fields;
use sha2::{Digest, Sha256};
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_api::videos::Video;
use spinreel_http::Problem;
use spinreel_ledger::LedgerError;
use spinreel_platform::Clock;
use spinreel_service::{Call, Caller, Context, Response, json};

use crate::domain::catalogue::{UpdateError, find};
use crate::domain::ending::end_if_over;
use crate::domain::id::is_id;
use crate::domain::inspection::inspect_file;
use crate::domain::owner_lock;
use crate::domain::record::{Record, Viewer};
use crate::files::HttpFiles;

/// How many videos one request brings to their end that it met by chance.
const MOST_ENDINGS: usize = 4;

/// The video of `:id`, where the caller may see it; else 404, whether it exists or not.
async fn visible_video(call: &Call) -> Result<Record, Problem> {
    let id = video_id(call)?;
    let viewer = match &call.caller {
        _ if call.caller.is_admin() => Viewer::Admin,
        Caller::User(user) => Viewer::User(&user.user_id),
        Caller::Anonymous | Caller::Service(_) => Viewer::Anonymous,
    };
    let context = &call.context;
    let found = find(&context.store, id).await.map_err(ledger_problem)?;
    let record = found.ok_or_else(Problem::not_found)?;
    if record.is_over(context.clock.now_ms()) {
        end_later(context, [record.id]);
        return Err(Problem::not_found());
    }
    match record.is_visible_to(viewer) {
        true => Ok(record),
        false => Err(Problem::not_found()),
    }
}

/// As [`visible_video`], where the caller may change it, too: its owner and admins. Others who see it are forbidden.
async fn own_video(call: &Call) -> Result<Record, Problem> {
    let record = visible_video(call).await?;
    match call.caller.is_admin() || call.caller.is_user(&record.stored.owner) {
        true => Ok(record),
        false => Err(Problem::forbidden()),
    }
}

/// A video as an answer, with the entity tag of this representation.
fn video_answer(record: &Record) -> Result<(Response, HeaderValue), Problem> {
    answer_of(&record.to_video())
}

fn answer_of(video: &Video) -> Result<(Response, HeaderValue), Problem> {
    let mut response = json(StatusCode::OK, video)?;
    let poster = match video.links.poster {
        Some(_) => ".poster",
        None => "",
    };
    let tag = format!("\"{}.{}{poster}\"", version(video)?, video.views);
    let tag = HeaderValue::from_str(&tag).map_err(Problem::internal)?;
    let headers = response.headers_mut();
    headers.insert(ETAG, tag.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok((response, tag))
}

/// What the entity tag of a video begins with: the same for the same JSON only, but for the views, the poster's link, and the link
/// of the upload that it waits for, which its owner alone is shown. Who changes a video names this part alone, so that nobody
/// who looks at it, or gives it a poster, meanwhile is in the way.
fn version(video: &Video) -> Result<String, Problem> {
    let mut video = video.clone();
    video.views = 0;
    video.links.poster = None;
    video.links.upload = None;
    digest(&video)
}

/// A strong entity tag: the same for the same JSON only.
fn entity_tag(value: &impl Serialize) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(&format!("\"{}\"", digest(value)?)).map_err(Problem::internal)
}

fn digest(value: &impl Serialize) -> Result<String, Problem> {
    let bytes = serde_json::to_vec(value).map_err(Problem::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(&Sha256::digest(bytes)[..16]))
}

/// Brings videos to their end that a request met and that are over, a few of them, when the answer has been sent.
fn end_later(context: &Rc<Context>, ids: impl IntoIterator<Item = String>) {
    let ids: Vec<String> = ids.into_iter().take(MOST_ENDINGS).collect();
    if ids.is_empty() {
        return;
    }
    let after = Rc::clone(context);
    context.after_answer(async move {
        for id in ids {
            let files = HttpFiles(&after);
            match end_if_over(&after.store, &after.clock, &files, &id).await {
                Ok(Some(record)) => log_end(&after, &record),
                Ok(None) => {}
                Err(error) => after.log.internal(
                    Level::Warn,
                    Action::VideoUnended,
                    error.to_string(),
                    fields!({ "video.id": id }),
                ),
            }
        }
    });
}

/// Finds out what a video's file is when the answer has been sent.
fn inspect_later(context: &Rc<Context>, id: String) {
    let after = Rc::clone(context);
    context.after_answer(async move {
        let contents = HttpFiles(&after);
        if let Err(error) = inspect_file(&after.store, &after.clock, &contents, &id).await {
            after.log.internal(
                Level::Warn,
                Action::VideoUninspected,
                error.to_string(),
                fields!({ "video.id": id }),
            );
        }
    });
}

fn log_end(context: &Context, record: &Record) {
    context.log.set_user(&record.stored.owner);
    context.log.info(
        Action::VideoRemoved,
        "A video is no longer in the catalogue",
        fields!({ "video.id": record.id, "video.size": record.stored.size }),
    );
}

/// As [`visible_video`], where its bytes can be had, too: what is in the trash plays for nobody.
async fn playable_video(call: &Call) -> Result<Record, Problem> {
    let record = visible_video(call).await?;
    match record.plays() {
        true => Ok(record),
        false => Err(Problem::not_found()),
    }
}

/// `:id`, where it can be one.
fn video_id(call: &Call) -> Result<&str, Problem> {
    let id = call.parameters.get("id");
    if is_id(id) {
        Ok(id)
    } else {
        Err(Problem::not_found())
    }
}

/// Ends the lock of an owner's videos that a dead request holds, where the caller vouches (`?offline=true`) that nobody else is
/// at work.
async fn end_dead_lock(call: &Call, owner: &str) -> Result<(), Problem> {
    match call.request.query.get("offline") == Some("true") {
        true => owner_lock::end_dead(&call.context.store, owner)
            .await
            .map_err(ledger_problem),
        false => Ok(()),
    }
}

pub(crate) fn update_problem(error: UpdateError) -> Problem {
    match error {
        UpdateError::Busy => Problem::unavailable(error),
        UpdateError::Ledger(error) => ledger_problem(error),
    }
}

pub(crate) fn ledger_problem(error: LedgerError) -> Problem {
    match error {
        LedgerError::Store(error) => Problem::unavailable(error),
        LedgerError::Corrupt { .. } => Problem::internal(error),
    }
}
