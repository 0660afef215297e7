//! `GET /v1/storage/health`.

use spinreel_api::health::State;
use spinreel_gcs::RetryPolicy;
use spinreel_service::{Call, Outcome, remembered, service_health};

use super::bucket;

/// A health check asks once.
const NO_RETRIES: RetryPolicy = RetryPolicy {
    attempts: 1,
    total_ms: 0,
    first_pause_ms: 0,
    longest_pause_ms: 0,
};

/// Whether the store and the bucket answer, or did within the last seconds.
pub async fn health(call: Call) -> Outcome {
    let ask = async {
        match bucket(&call.context, NO_RETRIES) {
            Ok(bucket) => match bucket.list("", None, 1).await {
                Ok(_) => State::Ok,
                Err(_) => State::Down,
            },
            Err(_) => State::Down,
        }
    };
    let state = remembered(&call.context, ask).await;
    service_health(&call.context, Some(state)).await
}
