use http::StatusCode;
use spinreel_http::{FieldError, Problem};
use spinreel_identity::Trust;
use spinreel_service::{Call, Outcome, json};

use super::{access_seconds, keys, unavailable};
use crate::domain::revocations;

/// How much longer than a token a revocation is told, in milliseconds: clocks differ.
const MARGIN_MS: u64 = 60_000;

/// `GET /internal/users/trust?since=`: the keys of access tokens, and whose tokens were revoked since then.
pub(crate) async fn trust(call: Call) -> Outcome {
    let since =
        match call.request.query.get("since") {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| {
                Problem::invalid(vec![FieldError::new("since", "must be a number")])
            })?),
        };
    let context = &call.context;
    let lifetime_ms = access_seconds(&context.settings) * 1_000 + MARGIN_MS;
    // The revocations first: an answer that is older than it says would hide some.
    let revoked = revocations::after(&context.store, &context.clock, since, lifetime_ms)
        .await
        .map_err(unavailable)?;
    let answer = Trust {
        keys: keys(context).public().await.map_err(unavailable)?,
        token_seconds: access_seconds(&context.settings),
        revoked: revoked.user_ids,
        next: revoked.next,
        lagging: revoked.lagging,
    };
    json(StatusCode::OK, &answer)
}
