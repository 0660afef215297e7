//! `/v1/uploads`: uploads that resume, by tus 1.0.0 and by the [IETF's draft](draft).

mod answers;
mod concat;
pub mod details;
pub mod direct;
mod draft;
mod problems;

use std::rc::Rc;

use http::header::LOCATION;
use http::{Method, StatusCode};
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_http::Problem;
use spinreel_platform::ReadBody as _;
use spinreel_service::{
    Call, Context, Outcome, RequestBody, Response, empty, judge_again, requested_origin,
};
use spinreel_tus::{
    Append, Concat, Create, Length, Metadata, check_version, header, method_override,
};

use self::answers::{http_date, put, say_status};
use self::problems::refusal;
pub(super) use self::problems::refused;
use super::upload::{media_type, settle};
use super::{WasiStorage, owner, report_use, storage, tidy_after};
use crate::domain::file_name;
use crate::domain::peers::PeerFailure;
use crate::domain::record::{Owner, VideoHead};
use crate::domain::resumable::{
    Appended, Bytes, Ended, LARGEST, NewUpload, ResumableError, Status, UploadId,
};
use crate::domain::upload::{FileSource, SourceError, Uploaded};
use crate::multipart::is_media_type;
use crate::peers::HttpPeers;

/// What is built here of the protocol.
const EXTENSIONS: &str = "creation,creation-with-upload,creation-defer-length,expiration,termination,checksum,\
     concatenation,concatenation-unfinished";

/// Where uploads are created.
const UPLOADS: &str = "/v1/uploads";

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
    draft::say_limits(&mut response);
    Ok(response)
}

/// Creates an upload, and takes its first bytes where the request brings some.
pub async fn create(mut call: Call) -> Outcome {
    if let Some(version) = draft::version(&call) {
        return draft::create(call, version).await;
    }
    check_version(&call.request.headers).map_err(refusal)?;
    let concat = Concat::parse(&call.request.headers, UPLOADS).map_err(refusal)?;
    if let Some(Concat::Final { parts, text }) = concat {
        return concat::create(call, parts, text).await;
    }
    let create = Create::parse(&call.request.headers, LARGEST, has_body(&call)).map_err(refusal)?;
    let context = call.context.clone();
    let owner = owner(call.caller.user()?);
    let mut new = new_upload(&context, &create)?;
    if concat.is_some() {
        // It is never a file, so what is said of one means nothing.
        new.is_part = true;
    } else {
        details::describe(&context, &owner, &create.metadata, &mut new).await?;
    }
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
    let mut response = created_at(&call, &created.id);
    put(
        &mut response,
        header::UPLOAD_EXPIRES,
        http_date(created.expires_ms),
    );
    if !create.has_bytes && !is_empty {
        after_creation(&context, &owner.user_id, &created.id);
        return Ok(response);
    }
    let bytes = Bytes {
        offset: 0,
        size: call.request.content_length(),
        length: None,
        claims: create.claim.into_iter().collect(),
        end: None,
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
    if let Some(version) = draft::version(&call) {
        return draft::head(call, version).await;
    }
    check_version(&call.request.headers).map_err(refusal)?;
    let id = upload_id(&call)?;
    let user_id = &call.caller.user()?.user_id;
    let storage = storage(&call.context)?;
    let mut status = storage.upload_status(user_id, &id).await;
    if let Ok(Status::Waiting { .. }) = status {
        concat::join_waiting(&call.context, &storage, user_id).await;
        status = storage.upload_status(user_id, &id).await;
    }
    let status = status.map_err(|error| refused(&call.context, error))?;
    let mut response = empty(StatusCode::OK);
    say_status(&mut response, &status, true);
    Ok(response)
}

/// Takes bytes.
pub async fn append(mut call: Call) -> Outcome {
    if let Some(version) = draft::version(&call) {
        return draft::append(call, version).await;
    }
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
        claims: append.claim.into_iter().collect(),
        end: None,
    };
    take(&mut call, &storage, &owner, &id, bytes).await
}

/// Ends an upload; one that is a file is deleted.
pub async fn terminate(call: Call) -> Outcome {
    if let Some(version) = draft::version(&call) {
        return draft::terminate(call, version).await;
    }
    if let Err(wrong) = check_version(&call.request.headers)
        && !direct::is_meant(&call).await?
    {
        return Err(refusal(wrong));
    }
    ended(&call)
        .await
        .map_err(|error| refused(&call.context, error))
}

