//! Uploads that are made of others: tus' extension `concatenation`.

use std::rc::Rc;

use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_service::{Call, Context, Outcome, judge_again};
use spinreel_tus::{CreateFinal, header};

use super::answers::{http_date, put};
use super::problems::{refusal, refused};
use super::{
    UPLOADS, WasiStorage, after_upload, created_at, details, has_body, owner, said_of_file, storage,
};
use crate::domain::resumable::{Joined, NewFinal, ResumableError, UploadId};

/// Creates a final upload of these parts, the paths of their URLs; `concat`: the field that names them.
pub(super) async fn create(call: Call, parts: Vec<String>, concat: String) -> Outcome {
    let context = call.context.clone();
    let create = CreateFinal::parse(&call.request.headers).map_err(refusal)?;
    if has_body(&call) {
        return Err(refused(&context, ResumableError::OfParts));
    }
    let user = call.caller.user()?;
    let owner = owner(user);
    let said = said_of_file(&context, &create.metadata)?;
    // What is no upload's URL is as little a part as one that is not there.
    let parts: Option<Vec<UploadId>> = parts.iter().map(|path| id_of(path)).collect();
    let parts = parts.ok_or_else(|| refused(&context, ResumableError::NoPart))?;
    judge_again(&context, user).await?;
    let video = details::of_parts(&context, &owner, &create.metadata).await?;
    let new = NewFinal {
        id: said.id,
        name: said.name,
        content_type: said.content_type,
        metadata: create.metadata_text,
        video,
        concat,
        parts,
    };
    let (id, joined) = storage(&context)?
        .create_final(&owner, new)
        .await
        .map_err(|error| refused(&context, error))?;
    let mut response = created_at(&call, &id);
    match joined {
        Joined::File(uploaded) => {
            let size = uploaded.file.object.size;
            put(&mut response, header::UPLOAD_OFFSET, size);
            after_upload(&context, &owner.user_id, *uploaded, 0);
        }
        Joined::Waiting { expires_ms } => {
            put(&mut response, header::UPLOAD_EXPIRES, http_date(expires_ms));
            context.log.info(
                Action::UploadCreated,
                "Created an upload of parts",
                json!({ "video.id": id.file(), "upload.id": id.to_string() }),
            );
        }
    }
    Ok(response)
}

/// Makes files of the final uploads whose parts are all there by now.
pub(super) async fn join_waiting(context: &Rc<Context>, storage: &WasiStorage<'_>, user_id: &str) {
    match storage.join_waiting(user_id).await {
        Ok(joined) => {
            for uploaded in joined {
                after_upload(context, user_id, uploaded, 0);
            }
        }
        // The next look at the upload, or its expiry, tries again.
        Err(error) => context.log.internal(
            Level::Warn,
            Action::UploadFailed,
            format!("An upload was not made of its parts: {error}"),
            json!({}),
        ),
    }
}

fn id_of(path: &str) -> Option<UploadId> {
    let id = path.strip_prefix(UPLOADS)?.strip_prefix('/')?;
    id.parse().ok()
}
