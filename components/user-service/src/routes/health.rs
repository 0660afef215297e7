use spinreel_service::{Call, Outcome, service_health};

/// `GET /v1/users/health`.
pub(crate) async fn health(call: Call) -> Outcome {
    service_health(&call.context, None).await
}
