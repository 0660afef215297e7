//! `GET /v1/health`.

use futures::future::join_all;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Method, StatusCode};
use spinreel_api::health::{ServiceHealth, State};
use spinreel_platform::collect;
use spinreel_service::{Call, Context, Outcome, Peer, VERSION, json, probe_store};

use crate::domain::overall::combine;

/// The largest answer that is taken from a service, in bytes.
const ANSWER_LIMIT: usize = 16 * 1024;

/// The health of all services: 200, or 503 with the same members where a part is down.
pub(crate) async fn overall(call: Call) -> Outcome {
    let context = &call.context;
    let peers = [
        ("user-service", context.users(), "/v1/users/health"),
        ("video-service", context.videos(), "/v1/videos/health"),
        ("storage-service", context.storage(), "/v1/storage/health"),
        ("usage-service", context.usage(), "/v1/usage/health"),
    ];
    let asked = peers.map(|(id, peer, path)| async move { (id, ask(peer, path).await) });
    let mut answers = join_all(asked).await;
    answers.push((context.service.id, Some(own(context).await)));
    let health = combine(answers, VERSION);
    let down = health.status == State::Down;
    let status = if down {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let mut response = json(status, &health)?;
    if down {
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    Ok(response)
}

/// What a service says of itself, whatever the status of its answer.
async fn ask(peer: Peer<'_>, path: &str) -> Option<ServiceHealth> {
    let mut response = peer.fetch(Method::GET, path, &[]).await.ok()?;
    let body = collect(response.body_mut(), ANSWER_LIMIT).await.ok()?;
    serde_json::from_slice(&body).ok()
}

/// This service's own health, without a request to itself.
async fn own(context: &Context) -> ServiceHealth {
    let store = probe_store(context).await;
    let wrong_variables = context.settings.wrong().to_vec();
    let ok = store == State::Ok && wrong_variables.is_empty();
    ServiceHealth {
        status: if ok { State::Ok } else { State::Down },
        service: context.service.id.to_owned(),
        store,
        bucket: None,
        wrong_variables,
        version: VERSION.to_owned(),
    }
}
