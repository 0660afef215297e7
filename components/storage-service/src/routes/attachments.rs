//! `POST /internal/storage/attachments`, `DELETE /internal/storage/attachments/{id}`.

use http::StatusCode;
use spinreel_api::internal::Attachment;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, empty, json};

use super::delete_file::delete_problem;
use super::upload::upload_problem;
use super::uploads::Body;
use super::{report_use, storage, tidy_after};
use crate::domain::content;
use crate::domain::record::{Owner, Purpose, VideoHead, is_user_id};
use crate::domain::upload::NewFile;
use crate::multipart::is_media_type;

/// Stores the body as an attachment: what the catalogue keeps beside a video of the user `user_id`. Its object's name and
/// its entity tag begin with `id`; each call makes another one. It counts in the quota unless `in_quota` is `false`.
pub async fn attach(mut call: Call) -> Outcome {
    let context = call.context.clone();
    let owner = owner(&call)?;
    let query = &call.request.query;
    let id = query.get("id").filter(|id| is_user_id(id));
    let id = id.ok_or_else(|| Problem::malformed("id must be letters, digits and hyphens."))?;
    let content_type = query.get("content_type").filter(|text| is_media_type(text));
    let content_type =
        content_type.ok_or_else(|| Problem::malformed("content_type must be a media type."))?;
    let in_quota = query.get("in_quota") != Some("false");
    let file = NewFile {
        id: id.to_owned(),
        name: String::new(),
        purpose: match in_quota {
            true => Purpose::Attachment,
            false => Purpose::Derived,
        },
        content_type: content_type.to_owned(),
        video: VideoHead::default(),
        expected: call.request.content_length().unwrap_or(0),
    };
    let mut source = Body(call.request.take_body()?);
    let uploaded = storage(&context)?.upload(&owner, file, &mut source).await;
    let uploaded = uploaded.map_err(upload_problem)?;
    let attachment = Attachment {
        location: content::location(&owner.user_id, uploaded.number),
        size: uploaded.file.object.size,
        etag: uploaded.file.head.etag(),
        content_type: uploaded.file.head.content_type,
    };
    let after = context.clone();
    context.after_answer(async move {
        if in_quota {
            report_use(&after, &owner.user_id).await;
        }
        tidy_after(&after, &owner.user_id, uploaded.number).await;
    });
    json(StatusCode::CREATED, &attachment)
}

/// Deletes what came of attachments of an id, where the caller does not know. Harmless when repeated.
pub async fn detach(call: Call) -> Outcome {
    let owner = owner(&call)?;
    let id = call.parameters.get("id");
    if !is_user_id(id) {
        return Err(Problem::not_found());
    }
    storage(&call.context)?
        .delete_attached(&owner, id)
        .await
        .map_err(delete_problem)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// The user whom the call names and is about.
fn owner(call: &Call) -> Result<Owner, Problem> {
    let user_id = call.request.query.get("user_id");
    let user_id = user_id.filter(|id| is_user_id(id));
    let user_id = user_id.ok_or_else(|| Problem::malformed("user_id must be a user's id."))?;
    call.caller.must_be_about(user_id)?;
    Ok(Owner {
        user_id: user_id.to_owned(),
        // Attachments are named by the user's id.
        username: String::new(),
    })
}
