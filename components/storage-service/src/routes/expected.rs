//! Uploads that the catalogue asks for: `POST /internal/storage/uploads`, `DELETE /internal/storage/uploads/{id}`.

use http::StatusCode;
use serde_json::json as fields;
use spinreel_api::Timestamp;
use spinreel_api::actions::Action;
use spinreel_api::internal::{CreateUpload, UploadCreated};
use spinreel_http::{FieldError, Problem};
use spinreel_service::{Call, Outcome, empty, json};

use super::upload::media_type;
use super::uploads::{refused, upload_id};
use super::{report_use, storage, tidy_after};
use crate::domain::file_name;
use crate::domain::record::{Owner, VideoHead, is_user_id};
use crate::domain::resumable::{Ended, LARGEST, NewUpload, ResumableError};
use crate::multipart::is_media_type;

/// Creates an upload for a video that the catalogue knows, or is about to: 201.
pub async fn create(mut call: Call) -> Outcome {
    let asked: CreateUpload = call.request.json().await?;
    call.caller.must_be_about(&asked.user_id)?;
    check(&asked)?;
    let context = call.context.clone();
    let owner = Owner {
        user_id: asked.user_id,
        username: asked.username,
    };
    let storage = storage(&context)?;
    let mut new = NewUpload {
        content_type: media_type(asked.content_type.clone(), &asked.filename),
        id: asked.id.clone(),
        name: asked.filename,
        length: asked.size,
        metadata: String::new(),
        video: VideoHead {
            is_expected: true,
            ..VideoHead::default()
        },
        direct: None,
        ends_by_word: false,
        is_part: false,
    };
    if let Some(location) = &asked.replaces {
        let replacement = storage
            .replacement_of(&owner, location, &asked.id)
            .await
            .map_err(|error| refused(&context, error))?;
        new.id = context.new_id();
        new.name = replacement.name;
        new.video = replacement.video;
        new.content_type = asked.content_type.unwrap_or(replacement.content_type);
    }
    let content_type = new.content_type.clone();
    let created = storage
        .create_upload(&owner, new)
        .await
        .map_err(|error| refused(&context, error))?;
    context.log.info(
        Action::UploadCreated,
        "Created an upload",
        fields!({ "video.id": asked.id, "upload.id": created.id.to_string() }),
    );
    let (after, number) = (context.clone(), created.id.number());
    context.after_answer(async move {
        report_use(&after, &owner.user_id).await;
        tidy_after(&after, &owner.user_id, number).await;
    });
    let created = UploadCreated {
        upload_id: created.id.to_string(),
        content_type,
        expires_at: Timestamp::from_ms(created.expires_ms),
    };
    json(StatusCode::CREATED, &created)
}

fn check(asked: &CreateUpload) -> Result<(), Problem> {
    let mut errors = Vec::new();
    let mut require = |good: bool, field: &str, detail: &str| {
        if !good {
            errors.push(FieldError::new(field, detail));
        }
    };
    require(is_user_id(&asked.user_id), "user_id", "must be a user id");
    require(is_user_id(&asked.id), "id", "must be a video's id");
    require(
        file_name::is_valid(&asked.filename),
        "filename",
        "must be a file's name",
    );
    require(
        asked.size.is_none_or(|size| size <= LARGEST),
        "size",
        "must be a size that an object may have",
    );
    let content_type = asked.content_type.as_deref();
    require(
        content_type.is_none_or(is_media_type),
        "content_type",
        "must be a media type",
    );
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Problem::invalid(errors)),
    }
}

/// Ends an upload of the user whom the call is about: 204, also where there is none, or it is a file by now.
pub async fn end(call: Call) -> Outcome {
    let id = upload_id(&call)?;
    let user_id = call.request.query.get("user_id").unwrap_or_default();
    call.caller.must_be_about(user_id)?;
    let context = call.context.clone();
    let ended = storage(&context)?.end_open_upload(user_id, &id).await;
    match ended {
        Ok(Ended::Upload { number }) => {
            context.log.info(
                Action::UploadTerminated,
                "Ended an upload",
                fields!({ "video.id": id.file(), "upload.id": id.to_string() }),
            );
            let (after, user_id) = (context.clone(), user_id.to_owned());
            context.after_answer(async move { tidy_after(&after, &user_id, number).await });
        }
        Ok(Ended::File(_)) | Err(ResumableError::NotFound | ResumableError::Gone) => {}
        Err(error) => return Err(refused(&context, error)),
    }
    Ok(empty(StatusCode::NO_CONTENT))
}
