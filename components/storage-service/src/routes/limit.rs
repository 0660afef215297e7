//! `PUT /internal/storage/users/{id}/limit`.

use http::StatusCode;
use spinreel_api::internal::SetLimit;
use spinreel_http::{FieldError, Problem};
use spinreel_service::{Call, Outcome, empty};

use super::{report_use, storage, user_in_path};
use crate::domain::limit::MAX_LIMIT;
use crate::domain::record::UserFiles;

/// Gives a user a limit of their own, or takes it away: 204. What is used may be most of it by that.
pub async fn set(mut call: Call) -> Outcome {
    let request: SetLimit = call.request.json().await?;
    if request.limit_bytes.is_some_and(|bytes| bytes > MAX_LIMIT) {
        let detail = format!("must be {MAX_LIMIT} at most");
        return Err(Problem::invalid(vec![FieldError::new(
            "limit_bytes",
            detail,
        )]));
    }
    let user_id = user_in_path(&call)?.to_owned();
    call.caller.must_be_about(&user_id)?;
    let context = call.context.clone();
    storage(&context)?
        .set_limit(&UserFiles::new(&user_id), request.limit_bytes)
        .await
        .map_err(Problem::unavailable)?;
    let after = context.clone();
    context.after_answer(async move { report_use(&after, &user_id).await });
    Ok(empty(StatusCode::NO_CONTENT))
}
