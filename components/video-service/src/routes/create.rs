//! `POST /v1/videos`.

use std::rc::Rc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json as fields};
use spinreel_api::Timestamp;
use spinreel_api::actions::Action;
use spinreel_api::internal::{CreateUpload, StoredVideo, UploadCreated};
use spinreel_api::videos::{Status, Video};
use spinreel_http::Problem;
use spinreel_http::parameters::MediaType;
use spinreel_http::problem::Unauthenticated;
use spinreel_platform::Clock;
use spinreel_service::{Call, Context, Outcome, PeerError, Request, json, requested_origin};

use crate::domain::arrival;
use crate::domain::catalogue::{Put, PutError, find};
use crate::domain::ending::Files as _;
use crate::domain::new_video::NewVideo;
use crate::domain::record::Record;
use crate::files::HttpFiles;
use crate::routes::{ledger_problem, update_problem};

/// What storage-service says of uploads that is told as it is.
pub(super) const REFUSALS: &[&str] = &[
    "bandwidth_exceeded",
    "file_changed",
    "file_exists",
    "form_too_large",
    "invalid_file_name",
    "invalid_request",
    "malformed_form",
    "more_than_one_file",
    "no_file_part",
    "no_selected_file",
    "quota_exceeded",
    "request_timeout",
    "too_many_files",
    "too_many_uploads",
    "upload_cut_off",
    "upload_expired",
];

/// Creates a video: from JSON one that waits for its bytes, from a form one that has them.
pub(crate) async fn create(call: Call) -> Outcome {
    let declared = call.request.header(CONTENT_TYPE).map(MediaType::parse);
    match declared {
        Some(Ok(media_type)) if media_type.essence == "multipart/form-data" => {
            with_form(call).await
        }
        Some(Ok(media_type)) if media_type.essence == "application/json" => with_json(call).await,
        None => with_json(call).await,
        Some(_) => Err(Problem::unsupported_media_type(
            "application/json or multipart/form-data",
        )),
    }
}

/// Creates a video that waits for an upload, and says where that is.
async fn with_json(mut call: Call) -> Outcome {
    let context = Rc::clone(&call.context);
    call.request.expect_json(&context.settings)?;
    let object: Map<String, Value> = call.request.json().await?;
    let user = call.caller.user()?;
    let new = NewVideo::read(&object).map_err(Problem::invalid)?;
    let id = context.new_id();
    let upload = CreateUpload {
        user_id: user.user_id.clone(),
        username: user.username.clone(),
        id: id.clone(),
        filename: new.filename.clone(),
        size: new.size,
        content_type: None,
        replaces: None,
    };
    let created = create_upload(&context, &upload).await?;
    let stored = StoredVideo {
        owner: user.user_id.clone(),
        filename: new.filename,
        size: new.size.unwrap_or(0),
        content_type: created.content_type,
        location: String::new(),
        etag: String::new(),
        created_at: Timestamp::from_ms(context.clock.now_ms()),
    };
    let (store, clock) = (&context.store, &context.clock);
    let put = arrival::expect(store, clock, &id, stored, new.edits, &created.upload_id).await;
    let refusal = match put {
        Ok(Put::Created) => None,
        Ok(Put::OwnerGone | Put::Known) => Some(Problem::unauthenticated(Unauthenticated::Revoked)),
        Err(PutError::Update(error)) => Some(update_problem(error)),
        Err(error @ PutError::OtherOwner) => Some(Problem::internal(error)),
    };
    if let Some(refusal) = refusal {
        // One that does not end now ends when it expires: nobody has heard of it.
        let _ = HttpFiles(&context)
            .end_upload(&user.user_id, &created.upload_id)
            .await;
        return Err(refusal);
    }
    log_created(&context, &id, "A video waits for its bytes");
    let record = find(store, &id).await.map_err(ledger_problem)?;
    let record = record.ok_or_else(Problem::not_found)?;
    answer(&waiting(
        &call.request,
        &context,
        &record,
        &created.upload_id,
    ))
}

/// Creates a video of the file in a form, which storage-service reads as it comes.
async fn with_form(mut call: Call) -> Outcome {
    let context = Rc::clone(&call.context);
    let user = call.caller.user()?.clone();
    let id = context.new_id();
    let path = format!(
        "/internal/storage/forms?id={id}&user_id={}&username={}&session_id={}",
        user.user_id, user.username, user.session_id
    );
    let text = |name| call.request.header(name).map(str::to_owned);
    let (content_type, length) = (text(CONTENT_TYPE), text(CONTENT_LENGTH));
    let mut headers = vec![(CONTENT_TYPE, content_type.as_deref().unwrap_or_default())];
    headers.extend(length.as_deref().map(|length| (CONTENT_LENGTH, length)));
    let mut body = call.request.take_body()?;
    let storage = context.storage().about(&user.user_id);
    let relayed = storage
        .relay::<Value>(Method::POST, &path, &headers, &mut body)
        .await;
    match relayed {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(told(error)),
        Err(cut_off) => {
            let problem = Problem::new(
                StatusCode::BAD_REQUEST,
                "upload_cut_off",
                "The form ended early.",
            );
            return Err(problem.because(cut_off));
        }
    }
    log_created(&context, &id, "A video came with its bytes");
    let record = find(&context.store, &id).await.map_err(ledger_problem)?;
    // storage-service has the file, and tells of it when it can.
    let record = record.ok_or_else(|| Problem::unavailable("the video is not announced yet"))?;
    answer(&record.to_video())
}

/// Has storage-service create an upload.
pub(super) async fn create_upload(
    context: &Context,
    upload: &CreateUpload,
) -> Result<UploadCreated, Problem> {
    let storage = context.storage().about(&upload.user_id);
    let created = storage
        .call(Method::POST, "/internal/storage/uploads", upload)
        .await;
    created.map_err(told)
}

/// A refusal of storage-service, as the client hears it.
fn told(error: PeerError) -> Problem {
    match &error {
        PeerError::Refused { code, .. } if code == "token_revoked" => {
            Problem::unauthenticated(Unauthenticated::Revoked)
        }
        _ => error.passed_on(REFUSALS),
    }
}

/// A video that waits for an upload, with where that is.
pub(super) fn waiting(
    request: &Request,
    context: &Context,
    record: &Record,
    upload_id: &str,
) -> Video {
    let mut video = record.to_video();
    video.links.upload = Some(upload_link(request, context, upload_id));
    video
}

/// A video as its owner sees it: one that waits for its first bytes, with where they are to go.
pub(super) fn as_owner(request: &Request, context: &Context, record: &Record) -> Video {
    match &record.upload {
        Some(upload) if record.status() == Status::Uploading => {
            waiting(request, context, record, upload)
        }
        _ => record.to_video(),
    }
}

fn upload_link(request: &Request, context: &Context, upload_id: &str) -> String {
    let origin = requested_origin(request, &context.settings).unwrap_or_default();
    format!("{origin}/v1/uploads/{upload_id}")
}

/// 201, with where the video is.
pub(super) fn answer(video: &Video) -> Outcome {
    let mut response = json(StatusCode::CREATED, video)?;
    let location = HeaderValue::from_str(&video.links.this).map_err(Problem::internal)?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

fn log_created(context: &Context, id: &str, message: &str) {
    context
        .log
        .info(Action::VideoRecorded, message, fields!({ "video.id": id }));
}
