//! The IETF's draft "Resumable Uploads for HTTP" at the same URLs as tus: see [`spinreel_tus::draft`].
//!
//! There are no interim responses: so whoever wants to resume creates an upload without bytes, or with a part of them, and
//! hears of its URL before the others come.

use http::header::CONTENT_TYPE;
use http::{HeaderName, StatusCode};
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_http::Problem;
use spinreel_http::parameters::Disposition;
use spinreel_service::{Call, Context, Outcome, Response, empty};
use spinreel_tus::draft::{self, Draft, Interop};
use spinreel_tus::header;

use super::answers::put;
use super::problems::{refusal, refused};
use super::{
    LARGEST, Refused, Taken, bring, created_at, ended, file_of, owner, storage, upload_id,
};
use crate::domain::record::VideoHead;
use crate::domain::resumable::{Bytes, End, NewUpload, ResumableError, Status};

/// The version that a request speaks; `None` where it does not speak this draft.
pub(super) fn version(call: &Call) -> Option<Interop> {
    Interop::of(&call.request.headers)
}

/// Creates an upload, and takes its first bytes, or all of them.
pub(super) async fn create(mut call: Call, version: Interop) -> Outcome {
    let context = call.context.clone();
    let said = Draft::parse(&call.request.headers).map_err(refusal)?;
    let is_complete = said.is_complete.ok_or_else(|| missing("Upload-Complete"))?;
    // Where nothing is said of it, the body tells.
    let size = call.request.content_length();
    let whole = size.filter(|_| is_complete);
    if let (Some(length), Some(whole)) = (said.length, whole)
        && length != whole
    {
        return Err(problem(&context, None, ResumableError::InconsistentLength));
    }
    let length = said.length.or(whole);
    if length.is_some_and(|length| length > LARGEST) {
        return Err(too_large());
    }
    let owner = owner(call.caller.user()?);
    let new = new_upload(&call, version, length)?;
    let storage = storage(&context)?;
    let created = storage
        .create_upload(&owner, new)
        .await
        .map_err(|error| problem(&context, None, error))?;
    let id = created.id;
    context.log.info(
        Action::UploadCreated,
        "Created an upload",
        json!({ "video.id": id.file(), "upload.id": id.to_string() }),
    );
    let mut response = created_at(&call, &id);
    if !is_complete && size == Some(0) {
        say(
            &context,
            &mut response,
            version,
            0,
            Some(created.expires_ms),
        );
        super::after_creation(&context, &owner.user_id, &id);
        return Ok(response);
    }
    let bytes = bytes(&said, 0, size, is_complete);
    match bring(&mut call, &storage, &owner, &id, bytes).await {
        Ok(taken) => {
            say_taken(&context, &mut response, version, &taken);
            Ok(response)
        }
        Err(error) => {
            // Its client is not told where it is. What is not ended now is ended when it expires.
            let _ = storage.terminate_upload(&owner.user_id, &id).await;
            Err(told(&context, Some(0), error))
        }
    }
}

/// Tells how far an upload is.
pub(super) async fn head(call: Call, version: Interop) -> Outcome {
    refuse_fields_of_bytes(&call, version)?;
    let context = call.context.clone();
    let id = upload_id(&call)?;
    let user_id = &call.caller.user()?.user_id;
    let status = storage(&context)?
        .upload_status(user_id, &id)
        .await
        .map_err(|error| problem(&context, None, error))?;
    let mut response = empty(StatusCode::NO_CONTENT);
    match status {
        Status::Finished(file) => {
            say(&context, &mut response, version, file.object.size, None);
            put(&mut response, header::UPLOAD_LENGTH, file.object.size);
        }
        Status::Open {
            offset,
            length,
            expires_ms,
            ..
        } => {
            say(&context, &mut response, version, offset, Some(expires_ms));
            if let Some(length) = length {
                put(&mut response, header::UPLOAD_LENGTH, length);
            }
        }
        // Made of others, by tus.
        Status::Waiting { .. } => return Err(Problem::not_found()),
    }
    Ok(response)
}

/// Takes bytes.
pub(super) async fn append(mut call: Call, version: Interop) -> Outcome {
    let context = call.context.clone();
    if !draft::is_partial_upload(&call.request.headers) {
        return Err(Problem::unsupported_media_type(draft::PARTIAL_UPLOAD)
            .header(header::ACCEPT_PATCH, draft::PARTIAL_UPLOAD));
    }
    let said = Draft::parse(&call.request.headers).map_err(refusal)?;
    let offset = said.offset.ok_or_else(|| missing("Upload-Offset"))?;
    let is_complete = said.is_complete.ok_or_else(|| missing("Upload-Complete"))?;
    let id = upload_id(&call)?;
    let owner = owner(call.caller.user()?);
    let storage = storage(&context)?;
    let size = call.request.content_length();
    let bytes = bytes(&said, offset, size, is_complete);
    let taken = bring(&mut call, &storage, &owner, &id, bytes)
        .await
        .map_err(|error| told(&context, Some(offset), error))?;
    let status = match (version, taken.is_file) {
        (Interop::V6, _) => StatusCode::CREATED,
        (Interop::V8, true) => StatusCode::OK,
        (Interop::V8, false) => StatusCode::NO_CONTENT,
    };
    let mut response = empty(status);
    say_taken(&context, &mut response, version, &taken);
    Ok(response)
}

/// Ends an upload; one that is a file is deleted.
pub(super) async fn terminate(call: Call, version: Interop) -> Outcome {
    refuse_fields_of_bytes(&call, version)?;
    ended(&call)
        .await
        .map_err(|error| problem(&call.context, None, error))
}

