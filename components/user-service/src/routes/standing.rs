use futures::future::LocalBoxFuture;
use http::StatusCode;
use spinreel_api::internal::{AskStanding, Standing};
use spinreel_http::Problem;
use spinreel_service::{Call, Context, Outcome, json};

use super::unavailable;
use crate::domain::standing::standing;

/// `POST /internal/users/standing`: what a session is good for at this moment.
pub(crate) async fn ask(mut call: Call) -> Outcome {
    let question: AskStanding = call.request.json().await?;
    call.caller.must_be_about(&question.user_id)?;
    json(StatusCode::OK, &of_session(&call.context, question).await?)
}

/// The same, for this service's own routes.
pub(crate) fn of_session(
    context: &Context,
    question: AskStanding,
) -> LocalBoxFuture<'_, Result<Standing, Problem>> {
    Box::pin(async move {
        let (user_id, session_id) = (&question.user_id, &question.session_id);
        let role = standing(&context.store, &context.clock, user_id, session_id)
            .await
            .map_err(unavailable)?;
        Ok(Standing { role })
    })
}
