//! What the routes of posters and captions share.

use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::json as fields;
use spinreel_api::actions::Action;
use spinreel_api::internal::Attachment;
use spinreel_api::logs::Level;
use spinreel_http::Problem;
use spinreel_service::{Body, Context, Outcome, PeerError, Relay, Response, empty};

use crate::domain::beside::{Answer, ReplaceError, TooMany, Which, answer, note, replace};
use crate::domain::ending::Files as _;
use crate::domain::record::Record;
use crate::files::HttpFiles;
use crate::routes::{ledger_problem, update_problem};

/// Stores a file and has the record name it; the one before it goes when the answer has been sent. 201, or 204 where there
/// was one.
pub(super) async fn store(
    context: &Rc<Context>,
    record: &Record,
    which: Which<'_>,
    content_type: &str,
    bytes: Vec<u8>,
) -> Outcome {
    let (store, clock) = (&context.store, &context.clock);
    let new = context.new_id();
    note(store, clock, record, which, Some(&new))
        .await
        .map_err(ledger_problem)?;
    let file = attach(context, record, &new, content_type, bytes).await?;
    let replaced = replace(store, clock, &record.id, which, Some(file.clone())).await;
    let before = match replaced {
        Ok(before) => before,
        Err(error) => {
            if !matches!(error, ReplaceError::Update(_)) {
                discard_later(context, &record.stored.owner, file);
            }
            return Err(replace_problem(error));
        }
    };
    log_change(context, record, which, Some(&file));
    let status = match before {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::CREATED,
    };
    if let Some(before) = before {
        discard_later(context, &record.stored.owner, before);
    }
    let mut response = empty(status);
    if let Ok(tag) = file.etag.parse() {
        response.headers_mut().insert(http::header::ETAG, tag);
    }
    Ok(response)
}

/// Has the record name no such file, which goes when the answer has been sent.
pub(super) async fn remove(context: &Rc<Context>, record: &Record, which: Which<'_>) -> Outcome {
    let (store, clock) = (&context.store, &context.clock);
    which.of(record).ok_or_else(Problem::not_found)?;
    note(store, clock, record, which, None)
        .await
        .map_err(ledger_problem)?;
    let before = replace(store, clock, &record.id, which, None)
        .await
        .map_err(replace_problem)?;
    let before = before.ok_or_else(Problem::not_found)?;
    log_change(context, record, which, None);
    discard_later(context, &record.stored.owner, before);
    Ok(empty(StatusCode::NO_CONTENT))
}

/// A file of a video, for whoever may see that: the route has looked.
pub(super) async fn serve(
    context: &Context,
    record: &Record,
    which: Which<'_>,
    method: &Method,
    headers: &HeaderMap,
) -> Outcome {
    let file = which.of(record).ok_or_else(Problem::not_found)?;
    let (status, headers) = match answer(record, file, headers) {
        Answer::NotModified(headers) => (StatusCode::NOT_MODIFIED, headers),
        Answer::Whole(headers) => (StatusCode::OK, headers),
    };
    let body = match status == StatusCode::OK && *method != Method::HEAD && file.size > 0 {
        true => Body::Relay(open(context, record, file).await?),
        false => Body::Empty,
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// The bytes from storage-service.
async fn open(context: &Context, record: &Record, file: &Attachment) -> Result<Relay, Problem> {
    let path = format!("/internal/storage/files/{}/content", file.location);
    let storage = context.storage().about(&record.stored.owner);
    let response = storage.fetch(Method::GET, &path, &[]).await?;
    match response.status() {
        StatusCode::OK => Ok(Relay::new(response.into_body())),
        StatusCode::NOT_FOUND => {
            Err(Problem::not_found().because("storage-service has no such file"))
        }
        status => Err(Problem::unavailable(format!(
            "storage-service answered {status}"
        ))),
    }
}

/// Has storage-service keep the bytes, in the quota of the video's owner.
async fn attach(
    context: &Context,
    record: &Record,
    id: &str,
    content_type: &str,
    bytes: Vec<u8>,
) -> Result<Attachment, Problem> {
    let owner = &record.stored.owner;
    let path = format!(
        "/internal/storage/attachments?user_id={owner}&id={id}&content_type={content_type}"
    );
    let storage = context.storage().about(owner);
    let bytes = Bytes::from(bytes);
    let attached = storage.send_bytes(Method::POST, &path, content_type, bytes);
    match attached.await {
        Err(PeerError::Refused { code, .. }) if code == "quota_exceeded" => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "quota_exceeded",
            "The storage limit of the video's owner is exceeded.",
        )),
        attached => Ok(attached?),
    }
}

/// Deletes a file that no record names any more, when the answer has been sent.
fn discard_later(context: &Rc<Context>, owner: &str, file: Attachment) {
    let (after, owner) = (Rc::clone(context), owner.to_owned());
    context.after_answer(async move {
        if let Err(error) = HttpFiles(&after).delete(&owner, &file.location).await {
            after.log.internal(
                Level::Warn,
                Action::VideoFileLeft,
                error.to_string(),
                fields!({ "file.bytes": file.size }),
            );
        }
    });
}

fn log_change(context: &Context, record: &Record, which: Which<'_>, file: Option<&Attachment>) {
    let (action, what, lang) = match which {
        Which::Poster => (Action::VideoPosterChanged, "poster", None),
        Which::Captions(lang) => (Action::VideoCaptionsChanged, "captions", Some(lang)),
    };
    let message = match file {
        Some(_) => format!("A video has other {what}"),
        None => format!("A video has no such {what} any more"),
    };
    let mut fields = fields!({
        "video.id": record.id,
        "video.owner": record.stored.owner,
        "file.bytes": file.map_or(0, |file| file.size),
    });
    if let Some(lang) = lang {
        fields["captions.lang"] = lang.into();
    }
    context.log.info(action, message, fields);
}

fn replace_problem(error: ReplaceError) -> Problem {
    match error {
        ReplaceError::NoVideo => Problem::not_found(),
        ReplaceError::TooMany(TooMany) => {
            Problem::conflict("too_many_captions", TooMany.to_string())
        }
        ReplaceError::Update(error) => update_problem(error),
    }
}