/// Says what holds for uploads before there is one.
pub(super) fn say_limits(response: &mut Response) {
    put(
        response,
        header::UPLOAD_LIMIT,
        format!("max-size={LARGEST}"),
    );
    let types = format!("{}, {}", draft::PARTIAL_UPLOAD, spinreel_tus::BYTES);
    put(response, header::ACCEPT_PATCH, types);
}

/// What a request brings.
fn bytes(said: &Draft, offset: u64, size: Option<u64>, is_complete: bool) -> Bytes {
    let mut claims = said.content_digests.clone();
    if offset == 0 && is_complete {
        // The request's bytes are the whole file.
        claims.extend(said.representation_digests.iter().cloned());
    }
    Bytes {
        offset,
        size,
        length: None,
        claims,
        end: Some(End {
            is_here: is_complete,
            length: said.length,
        }),
    }
}

/// What the client says of the file. Clients of version 6 that told a length may end with it, and not say so.
fn new_upload(call: &Call, version: Interop, length: Option<u64>) -> Result<NewUpload, Problem> {
    let headers = &call.request.headers;
    let read = |value: &str| {
        let disposition = Disposition::parse(value).ok()?;
        Some(disposition.filename())
    };
    let name = draft::file_name(headers, read).map_err(refusal)?;
    let declared = headers
        .get(CONTENT_TYPE)
        .and_then(|text| text.to_str().ok());
    // Some clients call the first part by the type of all others.
    let declared = declared.filter(|_| !draft::is_partial_upload(headers));
    let said = file_of(&call.context, name.as_deref(), declared)?;
    Ok(NewUpload {
        id: said.id,
        name: said.name,
        content_type: said.content_type,
        length,
        metadata: String::new(),
        video: VideoHead::default(),
        direct: None,
        ends_by_word: version != Interop::V6 || length.is_none(),
        is_part: false,
    })
}

/// Version 6: a request that only asks says nothing of bytes.
fn refuse_fields_of_bytes(call: &Call, version: Interop) -> Result<(), Problem> {
    let names = [header::UPLOAD_OFFSET, header::UPLOAD_COMPLETE];
    let has = |name: &HeaderName| call.request.headers.contains_key(name);
    match version {
        Interop::V6 if names.iter().any(has) => Err(Problem::malformed(
            "Upload-Offset and Upload-Complete belong to requests with bytes.",
        )),
        _ => Ok(()),
    }
}

fn say_taken(context: &Context, response: &mut Response, version: Interop, taken: &Taken) {
    let expires_ms = match taken.is_file {
        true => None,
        false => taken.expires_ms,
    };
    say(context, response, version, taken.offset, expires_ms);
}

/// Says how far an upload is; `expires_ms`: when it goes if it is not complete.
fn say(
    context: &Context,
    response: &mut Response,
    version: Interop,
    offset: u64,
    expires_ms: Option<u64>,
) {
    use spinreel_platform::Clock as _;
    let mut limits = format!("max-size={LARGEST}");
    if let Some(expires_ms) = expires_ms {
        let left_s = expires_ms.saturating_sub(context.clock.now_ms()) / 1_000;
        limits = format!("{limits}, {}={left_s}", version.lifetime());
    }
    put(response, header::UPLOAD_OFFSET, offset);
    let is_complete = expires_ms.is_none();
    put(
        response,
        header::UPLOAD_COMPLETE,
        draft::boolean(is_complete),
    );
    put(response, header::UPLOAD_LIMIT, limits);
}

fn told(context: &Context, provided: Option<u64>, error: Refused) -> Problem {
    match error {
        Refused::Rights(problem) => problem,
        Refused::Upload(error) => problem(context, provided, error),
    }
}

/// A request that was not done, by the draft's problem types; `provided`: the offset that it said.
fn problem(context: &Context, provided: Option<u64>, error: ResumableError) -> Problem {
    match error {
        ResumableError::OffsetMismatch { offset } => Problem::conflict(
            "offset_mismatch",
            format!("The upload is at byte {offset}."),
        )
        .header(header::UPLOAD_OFFSET, &offset.to_string())
        .of_kind(
            draft::MISMATCHING_OFFSET,
            &[
                ("expected-offset", offset),
                ("provided-offset", provided.unwrap_or_default()),
            ],
        ),
        ResumableError::Complete => Problem::new(
            StatusCode::BAD_REQUEST,
            "upload_complete",
            "The upload is complete already.",
        )
        .header(header::UPLOAD_COMPLETE, draft::boolean(true))
        .of_kind(draft::COMPLETED, &[]),
        ResumableError::InconsistentLength
        | ResumableError::TooLong
        | ResumableError::LengthKnown => Problem::new(
            StatusCode::BAD_REQUEST,
            "inconsistent_length",
            "What was said of the upload's length does not fit together, or its bytes go past it.",
        )
        .of_kind(draft::INCONSISTENT_LENGTH, &[]),
        ResumableError::DigestMismatch => Problem::new(
            StatusCode::BAD_REQUEST,
            "digest_mismatch",
            "The bytes have another digest. None of them was kept.",
        ),
        ResumableError::CheckedTooLarge { limit } => {
            let limits = format!("max-size={LARGEST}, max-append-size={limit}");
            refused(context, error).header(header::UPLOAD_LIMIT, &limits)
        }
        error => refused(context, error),
    }
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "upload_too_large",
        "The upload is larger than any may be.",
    )
    .header(header::UPLOAD_LIMIT, &format!("max-size={LARGEST}"))
}

fn missing(field: &str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_header",
        format!("{field} is missing or malformed."),
    )
}
