use http::Method;
use http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use spinreel_api::accounts::Role;
use spinreel_http::Problem;
use spinreel_http::problem::Unauthenticated;
use spinreel_identity::{
    Jwks, Service, ServiceSecret, TokenError, User, key_id, verify_access, verify_service,
};
use spinreel_ledger::Cell;
use spinreel_platform::{Clock, collect};

use crate::context::Context;
use crate::inbound::Request;
use crate::serve::KeySource;

/// Keys older than this are fetched anew, in milliseconds.
const KEYS_FRESH_MS: u64 = 300_000;
/// An unknown key id makes the keys be fetched again, but not more often than this, in milliseconds.
const KEYS_RETRY_MS: u64 = 2_000;
/// The largest key set that is read, in bytes.
const KEYS_LIMIT: usize = 64 * 1024;

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

/// Lets a request in as `access` demands, or refuses it.
pub(crate) async fn authenticate(
    context: &Context,
    access: Access,
    request: &Request,
) -> Result<Caller, Problem> {
    let token = bearer_token(request);
    match (access, token) {
        (Access::Open, _) | (Access::Optional, None) => Ok(Caller::Anonymous),
        (_, None) => Err(Problem::unauthenticated(Unauthenticated::NoToken)),
        (Access::Service, Some(token)) => verify_peer(context, request, token),
        (Access::Operator, Some(token)) => match verify_peer(context, request, token) {
            Ok(caller) => Ok(caller),
            Err(_) => verify_admin(context, token).await,
        },
        (Access::Optional | Access::User, Some(token)) => {
            verify_user(context, token).await.map(Caller::User)
        }
        (Access::Admin, Some(token)) => verify_admin(context, token).await,
    }
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

async fn verify_admin(context: &Context, token: &str) -> Result<Caller, Problem> {
    let user = verify_user(context, token).await?;
    if user.role == Role::Admin {
        Ok(Caller::User(user))
    } else {
        Err(Problem::forbidden())
    }
}

async fn verify_user(context: &Context, token: &str) -> Result<User, Problem> {
    let now_s = context.clock.now_ms() / 1_000;
    let keys = keys(context, key_id(token).as_deref()).await?;
    let user = verify_access(token, &keys, now_s).map_err(refuse)?;
    context.log.set_user(&user.user_id);
    Ok(user)
}

fn refuse(error: TokenError) -> Problem {
    let why = match error {
        TokenError::Expired => Unauthenticated::Expired,
        _ => Unauthenticated::InvalidToken,
    };
    Problem::unauthenticated(why).because(error)
}

#[derive(Debug, Serialize, Deserialize)]
struct CachedKeys {
    fetched_ms: u64,
    keys: Jwks,
}

/// The keys that access tokens are signed with; from user-service where the cached ones are old or lack `kid`.
async fn keys(context: &Context, kid: Option<&str>) -> Result<Jwks, Problem> {
    if let KeySource::Own(keys) = context.service.keys {
        return keys(context).await;
    }
    let cell = Cell::<CachedKeys>::new(format!("{}jwks", context.service.prefix));
    let cached = cell
        .get(&context.store)
        .await
        .map_err(Problem::unavailable)?;
    let now_ms = context.clock.now_ms();
    let usable = cached.as_ref().is_some_and(|cached| {
        let age = now_ms.saturating_sub(cached.fetched_ms);
        let known = kid.is_some_and(|kid| cached.keys.keys.iter().any(|key| key.kid == kid));
        age < if known { KEYS_FRESH_MS } else { KEYS_RETRY_MS }
    });
    match (cached, usable) {
        (Some(cached), true) => Ok(cached.keys),
        (cached, _) => match fetch_keys(context).await {
            Ok(keys) => {
                let fresh = CachedKeys {
                    fetched_ms: now_ms,
                    keys,
                };
                cell.set(&context.store, &fresh)
                    .await
                    .map_err(Problem::unavailable)?;
                Ok(fresh.keys)
            }
            // Old keys are still keys: a pause of user-service stops nobody who is signed in.
            Err(problem) => match cached {
                Some(cached) => {
                    context.log_problem(&problem);
                    Ok(cached.keys)
                }
                None => Err(problem),
            },
        },
    }
}

async fn fetch_keys(context: &Context) -> Result<Jwks, Problem> {
    let mut response = context
        .users()
        .fetch(Method::GET, "/.well-known/jwks.json", &[])
        .await?;
    if !response.status().is_success() {
        let status = response.status();
        return Err(Problem::unavailable(format!(
            "the key set answers {status}"
        )));
    }
    let body = collect(response.body_mut(), KEYS_LIMIT)
        .await
        .map_err(Problem::unavailable)?;
    serde_json::from_slice(&body).map_err(Problem::unavailable)
}
