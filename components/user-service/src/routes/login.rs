use http::header::{COOKIE, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use spinreel_api::accounts::Credentials;
use spinreel_api::actions::Action;
use spinreel_http::Problem;
use spinreel_service::{Call, Context, Outcome};

use super::{
    crowded, first_admin, hashes_per_second, refresh_seconds, refused_registration, tokens,
    too_many, unavailable, unhashable,
};
use crate::domain::login::{LoginError, World, login as log_in, still_opens};
use crate::domain::validation::Email;
use crate::domain::{device, endings, sessions};

/// The cookie of a [`device`].
const DEVICE: &str = "device";

/// `POST /v1/sessions`: from an address and a password to tokens.
pub(crate) async fn login(mut call: Call) -> Outcome {
    let credentials: Credentials = call.request.json().await?;
    let context = &call.context;
    let admin = first_admin(&context.settings)?;
    let client_address = context.client_address();
    let secret = context.settings.text("service_secret");
    let shown_devices = shown_devices(&call.request.headers);
    let world = World {
        store: &context.store,
        clock: &context.clock,
        random: &context.random,
        first_admin: admin.as_ref(),
        secret,
        client_address: client_address.as_deref(),
        shown_devices: &shown_devices,
        hashes_per_second: hashes_per_second(&context.settings),
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
    let mut response = tokens(context, &account, granted).await?;
    if let Some(email) = Email::parse(&account.email) {
        let value = device::new_value(secret, &context.clock, &context.random, &email);
        response.headers_mut().append(SET_COOKIE, cookie(&value)?);
    }
    Ok(response)
}

/// The cookie of a new device: for sign-ins only, and for no script and no other site (RFC 6265, section 4.1.2).
fn cookie(value: &str) -> Result<HeaderValue, Problem> {
    let seconds = device::LIFETIME_S;
    let attributes =
        format!("Path=/v1/sessions; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict");
    HeaderValue::from_str(&format!("{DEVICE}={value}; {attributes}")).map_err(Problem::internal)
}

/// The values of all such cookies (RFC 6265, section 4.2.1).
fn shown_devices(headers: &HeaderMap) -> Vec<&str> {
    let lines = headers.get_all(COOKIE).into_iter();
    let cookies = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let values = cookies.filter_map(|cookie| cookie.trim().split_once('='));
    values
        .filter_map(|(name, value)| (name == DEVICE).then_some(value))
        .collect()
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
        LoginError::TooMany(pause) => {
            failed(
                "A sign-in was refused: too many failed",
                "too_many_attempts",
            );
            too_many("Too many sign-ins failed. Please wait.", pause)
        }
        LoginError::Crowded => crowded(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_the_cookie_are_found_among_others() {
        let mut headers = HeaderMap::new();
        for line in [
            "a=b; device=1.x.y;device=2=;  other=device=3",
            "device",
            "device=4",
        ] {
            headers.append(COOKIE, HeaderValue::from_static(line));
        }
        assert_eq!(shown_devices(&headers), ["1.x.y", "2=", "4"]);
        assert!(shown_devices(&HeaderMap::new()).is_empty());
    }
}
