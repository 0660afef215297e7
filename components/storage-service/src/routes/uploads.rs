//! `/v1/uploads`: uploads that resume, by tus 1.0.0.

mod answers;
pub mod details;
pub mod direct;
mod problems;

use http::header::LOCATION;
use http::{Method, StatusCode};
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_http::Problem;
use spinreel_platform::ReadBody as _;
use spinreel_service::{Call, Context, Outcome, RequestBody, empty, judge_again, requested_origin};
use spinreel_tus::{Append, Create, Length, check_version, header, method_override};

use self::answers::{http_date, put, say_status};
use self::problems::refusal;
pub(super) use self::problems::refused;
use super::upload::{media_type, settle};
use super::{WasiStorage, owner, report_use, storage, tidy_after};
use crate::domain::file_name;
use crate::domain::peers::PeerFailure;
use crate::domain::record::{Owner, VideoHead};
use crate::domain::resumable::{
    Appended, Bytes, Ended, LARGEST, NewUpload, ResumableError, UploadId,
};
use crate::domain::upload::{FileSource, SourceError};
use crate::multipart::is_media_type;
use crate::peers::HttpPeers;

/// What is built here of the protocol.
const EXTENSIONS: &str =
    "creation,creation-with-upload,creation-defer-length,expiration,termination,checksum";

/// What an upload's path takes.
const METHODS: &str = "HEAD, PATCH, POST, DELETE, OPTIONS";

/// What the server can do.
pub async fn options(_: Call) -> Outcome {
    let mut response = empty(StatusCode::OK);
    put(&mut response, header::TUS_VERSION, spinreel_tus::VERSION);
    put(&mut response, header::TUS_EXTENSION, EXTENSIONS);
    put(&mut response, header::TUS_MAX_SIZE, LARGEST);
    put(
        &mut response,
        header::TUS_CHECKSUM_ALGORITHM,
        spinreel_tus::ALGORITHMS,
    );
    Ok(response)
}

/// Creates an upload, and takes its first bytes where the request brings some.
pub async fn create(mut call: Call) -> Outcome {
    check_version(&call.request.headers).map_err(refusal)?;
    let create = Create::parse(&call.request.headers, LARGEST, has_body(&call)).map_err(refusal)?;
    let context = call.context.clone();
    let owner = owner(call.caller.user()?);
    let mut new = new_upload(&context, &create)?;
    details::describe(&context, &owner, &create.metadata, &mut new).await?;
    let is_empty = create.length == Length::Known(0);
    let storage = storage(&context)?;
    let created = storage
        .create_upload(&owner, new)
        .await
        .map_err(|error| refused(&context, error))?;
    context.log.info(
        Action::UploadCreated,
        "Created an upload",
        json!({ "video.id": created.id.file(), "upload.id": created.id.to_string() }),
    );
    let mut response = empty(StatusCode::CREATED);
    let location = format!("/v1/uploads/{}", created.id);
    let origin = requested_origin(&call.request, &context.settings).unwrap_or_default();
    put(&mut response, LOCATION, format!("{origin}{location}"));
    put(
        &mut response,
        header::UPLOAD_EXPIRES,
        http_date(created.expires_ms),
    );
    let number = created.id.number();
    if !create.has_bytes && !is_empty {
        let (after, user_id) = (context.clone(), owner.user_id.clone());
        context.after_answer(async move {
            report_use(&after, &user_id).await;
            tidy_after(&after, &user_id, number).await;
        });
        return Ok(response);
    }
    let bytes = Bytes {
        offset: 0,
        size: call.request.content_length(),
        length: None,
        claim: create.claim,
    };
    match take(&mut call, &storage, &owner, &created.id, bytes).await {
        Ok(_) => {
            // All of them, or as many as are asked for next.
            let status = storage.upload_status(&owner.user_id, &created.id).await;
            say_status(
                &mut response,
                &status.map_err(|error| refused(&context, error))?,
                false,
            );
            Ok(response)
        }
        Err(problem) => {
            // Its client is not told where it is. What is not ended now is ended when it expires.
            let _ = storage.terminate_upload(&owner.user_id, &created.id).await;
            Err(problem)
        }
    }
}

/// Tells how far an upload is.
pub async fn head(call: Call) -> Outcome {
    // There is nothing here but what HEAD says.
    if call.request.method != Method::HEAD {
        return Err(Problem::method_not_allowed(METHODS));
    }
    check_version(&call.request.headers).map_err(refusal)?;
    let id = upload_id(&call)?;
    let user_id = &call.caller.user()?.user_id;
    let status = storage(&call.context)?
        .upload_status(user_id, &id)
        .await
        .map_err(|error| refused(&call.context, error))?;
    let mut response = empty(StatusCode::OK);
    say_status(&mut response, &status, true);
    Ok(response)
}

/// Takes bytes.
pub async fn append(mut call: Call) -> Outcome {
    check_version(&call.request.headers).map_err(refusal)?;
    let append = Append::parse(&call.request.headers, LARGEST).map_err(refusal)?;
    let id = upload_id(&call)?;
    let context = call.context.clone();
    let owner = owner(call.caller.user()?);
    let storage = storage(&context)?;
    let bytes = Bytes {
        offset: append.offset,
        size: call.request.content_length(),
        length: append.length,
        claim: append.claim,
    };
    take(&mut call, &storage, &owner, &id, bytes).await
}

