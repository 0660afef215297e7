use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use spinreel_api::actions::Action;
use spinreel_api::{Page, Timestamp};
use spinreel_http::Problem;
use spinreel_http::problem::Unauthenticated;
use spinreel_http::query::encode_cursor;
use spinreel_service::{Call, Outcome, empty, json};

use super::unavailable;
use crate::domain::endings;
use crate::domain::sessions::{self, SessionId};

/// The name of the list in its cursors.
const LIST: &str = "sessions";

/// One of the caller's own sessions.
#[derive(Serialize)]
struct OwnSession {
    id: String,
    created_at: Timestamp,
    last_used_at: Timestamp,
    user_agent: Option<String>,
}

/// `GET /v1/sessions`: the caller's sessions, newest first.
pub(crate) async fn list(call: Call) -> Outcome {
    let limit = call.request.query.limit()?;
    let after: Option<String> = call.request.query.cursor(LIST)?;
    let before = after.map(|id| SessionId::parse(&id).ok_or_else(Problem::invalid_cursor));
    let before = before.transpose()?;
    let context = &call.context;
    let user_id = &call.caller.user()?.user_id;
    let mut sessions: Vec<_> = sessions::list(&context.store, &context.clock, user_id)
        .await
        .map_err(unavailable)?
        .into_iter()
        .filter(|session| {
            before
                .as_ref()
                .is_none_or(|before| session.id.is_older_than(before))
        })
        .collect();
    let more = sessions.len() > limit;
    sessions.truncate(limit);
    let last = sessions.last().filter(|_| more);
    let next_cursor = last.map(|session| encode_cursor(LIST, session.id.to_string()));
    let items = sessions
        .into_iter()
        .map(|session| OwnSession {
            id: session.id.to_string(),
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            user_agent: session.user_agent,
        })
        .collect();
    json(StatusCode::OK, &Page { items, next_cursor })
}

/// `DELETE /v1/sessions/current`: ends the session of the caller's token, and with it the token itself, which the
/// other services learn within seconds.
pub(crate) async fn end_current(call: Call) -> Outcome {
    let context = &call.context;
    let user = call.caller.user()?;
    let id = SessionId::parse(&user.session_id)
        .filter(|id| id.user_id() == user.user_id)
        .ok_or_else(|| Problem::unauthenticated(Unauthenticated::InvalidToken))?;
    endings::end(&context.store, &context.clock, &id)
        .await
        .map_err(unavailable)?;
    let fields = json!({ "session.id": id.to_string() });
    context.audit(
        Action::SessionEnded,
        format!("{} signed out", user.username),
        fields,
    );
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `DELETE /v1/sessions`: ends all of the caller's sessions.
pub(crate) async fn end_all(call: Call) -> Outcome {
    let context = &call.context;
    let user = call.caller.user()?;
    endings::end_all(&context.store, &context.clock, &user.user_id)
        .await
        .map_err(unavailable)?;
    let message = format!("{} signed out everywhere", user.username);
    context.audit(Action::SessionEndedAll, message, json!({}));
    Ok(empty(StatusCode::NO_CONTENT))
}
