//! `DELETE /delete-file`.

use std::rc::Rc;

use http::StatusCode;
use serde_json::json;
use spinreel_api::Timestamp;
use spinreel_api::actions;
use spinreel_api::logs::Level;
use spinreel_api::storage::{DeleteFile, Message};
use spinreel_api::usage::{Action, ActionKind};
use spinreel_http::Problem;
use spinreel_platform::Clock;
use spinreel_service::{Call, Context, Outcome, empty, json};

use super::content::location;
use super::{bucket_problem, owner, storage, tidy_after};
use crate::domain::content::owner_of;
use crate::domain::delete::{DeleteError, Deleted};
use crate::domain::peers::Peers;
use crate::peers::HttpPeers;

/// How a body is refused that is no JSON, or JSON of another shape.
const NAMES_NO_FILE: [StatusCode; 2] = [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY];

/// Deletes a file of the caller by its name.
pub async fn delete_file(mut call: Call) -> Outcome {
    let context = call.context.clone();
    let owner = owner(call.caller.user()?);
    let request: DeleteFile = match call.request.json().await {
        Ok(request) => request,
        // The seed has one answer for a body that names no file, whatever is wrong with it.
        Err(problem) if NAMES_NO_FILE.contains(&problem.status) => {
            return Err(no_filename().because(problem.code));
        }
        Err(problem) => return Err(problem),
    };
    let filename = request.filename.filter(|name| !name.is_empty());
    let filename = filename.ok_or_else(no_filename)?;
    let name = filename
        .strip_prefix(&format!("{}/", owner.username))
        .unwrap_or(&filename);
    let deleted = storage(&context)?
        .delete(&owner, name)
        .await
        .map_err(delete_problem)?;
    after_deletion(&context, owner.user_id, deleted);
    let message = "File deleted successfully".to_owned();
    json(StatusCode::OK, &Message { message })
}

/// Deletes the file at a location, whatever it is for; also where it is gone already, as far as the caller can tell. The
/// catalogue is not told: it asks.
pub async fn delete_at(call: Call) -> Outcome {
    let location = location(&call)?;
    let context = &call.context;
    let deleted = storage(context)?
        .delete_at(location)
        .await
        .map_err(delete_problem)?;
    let user_id = owner_of(location).unwrap_or_default().to_owned();
    match deleted {
        Some((file, deleted)) if file.head.purpose.is_video() => {
            after_deletion(context, user_id, deleted);
        }
        Some((_, deleted)) => {
            let after = Rc::clone(context);
            context.after_answer(async move {
                tidy_after(&after, &user_id, deleted.operation).await;
            });
        }
        None => {}
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Says in the log that a file was deleted, and after the answer does what nobody waits for.
pub(super) fn after_deletion(context: &Rc<Context>, user_id: String, deleted: Deleted) {
    context.log.info(
        actions::Action::FileDeleted,
        format!("Deleted {} bytes", deleted.size),
        json!({ "video.id": deleted.id, "file.bytes": deleted.size }),
    );
    let after = Rc::clone(context);
    context.after_answer(async move {
        let action = Action {
            at: Timestamp::from_ms(after.clock.now_ms()),
            action: ActionKind::Delete,
            video_id: Some(deleted.id.clone()),
            bytes: deleted.size,
        };
        let settled = HttpPeers::new(&after)
            .settle_bandwidth(&user_id, &[], 0, Some(action))
            .await;
        if let Err(error) = settled {
            after.log.internal(
                Level::Warn,
                actions::Action::UsageUnsettled,
                error.to_string(),
                json!({ "video.id": deleted.id }),
            );
        }
        tidy_after(&after, &user_id, deleted.operation).await;
    });
}

fn no_filename() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "no_filename",
        "No filename provided",
    )
}

/// What a client is told when a file cannot be deleted.
pub(super) fn delete_problem(error: DeleteError) -> Problem {
    match error {
        DeleteError::NotFound => Problem::new(StatusCode::NOT_FOUND, "not_found", "File not found"),
        DeleteError::Bucket(error) => match bucket_problem(&error) {
            problem if problem.status == StatusCode::SERVICE_UNAVAILABLE => problem,
            problem => Problem {
                detail: "The bucket refused to delete the file".to_owned(),
                ..problem
            },
        },
        DeleteError::Busy | DeleteError::Ledger(_) | DeleteError::Peer(_) => {
            Problem::unavailable(error)
        }
    }
}
