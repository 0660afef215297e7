//! `GET /v1/health`.

use futures::future::join_all;
use spinreel_service::{Call, Outcome, VERSION, health_response, own_health};

use crate::domain::overall::combine;

/// The health of all services: 200, or 503 with the same members where a part is down.
pub(crate) async fn overall(call: Call) -> Outcome {
    let context = &call.context;
    let peers = [
        ("user-service", context.users(), "/v1/users/health"),
        ("video-service", context.videos(), "/v1/videos/health"),
        ("storage-service", context.storage(), "/v1/storage/health"),
        ("usage-service", context.usage(), "/v1/usage/health"),
    ];
    let asked = peers.map(|(id, peer, path)| async move { (id, peer.health(path).await) });
    let mut answers = join_all(asked).await;
    answers.push((context.service.id, Some(own_health(context, None).await)));
    let health = combine(answers, VERSION);
    health_response(health.status, &health)
}
