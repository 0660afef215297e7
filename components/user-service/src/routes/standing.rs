use futures::future::LocalBoxFuture;
use spinreel_api::internal::{AskStanding, Standing};
use spinreel_http::Problem;
use spinreel_service::Context;

use super::unavailable;
use crate::domain::accounts;
use crate::domain::sessions::{self, SessionId};

/// What a session is good for at this moment.
pub(crate) fn of_session(
    context: &Context,
    question: AskStanding,
) -> LocalBoxFuture<'_, Result<Standing, Problem>> {
    Box::pin(async move {
        let session = SessionId::parse(&question.session_id)
            .filter(|session| session.user_id() == question.user_id);
        let is_live = match session {
            Some(session) => sessions::is_live(&context.store, &context.clock, &session)
                .await
                .map_err(unavailable)?,
            None => false,
        };
        let account = accounts::find(&context.store, &question.user_id)
            .await
            .map_err(unavailable)?;
        Ok(Standing {
            role: account
                .filter(|account| is_live && account.is_open())
                .map(|account| account.role),
        })
    })
}
