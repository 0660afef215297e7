use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json as fields;
use spinreel_api::accounts::Role;
use spinreel_http::Problem;
use spinreel_identity::{AUDIENCE, CLIENT_ID, ISSUER, User, verify_access};
use spinreel_platform::Clock;
use spinreel_service::{Call, Context, Outcome, Request, Response, empty, json};

use super::{keys, refresh_seconds, unavailable};
use crate::domain::sessions::{self, RefreshError, SessionId};
use crate::domain::standing::standing;

const FORM: &str = "application/x-www-form-urlencoded";
/// The largest form that is read, in bytes: more than a token may have.
const FORM_LIMIT: usize = 16 * 1024;

/// What RFC 7662, section 2.2, says of a token that is good.
#[derive(Serialize)]
struct Active<'a> {
    active: bool,
    scope: Role,
    client_id: &'a str,
    username: &'a str,
    token_type: &'a str,
    exp: u64,
    sub: &'a str,
    aud: &'a str,
    iss: &'a str,
    jti: &'a str,
    /// The session (OpenID Connect).
    sid: &'a str,
}

/// `POST /v1/tokens/introspect`: whether an access token is good at this moment, and what it says (RFC 7662). Any other
/// text is not active; so are refresh tokens, which are nobody's business but this service's.
pub(crate) async fn introspect(mut call: Call) -> Outcome {
    let token = token(&mut call.request).await?;
    let context = &call.context;
    let inactive = || json(StatusCode::OK, &fields!({ "active": false }));
    let Some(user) = access_token(context, &token).await? else {
        return inactive();
    };
    let role = standing(
        &context.store,
        &context.clock,
        &user.user_id,
        &user.session_id,
    )
    .await
    .map_err(unavailable)?;
    let Some(role) = role else {
        return inactive();
    };
    let active = Active {
        active: true,
        scope: role,
        client_id: CLIENT_ID,
        username: &user.username,
        token_type: "Bearer",
        exp: user.expires_at_s,
        sub: &user.user_id,
        aud: AUDIENCE,
        iss: ISSUER,
        jti: &user.token_id,
        sid: &user.session_id,
    };
    json(StatusCode::OK, &active)
}

/// `POST /v1/tokens/revoke`: ends the session of an access or refresh token (RFC 7009). A token that is not good is
/// revoked already (section 2.2).
pub(crate) async fn revoke(mut call: Call) -> Outcome {
    let token = token(&mut call.request).await?;
    let context = &call.context;
    let session = match access_token(context, &token).await? {
        Some(user) => SessionId::parse(&user.session_id),
        None => used_up(context, &token).await?,
    };
    if let Some(id) = session {
        sessions::end(&context.store, &context.clock, &id)
            .await
            .map_err(unavailable)?;
        crate::domain::revocations::note(&context.store, &context.clock, id.user_id())
            .await
            .map_err(unavailable)?;
        context.log.set_user(id.user_id());
        context.log.info(
            "session.revoked",
            "A service revoked a token and ended its session",
            fields!({ "session.id": id.to_string(), "actor.id": super::actor(&call.caller) }),
        );
    }
    Ok(revoked())
}

fn revoked() -> Response {
    empty(StatusCode::OK)
}

/// The session of a refresh token. Finding out whether the token is good uses it up, which is as well.
async fn used_up(context: &Context, token: &str) -> Result<Option<SessionId>, Problem> {
    let refreshed = sessions::refresh(
        &context.store,
        &context.clock,
        &context.random,
        token,
        refresh_seconds(&context.settings),
    )
    .await;
    match refreshed {
        Ok(granted) => Ok(Some(granted.id)),
        // One that was used before has ended its session.
        Err(RefreshError::Invalid | RefreshError::Reused { .. }) => Ok(None),
        Err(RefreshError::Ledger(error)) => Err(unavailable(error)),
    }
}

/// Whom an access token names, where its signature and its time are good.
async fn access_token(context: &Context, token: &str) -> Result<Option<User>, Problem> {
    let keys = keys(context).public().await.map_err(unavailable)?;
    Ok(verify_access(token, &keys, context.clock.now_ms() / 1_000).ok())
}

/// The member `token` of the form.
async fn token(request: &mut Request) -> Result<String, Problem> {
    let of_form = |value: &HeaderValue| {
        let essence = value.to_str().ok()?.split(';').next()?.trim();
        Some(essence.eq_ignore_ascii_case(FORM))
    };
    if request.headers.get(CONTENT_TYPE).and_then(of_form) != Some(true) {
        return Err(Problem::unsupported_media_type(FORM));
    }
    let bytes = request.bytes(FORM_LIMIT).await?;
    url::form_urlencoded::parse(&bytes)
        .find(|(name, value)| name == "token" && !value.is_empty())
        .map(|(_, value)| value.into_owned())
        .ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "The form must have a member called token.",
            )
        })
}
