//! `GET /v1/storage/health`.

use spinreel_api::health::State;
use spinreel_gcs::RetryPolicy;
use spinreel_service::{Call, Outcome, service_health};

use super::bucket;

/// A health check asks once.
const NO_RETRIES: RetryPolicy = RetryPolicy {
    attempts: 1,
    total_ms: 0,
    first_pause_ms: 0,
    longest_pause_ms: 0,
};

/// Whether the store and the bucket answer.
pub async fn health(call: Call) -> Outcome {
    let state = match bucket(&call.context, NO_RETRIES) {
        Ok(bucket) => match bucket.list("", None, 1).await {
            Ok(_) => State::Ok,
            Err(_) => State::Down,
        },
        Err(_) => State::Down,
    };
    service_health(&call.context, Some(state)).await
}
