use http::StatusCode;
use http::header::USER_AGENT;
use serde_json::json;
use spinreel_api::accounts::Credentials;
use spinreel_api::actions::Action;
use spinreel_http::Problem;
use spinreel_service::{Call, Context, Outcome};

use super::{first_admin, refresh_seconds, refused_registration, tokens, unavailable, unhashable};
use crate::domain::attempts::Pause;
use crate::domain::login::{LoginError, World, login as log_in, still_opens};
use crate::domain::{endings, sessions};

/// `POST /v1/sessions`: from an address and a password to tokens.
pub(crate) async fn login(mut call: Call) -> Outcome {
    let credentials: Credentials = call.request.json().await?;
    let context = &call.context;
    let admin = first_admin(&context.settings)?;
    let client_address = context.client_address();
    let world = World {
        store: &context.store,
        clock: &context.clock,
        random: &context.random,
        first_admin: admin.as_ref(),
        secret: context.settings.text("service_secret"),
        client_address: client_address.as_deref(),
        new_id: context.new_id(),
    };
    let account = log_in(world, &credentials)
        .await
        .map_err(|error| refused(context, error))?;
    context.log.set_user(&account.id);
    let granted = sessions::begin(
        &context.store,
        &context.clock,
        &context.random,
        &account.id,
        call.request.header(USER_AGENT),
        refresh_seconds(&context.settings),
    )
    .await
    .map_err(unavailable)?;
    if !still_opens(&context.store, &account, &credentials.password)
        .await
        .map_err(unavailable)?
    {
        endings::end(&context.store, &context.clock, &granted.id)
            .await
            .map_err(unavailable)?;
        let user_id = Some(account.id);
        return Err(refused(context, LoginError::Invalid { user_id }));
    }
    context.audit(
        Action::SessionCreated,
        format!("{} signed in", account.username),
        json!({ "session.id": granted.id.to_string() }),
    );
    tokens(context, &account, granted).await
}

fn refused(context: &Context, error: LoginError) -> Problem {
    let failed = |message: &str, reason: &str| {
        context.audit(
            Action::SessionFailed,
            message,
            json!({ "failure.reason": reason }),
        );
    };
    match error {
        LoginError::Invalid { user_id: Some(id) } => {
            context.log.set_user(&id);
            failed("A sign-in failed: the password is wrong", "wrong_password");
            Problem::invalid_credentials()
        }
        LoginError::Invalid { user_id: None } => {
            failed(
                "A sign-in failed: the address is unknown",
                "unknown_address",
            );
            Problem::invalid_credentials()
        }
        LoginError::Disabled { user_id } => {
            context.log.set_user(&user_id);
            failed("A sign-in failed: the account is disabled", "disabled");
            Problem::new(
                StatusCode::FORBIDDEN,
                "account_disabled",
                "This account is disabled.",
            )
        }
        LoginError::TooMany(Pause { wait_s }) => {
            failed(
                "A sign-in was refused: too many failed",
                "too_many_attempts",
            );
            Problem::too_many(
                "too_many_attempts",
                "Too many sign-ins failed. Please wait.",
                wait_s,
            )
        }
        LoginError::FirstAdmin(error) => refused_first_admin(error),
        LoginError::Hash(error) => unhashable(error),
        LoginError::Ledger(error) => unavailable(error),
    }
}

/// Two first logins of the admin at once: the other one makes the account.
fn refused_first_admin(error: crate::domain::accounts::RegisterError) -> Problem {
    let reason = error.to_string();
    match refused_registration(error) {
        problem if problem.status.is_server_error() => problem,
        _ => Problem::unavailable(format!(
            "the first admin's account could not be made: {reason}"
        )),
    }
}
