use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use serde_json::json;
use spinreel_api::accounts::{NewUser, Role};
use spinreel_api::actions::Action;
use spinreel_http::Problem;
use spinreel_service::{Call, Outcome, json};

use super::{first_admin, refused_registration, unhashable};
use crate::domain::accounts::{
    NewAccount, RegisterError, check_free, register as register_account,
};
use crate::domain::{passwords, validation};

/// `POST /v1/users`: makes an account.
pub(crate) async fn register(mut call: Call) -> Outcome {
    let new: NewUser = call.request.json().await?;
    let context = &call.context;
    let email = validation::new_user(&new).map_err(Problem::invalid)?;
    let of_admin = first_admin(&context.settings)?.is_some_and(|admin| admin.has_address(&email));
    if of_admin {
        return Err(refused_registration(RegisterError::EmailTaken));
    }
    if validation::is_reserved(&new.username) {
        return Err(refused_registration(RegisterError::UsernameTaken));
    }
    // Hashing is dear, so what is plainly taken is refused before it.
    check_free(&context.store, &context.clock, &email, &new.username)
        .await
        .map_err(refused_registration)?;
    let account = NewAccount {
        id: context.new_id(),
        email,
        username: new.username,
        role: Role::User,
        password_hash: passwords::hash(&new.password, &context.random).map_err(unhashable)?,
    };
    let account = register_account(&context.store, &context.clock, account)
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