async fn ended(call: &Call) -> Result<Response, ResumableError> {
    let context = call.context.clone();
    let id = upload_id(call).map_err(|_| ResumableError::NotFound)?;
    let user = call.caller.user().map_err(|_| ResumableError::NotAllowed)?;
    let user_id = user.user_id.clone();
    let storage = storage(&context).map_err(|_| ResumableError::Busy)?;
    match storage.terminate_upload(&user_id, &id).await? {
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

/// What nobody waits for after a creation.
fn after_creation(context: &Rc<Context>, user_id: &str, id: &UploadId) {
    let (after, user_id, number) = (Rc::clone(context), user_id.to_owned(), id.number());
    context.after_answer(async move {
        report_use(&after, &user_id).await;
        tidy_after(&after, &user_id, number).await;
    });
}

/// The answer to a creation.
fn created_at(call: &Call, id: &UploadId) -> Response {
    let mut response = empty(StatusCode::CREATED);
    let origin = requested_origin(&call.request, &call.context.settings).unwrap_or_default();
    put(&mut response, LOCATION, format!("{origin}{UPLOADS}/{id}"));
    response
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
    let taken = match bring(call, storage, owner, id, bytes).await {
        Ok(taken) => taken,
        Err(Refused::Rights(problem)) => return Err(problem),
        Err(Refused::Upload(error)) => return Err(refused(&call.context, error)),
    };
    let mut response = empty(StatusCode::NO_CONTENT);
    put(&mut response, header::UPLOAD_OFFSET, taken.offset);
    if let Some(expires_ms) = taken.expires_ms {
        put(&mut response, header::UPLOAD_EXPIRES, http_date(expires_ms));
    }
    Ok(response)
}

/// What came of the bytes of a request.
struct Taken {
    /// How many the upload has now.
    offset: u64,
    /// When it goes if it is not a file, in milliseconds since the Unix epoch.
    expires_ms: Option<u64>,
    is_file: bool,
}

/// Why bytes were not taken.
enum Refused {
    /// The user may not store files any more, or there is no body.
    Rights(Problem),
    Upload(ResumableError),
}

/// Takes the bytes of a request.
async fn bring(
    call: &mut Call,
    storage: &WasiStorage<'_>,
    owner: &Owner,
    id: &UploadId,
    bytes: Bytes,
) -> Result<Taken, Refused> {
    let context = call.context.clone();
    let mut body = Body(call.request.take_body().map_err(Refused::Rights)?);
    let user = call.caller.user().map_err(Refused::Rights)?;
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
    match appended {
        Ok(Appended::Open { offset, expires_ms }) => Ok(Taken {
            offset,
            expires_ms: Some(expires_ms),
            is_file: false,
        }),
        Ok(Appended::Whole { offset, expires_ms }) => {
            concat::join_waiting(&context, storage, &owner.user_id).await;
            Ok(Taken {
                offset,
                expires_ms: Some(expires_ms),
                is_file: false,
            })
        }
        Ok(Appended::Finished { uploaded, moved }) => {
            let offset = uploaded.file.object.size;
            after_upload(&context, &owner.user_id, *uploaded, moved);
            Ok(Taken {
                offset,
                expires_ms: None,
                is_file: true,
            })
        }
        Err(ResumableError::NotAllowed) => {
            let problem = refusal.take().unwrap_or_else(Problem::forbidden);
            Err(Refused::Rights(problem))
        }
        Err(error) => Err(Refused::Upload(error)),
    }
}

/// What is said and done when an upload is a file; `moved`: how many bytes came with this request.
fn after_upload(context: &Rc<Context>, user_id: &str, uploaded: Uploaded, moved: u64) {
    let size = uploaded.file.object.size;
    context.log.info(
        Action::FileUploaded,
        format!("Stored {size} bytes"),
        json!({ "video.id": uploaded.file.head.id, "file.bytes": size }),
    );
    let (after, user_id, number) = (Rc::clone(context), user_id.to_owned(), uploaded.number);
    context.after_answer(async move {
        settle(&HttpPeers::new(&after), &user_id, uploaded, moved).await;
        report_use(&after, &user_id).await;
        tidy_after(&after, &user_id, number).await;
    });
}

/// What the client says of the file.
fn new_upload(context: &Context, create: &Create) -> Result<NewUpload, Problem> {
    let said = said_of_file(context, &create.metadata)?;
    Ok(NewUpload {
        content_type: said.content_type,
        id: said.id,
        name: said.name,
        length: match create.length {
            Length::Known(length) => Some(length),
            Length::Deferred => None,
        },
        metadata: create.metadata_text.clone(),
        video: VideoHead::default(),
        direct: None,
        ends_by_word: false,
        is_part: false,
    })
}

/// A file that is to be, as its client describes it.
struct Said {
    id: String,
    name: String,
    content_type: String,
}

fn said_of_file(context: &Context, metadata: &Metadata) -> Result<Said, Problem> {
    let text = |key| metadata.text(key).map_err(refusal);
    file_of(context, text("filename")?, text("filetype")?)
}

fn file_of(context: &Context, name: Option<&str>, declared: Option<&str>) -> Result<Said, Problem> {
    let id = context.new_id();
    // A client that knows no name gives none; the file needs one.
    let name = name.unwrap_or(&id).to_owned();
    if !file_name::is_valid(&name) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_file_name",
            "This cannot be a file's name.",
        ));
    }
    if declared.is_some_and(|declared| !is_media_type(declared)) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_media_type",
            "The declared media type is none.",
        ));
    }
    Ok(Said {
        content_type: media_type(declared.map(str::to_owned), &name),
        id,
        name,
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
