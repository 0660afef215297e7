//! `POST /v1/uploads/direct` and `POST /v1/uploads/{id}/complete`: uploads that go straight to the bucket.

use http::StatusCode;
use http::header::ORIGIN;
use serde::Serialize;
use serde_json::{Map, Value, json as fields};
use spinreel_api::Timestamp;
use spinreel_api::actions::Action;
use spinreel_http::{FieldError, Problem};
use spinreel_service::{Call, Outcome, json, judge_again};
use spinreel_tus::header;

use super::problems::refused;
use super::{details, upload_id};
use crate::domain::file_name;
use crate::domain::peers::PeerFailure;
use crate::domain::record::VideoHead;
use crate::domain::resumable::{Completed, Direct, LARGEST, NewUpload, ResumableError};
use crate::multipart::is_media_type;
use crate::peers::HttpPeers;
use crate::routes::upload::{media_type, settle};
use crate::routes::{owner, report_use, storage, tidy_after};

/// What a client needs to send its bytes to the bucket.
#[derive(Debug, Serialize)]
struct Begun {
    /// The upload's id.
    id: String,
    /// Where the bytes go: a credential.
    upload_url: String,
    /// How.
    method: &'static str,
    /// With which headers.
    headers: Map<String, Value>,
    /// When the upload goes if it is not completed.
    expires_at: Timestamp,
}

/// Reserves the quota, and says where the bucket takes the bytes.
pub async fn create(mut call: Call) -> Outcome {
    let object: Map<String, Value> = call.request.json().await?;
    let context = call.context.clone();
    let owner = owner(call.caller.user()?);
    let file = File::read(&object).map_err(Problem::invalid)?;
    let details = details::checked(&context, &owner.user_id, details::of_object(&object)).await?;
    let content_type = media_type(file.content_type, &file.name);
    // A browser says whose script asks, and the bucket is to hear it.
    let origin = call.request.header(ORIGIN).map(str::to_owned);
    let new = NewUpload {
        id: context.new_id(),
        name: file.name,
        content_type: content_type.clone(),
        length: Some(file.size),
        metadata: String::new(),
        video: VideoHead {
            details,
            ..VideoHead::default()
        },
        direct: Some(Direct { origin }),
        ends_by_word: false,
        is_part: false,
    };
    let created = storage(&context)?
        .create_upload(&owner, new)
        .await
        .map_err(|error| refused(&context, error))?;
    context.log.info(
        Action::UploadCreated,
        "Created an upload that goes straight to the bucket",
        fields!({ "video.id": created.id.file(), "upload.id": created.id.to_string() }),
    );
    let (after, number) = (context.clone(), created.id.number());
    context.after_answer(async move {
        report_use(&after, &owner.user_id).await;
        tidy_after(&after, &owner.user_id, number).await;
    });
    let begun = Begun {
        id: created.id.to_string(),
        upload_url: created.session_url.unwrap_or_default(),
        method: "PUT",
        headers: Map::from_iter([("Content-Type".to_owned(), Value::from(content_type))]),
        expires_at: Timestamp::from_ms(created.expires_ms),
    };
    json(StatusCode::CREATED, &begun)
}

/// Makes a video of what the bucket has got, if that is all.
pub async fn complete(call: Call) -> Outcome {
    let id = upload_id(&call)?;
    let context = call.context.clone();
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
    let completed = storage(&context)?
        .complete_upload(&user.user_id, &id, may_store)
        .await;
    let completed = match completed {
        Ok(completed) => completed,
        Err(ResumableError::NotAllowed) => {
            return Err(refusal.take().unwrap_or_else(Problem::forbidden));
        }
        Err(error) => return Err(refused(&context, error)),
    };
    let video_id = completed.file().head.video_id().to_owned();
    if let Completed::Now(uploaded) = completed {
        let size = uploaded.file.object.size;
        context.log.info(
            Action::FileUploaded,
            format!("Stored {size} bytes"),
            fields!({ "video.id": video_id, "file.bytes": size }),
        );
        let (after, user_id, number) = (context.clone(), user.user_id.clone(), uploaded.number);
        context.after_answer(async move {
            settle(&HttpPeers::new(&after), &user_id, *uploaded, size).await;
            report_use(&after, &user_id).await;
            tidy_after(&after, &user_id, number).await;
        });
    }
    let known = HttpPeers::new(&context)
        .video(&user.user_id, &video_id)
        .await?;
    // One that was deleted just now.
    let known = known.ok_or_else(Problem::not_found)?;
    json(StatusCode::OK, &known.video)
}

