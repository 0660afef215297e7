use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use serde_json::json;
use spinreel_api::accounts::{NewUser, Role};
use spinreel_api::actions::Action;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, json};

use super::{
    crowded, first_admin, hashes_per_second, refused_registration, too_many, unavailable,
    unhashable,
};
use crate::domain::accounts::{
    NewAccount, RegisterError, check_free, register as register_account,
};
use crate::domain::guesses::count_registration;
use crate::domain::hashing::{Who, may_begin};
use crate::domain::{passwords, validation};

/// `POST /v1/users`: makes an account.
pub(crate) async fn register(mut call: Call) -> Outcome {
    let new: NewUser = call.request.json().await?;
    let context = &call.context;
    let email = validation::new_user(&new).map_err(Problem::invalid)?;
    let (store, clock) = (&context.store, &context.clock);
    // Whatever comes of it, it tells whether an address is taken, or costs a hash.
    let secret = context.settings.text("service_secret");
    let client_address = context.client_address();
    count_registration(store, clock, secret, client_address.as_deref())
        .await
        .map_err(unavailable)?
        .map_err(|pause| too_many("Too many registrations. Please wait.", pause))?;
    let of_admin = first_admin(&context.settings)?.is_some_and(|admin| admin.has_address(&email));
    if of_admin {
        return Err(refused_registration(RegisterError::EmailTaken));
    }
    if validation::is_reserved(&new.username) {
        return Err(refused_registration(RegisterError::UsernameTaken));
    }
    // Hashing is dear, so what is plainly taken is refused before it.
    check_free(store, clock, &email, &new.username)
        .await
        .map_err(refused_registration)?;
    let hashes = hashes_per_second(&context.settings);
    if !may_begin(store, clock, Who::Stranger, hashes)
        .await
        .map_err(unavailable)?
    {
        return Err(crowded());
    }
    let account = NewAccount {
        id: context.new_id(),
        email,
        username: new.username,
        role: Role::User,
        password_hash: passwords::hash(&new.password, &context.random).map_err(unhashable)?,
    };
    let account = register_account(store, clock, account)
        .await
        .map_err(refused_registration)?;
    context.log.set_user(&account.id);
    context.audit(
        Action::UserRegistered,
        format!("{} registered", account.username),
        json!({ "user.name": account.username }),
    );
    let mut response = json(StatusCode::CREATED, &account.user())?;
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/users/{}", account.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}
