//! Who calls, and whether the route lets them in.

mod trust;
mod verified;

use std::rc::Rc;

use http::header::AUTHORIZATION;
use spinreel_api::accounts::Role;
use spinreel_http::Problem;
use spinreel_http::problem::Unauthenticated;
use spinreel_identity::{
    MAX_TOKEN_LENGTH, Service, ServiceSecret, TokenError, Trusted, User, key_id, verify_access,
    verify_service,
};
use spinreel_platform::Clock;
use subtle::ConstantTimeEq as _;

use crate::context::Context;
use crate::inbound::Request;
use crate::serve::Authority;
use verified::Place;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody. A token is not looked at.
    Open,
    /// Everybody; a token that is sent must be good.
    Optional,
    /// A signed-in user.
    User,
    /// An admin.
    Admin,
    /// Another service.
    Service,
    /// Who keeps the installation running: an admin, or another service.
    Operator,
    /// An admin, or a program that watches the installation: it shows the secret that the variable of this name holds
    /// ([`Kind::BearerSecret`](crate::Kind::BearerSecret)), and is nobody in particular. While that is empty, admins only.
    AdminOr(&'static str),
    /// An operator, or a program that repeats what is due: it shows a secret as for [`AdminOr`](Self::AdminOr).
    OperatorOr(&'static str),
}

impl Access {
    /// Its name in lists of routes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Optional => "optional",
            Self::User => "user",
            Self::Admin => "admin",
            Self::Service => "service",
            Self::Operator => "operator",
            Self::AdminOr(_) => "scraper",
            Self::OperatorOr(_) => "timer",
        }
    }
}

/// Who calls.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Nobody in particular.
    Anonymous,
    /// A user.
    User(User),
    /// A service.
    Service(Service),
}

impl Caller {
    /// The user of a route with [`Access::User`] or [`Access::Admin`].
    pub fn user(&self) -> Result<&User, Problem> {
        match self {
            Self::User(user) => Ok(user),
            _ => Err(Problem::unauthenticated(Unauthenticated::NoToken)),
        }
    }

    /// Whether the caller may have to do with the affairs of this user: a service whose token says that the call is
    /// about them. Any other caller is forbidden.
    pub fn must_be_about(&self, user_id: &str) -> Result<(), Problem> {
        match self {
            Self::Service(service) if service.user_id.as_deref() == Some(user_id) => Ok(()),
            _ => Err(Problem::forbidden().because("the token is about another user")),
        }
    }

    /// Whether this is an admin.
    pub fn is_admin(&self) -> bool {
        matches!(self, Self::User(user) if user.role == Role::Admin)
    }

    /// Whether this is the user with this id.
    pub fn is_user(&self, user_id: &str) -> bool {
        matches!(self, Self::User(user) if user.user_id == user_id)
    }
}

/// Refuses who shows no token where one is needed: that much is known before the body is there.
pub(crate) fn refuse_strangers(access: Access, request: &Request) -> Result<(), Problem> {
    match (access, bearer_token(request)) {
        (Access::Open | Access::Optional, _) | (_, Some(_)) => Ok(()),
        (_, None) => Err(Problem::unauthenticated(Unauthenticated::NoToken)),
    }
}

/// Lets a request in as `access` demands, or refuses it.
pub(crate) async fn authenticate(
    context: &Rc<Context>,
    access: Access,
    request: &Request,
) -> Result<Caller, Problem> {
    let token = bearer_token(request);
    match (access, token) {
        (Access::Open, _) | (Access::Optional, None) => Ok(Caller::Anonymous),
        (_, None) => Err(Problem::unauthenticated(Unauthenticated::NoToken)),
        (Access::Service, Some(token)) => verify_peer(context, request, token),
        (Access::AdminOr(variable) | Access::OperatorOr(variable), Some(token))
            if is_secret(token, context.settings.text(variable)) =>
        {
            Ok(Caller::Anonymous)
        }
        (Access::Operator | Access::OperatorOr(_), Some(token)) => {
            match verify_peer(context, request, token) {
                Ok(caller) => Ok(caller),
                Err(_) => verify_admin(context, request, token).await,
            }
        }
        (Access::Optional | Access::User, Some(token)) => {
            verify_user(context, request, token).await.map(Caller::User)
        }
        (Access::Admin | Access::AdminOr(_), Some(token)) => {
            verify_admin(context, request, token).await
        }
    }
}