/// Whether a request that speaks no tus is about an upload that goes straight to the bucket: 404 where there is no upload.
pub(super) async fn is_meant(call: &Call) -> Result<bool, Problem> {
    if call.request.headers.contains_key(header::TUS_RESUMABLE) {
        return Ok(false);
    }
    let id = upload_id(call)?;
    let user_id = &call.caller.user()?.user_id;
    let is_direct = storage(&call.context)?.is_direct(user_id, &id).await;
    is_direct.map_err(|error| refused(&call.context, error))
}

/// The file that a request announces.
#[derive(Debug, PartialEq, Eq)]
struct File {
    name: String,
    size: u64,
    content_type: Option<String>,
}

impl File {
    /// Reads `filename`, `size` and `content_type`; all that is wrong is named.
    fn read(object: &Map<String, Value>) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = object.get("filename").and_then(Value::as_str);
        let name = name.filter(|name| file_name::is_valid(name));
        if name.is_none() {
            let detail = "must be a file's name: 1 to 255 bytes, no slash, no control character";
            errors.push(FieldError::new("filename", detail));
        }
        let size = object.get("size").and_then(Value::as_u64);
        let size = size.filter(|size| *size <= LARGEST);
        if size.is_none() {
            let detail = format!("must be a number of bytes, {LARGEST} at most");
            errors.push(FieldError::new("size", detail));
        }
        let content_type = match object.get("content_type") {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_str().filter(|value| is_media_type(value)) {
                Some(value) => Some(value.to_owned()),
                None => {
                    errors.push(FieldError::new("content_type", "must be a media type"));
                    None
                }
            },
        };
        match (name, size, errors.is_empty()) {
            (Some(name), Some(size), true) => Ok(Self {
                name: name.to_owned(),
                size,
                content_type,
            }),
            _ => Err(errors),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn every_wrong_member_is_named() {
        let read = |value: Value| {
            File::read(value.as_object().unwrap())
                .map(|file| (file.name, file.size))
                .map_err(|errors| errors.into_iter().map(|error| error.field).collect())
        };
        let refused = |fields: &[&str]| -> Result<(String, u64), Vec<String>> {
            Err(fields.iter().map(|field| (*field).to_owned()).collect())
        };
        assert_eq!(read(json!({})), refused(&["filename", "size"]));
        for (value, fields) in [
            (json!({ "filename": "a/b", "size": 1 }), &["filename"][..]),
            (json!({ "filename": 7, "size": 1 }), &["filename"]),
            (json!({ "filename": "a", "size": -1 }), &["size"]),
            (json!({ "filename": "a", "size": 1.5 }), &["size"]),
            (json!({ "filename": "a", "size": "1" }), &["size"]),
            (json!({ "filename": "a", "size": LARGEST + 1 }), &["size"]),
            (
                json!({ "filename": "a", "size": 1, "content_type": "x" }),
                &["content_type"],
            ),
        ] {
            assert_eq!(read(value.clone()), refused(fields), "{value}");
        }
        let whole = json!({ "filename": "a", "size": 0, "content_type": "video/mp4", "more": 1 });
        assert_eq!(read(whole), Ok(("a".to_owned(), 0)));
    }
}
