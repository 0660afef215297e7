//! `POST /v1/videos/{id}/replacement`.

use std::rc::Rc;

use serde_json::{Map, Value, json as fields};
use spinreel_api::actions::Action;
use spinreel_api::internal::CreateUpload;
use spinreel_http::{FieldError, Problem};
use spinreel_service::{Call, Outcome};

use super::create::{answer, create_upload, waiting};
use crate::domain::arrival::note_upload;
use crate::domain::catalogue::find;
use crate::domain::ending::Files as _;
use crate::domain::new_video::size;
use crate::files::HttpFiles;
use crate::routes::{ledger_problem, update_problem, video_id};

/// Creates an upload that brings a video new bytes: `{size?, content_type?}`, all of it optional. The old ones serve until
/// the new ones are whole.
pub(crate) async fn replace(mut call: Call) -> Outcome {
    let object: Map<String, Value> = call.request.json_or_default().await?;
    let context = Rc::clone(&call.context);
    let user = call.caller.user()?;
    let size = size(&object).map_err(|error| Problem::invalid(vec![error]))?;
    let content_type = match object.get("content_type") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => {
            let error = FieldError::new("content_type", "must be a media type");
            return Err(Problem::invalid(vec![error]));
        }
    };
    let record = find(&context.store, video_id(&call)?)
        .await
        .map_err(ledger_problem)?
        // Others' videos, and what is in the trash, cannot be replaced; nor can what has no bytes yet.
        .filter(|record| record.stored.owner == user.user_id && record.plays())
        .ok_or_else(Problem::not_found)?;
    let upload = CreateUpload {
        user_id: user.user_id.clone(),
        username: user.username.clone(),
        id: record.id.clone(),
        filename: record.stored.filename.clone(),
        size,
        content_type,
        replaces: Some(record.stored.location.clone()),
    };
    let created = create_upload(&context, &upload).await?;
    let (store, clock) = (&context.store, &context.clock);
    let noted = note_upload(store, clock, &record.id, &created.upload_id).await;
    let noted = noted
        .map_err(update_problem)
        .and_then(|noted| noted.ok_or_else(Problem::not_found));
    let record = match noted {
        Ok(record) => record,
        Err(problem) => {
            // One that does not end now ends when it expires: nobody has heard of it.
            let _ = HttpFiles(&context)
                .end_upload(&user.user_id, &created.upload_id)
                .await;
            return Err(problem);
        }
    };
    context.log.info(
        Action::VideoChanged,
        "A video waits for other bytes",
        fields!({ "video.id": record.id }),
    );
    answer(&waiting(
        &call.request,
        &context,
        &record,
        &created.upload_id,
    ))
}
