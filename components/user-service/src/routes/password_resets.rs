//! Forgotten passwords.

use std::rc::Rc;

use http::StatusCode;
use serde_json::json as fields;
use spinreel_api::accounts::{CompleteReset, ForgottenPassword, PasswordReset};
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_http::problem::Unauthenticated;
use spinreel_http::{FieldError, Problem};
use spinreel_service::{Call, Context, Outcome, WasiClock, WasiHttp, WasiRandom, WasiStore};
use spinreel_service::{empty, json};
use spinreel_webhook::{Endpoint, NO_ORIGIN};

use super::{crowded, hashes_per_second, too_many, unavailable, unchanged, unhashable};
use crate::domain::accounts::{self, Account, ChangeError};
use crate::domain::guesses::count_reset;
use crate::domain::reset_deliveries::{Deliveries, Event, Outcome as Delivery};
use crate::domain::resets::{self, ResetError, ResetToken};
use crate::domain::validation::Email;

/// `POST /v1/password-resets`: has a token sent to whoever has this address. Everything that depends on whether anybody
/// has it is done after the answer, which is the same for all.
pub(crate) async fn request(mut call: Call) -> Outcome {
    let request: ForgottenPassword = call.request.json().await?;
    let context = &call.context;
    let accepted = Ok(empty(StatusCode::ACCEPTED));
    let endpoint = endpoint(context)?;
    let (Some(email), Some(endpoint)) = (Email::parse(&request.email), endpoint) else {
        return accepted;
    };
    let client = context.client_address();
    let secret = context.settings.text("service_secret");
    let counted = count_reset(
        &context.store,
        &context.clock,
        secret,
        client.as_deref(),
        &email,
    )
    .await
    .map_err(unavailable)?;
    let may_send = counted.map_err(|pause| {
        let detail = "Too many passwords were said to be forgotten. Please wait.";
        too_many(detail, pause)
    })?;
    let after = Rc::clone(context);
    context.after_answer(async move {
        if let Err(error) = send(&after, &endpoint, &email, may_send).await {
            undelivered(&after, Level::Error, &error.to_string());
        }
    });
    accepted
}

/// Sends a token to whoever has the address, and what else is due.
async fn send(
    context: &Context,
    endpoint: &Endpoint,
    email: &Email,
    may_send: bool,
) -> Result<(), ChangeError> {
    let refused = |message: &str, reason: &str| {
        let fields = fields!({ "failure.reason": reason });
        context.audit(Action::PasswordResetRefused, message, fields);
    };
    let account = accounts::find_by_email(&context.store, email).await?;
    match account {
        _ if !may_send => refused(
            "A password was said to be forgotten too often",
            "too_many_attempts",
        ),
        Some(account) if account.is_open() => {
            context.log.set_user(&account.id);
            context.audit(
                Action::PasswordResetRequested,
                format!(
                    "{} is said to have forgotten the password",
                    account.username
                ),
                fields!({}),
            );
            let event = deliveries(context, endpoint).begin(&account).await?;
            event.iter().for_each(|event| tell(context, event));
        }
        Some(account) => {
            context.log.set_user(&account.id);
            refused(
                "No password is replaced: the account cannot be used",
                "disabled",
            );
        }
        None => refused(
            "No password is replaced: the address is unknown",
            "unknown_address",
        ),
    }
    deliver_due(context, endpoint).await?;
    Ok(())
}

/// Sends what is due to the webhook, where there is one.
pub(super) async fn sweep(context: &Context) {
    let Ok(Some(endpoint)) = endpoint(context) else {
        return;
    };
    if let Err(error) = deliver_due(context, &endpoint).await {
        undelivered(context, Level::Error, &error.to_string());
    }
}

async fn deliver_due(context: &Context, endpoint: &Endpoint) -> Result<(), ChangeError> {
    let events = deliveries(context, endpoint).deliver_due().await?;
    events.iter().for_each(|event| tell(context, event));
    Ok(())
}

fn deliveries<'a>(
    context: &'a Context,
    endpoint: &'a Endpoint,
) -> Deliveries<'a, WasiStore, WasiClock, WasiRandom, WasiHttp> {
    Deliveries {
        store: &context.store,
        clock: &context.clock,
        random: &context.random,
        http: &context.http,
        endpoint,
        secret: context.settings.text("service_secret"),
    }
}