/// Ends an upload; one that is a file is deleted.
pub async fn terminate(call: Call) -> Outcome {
    if let Err(wrong) = check_version(&call.request.headers)
        && !direct::is_meant(&call).await?
    {
        return Err(refusal(wrong));
    }
    let id = upload_id(&call)?;
    let context = call.context.clone();
    let user_id = call.caller.user()?.user_id.clone();
    let ended = storage(&context)?
        .terminate_upload(&user_id, &id)
        .await
        .map_err(|error| refused(&context, error))?;
    match ended {
        Ended::Upload { number } => {
            context.log.info(
                Action::UploadTerminated,
                "Ended an upload",
                json!({ "video.id": id.file(), "upload.id": id.to_string() }),
            );
            let after = context.clone();
            context.after_answer(async move { tidy_after(&after, &user_id, number).await });
        }
        Ended::File(deleted) => super::delete_file::after_deletion(&context, user_id, deleted),
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// What a `POST` stands for that says so.
pub async fn overridden(call: Call) -> Outcome {
    match method_override(&call.request.headers) {
        Some(Method::PATCH) => append(call).await,
        Some(Method::DELETE) => terminate(call).await,
        Some(_) | None => Err(Problem::method_not_allowed(METHODS)),
    }
}

/// Takes the bytes of a request, and answers as a `PATCH` is answered.
async fn take(
    call: &mut Call,
    storage: &WasiStorage<'_>,
    owner: &Owner,
    id: &UploadId,
    bytes: Bytes,
) -> Outcome {
    let context = call.context.clone();
    let mut body = Body(call.request.take_body()?);
    let user = call.caller.user()?;
    let refusal = std::cell::RefCell::new(None);
    let may_store = async || match judge_again(&context, user).await {
        Ok(()) => Ok(true),
        Err(problem) if problem.status == StatusCode::UNAUTHORIZED => {
            refusal.replace(Some(problem));
            Ok(false)
        }
        Err(problem) => Err(PeerFailure(problem.detail)),
    };
    let appended = storage
        .append_to_upload(owner, id, bytes, &mut body, may_store)
        .await;
    let mut response = empty(StatusCode::NO_CONTENT);
    match appended {
        Ok(Appended::Open { offset, expires_ms }) => {
            put(&mut response, header::UPLOAD_OFFSET, offset);
            put(&mut response, header::UPLOAD_EXPIRES, http_date(expires_ms));
        }
        Ok(Appended::Finished { uploaded, moved }) => {
            let size = uploaded.file.object.size;
            put(&mut response, header::UPLOAD_OFFSET, size);
            context.log.info(
                Action::FileUploaded,
                format!("Stored {size} bytes"),
                json!({ "video.id": uploaded.file.head.id, "file.bytes": size }),
            );
            let (after, user_id, number) =
                (context.clone(), owner.user_id.clone(), uploaded.number);
            context.after_answer(async move {
                settle(&HttpPeers(&after), &user_id, *uploaded, moved).await;
                report_use(&after, &user_id).await;
                tidy_after(&after, &user_id, number).await;
            });
        }
        Err(ResumableError::NotAllowed) => {
            return Err(refusal.take().unwrap_or_else(Problem::forbidden));
        }
        Err(error) => return Err(refused(&context, error)),
    }
    Ok(response)
}

/// What the client says of the file.
fn new_upload(context: &Context, create: &Create) -> Result<NewUpload, Problem> {
    let id = context.new_id();
    let text = |key| create.metadata.text(key).map_err(refusal);
    // A client that knows no name gives none; the file needs one.
    let name = text("filename")?.unwrap_or(&id).to_owned();
    if !file_name::is_valid(&name) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_file_name",
            "The filename in Upload-Metadata cannot be a file's name.",
        ));
    }
    let declared = text("filetype")?.map(str::to_owned);
    if declared
        .as_deref()
        .is_some_and(|declared| !is_media_type(declared))
    {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_media_type",
            "The filetype in Upload-Metadata is no media type.",
        ));
    }
    Ok(NewUpload {
        content_type: media_type(declared, &name),
        id,
        name,
        length: match create.length {
            Length::Known(length) => Some(length),
            Length::Deferred => None,
        },
        metadata: create.metadata_text.clone(),
        video: VideoHead::default(),
        direct: None,
    })
}

/// The upload that the path names. What is no id is a path that does not exist.
pub(super) fn upload_id(call: &Call) -> Result<UploadId, Problem> {
    let id = call.parameters.get("id").parse();
    id.map_err(|_| Problem::not_found())
}

/// Whether the request says that it has a body.
fn has_body(call: &Call) -> bool {
    call.request
        .content_length()
        .is_some_and(|length| length > 0)
}

/// A request's body as the bytes of an upload.
pub(super) struct Body(pub(super) RequestBody);

impl FileSource for Body {
    async fn next(&mut self) -> Result<Option<bytes::Bytes>, SourceError> {
        self.0
            .read()
            .await
            .map_err(|error| SourceError(error.to_string()))
    }
}
