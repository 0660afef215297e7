//! The calls, a module each.

pub(crate) mod health;
pub(crate) mod jwks;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod me;
pub(crate) mod public;
pub(crate) mod refresh;
pub(crate) mod register;
pub(crate) mod sessions;
pub(crate) mod standing;
pub(crate) mod sweep;
pub(crate) mod sweep_all;
pub(crate) mod tokens;
pub(crate) mod trust;
pub(crate) mod users;
pub(crate) mod videos;

use http::StatusCode;
use serde_json::json as fields;
use spinreel_api::accounts::Tokens;
use spinreel_api::actions::Action;
use spinreel_api::logs::Level;
use spinreel_http::Problem;
use spinreel_identity::{NewAccessToken, Sealer};
use spinreel_ledger::LedgerError;
use spinreel_platform::{Clock, Random, Store};
use spinreel_service::{Caller, Context, Response, Settings, WasiClock, WasiStore, json};

use crate::domain::accounts::{Account, ChangeError, RegisterError};
use crate::domain::departure::Departures;
use crate::domain::guesses::Pause;
use crate::domain::keys::{Keys, KeysError, SEALED_FOR};
use crate::domain::login::FirstAdmin;
use crate::domain::passwords::HashError;
use crate::domain::sessions::Granted;
use crate::peers::HttpPeers;

/// The store's failures, to the client.
fn unavailable(error: LedgerError) -> Problem {
    Problem::unavailable(error)
}

fn no_key(error: KeysError) -> Problem {
    Problem::unavailable(error)
}

/// A change that was not made; `unknown` answers for an account that is not there.
fn unchanged(error: ChangeError, unknown: impl FnOnce() -> Problem) -> Problem {
    match error {
        ChangeError::Unknown => unknown(),
        ChangeError::Busy | ChangeError::Ledger(_) => Problem::unavailable(error),
    }
}

/// Too many guesses failed, or registrations came.
fn too_many(detail: &str, pause: Pause) -> Problem {
    Problem::too_many("too_many_attempts", detail, pause.wait_s)
}

/// As many passwords are hashed as may be at once.
fn crowded() -> Problem {
    let detail = "Too many sign in or register at this moment. Please try again.";
    Problem::too_many("too_many_attempts", detail, 1)
}

/// See [`hashing::may_begin`](crate::domain::hashing::may_begin).
fn hashes_per_second(settings: &Settings) -> u64 {
    u64::try_from(settings.number("password_hashes_per_second")).unwrap_or(0)
}

fn unhashable(error: HashError) -> Problem {
    Problem::internal(error)
}

fn refused_registration(error: RegisterError) -> Problem {
    match error {
        RegisterError::EmailTaken => Problem::conflict(
            "email_taken",
            "There is an account with this e-mail address.",
        ),
        RegisterError::UsernameTaken => {
            Problem::conflict("username_taken", "There is an account with this username.")
        }
        RegisterError::TooSlow | RegisterError::Ledger(_) => Problem::unavailable(error),
    }
}

/// The admin that the variables name, if they name one.
fn first_admin(settings: &Settings) -> Result<Option<FirstAdmin>, Problem> {
    FirstAdmin::new(
        settings.text("admin_email"),
        settings.text("admin_password"),
    )
    .map_err(Problem::internal)
}

/// Who does something, for the log: an admin or a service.
fn actor(caller: &Caller) -> Option<&str> {
    match caller {
        Caller::User(user) => Some(&user.user_id),
        Caller::Service(service) => Some(&service.from),
        Caller::Anonymous => None,
    }
}

/// A number of seconds from a variable; the shell has checked that it is one.
fn seconds(settings: &Settings, name: &str) -> u64 {
    u64::try_from(settings.number(name)).unwrap_or(0)
}

fn refresh_seconds(settings: &Settings) -> u64 {
    seconds(settings, "refresh_token_seconds")
}

fn access_seconds(settings: &Settings) -> u64 {
    seconds(settings, "access_token_seconds")
}

/// The keys that sign access tokens.
fn keys(context: &Context) -> Keys<'_, impl Store, impl Clock, impl Random> {
    Keys {
        store: &context.store,
        clock: &context.clock,
        random: &context.random,
        sealer: Sealer::new(context.settings.text("service_secret"), SEALED_FOR),
        token_seconds: access_seconds(&context.settings),
    }
}

/// The departures of users.
fn departures<'a>(
    context: &'a Context,
    peers: &'a HttpPeers<'a>,
) -> Departures<'a, WasiStore, WasiClock, HttpPeers<'a>> {
    Departures {
        store: &context.store,
        clock: &context.clock,
        peers,
        offline: false,
    }
}

/// Tells that nothing is left of a user. The line is for operators: there is nobody else to read it.
fn departed(context: &Context, user_id: &str) {
    context.log.internal(
        Level::Info,
        Action::UserDeparted,
        "Everything of a user who deleted the account was removed",
        fields!({ "user.id": user_id }),
    );
}

/// A session's tokens for an account (RFC 6749, section 5.1).
async fn tokens(
    context: &Context,
    account: &Account,
    granted: Granted,
) -> Result<Response, Problem> {
    let expires_in = access_seconds(&context.settings);
    let key = keys(context).current().await.map_err(no_key)?;
    let new = NewAccessToken {
        user_id: &account.id,
        username: &account.username,
        role: account.role,
        session_id: &granted.id.to_string(),
    };
    let access_token = key
        .issue(&new, expires_in, context.clock.now_ms() / 1_000)
        .map_err(Problem::internal)?;
    let tokens = Tokens {
        access_token,
        token_type: "Bearer".to_owned(),
        expires_in,
        refresh_token: granted.refresh_token,
    };
    json(StatusCode::OK, &tokens)
}
