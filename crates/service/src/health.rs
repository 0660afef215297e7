use futures::future::join_all;
use http::StatusCode;
use spinreel_api::health::{Health, ServiceHealth, State};
use spinreel_platform::Store;

use crate::context::Context;
use crate::respond::{Response, json};
use crate::route::Outcome;
use crate::serve::VERSION;

/// Whether the service's store answers.
pub async fn probe_store(context: &Context) -> State {
    let key = format!("{}health", context.service.prefix);
    match context.store.get(&key).await {
        Ok(_) => State::Ok,
        Err(_) => State::Down,
    }
}

/// One service's health: 200, or 503 where a part is down. `bucket` is storage-service's to know.
pub async fn service_health(context: &Context, bucket: Option<State>) -> Outcome {
    let health = own_health(context, bucket).await;
    answer(health.status, &health)
}

/// The health of all services, as far as `context`'s reaches them; it answers for itself.
pub async fn application_health(context: &Context) -> Outcome {
    let others = [
        ("user-service", context.users(), "/v1/users/health"),
        ("video-service", context.videos(), "/v1/videos/health"),
        ("storage-service", context.storage(), "/v1/storage/health"),
        ("usage-service", context.usage(), "/v1/usage/health"),
        ("logging-service", context.logging(), "/v1/logs/health"),
    ];
    let asked = others.into_iter().map(|(id, peer, path)| async move {
        let health = if id == context.service.id {
            Some(own_health(context, None).await)
        } else {
            peer.health(path).await
        };
        (id, health)
    });
    let found = join_all(asked).await;
    let all_ok = |part: &dyn Fn(&ServiceHealth) -> State| {
        let ok = found.iter().all(|(_, health)| health.as_ref().is_some_and(|h| part(h) == State::Ok));
        if ok { State::Ok } else { State::Down }
    };
    let bucket = found
        .iter()
        .find_map(|(_, health)| health.as_ref()?.bucket)
        .unwrap_or(State::Down);
    let health = Health {
        status: all_ok(&|health| health.status),
        store: all_ok(&|health| health.store),
        bucket,
        services: found
            .iter()
            .map(|(id, health)| {
                let state = health.as_ref().map_or(State::Down, |health| health.status);
                ((*id).to_owned(), state)
            })
            .collect(),
        version: VERSION.to_owned(),
    };
    answer(health.status, &health)
}

async fn own_health(context: &Context, bucket: Option<State>) -> ServiceHealth {
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

fn answer(state: State, body: &impl serde::Serialize) -> Result<Response, spinreel_http::Problem> {
    let status = match state {
        State::Ok => StatusCode::OK,
        State::Down => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = json(status, body)?;
    if state == State::Down {
        response
            .headers_mut()
            .insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("5"));
    }
    Ok(response)
}
