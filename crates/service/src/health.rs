use http::StatusCode;
use serde::Serialize;
use spinreel_api::health::{ServiceHealth, State};
use spinreel_platform::Store;

use crate::context::Context;
use crate::respond::json;
use crate::route::Outcome;
use crate::serve::VERSION;

/// Whether the service's store answers.
async fn probe_store(context: &Context) -> State {
    let key = format!("{}health", context.service.prefix);
    match context.store.get(&key).await {
        Ok(_) => State::Ok,
        Err(_) => State::Down,
    }
}

/// One service's health: 200, or 503 where a part is down. `bucket` is storage-service's to know.
pub async fn service_health(context: &Context, bucket: Option<State>) -> Outcome {
    let health = own_health(context, bucket).await;
    health_response(health.status, &health)
}

/// What the service says of itself; `bucket` is storage-service's to know.
pub async fn own_health(context: &Context, bucket: Option<State>) -> ServiceHealth {
    let store = probe_store(context).await;
    let wrong_variables = context.settings.wrong().to_vec();
    let down = store == State::Down || bucket == Some(State::Down) || !wrong_variables.is_empty();
    let status = if down { State::Down } else { State::Ok };
    ServiceHealth {
        status,
        service: context.service.id.to_owned(),
        store,
        bucket,
        wrong_variables,
        version: VERSION.to_owned(),
    }
}

/// A health document: 200, or 503 with `Retry-After` where `state` says that a part is down.
pub fn health_response(state: State, body: &impl Serialize) -> Outcome {
    let status = match state {
        State::Ok => StatusCode::OK,
        State::Down => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = json(status, body)?;
    if state == State::Down {
        response.headers_mut().insert(
            http::header::RETRY_AFTER,
            http::HeaderValue::from_static("5"),
        );
    }
    Ok(response)
}