/// Whether somebody knows a secret, in a time that tells nothing but its length. Nobody knows an empty one.
fn is_secret(shown: &str, secret: &str) -> bool {
    !secret.is_empty() && bool::from(shown.as_bytes().ct_eq(secret.as_bytes()))
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1); another scheme is as good as none.
fn bearer_token(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header(AUTHORIZATION)?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

fn verify_peer(context: &Context, request: &Request, token: &str) -> Result<Caller, Problem> {
    let secret =
        ServiceSecret::new(context.settings.text("service_secret")).map_err(Problem::internal)?;
    let now_s = context.clock.now_ms() / 1_000;
    let purpose = (request.method.as_str(), request.path.as_str());
    match verify_service(&secret, token, context.service.id, purpose, now_s) {
        Ok(service) => Ok(Caller::Service(service)),
        Err(error) => Err(refuse(error)),
    }
}

async fn verify_admin(
    context: &Rc<Context>,
    request: &Request,
    token: &str,
) -> Result<Caller, Problem> {
    let user = verify_user(context, request, token).await?;
    if user.role == Role::Admin {
        Ok(Caller::User(user))
    } else {
        Err(Problem::forbidden())
    }
}

/// Whom an access token names.
///
/// What can change something is only let through where the session is good at this very moment. What reads is let
/// through on what was known a few seconds ago, unless tokens of the user may have been revoked.
async fn verify_user(
    context: &Rc<Context>,
    request: &Request,
    token: &str,
) -> Result<User, Problem> {
    let (trusted, mut user) = signed_user(context, token).await?;
    context.log.set_user(&user.user_id);
    let asks = matches!(context.service.authority, Authority::Own { .. })
        || !request.method.is_safe()
        || trusted.is_suspect(&user.user_id, context.clock.now_ms());
    if asks {
        user.role = trust::standing(context, &user.user_id, &user.session_id)
            .await?
            .ok_or_else(|| Problem::unauthenticated(Unauthenticated::Revoked))?;
    }
    Ok(user)
}

/// Asks user-service again whether a user's session is good, before a request that took long changes something: 401 where
/// the session is over, or the account is disabled, departing or gone.
pub async fn judge_again(context: &Rc<Context>, user: &User) -> Result<(), Problem> {
    judge_session(context, &user.user_id, &user.session_id).await
}

/// As [`judge_again`], for a service that does something for the user of this session.
pub async fn judge_session(
    context: &Rc<Context>,
    user_id: &str,
    session_id: &str,
) -> Result<(), Problem> {
    let standing = trust::standing(context, user_id, session_id).await?;
    let is_good = standing.map(drop);
    is_good.ok_or_else(|| Problem::unauthenticated(Unauthenticated::Revoked))
}

/// Whom a token names that is signed and has not expired, and what is known of revocations.
async fn signed_user(context: &Rc<Context>, token: &str) -> Result<(Trusted, User), Problem> {
    if token.len() > MAX_TOKEN_LENGTH {
        return Err(refuse(TokenError::Malformed));
    }
    // Whoever shows garbage shall not make this service ask anybody.
    let kid = key_id(token).ok_or_else(|| refuse(TokenError::Malformed))?;
    let mut trusted = trust::current(context).await?;
    let place = Place::of(context, token);
    let (known, may_take) = place.look(context, &trusted).await;
    if let Some(user) = known {
        return Ok((trusted, user));
    }
    if trusted.keys.find(&kid).is_none() {
        trusted = trust::with_more_keys(context, trusted).await?;
    }
    let now_s = context.clock.now_ms() / 1_000;
    let user = verify_access(token, &trusted.keys, now_s).map_err(refuse)?;
    if may_take {
        place.take(context, kid, &user);
    }
    Ok((trusted, user))
}

fn refuse(error: TokenError) -> Problem {
    let why = match error {
        TokenError::Expired => Unauthenticated::Expired,
        _ => Unauthenticated::InvalidToken,
    };
    Problem::unauthenticated(why).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_itself_is_the_secret_and_an_empty_one_is_none() {
        let secret = "0123456789abcdef0123456789abcdef";
        assert!(is_secret(secret, secret));
        for shown in ["", "0123456789abcdef0123456789abcdeF", &secret[1..], "x"] {
            assert!(!is_secret(shown, secret), "{shown}");
            assert!(!is_secret(shown, ""), "{shown}");
        }
    }
}