/// Where tokens are sent to: where alerts are. `None` where there is no webhook.
fn endpoint(context: &Context) -> Result<Option<Endpoint>, Problem> {
    let text = |name| context.settings.text(name);
    let origin = text("alert_webhook_origin");
    let endpoint = Endpoint::new(
        origin,
        text("alert_webhook_path"),
        text("alert_webhook_secret"),
    );
    match endpoint {
        None if origin != NO_ORIGIN => Err(Problem::internal(
            "alert_webhook_path or alert_webhook_secret is wrong",
        )),
        endpoint => Ok(endpoint),
    }
}

/// Puts what happened to a token into the log, for operators.
fn tell(context: &Context, event: &Event) {
    let (level, action, message) = match &event.outcome {
        Delivery::Delivered => (
            Level::Info,
            Action::PasswordResetDelivered,
            "A token for a forgotten password was delivered".to_owned(),
        ),
        Delivery::Failed(reason) => (
            Level::Warn,
            Action::PasswordResetUndelivered,
            format!("A token for a forgotten password was not delivered: {reason}"),
        ),
        Delivery::GaveUp(reason) => (
            Level::Error,
            Action::PasswordResetUndelivered,
            format!("A token for a forgotten password was given up: {reason}"),
        ),
    };
    let fields = fields!({ "webhook.id": event.webhook_id, "user.id": event.user_id });
    context.log.internal(level, action, message, fields);
}

fn undelivered(context: &Context, level: Level, reason: &str) {
    let action = Action::PasswordResetUndelivered;
    context.log.internal(level, action, reason, fields!({}));
}

/// `POST /v1/password-resets/complete`: a new password for a token, which ends all sessions.
pub(crate) async fn complete(mut call: Call) -> Outcome {
    let request: CompleteReset = call.request.json().await?;
    let context = &call.context;
    let account = resets::complete(
        &context.store,
        &context.clock,
        &context.random,
        hashes_per_second(&context.settings),
        &request.token,
        &request.password,
    )
    .await
    .map_err(|error| not_replaced(context, error))?;
    context.log.set_user(&account.id);
    context.audit(
        Action::PasswordResetCompleted,
        format!("{} has another password", account.username),
        fields!({}),
    );
    Ok(empty(StatusCode::NO_CONTENT))
}

fn not_replaced(context: &Context, error: ResetError) -> Problem {
    match error {
        ResetError::Invalid => {
            context.audit(
                Action::PasswordResetFailed,
                "A password was not replaced: the token is not good",
                fields!({ "failure.reason": "reset_token_invalid" }),
            );
            Problem {
                code: "reset_token_invalid",
                detail: "The token is wrong, was used, or is over.".to_owned(),
                ..Problem::unauthenticated(Unauthenticated::InvalidToken)
            }
        }
        ResetError::Crowded => crowded(),
        ResetError::Fault(fault) => Problem::invalid(vec![FieldError::new("password", fault)]),
        ResetError::Hash(error) => unhashable(error),
        ResetError::Change(error) => unchanged(error, Problem::not_found),
    }
}

/// `POST /v1/users/{id}/password-reset`: a token for a user who asks an operator.
pub(crate) async fn issue(call: Call) -> Outcome {
    let context = &call.context;
    let admin_id = &call.caller.user()?.user_id;
    let id = call.parameters.get("id");
    let account = match accounts::is_id(id) {
        true => accounts::find(&context.store, id)
            .await
            .map_err(unavailable)?,
        false => None,
    };
    let account = account.filter(|account| account.leaving_since.is_none());
    let account = account.ok_or_else(Problem::not_found)?;
    let token = ResetToken::by_chance(&account.id, &context.random);
    let issued = resets::issue(&context.store, &context.clock, &token, Vec::new()).await;
    let expires_at = issued.map_err(|error| unchanged(error, || not_open(&account)))?;
    context.log.set_user(&account.id);
    context.log.info(
        Action::PasswordResetIssued,
        format!("{} got a token for a new password", account.username),
        fields!({ "actor.id": admin_id }),
    );
    context.log.set_user(admin_id);
    let reset = PasswordReset {
        token: token.to_string(),
        expires_at,
    };
    json(StatusCode::CREATED, &reset)
}

/// The account cannot be used.
fn not_open(account: &Account) -> Problem {
    match account.disabled {
        true => Problem::conflict("account_disabled", "The account is disabled."),
        false => Problem::not_found(),
    }
}
