//! The service's handlers.

pub(crate) mod actions;
pub(crate) mod alerts;
pub(crate) mod daily;
pub(crate) mod health;
pub(crate) mod limit;
pub(crate) mod purge;
pub(crate) mod reservations;
pub(crate) mod settlements;
pub(crate) mod today;
pub(crate) mod webhook;

use std::rc::Rc;

use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_http::Problem;
use spinreel_ledger::LedgerError;
use spinreel_service::{Call, Context, WasiClock, WasiStore};

use crate::domain::validation::is_id;
use crate::domain::{Usage, UsageError};

pub(crate) use webhook::delivering;

/// The domain on the request's surroundings.
fn usage(context: &Context) -> Usage<'_, WasiStore, WasiClock> {
    let limit_bytes = context.settings.number("bandwidth_limit_bytes");
    Usage::new(&context.store, &context.clock, limit_bytes)
        .with_webhook(webhook::endpoint(context).is_some())
}

/// The user that an admin or a service asks about. An id that no user can have is a path that does not exist; of any other, this
/// service knows only whether there are numbers.
fn user_in_path(call: &Call) -> Result<String, Problem> {
    let id = call.parameters.get("id");
    if is_id(id) {
        Ok(id.to_owned())
    } else {
        Err(Problem::not_found())
    }
}

/// What an error of the domain is for a client.
fn problem(error: UsageError) -> Problem {
    match error {
        UsageError::Ledger(LedgerError::Corrupt { .. }) => Problem::internal(error),
        UsageError::Ledger(LedgerError::Store(_)) => Problem::unavailable(error),
    }
}

/// Seals old days of a user, when the answer has been sent.
fn seal_later(context: &Rc<Context>, user: String) {
    let after = Rc::clone(context);
    context.after_answer(async move {
        let sealed = usage(&after).seal(&user).await;
        note_unsealed(&after, sealed);
    });
}

/// Says in the log that sealing failed, where it did.
fn note_unsealed(context: &Context, sealed: Result<(), UsageError>) {
    if let Err(error) = sealed {
        context.log.internal(
            Level::Error,
            Action::UsageSealFailed,
            error.to_string(),
            json!({}),
        );
    }
}
