use std::rc::Rc;

use http::StatusCode;
use serde_json::json as fields;
use spinreel_api::accounts::ChangePassword;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_http::problem::Unauthenticated;
use spinreel_http::{FieldError, Problem};
use spinreel_service::{Call, Context, Outcome, empty, json};

use super::{
    crowded, departed, departures, hashes_per_second, too_many, unavailable, unchanged, unhashable,
};
use crate::domain::accounts::{self, Account};
use crate::domain::departure::Progress;
use crate::domain::password_change::{PasswordError, change_password};
use crate::domain::sessions::SessionId;
use crate::peers::HttpPeers;

/// `GET /v1/users/me`: the caller's own account.
pub(crate) async fn me(call: Call) -> Outcome {
    let user_id = &call.caller.user()?.user_id;
    let account = accounts::find(&call.context.store, user_id)
        .await
        .map_err(unavailable)?
        .filter(Account::is_open)
        .ok_or_else(outlived)?;
    json(StatusCode::OK, &account.user())
}

/// `PATCH /v1/users/me`: changes the caller's password and ends the other sessions.
pub(crate) async fn change(mut call: Call) -> Outcome {
    let wish: ChangePassword = call.request.json().await?;
    let context = &call.context;
    let user = call.caller.user()?;
    let session = SessionId::parse(&user.session_id)
        .filter(|id| id.user_id() == user.user_id)
        .ok_or_else(outlived)?;
    let random = &context.random;
    let hashes = hashes_per_second(&context.settings);
    let (store, clock) = (&context.store, &context.clock);
    let account = change_password(store, clock, random, hashes, &session, &wish)
        .await
        .map_err(|error| refused(context, error))?;
    context.audit(
        Action::UserPasswordChanged,
        format!("{} changed the password", account.username),
        fields!({ "session.id": session.to_string() }),
    );
    json(StatusCode::OK, &account.user())
}

fn refused(context: &Context, error: PasswordError) -> Problem {
    match error {
        PasswordError::TooMany(pause) => too_many(
            "Too many guesses at the password failed. Please wait.",
            pause,
        ),
        PasswordError::Crowded => crowded(),
        PasswordError::Wrong => {
            context.audit(
                Action::UserPasswordChangeFailed,
                "A password was not changed: the current one is wrong",
                fields!({ "failure.reason": "wrong_password" }),
            );
            Problem::new(
                StatusCode::FORBIDDEN,
                "wrong_password",
                "The current password is wrong.",
            )
        }
        PasswordError::Fault(fault) => Problem::invalid(vec![FieldError::new("password", fault)]),
        PasswordError::Hash(error) => unhashable(error),
        PasswordError::Change(error) => unchanged(error, outlived),
    }
}

/// `DELETE /v1/users/me`: shuts the caller's account; everything that is kept of the user is removed after the answer.
pub(crate) async fn delete(call: Call) -> Outcome {
    let context = &call.context;
    let user = call.caller.user()?;
    let peers = HttpPeers(context);
    let number = departures(context, &peers)
        .begin(&user.user_id)
        .await
        .map_err(|error| unchanged(error, outlived))?;
    if let Some(number) = number {
        context.audit(
            Action::UserDeleted,
            format!("{} deleted the account", user.username),
            fields!({ "user.id": user.user_id }),
        );
        let after = Rc::clone(context);
        context.after_answer(async move { go_on(&after, number).await });
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Goes on with a departure. What cannot be finished now is left for a sweep.
async fn go_on(context: &Context, number: u64) {
    let peers = HttpPeers(context);
    match departures(context, &peers).run(number).await {
        Ok(Progress::Finished { user_id }) => departed(context, &user_id),
        Ok(Progress::Nothing | Progress::Pending) => {}
        Err(error) => {
            context.log.internal(
                Level::Warn,
                Action::UserDepartureFailed,
                error.to_string(),
                fields!({}),
            );
        }
    }
}

/// The token outlived its account.
fn outlived() -> Problem {
    Problem::unauthenticated(Unauthenticated::InvalidToken)
}
