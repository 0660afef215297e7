//! `GET /v1/logs/health`.

use spinreel_service::{Call, Outcome, service_health};

/// Whether the service and its store work.
pub(crate) async fn health(call: Call) -> Outcome {
    service_health(&call.context, None).await
}
