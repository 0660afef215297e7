use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use serde::Deserialize;
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_http::Problem;
use spinreel_service::{Call, Context, Outcome};

use super::{refresh_seconds, tokens, unavailable};
use crate::domain::accounts::{self, Account};
use crate::domain::endings;
use crate::domain::rotation::{self, RefreshError};

#[derive(Deserialize)]
struct Body {
    refresh_token: String,
}

/// `POST /v1/sessions/refresh`: exchanges a refresh token for new tokens.
pub(crate) async fn refresh(mut call: Call) -> Outcome {
    let body: Body = call.request.json().await?;
    let context = &call.context;
    let granted = rotation::refresh(
        &context.store,
        &context.clock,
        &body.refresh_token,
        refresh_seconds(&context.settings),
    )
    .await
    .map_err(|error| refused(context, error))?;
    let user_id = granted.id.user_id();
    context.log.set_user(user_id);
    let account = accounts::find(&context.store, user_id)
        .await
        .map_err(unavailable)?;
    let Some(account) = account.filter(Account::is_open) else {
        endings::end(&context.store, &context.clock, &granted.id)
            .await
            .map_err(unavailable)?;
        return Err(invalid_refresh_token());
    };
    context.audit(
        Action::SessionRefreshed,
        format!("{} refreshed a session", account.username),
        json!({ "session.id": granted.id.to_string() }),
    );
    tokens(context, &account, granted).await
}

fn refused(context: &Context, error: RefreshError) -> Problem {
    match error {
        RefreshError::Invalid => invalid_refresh_token(),
        RefreshError::Reused { user_id } => {
            context.log.set_user(&user_id);
            context.audit_as(
                Level::Warn,
                Action::SessionRefreshReused,
                "A refresh token was used twice: its session was ended",
                json!({}),
            );
            invalid_refresh_token()
        }
        RefreshError::Busy => Problem::unavailable(error),
        RefreshError::Ledger(error) => unavailable(error),
    }
}

fn invalid_refresh_token() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "refresh_token_invalid",
        "The refresh token is not valid. Please sign in again.",
    )
    .header(
        WWW_AUTHENTICATE,
        "Bearer realm=\"spinreel\", error=\"invalid_token\"",
    )
}
