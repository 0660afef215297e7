use http::StatusCode;
use spinreel_api::internal::{AskStanding, Standing};
use spinreel_http::{FieldError, Problem};
use spinreel_identity::Trust;
use spinreel_service::{Call, Outcome, json};

use super::{access_seconds, keys, unavailable};
use crate::domain::revocations;
use crate::domain::standing;

/// How long a token may be used beyond its lifetime, in seconds: clocks differ.
const GRACE_SECONDS: u64 = 60;

/// `GET /internal/users/trust?since=`: what a service must know to check access tokens.
pub(crate) async fn trust(call: Call) -> Outcome {
    let since =
        match call.request.query.get("since") {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| {
                Problem::invalid(vec![FieldError::new("since", "must be a number")])
            })?),
        };
    let context = &call.context;
    let token_seconds = access_seconds(&context.settings);
    let lifetime_ms = token_seconds
        .saturating_add(GRACE_SECONDS)
        .saturating_mul(1_000);
    let revoked = revocations::after(&context.store, &context.clock, since, lifetime_ms)
        .await
        .map_err(unavailable)?;
    // After the revocations: a key that was deleted for one of them must not be told any more.
    let keys = keys(context).public().await.map_err(unavailable)?;
    let trust = Trust {
        keys,
        token_seconds,
        revoked: revoked.user_ids,
        next: revoked.next,
        lagging: revoked.lagging,
    };
    json(StatusCode::OK, &trust)
}

/// `POST /internal/users/standing`: what a session is good for at this moment.
pub(crate) async fn standing(mut call: Call) -> Outcome {
    let ask: AskStanding = call.request.json().await?;
    let context = &call.context;
    let role = standing::standing(
        &context.store,
        &context.clock,
        &ask.user_id,
        &ask.session_id,
    )
    .await
    .map_err(unavailable)?;
    json(StatusCode::OK, &Standing { role })
}
