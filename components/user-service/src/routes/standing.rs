use futures::future::LocalBoxFuture;
use spinreel_api::internal::{AskStanding, Standing};
use spinreel_http::Problem;
use spinreel_service::Context;

use super::unavailable;
use crate::domain::accounts;

/// What a session is good for at this moment.
pub(crate) fn of_session(
    context: &Context,
    question: AskStanding,
) -> LocalBoxFuture<'_, Result<Standing, Problem>> {
    Box::pin(async move {
        let account = accounts::find(&context.store, &question.user_id)
            .await
            .map_err(unavailable)?;
        Ok(Standing {
            role: account
                .filter(|account| account.is_open())
                .map(|account| account.role),
        })
    })
}
