//! What services ask about tokens: RFC 7662 and RFC 7009.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::json;
use spinreel_api::accounts::Role;
use spinreel_api::actions::Action;
use spinreel_http::Problem;
use spinreel_http::query::Query;
use spinreel_identity::{AUDIENCE, CLIENT_ID, ISSUER, User, verify_access};
use spinreel_platform::Clock;
use spinreel_service::{Call, Context, Outcome, empty, json as answer};

use super::{keys, unavailable};
use crate::domain::endings;
use crate::domain::sessions::{self, SessionId};
use crate::domain::standing::standing;

const FORM: &str = "application/x-www-form-urlencoded";

/// What is told of a token that is good (RFC 7662, section 2.2).
#[derive(Serialize)]
struct Introspection<'a> {
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
    sid: &'a str,
}

/// `POST /v1/tokens/introspect`: whether an access token is good at this moment, and for what.
pub(crate) async fn introspect(mut call: Call) -> Outcome {
    let token = token(&mut call).await?;
    let context = &call.context;
    if let Some(user) = verified(context, &token).await?
        && let Some(role) = standing(
            &context.store,
            &context.clock,
            &user.user_id,
            &user.session_id,
        )
        .await
        .map_err(unavailable)?
    {
        let introspection = Introspection {
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
        return answer(StatusCode::OK, &introspection);
    }
    // Nothing else is told of a token that is not good, whyever that is.
    answer(StatusCode::OK, &json!({ "active": false }))
}

/// `POST /v1/tokens/revoke`: ends the session of an access token or a refresh token. A token that is none is no error
/// (RFC 7009, section 2.2).
pub(crate) async fn revoke(mut call: Call) -> Outcome {
    let token = token(&mut call).await?;
    let context = &call.context;
    let session = match verified(context, &token).await? {
        Some(user) => SessionId::parse(&user.session_id).filter(|id| id.user_id() == user.user_id),
        None => sessions::of_token(&context.store, &token)
            .await
            .map_err(unavailable)?,
    };
    if let Some(session) = session {
        context.log.set_user(session.user_id());
        endings::end(&context.store, &context.clock, &session)
            .await
            .map_err(unavailable)?;
        context.audit(
            Action::SessionEnded,
            "A service ended a session",
            json!({ "session.id": session.to_string() }),
        );
    }
    Ok(empty(StatusCode::OK))
}

/// Whom an access token names that is signed and has not expired.
async fn verified(context: &Context, token: &str) -> Result<Option<User>, Problem> {
    let keys = keys(context).public().await.map_err(unavailable)?;
    Ok(verify_access(token, &keys, context.clock.now_ms() / 1_000).ok())
}

/// The form's `token`.
async fn token(call: &mut Call) -> Result<String, Problem> {
    let is_form = call.request.header(CONTENT_TYPE).is_some_and(|given| {
        let essence = given.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(FORM)
    });
    if !is_form {
        return Err(Problem::unsupported_media_type(FORM));
    }
    let bytes = call.request.bytes().await?;
    let form = Query::parse(&String::from_utf8_lossy(&bytes));
    let token = form.get("token").map(str::to_owned);
    token.ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "The form has no token.",
        )
    })
}
